"""Features of real pictures, computed once and kept: all that FID, KID and the neighbours need to know of them.

Kept are the rows, not their mean and covariance: intervals, KID, precision and recall need them, and what FID makes of
them takes a second where the network takes minutes. A file's name is the hash of the pixels and of the features'
identity, so it can never be stale, and the same pictures are found again wherever they lie and however they were
chosen. Deleting the directory costs time and nothing else; a directory that cannot be written to costs the same.
"""

import contextlib
import hashlib
import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from idlcli.errors import IdlError
from idlcli.evaluation.features import Extractor, Progress
from idlcli.files import atomic_writer, make_directory

SCHEMA = 1
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
        if self._directory is None or extractor.takes == "features":
            return extractor.extract(array, progress), False
        name = hashlib.sha256(f"{SCHEMA} {extractor.identity} {sha256}".encode()).hexdigest()
        path = self._directory / f"{name}.npy"
        kept = _read(path, rows=len(array))
        if kept is not None:
            return kept, True
        found = np.asarray(extractor.extract(array, progress))
        with contextlib.suppress(IdlError, OSError):
            make_directory(self._directory)
            with atomic_writer(path) as file:
                np.save(file, found, allow_pickle=False)
            _trim(self._directory)
        return found, False


def _read(path: Path, *, rows: int) -> NDArray[Any] | None:
    """Return kept features, or None where there are none that can be used."""
    try:
        found = np.load(path, allow_pickle=False)
        os.utime(path)
    except Exception:  # not there, cut short, or no array at all: it is computed again and replaced
        return None
    fits = isinstance(found, np.ndarray) and found.ndim == 2 and len(found) == rows and found.dtype == np.float32
    return found if fits and np.isfinite(found).all() else None


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
