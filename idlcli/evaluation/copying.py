"""Are samples copies of the training data? Told by the distances to it; held-out data say what is near by chance."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from idlcli.evaluation.frechet import check_features
from idlcli.evaluation.manifold import Matrix, nearest_neighbours

NEAR = 0.01
"""A sample is a near copy where it is as near to the training data as the nearest such share of the held-out rows."""


@dataclass(frozen=True, eq=False)
class Copying:
    """What tells copies from samples that are new; only what has a chance is evidence.

    ``nearest_held_out``: of the real rows that are the nearest of some sample, the share that was held out. Of m
    training and h held-out rows of the same data, parted at random, a model that copies nothing does not know which are
    which: h / (m + h) are ``expected``, wherever its samples lie; copies have none. The chance of a share as low is
    hypergeometric, and exact.

    ``near_copies``: the share of samples that are as near to a training row as the nearest ``near_quantile`` of the
    held-out rows; about ``near_quantile`` without copying. It finds a few copies among many samples.

    ``nearer``: the chance that a sample is nearer to its nearest training row than a held-out row is to its own (ties
    count half); 1 for copies, 0.5 for rows of the data's own distribution. ``z``: the same as the statistic C_T of
    Meehan, Chaudhuri and Dasgupta, "A Non-Parametric Test to Detect Data-Copying in Generative Models" (2020), without
    their partition of space; standard normal for such rows. Samples that are new but typical are nearer too, so neither
    tells them from copies.
    """

    nearest_held_out: float
    nearest_held_out_expected: float
    nearest_held_out_chance: float
    near_copies: float
    near_quantile: float
    near_copies_chance: float
    nearer: float
    z: float
    distances: Matrix
    """(n,): of each sample to its nearest training row."""
    held_out_distances: Matrix
    """(h,): of each held-out row to its own."""


def copying(
    *, samples: NDArray[Any], train: NDArray[Any], held_out: NDArray[Any], near_quantile: float = NEAR
) -> Copying:
    """Hold samples (n, d) against training rows (m, d), beside held-out rows (h, d), which must not be among those.

    Raises ValueError on bad features, widths that differ, or ``near_quantile`` not between 0 and 1.
    """
    if not 0 < near_quantile < 1:
        raise ValueError(f"near_quantile must lie between 0 and 1. Received: {near_quantile}")
    check_features(features=samples, name="samples", minimum=2)
    check_features(features=held_out, name="held_out", minimum=2)
    nearest = nearest_neighbours(queries=samples, reference=train)
    others = nearest_neighbours(queries=samples, reference=held_out)
    ours, theirs = nearest.distances[:, 0], nearest_neighbours(queries=held_out, reference=train).distances[:, 0]
    is_held_out = others.distances[:, 0] < ours
    found = len(np.unique(others.indices[is_held_out]))
    met = found + len(np.unique(nearest.indices[~is_held_out]))
    nearer, z = _compared(ours, theirs)
    return Copying(
        nearest_held_out=found / met,
        nearest_held_out_expected=len(held_out) / (len(train) + len(held_out)),
        nearest_held_out_chance=_at_most(found, of=len(train) + len(held_out), marked=len(held_out), drawn=met),
        near_copies=float(np.mean(ours <= np.quantile(theirs, near_quantile))),
        near_quantile=near_quantile,
        near_copies_chance=near_copies_chance(samples=ours, held_out=theirs, near_quantile=near_quantile),
        nearer=nearer,
        z=z,
        distances=ours,
        held_out_distances=theirs,
    )


def near_copies_chance(*, samples: Matrix, held_out: Matrix, near_quantile: float = NEAR) -> float:
    """The chance that, without copying, as many samples are as near to the training data as these are.

    ``samples`` (n,) and ``held_out`` (h,) are distances to the nearest training row. With k the nearest
    ``near_quantile`` of the held-out rows (at least one), it is the chance that x samples or more come before the k-th
    held-out row where all n + h are in random order: that fewer than k held-out rows are among the first x + k - 1, a
    hypergeometric. Exact at any n and h; ties count for the held-out rows.
    """
    n, h = len(samples), len(held_out)
    k = max(1, int(np.ceil(near_quantile * h)))
    x = int(np.sum(samples < np.sort(held_out)[k - 1]))
    return _at_most(k - 1, of=n + h, marked=h, drawn=x + k - 1) if x else 1.0


def _at_most(found: int, *, of: int, marked: int, drawn: int) -> float:
    """Return the chance that no more than ``found`` of so many drawn rows are marked ones."""
    from scipy.stats import hypergeom

    return float(hypergeom.cdf(found, of, marked, drawn))


def _compared(ours: Matrix, theirs: Matrix) -> tuple[float, float]:
    """Return how often ours is the nearer, and the statistic of a Mann-Whitney test with correction for ties."""
    from scipy.stats import rankdata

    n, h = len(ours), len(theirs)
    together = np.concatenate([ours, theirs])
    farther = float(rankdata(together)[:n].sum()) - n * (n + 1) / 2  # pairs in which the sample is the farther one
    ties = np.unique(together, return_counts=True)[1].astype(np.float64)
    total = n + h
    variance = n * h / 12 * (total + 1 - float(np.sum(ties**3 - ties)) / (total * (total - 1)))
    return 1 - farther / (n * h), (farther - n * h / 2) / variance**0.5 if variance > 0 else 0.0
