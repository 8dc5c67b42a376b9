"""Do samples lie where the data lie, and the data where the samples lie?

Precision and recall (Kynkaanniemi et al., 2019), density and coverage (Naeem et al., 2020), and nearest neighbours.
All from Euclidean distances between features (n, d), in float64 and a block of rows at a time: about 100 MiB are held
beside the features, whatever n.
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
