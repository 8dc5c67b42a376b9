"""Written digits -> how they compare with real handwriting, so that neither a mean digit, nor noise, nor copies pass.

Every figure is a ratio to what real digits of the test pool give in the same numbers, except the kernel distance.
"""

from typing import Any

import numpy as np

from idlcli.evaluation.kernel import kernel_distance
from idlcli.seeds import rng

NEIGHBOURS = 500
"""Written digits, and as many real ones, whose nearest training digit is looked for."""


def diversity(
    *,
    written: np.ndarray,
    written_labels: np.ndarray,
    real: np.ndarray,
    real_labels: np.ndarray,
    train: np.ndarray,
    train_labels: np.ndarray,
    features: Any,
    seed: int,
) -> dict[str, Any]:
    """Return ``spread``, ``sharpness``, ``kid`` (with ``kid_std``), ``nearest`` and ``n``.

    ``written`` digits, ``real`` ones of the test pool and those of the ``train`` pool are float (N, 28, 28) in [0, 1]
    with labels int (N,); ``features`` turns such an array into features (N, d). ``spread``: standard deviation of a
    pixel within its class, over that of real digits; ``sharpness``: mean absolute gradient over that of real digits;
    ``nearest``: distance to the nearest training digit of the class, over that of real digits, which did not train
    (None where they did: the pools are shared);
    ``kid``: kernel distance to real digits in ``features``. Real digits are drawn class by class as often as written.
    """
    generator = rng(seed, "diversity")
    members = {label: np.flatnonzero(real_labels == label) for label in np.unique(written_labels)}
    twins = real[[generator.choice(members[label]) for label in written_labels.tolist()]]
    chosen = generator.choice(len(written), size=min(NEIGHBOURS, len(written)), replace=False)
    distances = [_nearest(images[chosen], written_labels[chosen], train, train_labels) for images in (written, twins)]
    kid = kernel_distance(
        samples=features(written), reference=features(twins), subset_size=min(1000, len(written)), seed=seed
    )
    return {
        "n": len(written),
        "spread": _spread(written, written_labels) / _spread(twins, written_labels),
        "sharpness": _sharpness(written) / _sharpness(twins),
        "nearest": float(distances[0].mean() / distances[1].mean()) if distances[1].any() else None,
        "kid": kid.mean,
        "kid_std": kid.std,
    }


def _spread(images: np.ndarray, labels: np.ndarray) -> float:
    """Return the standard deviation of a pixel within its class, mean over pixels and classes."""
    return float(np.mean([images[labels == label].std(axis=0).mean() for label in np.unique(labels)]))


def _sharpness(images: np.ndarray) -> float:
    return float(np.abs(np.diff(images, axis=1)).mean() + np.abs(np.diff(images, axis=2)).mean())


def _nearest(images: np.ndarray, labels: np.ndarray, train: np.ndarray, train_labels: np.ndarray) -> np.ndarray:
    """Return the Euclidean distance of each image to the nearest training image of its class."""
    from scipy.spatial.distance import cdist

    found = np.empty(len(images))
    for label in np.unique(labels):
        mine, theirs = images[labels == label], train[train_labels == label]
        found[labels == label] = cdist(mine.reshape(len(mine), -1), theirs.reshape(len(theirs), -1)).min(axis=1)
    return found
