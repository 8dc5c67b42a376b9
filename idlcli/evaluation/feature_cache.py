"""Features of real pictures, computed once and kept: all that FID, KID and the neighbours need to know of them.

Kept are the rows, which intervals, KID, precision and recall need, and the Gaussian that fits them, which is a third of
what FID makes of them. A file's name is the hash of the pixels and of the features' identity, so it can never be stale,
and the same pictures are found again wherever they lie and however they were chosen. Deleting the directory costs time
and nothing else; a directory that cannot be written to costs the same.
"""

import contextlib
import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from idlcli.errors import IdlError
from idlcli.evaluation.features import Extractor, Progress
from idlcli.evaluation.frechet import Gaussian, fit_gaussian
from idlcli.files import atomic_writer, make_directory

SCHEMA = 1
"""Counted up when what is kept comes to be computed in another way."""
LIMIT_BYTES = 2 * 2**30
"""The most that is kept; what was not used for longest goes first."""


class FeatureCache:
    """A directory of features; without one (None) everything is computed."""

    def __init__(self, directory: Path | None) -> None:
        self._directory = directory

    def features(
        self, *, extractor: Extractor, array: NDArray[Any], sha256: str, progress: Progress | None = None
    ) -> tuple[NDArray[Any], bool]:
        """Return the features (N, D) of ``array``, whose content has this hash, and whether they were kept here."""
        if extractor.takes == "features":
            return extractor.extract(array, progress), False
        return self._kept(
            f"{SCHEMA} {extractor.identity} {sha256}",
            lambda found: len(found) == len(array) and found.dtype == np.float32,
            lambda: np.asarray(extractor.extract(array, progress)),
        )

    def gaussian(self, *, extractor: Extractor, features: NDArray[Any], sha256: str) -> Gaussian:
        """Return the Gaussian that fits the features (N, D) of an array whose content has this hash.

        Raises ValueError as :func:`idlcli.evaluation.frechet.fit_gaussian` does.
        """
        n, d = features.shape
        if n <= d or extractor.takes == "features":  # it is the rows then, or nobody knows of what
            return fit_gaussian(features=features)

        def fit() -> NDArray[Any]:
            found = fit_gaussian(features=features)
            return np.concatenate([found.mean[None], found.factor])

        kept, _ = self._kept(
            f"{SCHEMA} gaussian {extractor.identity} {sha256}",
            lambda found: found.shape[1] == d and 2 <= len(found) <= 1 + d and found.dtype == np.float64,
            fit,
        )
        return Gaussian(n, kept[0], kept[1:])

    def _kept(
        self, key: str, fits: Callable[[NDArray[Any]], bool], make: Callable[[], NDArray[Any]]
    ) -> tuple[NDArray[Any], bool]:
        """Return the array of this key, and whether it was kept; one that does not fit is made again and replaced."""
        if self._directory is None:
            return make(), False
        path = self._directory / f"{hashlib.sha256(key.encode()).hexdigest()}.npy"
        kept = _read(path)
        if kept is not None and fits(kept):
            return kept, True
        made = make()
        with contextlib.suppress(IdlError, OSError):
            make_directory(self._directory)
            with atomic_writer(path) as file:
                np.save(file, made, allow_pickle=False)
            _trim(self._directory)
        return made, False


def _read(path: Path) -> NDArray[Any] | None:
    """Return a kept matrix, or None where there is none that can be used."""
    try:
        found = np.load(path, allow_pickle=False)
        os.utime(path)
    except Exception:  # not there, cut short, or no array at all
        return None
    return found if isinstance(found, np.ndarray) and found.ndim == 2 and np.isfinite(found).all() else None


def _trim(directory: Path) -> None:
    """Remove what was not used for longest until the rest is below the limit."""
    entries = sorted(
        ((entry.stat().st_mtime, entry.stat().st_size, entry.path) for entry in os.scandir(directory)), reverse=True
    )
    total = 0
    for _, size, path in entries:
        total += size
        if total > LIMIT_BYTES and path.endswith(".npy"):
            os.unlink(path)
