"""A built set of faces: what its directory holds, how its test part is chosen, and the checked way to read it.

``images.npy`` uint8 (N, size, size, 3); ``manifest.json`` (where it came from, what was skipped, whom to name, the
test part); ``labels.npy`` int32 (N, columns) if anything is known of the pictures.
"""

import contextlib
import dataclasses
import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from idlcli.data.arrays import open_array
from idlcli.data.labels import Column
from idlcli.errors import DataError
from idlcli.files import read_json_object
from idlcli.seeds import rng

SCHEMA = 1
"""Version of the directory's layout; another one is refused."""
KIND = "faces"
OWN = frozenset(["images.npy", "labels.npy", "manifest.json"])
"""Everything a build writes. A directory with anything else in it is never replaced."""
REBUILD = "Build it again: idl data build faces --overwrite."


@dataclasses.dataclass(frozen=True)
class Faces:
    """A built set. ``images`` uint8 (N, size, size, 3), memory-mapped and read-only.

    ``train_indices`` and ``test_indices`` are sorted int64 and share nothing, not even pixels; together they are all
    N. ``labels`` are the known columns by name.
    """

    path: Path
    images: NDArray[np.uint8]
    manifest: dict[str, Any]
    train_indices: NDArray[np.int64]
    test_indices: NDArray[np.int64]
    labels: dict[str, Column]

    @property
    def size(self) -> int:
        """Side of the square images in pixels."""
        return int(self.images.shape[1])


def choose_test(*, digests: bytes, wanted: int) -> tuple[NDArray[np.int64], int]:
    """Return the sorted indices of the test part, and how many pictures repeat an earlier one.

    ``digests`` holds 16 bytes a picture, of its pixels. Pictures are taken from the lowest digest upwards, all of the
    same digest together, until there are ``wanted`` (or a fifth of all, if that is less); a group that no longer fits
    is passed over. So the choice depends on the pixels alone, not on order or names, and no picture is on both sides.
    """
    found = np.frombuffer(digests, "S16")
    _, inverse, sizes = np.unique(found, return_inverse=True, return_counts=True)
    left = min(wanted, len(found) // 5)
    chosen = np.zeros(len(sizes), bool)
    for group, size in enumerate(sizes.tolist()):
        if left == 0:
            break
        if size <= left:
            chosen[group] = True
            left -= size
    return np.flatnonzero(chosen[inverse.ravel()]).astype(np.int64), len(found) - len(sizes)


def load(*, path: Path) -> Faces:
    """Return the set at ``path`` once its parts are seen to fit together; no pixel is read for that.

    Raises :class:`DataError` if there is none, if a newer or older idl wrote it, and for anything in the manifest
    that does not agree with the arrays.
    """
    if not (path / "manifest.json").is_file():
        raise DataError(f"There are no built faces at {path}.", hint="Make some: idl data build faces.")
    manifest = read_json_object(path / "manifest.json")
    if manifest.get("kind") != KIND:
        raise DataError(f"{path} holds {str(manifest.get('kind'))[:40]!r}, not faces.")
    if manifest.get("schema") != SCHEMA or isinstance(manifest.get("schema"), bool):
        raise DataError(f"{path} has schema {str(manifest.get('schema'))[:40]}; this idl reads {SCHEMA}.", hint=REBUILD)
    count, size = _whole(path, manifest, "count", 1), _whole(path, manifest, "size", 1)
    images = _array(path / "images.npy")
    if images.dtype != np.uint8 or images.shape != (count, size, size, 3):
        raise DataError(
            f"{path}: images.npy is {images.dtype} {images.shape}; by the manifest, uint8 {(count, size, size, 3)}.",
            hint=REBUILD,
        )
    test = _test_indices(path, manifest, count)
    train = np.delete(np.arange(count, dtype=np.int64), test)
    return Faces(path, images, manifest, train, test, _labels(path, manifest, count))


def is_built(path: Path) -> bool:
    """Whether a set that `idl data build` made lies at ``path``; others, such as web apps, have a manifest too."""
    if not os.path.isfile(path / "manifest.json"):  # where nobody may look, as where nothing is
        return False
    try:
        return os.path.exists(path / "images.npy") or isinstance(
            read_json_object(path / "manifest.json").get("kind"), str
        )
    except DataError:
        return False


def sample(*, path: Path, count: int, seed: int) -> tuple[NDArray[np.uint8], list[str]]:
    """Return up to ``count`` pictures, uint8 (N, size, size, 3), in their order, and a few words on each.

    Of a built set; or of a raw zip, directory or .npy, whose readable pictures come at 64 pixels with their names.
    The same ``seed`` chooses the same. Raises :class:`DataError` if there is nothing to show.
    """
    if is_built(path):
        faces = load(path=path)
        rows = np.sort(rng(seed, "sample").permutation(len(faces.images))[:count])
        part = np.isin(rows, faces.test_indices)
        words = [f"{row} ({'test' if held_out else 'train'})" for row, held_out in zip(rows, part, strict=True)]
        return np.asarray(faces.images[rows]), words
    from idlcli.data import pictures, sources  # Pillow: only for a raw source

    found: list[tuple[int, str, NDArray[np.uint8]]] = []
    with sources.open_source(path=path) as source:
        for row in rng(seed, "sample").permutation(len(source.names)).tolist():
            with contextlib.suppress(DataError):
                picture = pictures.decode(content=source.load(row), size=64, name=source.names[row])
                found.append((row, source.names[row], picture.pixels))
            if len(found) == count:
                break
    if not found:
        raise DataError(f"None of the pictures in {path} could be read.", hint=f"idl data check {path} says why.")
    found.sort(key=lambda one: one[0])
    return np.stack([pixels for _, _, pixels in found]), [name for _, name, _ in found]


def _whole(path: Path, manifest: dict[str, Any], key: str, low: int) -> int:
    value = manifest.get(key)
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value < 2**48:
        raise DataError(f"{path}: the manifest's {key} cannot be {str(value)[:40]!r}.", hint=REBUILD)
    return value


def _array(path: Path) -> NDArray[Any]:
    """Return a memory-mapped array, read-only, C order, and as long as its file."""
    array = open_array(path, hint=REBUILD)
    if not array.flags.c_contiguous or path.stat().st_size != array.offset + array.nbytes:
        raise DataError(f"{path} is not laid out as idl writes it.", hint=REBUILD)
    return array


def _test_indices(path: Path, manifest: dict[str, Any], count: int) -> NDArray[np.int64]:
    part = manifest.get("test")
    found = part.get("indices") if isinstance(part, dict) else None
    if not isinstance(found, list) or not all(type(index) is int and 0 <= index < count for index in found):
        raise DataError(
            f"{path}: the manifest's test part is missing, or not of indices below {count:,}.", hint=REBUILD
        )
    indices = np.array(found, np.int64)
    if (np.diff(indices) <= 0).any() or _whole(path, manifest, "test_count", 0) != len(indices):
        raise DataError(f"{path}: the manifest's test part is out of order, or not of test_count.", hint=REBUILD)
    return indices


def _labels(path: Path, manifest: dict[str, Any], count: int) -> dict[str, Column]:
    described = manifest.get("labels")
    if described is None:
        return {}
    columns = described.get("columns") if isinstance(described, dict) else None
    if not isinstance(columns, dict) or not columns or not all(_are_words(words) for words in columns.values()):
        raise DataError(f"{path}: the manifest's labels are not columns of words.", hint=REBUILD)
    codes = np.asarray(_array(path / "labels.npy"))
    if codes.dtype != np.int32 or codes.shape != (count, len(columns)):
        raise DataError(f"{path}: labels.npy does not fit the manifest.", hint=REBUILD)
    result = {}
    for at, (name, words) in enumerate(columns.items()):
        column = codes[:, at]
        if column.min() < -1 or column.max() >= len(words):
            raise DataError(f"{path}: labels.npy has codes of {name[:40]!r} that the manifest has no word for.")
        result[name] = Column(tuple(words), column)
    return result


def _are_words(words: Any) -> bool:
    return isinstance(words, list) and all(isinstance(word, str) for word in words) and len(set(words)) == len(words)
