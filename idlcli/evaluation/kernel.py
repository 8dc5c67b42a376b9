"""Kernel distance between two sets of features: KID, when the features are those of an Inception.

The unbiased squared maximum mean discrepancy with a polynomial kernel, averaged over random subsets: Binkowski et al.,
"Demystifying MMD GANs" (2018). Unlike FID it has no bias at small n, and it may come out slightly below 0.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from idlcli.evaluation.frechet import check_pair

ROWS_AT_ONCE = 1024
"""Rows of a whole kernel matrix that are held at a time."""

Index = NDArray[np.intp]
Matrix = NDArray[np.float64]


@dataclass(frozen=True)
class KernelDistance:
    """Mean and standard deviation (``ddof=0``) of the squared MMD over random subsets.

    ``std`` is the spread between subsets, as the field reports it; subsets share rows, so it is not a standard error.
    """

    mean: float
    std: float
    subsets: int
    subset_size: int


def kernel_distance(
    *,
    samples: NDArray[Any],
    reference: NDArray[Any],
    subsets: int = 100,
    subset_size: int = 1000,
    degree: int = 3,
    gamma: float | None = None,
    coef0: float = 1.0,
    seed: int = 2020,
) -> KernelDistance:
    """KID of features (n, d) and (m, d) with the kernel ``(gamma x'y + coef0) ** degree``, ``gamma`` 1/d by default.

    Subsets are drawn without replacement by NumPy's frozen RandomState in torch-fidelity's order, so the same seed (its
    default is 2020 too) gives the same subsets and the same number. Where both sets are small the kernel matrices are
    made once and summed by subset, rather than once for every subset. float64 throughout.
    Raises ValueError as :func:`check_pair` does, for fewer than 1 subset or 2 rows a subset, and where a set has fewer
    rows than a subset.
    """
    samples, reference = check_pair(samples=samples, reference=reference, minimum=2)
    n, m, d = len(samples), len(reference), samples.shape[1]
    if subsets < 1 or subset_size < 2:
        raise ValueError(
            f"KID needs at least 1 subset of 2 rows. Received: subsets={subsets}, subset_size={subset_size}"
        )
    if subset_size > min(n, m):
        raise ValueError(
            f"subset_size={subset_size} is more than there are rows (samples {n}, reference {m}); "
            f"use at most {min(n, m)}, and compare only at equal sizes."
        )
    kernel = _Polynomial(degree, 1 / d if gamma is None else gamma, coef0)
    generator = np.random.RandomState(seed)  # its stream never changes between NumPy releases
    drawn = [
        (generator.choice(n, subset_size, replace=False), generator.choice(m, subset_size, replace=False))
        for _ in range(subsets)
    ]
    whole = (n * n + m * m + n * m) * (d + subsets)
    if whole < 3 * subsets * subset_size**2 * d:
        values = _mmd_by_whole_kernels(samples, reference, drawn, kernel)
    else:
        values = np.array([_mmd(kernel, samples[i], reference[j]) for i, j in drawn])
    return KernelDistance(float(values.mean()), float(values.std()), subsets, subset_size)


def squared_mmd(
    *,
    samples: NDArray[Any],
    reference: NDArray[Any],
    degree: int = 3,
    gamma: float | None = None,
    coef0: float = 1.0,
) -> float:
    """Unbiased squared MMD of all rows of (n, d) and (m, d), n and m >= 2: what KID estimates, without subsets.

    ``sum_{i!=j} k(x_i, x_j) / n(n-1) + sum_{i!=j} k(y_i, y_j) / m(m-1) - 2 mean k(x_i, y_j)`` (Gretton et al., 2012,
    lemma 6). Holds n x m kernel values at once. Raises ValueError as :func:`check_pair` does.
    """
    samples, reference = check_pair(samples=samples, reference=reference, minimum=2)
    return _mmd(_Polynomial(degree, 1 / samples.shape[1] if gamma is None else gamma, coef0), samples, reference)


def kernel_standard_error(*, samples: NDArray[Any], reference: NDArray[Any]) -> float:
    """Standard error of :func:`squared_mmd` with KID's kernel, by leaving out each row of both sets in turn.

    In closed form from the row sums of the kernel matrices, so without a seed. The jackknife errs upwards (Efron and
    Stein, 1981), by up to the square root of two where the two sets have one distribution. It says how far another draw
    of as many rows may lie; the spread between subsets (``KernelDistance.std``) does not.
    Raises ValueError as :func:`check_pair` does, with at least 3 rows a set.
    """
    samples, reference = check_pair(samples=samples, reference=reference, minimum=3)
    kernel = _Polynomial(3, 1 / samples.shape[1], 1.0)
    x, y = np.asarray(samples, dtype=np.float64), np.asarray(reference, dtype=np.float64)
    n, m = len(x), len(y)
    in_x = _row_sums(kernel, x, x) - kernel.with_itself(x)
    in_y = _row_sums(kernel, y, y) - kernel.with_itself(y)
    across_x, across_y = _row_sums(kernel, x, y), _row_sums(kernel, y, x)
    variance = 0.0
    for within, across, count, other in ((in_x, across_x, n, m), (in_y, across_y, m, n)):
        rest = (within.sum() - 2 * within) / ((count - 1) * (count - 2))
        left_out = rest - 2 * (across.sum() - across) / ((count - 1) * other)
        variance += (count - 1) / count * float(np.sum((left_out - left_out.mean()) ** 2))
    return float(np.sqrt(variance))


class _Polynomial:
    """The kernel ``(gamma x'y + coef0) ** degree``."""

    def __init__(self, degree: int, gamma: float, coef0: float) -> None:
        if degree < 1 or not gamma > 0:
            raise ValueError(f"degree must be >= 1 and gamma > 0. Received: degree={degree}, gamma={gamma}")
        self.degree, self.gamma, self.coef0 = degree, gamma, coef0

    def between(self, first: Matrix, second: Matrix) -> Matrix:
        """Values (n, m) for all pairs of rows."""
        return self._of(first @ second.T)

    def with_itself(self, rows: Matrix) -> Matrix:
        """Values (n,) of every row with itself: the diagonal."""
        return self._of(np.sum(rows**2, axis=1))

    def _of(self, products: Matrix) -> Matrix:
        base = products * self.gamma + self.coef0
        values = base.copy()
        for _ in range(self.degree - 1):  # float powers by pow() take ten times as long
            values *= base
        return values


def _mmd(kernel: _Polynomial, first: NDArray[Any], second: NDArray[Any]) -> float:
    x, y = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    n, m = len(x), len(y)
    within_x = (np.sum(kernel.between(x, x)) - np.sum(kernel.with_itself(x))) / (n * (n - 1))
    within_y = (np.sum(kernel.between(y, y)) - np.sum(kernel.with_itself(y))) / (m * (m - 1))
    return float(within_x + within_y - 2 * np.mean(kernel.between(x, y)))


def _mmd_by_whole_kernels(
    first: NDArray[Any], second: NDArray[Any], drawn: list[tuple[Index, Index]], kernel: _Polynomial
) -> Matrix:
    """The squared MMD of every drawn subset, from each kernel value computed once."""
    x, y = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    in_x = _membership(len(x), [i for i, _ in drawn])
    in_y = _membership(len(y), [j for _, j in drawn])
    within_x = _subset_sums(kernel, x, x, in_x, in_x) - kernel.with_itself(x) @ in_x
    within_y = _subset_sums(kernel, y, y, in_y, in_y) - kernel.with_itself(y) @ in_y
    between = _subset_sums(kernel, x, y, in_x, in_y)
    size = len(drawn[0][0])
    return (within_x + within_y) / (size * (size - 1)) - 2 * between / size**2


def _row_sums(kernel: _Polynomial, first: Matrix, second: Matrix) -> Matrix:
    """(n,): for each row of the first set the sum of its kernel values with all rows of the second."""
    sums = [
        kernel.between(first[start : start + ROWS_AT_ONCE], second).sum(axis=1)
        for start in range(0, len(first), ROWS_AT_ONCE)
    ]
    return np.concatenate(sums)


def _membership(rows: int, subsets: list[Index]) -> Matrix:
    """(rows, subsets): 1 where the row is in the subset."""
    members = np.zeros((rows, len(subsets)))
    for column, chosen in enumerate(subsets):
        members[chosen, column] = 1
    return members


def _subset_sums(kernel: _Polynomial, first: Matrix, second: Matrix, in_first: Matrix, in_second: Matrix) -> Matrix:
    """(subsets,): the sum of kernel values over all pairs that the subset holds."""
    sums = np.zeros(in_first.shape[1])
    for start in range(0, len(first), ROWS_AT_ONCE):
        rows = slice(start, start + ROWS_AT_ONCE)
        sums += np.sum(in_first[rows] * (kernel.between(first[rows], second) @ in_second), axis=0)
    return sums
