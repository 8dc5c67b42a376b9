"""Many-dimensional points -> a map of them in the plane, by t-SNE.

van der Maaten and Hinton, "Visualizing Data using t-SNE" (2008). A map keeps who is near whom; distances between far
groups and the sizes of groups mean nothing.
"""

import dataclasses
from typing import Any

import numpy as np
from numpy.typing import NDArray

from idlcli.errors import DataError

FEWEST = 5
MOST = 20_000
"""More points than this take t-SNE hours, and no picture shows them."""
COMPONENTS = 50
"""Points of more dimensions are first brought to this many principal components, as the paper does."""


@dataclasses.dataclass(frozen=True, eq=False)
class Map:
    """``positions`` float (N, 2), each axis from 0 to 1; the ``perplexity`` used, and the divergence that was left."""

    positions: NDArray[np.float64]
    perplexity: float
    divergence: float


def embed(*, points: NDArray[Any], perplexity: float, seed: int) -> Map:
    """Return the map of points (N, D); the perplexity is lowered to a third of N - 1 where it is above that.

    The same points and seed give the same map on one machine. Raises :class:`DataError` for fewer than 5 points or
    more than 20,000, or for values that are not finite.
    """
    if points.ndim != 2 or not FEWEST <= len(points) <= MOST or not np.isfinite(points).all():
        raise DataError(
            f"A map needs {FEWEST} to {MOST:,} points of finite numbers; these are {points.shape}.",
            hint="Choose how many with --count.",
        )
    from sklearn.decomposition import PCA
    from sklearn.manifold import TSNE

    used = min(perplexity, (len(points) - 1) / 3)
    values = np.asarray(points, np.float64) - np.asarray(points, np.float64).mean(axis=0)
    spread = np.abs(values).max()
    if spread > 0:
        values /= spread
    components = min(COMPONENTS, *values.shape)
    if components < values.shape[1] and spread > 0:
        values = PCA(components, svd_solver="full").fit_transform(values)
    start = "pca" if values.shape[1] > 1 and values[:, 0].std() > 0 else "random"
    model = TSNE(perplexity=used, init=start, learning_rate="auto", random_state=seed)
    found = np.asarray(model.fit_transform(values.astype(np.float32)), np.float64)
    low, high = found.min(axis=0), found.max(axis=0)
    positions = (found - low) / np.where(high > low, high - low, 1)
    return Map(positions, float(used), float(model.kl_divergence_))
