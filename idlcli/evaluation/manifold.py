"""Do samples lie where the data lie, and the data where the samples lie? And are the samples copies?

Precision and recall (Kynkaanniemi et al., 2019), density and coverage (Naeem et al., 2020), nearest neighbours, and
tests for copied training data (one of them after Meehan et al., 2020). All from Euclidean distances between features
(n, d), in float64 and a block of rows at a time: about 100 MiB are held beside the features, whatever n.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from idlcli.evaluation.frechet import check_features, check_pair

DISTANCES_AT_ONCE = 2**22
"""How many distances are held at a time: 32 MiB."""
ROWS_AT_ONCE = 1024
_EPS = float(np.finfo(np.float64).eps)

Matrix = NDArray[np.float64]


@dataclass(frozen=True)
class ManifoldScores:
    """Shares in [0, 1], except ``density``, which may exceed 1 (its expectation for equal distributions is 1)."""

    precision: float
    recall: float
    density: float
    coverage: float


@dataclass(frozen=True, eq=False)
class Neighbours:
    """For each query, nearest first: ``indices`` (n, k) of reference rows and their Euclidean ``distances`` (n, k)."""

    indices: NDArray[np.intp]
    distances: Matrix


@dataclass(frozen=True)
class Memorisation:
    """How much nearer samples are to the training data than held-out data are.

    ``nearer``: the chance that a sample is nearer to its nearest training row than a held-out row is to its own (ties
    count half); 1 for copies, 0.5 for rows of the data's own distribution. ``z``: the same as Meehan et al.'s statistic
    C_T, standard normal for those. Samples that are new but typical of the data are nearer than by chance too, so
    neither tells them from copies; :func:`nearest_held_out` does. ``near_copies``: the share of samples that are as
    near as the nearest ``near_quantile`` of the held-out rows; about ``near_quantile`` without copying. It also finds a
    few copies among many samples that are far from everything, where ``nearer`` is low.
    """

    nearer: float
    z: float
    near_copies: float
    near_quantile: float


def manifold_scores(
    *, samples: NDArray[Any], reference: NDArray[Any], k_precision: int = 3, k_density: int = 5
) -> ManifoldScores:
    """Precision, recall, density and coverage of samples (n, d) against reference data (m, d), in one pass.

    A row's ball reaches to its k-th nearest neighbour in its own set. Precision: the share of samples in the ball of
    some reference row; recall: the reverse; both with ``k_precision`` (3 in the paper) and closed balls, as in the
    authors' code and torch-fidelity. Density: the mean number of reference balls around a sample, over k; coverage: the
    share of reference balls that hold a sample; both with ``k_density`` (5) and open balls, as in the authors' code.
    All depend on n and m: compare only at equal sizes. Raises ValueError as :func:`check_pair` does, or unless
    1 <= k_precision < n, m and 1 <= k_density < m.
    """
    samples, reference = check_pair(samples=samples, reference=reference, minimum=2)
    n, m = len(samples), len(reference)
    if not (1 <= k_precision < min(n, m) and 1 <= k_density < m):
        raise ValueError(
            "k must be at least 1 and less than the number of rows. Received: "
            f"k_precision={k_precision}, k_density={k_density}, {n} samples, {m} reference rows"
        )
    k = max(k_precision, k_density)
    reach = nearest_neighbours(queries=reference, reference=reference, k=k, exclude_self=True).distances
    radius, density_radius = reach[:, k_precision - 1], reach[:, k_density - 1]
    sample_reach = nearest_neighbours(queries=samples, reference=samples, k=k_precision, exclude_self=True).distances
    sample_radius = sample_reach[:, -1:]
    inside = in_balls = 0
    recalled, covered = np.zeros(m, bool), np.zeros(m, bool)
    for rows, distances in _distance_blocks(samples, reference):
        inside += int(np.sum((distances <= radius).any(axis=1)))
        recalled |= (distances <= sample_radius[rows]).any(axis=0)
        held = distances < density_radius
        in_balls += int(np.sum(held))
        covered |= held.any(axis=0)
    return ManifoldScores(
        precision=inside / n,
        recall=float(recalled.mean()),
        density=in_balls / (k_density * n),
        coverage=float(covered.mean()),
    )


def nearest_neighbours(
    *, queries: NDArray[Any], reference: NDArray[Any], k: int = 1, exclude_self: bool = False
) -> Neighbours:
    """The k nearest reference rows (m, d) of each query (n, d), nearest first; of equally near rows the first.

    ``exclude_self``: queries are the reference itself, and row i is no neighbour of row i (an equal row j is).
    Distances within rounding of 0 are 0. Raises ValueError on bad features, widths that differ, k < 1 or too few rows.
    """
    queries = check_features(features=queries, name="queries")
    reference = check_features(features=reference, name="reference")
    if queries.shape[1] != reference.shape[1] or (exclude_self and len(queries) != len(reference)):
        raise ValueError(f"Shapes do not fit. Received: queries {queries.shape}, reference {reference.shape}")
    available = len(reference) - int(exclude_self)
    if not 1 <= k <= available:
        raise ValueError(f"k must lie between 1 and {available}, the neighbours that there are. Received: k={k}")
    indices = np.empty((len(queries), k), np.intp)
    nearest = np.empty((len(queries), k))
    for rows, distances in _distance_blocks(queries, reference):
        each = np.arange(len(distances))
        if exclude_self:
            distances[each, each + rows.start] = np.inf
        for rank in range(k):
            found = distances.argmin(axis=1)
            indices[rows, rank], nearest[rows, rank] = found, distances[each, found]
            distances[each, found] = np.inf
    return Neighbours(indices, nearest)


def memorisation(
    *, samples: NDArray[Any], train: NDArray[Any], held_out: NDArray[Any], near_quantile: float = 0.01
) -> Memorisation:
    """Test whether samples (n, d) are copies of training rows (m, d), against held-out rows (h, d) of the same data.

    The distance of every sample and of every held-out row to its nearest training row, compared by a Mann-Whitney test
    with correction for ties: Meehan, Chaudhuri and Dasgupta, "A Non-Parametric Test to Detect Data-Copying in
    Generative Models" (2020), without their partition of space. Held-out rows must not be in the training data.
    Raises ValueError on bad features, widths that differ, or ``near_quantile`` not between 0 and 1.
    """
    if not 0 < near_quantile < 1:
        raise ValueError(f"near_quantile must lie between 0 and 1. Received: {near_quantile}")
    check_features(features=samples, name="samples", minimum=2)
    check_features(features=held_out, name="held_out", minimum=2)
    from scipy.stats import rankdata

    ours = nearest_neighbours(queries=samples, reference=train).distances[:, 0]
    theirs = nearest_neighbours(queries=held_out, reference=train).distances[:, 0]
    n, h = len(ours), len(theirs)
    together = np.concatenate([ours, theirs])
    farther = float(rankdata(together)[:n].sum()) - n * (n + 1) / 2  # pairs in which the sample is the farther one
    ties = np.unique(together, return_counts=True)[1].astype(np.float64)
    total = n + h
    variance = n * h / 12 * (total + 1 - float(np.sum(ties**3 - ties)) / (total * (total - 1)))
    return Memorisation(
        nearer=1 - farther / (n * h),
        z=(farther - n * h / 2) / variance**0.5 if variance > 0 else 0.0,
        near_copies=float(np.mean(ours <= np.quantile(theirs, near_quantile))),
        near_quantile=near_quantile,
    )


def nearest_held_out(
    *, samples: NDArray[Any], train: NDArray[Any], held_out: NDArray[Any]
) -> tuple[float, float, float]:
    """Of the real rows that are the nearest of some sample (n, d): the share held out, that expected, and its chance.

    Of training rows (m, d) and held-out rows (h, d) of the same data, parted at random, a model that copies nothing
    does not know which are which: h / (m + h) of the rows that its samples are nearest to are expected to be held out,
    wherever they lie; copies have none. The chance of a share as low is hypergeometric, and exact. Raises ValueError on
    bad features or widths that differ.
    """
    from scipy.stats import hypergeom

    real = np.concatenate([train, held_out])
    nearest = np.unique(nearest_neighbours(queries=samples, reference=real).indices)
    found = int(np.sum(nearest >= len(train)))
    chance = hypergeom.cdf(found, len(real), len(held_out), len(nearest))
    return found / len(nearest), len(held_out) / len(real), float(chance)


def near_copies_chance(*, samples: Matrix, held_out: Matrix, near_quantile: float = 0.01) -> float:
    """The chance that, without copying, as many samples are as near to the training data as these are.

    ``samples`` (n,) and ``held_out`` (h,) are distances to the nearest training row. With k the nearest
    ``near_quantile`` of the held-out rows (at least one), it is the chance that x samples or more come before the k-th
    held-out row where all n + h are in random order: that fewer than k held-out rows are among the first x + k - 1, a
    hypergeometric. Exact at any n and h; ties count for the held-out rows.
    """
    from scipy.stats import hypergeom

    n, h = len(samples), len(held_out)
    k = max(1, int(np.ceil(near_quantile * h)))
    x = int(np.sum(samples < np.sort(held_out)[k - 1]))
    return float(hypergeom.cdf(k - 1, n + h, h, x + k - 1)) if x else 1.0


def _distance_blocks(queries: NDArray[Any], reference: NDArray[Any]) -> Iterator[tuple[slice, Matrix]]:
    """Euclidean distances of a slice of queries to all reference rows, slice by slice; the array is the caller's.

    By ``|x|^2 + |y|^2 - 2 x'y`` from rows moved by the first reference row, which takes a common offset away and
    leaves whole numbers whole. Squares that are no more than this sum's rounding are 0, so equal rows have distance 0.
    """
    origin = np.asarray(reference[0], dtype=np.float64)
    size = min(ROWS_AT_ONCE, max(1, DISTANCES_AT_ONCE // len(reference)))
    for start in range(0, len(queries), size):
        rows = slice(start, min(start + size, len(queries)))
        x = queries[rows] - origin
        x_squared = np.einsum("ij,ij->i", x, x)[:, None]
        distances = np.empty((len(x), len(reference)))
        for column in range(0, len(reference), ROWS_AT_ONCE):
            y = reference[column : column + ROWS_AT_ONCE] - origin
            norms = x_squared + np.einsum("ij,ij->i", y, y)
            squares = norms - 2 * (x @ y.T)
            squares[squares <= norms * (x.shape[1] * _EPS)] = 0
            distances[:, column : column + ROWS_AT_ONCE] = np.sqrt(squares)
        yield rows, distances
