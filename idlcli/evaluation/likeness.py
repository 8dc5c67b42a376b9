"""Do neighbours on a map look alike? The pictures' own distances, of neighbours on it and of random pairs.

A map of structureless points (a GAN's random latents) has neighbours too; that they look alike is a claim, and this is
its number.
"""

import dataclasses
from typing import Any

import numpy as np
from numpy.typing import NDArray

from idlcli.evaluation.manifold import nearest_neighbours

SIDE = 16
"""Pictures are compared at this side: colours and their places, not texture."""
SHUFFLES = 200

Values = NDArray[np.float64]


@dataclasses.dataclass(frozen=True, eq=False)
class Likeness:
    """``alike``: the chance that a pair of neighbours is nearer in looks than a random pair; 0.5 is no likeness.

    ``by_chance``: between which 95% of the values lie when the pictures are dealt to the places at random.
    ``ratio``: the mean distance of neighbours over that of random pairs. ``neighbours`` and ``random`` hold the
    distances themselves: root mean squares of the difference of pictures reduced to 16 x 16, values from 0 to 1.
    """

    alike: float
    by_chance: tuple[float, float]
    ratio: float
    neighbours: Values
    random: Values
    k: int

    @property
    def more_than_chance(self) -> bool:
        """Whether neighbours look more alike than pictures dealt at random do."""
        return self.alike > self.by_chance[1]


def neighbour_likeness(*, positions: Values, images: NDArray[np.uint8], k: int = 5, seed: int = 0) -> Likeness:
    """Compare each picture (N, H, W, 3) or (N, H, W) with its ``k`` neighbours by ``positions`` (N, 2) and at random.

    Raises ValueError for fewer than 3 pictures, or where positions and pictures are not as many.
    """
    if len(positions) != len(images) or len(images) < 3:
        raise ValueError(f"Need as many positions as pictures, 3 or more. Received: {len(positions)}, {len(images)}")
    looks = reduce(images)
    k = min(k, len(images) - 1)
    near = nearest_neighbours(queries=positions, reference=positions, k=k, exclude_self=True).indices
    generator = np.random.default_rng(seed)
    each = np.arange(len(images))
    others = (each[:, None] + generator.integers(1, len(images), size=(len(images), k))) % len(images)
    ours, theirs = _distances(looks, each, near), _distances(looks, each, others)
    dealt = []
    for _ in range(SHUFFLES):
        order = generator.permutation(len(images))
        dealt.append(_nearer(_distances(looks, order, order[near]), theirs))
    low, high = np.quantile(dealt, [0.025, 0.975])
    mean = float(theirs.mean())
    return Likeness(
        alike=_nearer(ours, theirs), by_chance=(float(low), float(high)),
        ratio=float(ours.mean()) / mean if mean else 1.0, neighbours=ours, random=theirs, k=k,
    )  # fmt: skip


def same_label(*, positions: Values, codes: NDArray[Any], k: int = 5) -> tuple[float, float] | None:
    """Return how often neighbours share a label, and how often a random pair would; None without two labels.

    ``codes`` (N,) are -1 where a label is not known; such pictures count for nothing.
    """
    known = codes >= 0
    _, counts = np.unique(codes[known], return_counts=True)
    n = int(counts.sum())
    if len(counts) < 2 or n < 3:
        return None
    k = min(k, n - 1)
    near = nearest_neighbours(queries=positions[known], reference=positions[known], k=k, exclude_self=True).indices
    shared = float((codes[known][near] == codes[known][:, None]).mean())
    return shared, float((counts * (counts - 1)).sum() / (n * (n - 1)))


def reduce(images: NDArray[np.uint8]) -> Values:
    """Return pictures as rows of means over a 16 x 16 raster (or their own, if that is coarser), values 0 to 1."""
    height, width = images.shape[1:3]
    rows, columns = (np.linspace(0, side, min(SIDE, side) + 1).astype(int)[:-1] for side in (height, width))
    reduced = np.empty((len(images), len(rows) * len(columns) * (images.shape[3] if images.ndim == 4 else 1)))
    areas = np.diff([*rows, height])[:, None] * np.diff([*columns, width])
    for index, image in enumerate(images):
        sums = np.add.reduceat(np.add.reduceat(image.astype(np.float64), rows, axis=0), columns, axis=1)
        reduced[index] = (sums / (areas if image.ndim == 2 else areas[..., None]) / 255).ravel()
    return reduced


def _distances(looks: Values, each: NDArray[Any], others: NDArray[Any]) -> Values:
    found = [np.sqrt(np.mean((looks[each] - looks[others[:, j]]) ** 2, axis=1)) for j in range(others.shape[1])]
    return np.stack(found, axis=1).ravel()


def _nearer(first: Values, second: Values) -> float:
    """The chance that a value of the first set is below one of the second; ties count half."""
    ordered = np.sort(second)
    below = np.searchsorted(ordered, first, side="right") + np.searchsorted(ordered, first, side="left")
    return 1 - float(below.mean()) / (2 * len(second))
