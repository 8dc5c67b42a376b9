"""Where pictures come from: a zip, a directory tree or an .npy of images, as (name, loader) in one reproducible order.

The order is that of the names' bytes, whatever order the zip or the file system holds them in.
"""

import contextlib
import dataclasses
import functools
import os
import re
import stat
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from idlcli.data.arrays import open_array
from idlcli.data.zips import MAX_BYTES, SafeZip
from idlcli.errors import DataError

ENDINGS = frozenset([
    "apng", "avif", "bmp", "dib", "gif", "jfif", "jpe", "jpeg", "jpg", "pbm", "pgm", "png", "pnm", "ppm", "tif",
    "tiff", "webp",
])  # fmt: skip
"""Endings of the pictures that ``pictures.py`` decodes. Files that end otherwise are ignored."""
MAX_FILES = 1_000_000
"""The most files a directory may hold (a zip has its own limit; an .npy has none)."""

Kind = Literal["zip", "directory", "npy"]
Content = bytes | NDArray[np.generic]
HINT = "Give a zip, a directory of pictures, an .npy of images, or `cartoon` for faces drawn here."
_JUNK = frozenset([b"__macosx", b"thumbs.db", b"desktop.ini"])


class Skipped(NamedTuple):
    """A file that is no usable picture, and a few words that say why."""

    file: str
    reason: str


@dataclasses.dataclass(frozen=True)
class Source:
    """An open source. ``names`` are printable and in order; iterating gives (name, loader) pairs.

    A loader returns the encoded bytes (or an array, from an .npy) or raises :class:`DataError` with a short reason.
    Loaders work while :func:`open_source` is open. ``skipped`` are files that are not even tried, ``ignored`` counts
    those that are no pictures by name: hidden files, ``__MACOSX``, ``Thumbs.db``, text.
    """

    kind: Kind
    names: list[str]
    skipped: list[Skipped]
    ignored: int
    load: Callable[[int], Content]

    @property
    def entries(self) -> int:
        """How many files (or rows) the source holds: ``len(names) + len(skipped) + ignored``. Folders do not count."""
        return len(self.names) + len(self.skipped) + self.ignored

    def __iter__(self) -> Iterator[tuple[str, Callable[[], Content]]]:
        for index, name in enumerate(self.names):
            yield name, functools.partial(self.load, index)


@contextlib.contextmanager
def open_source(*, path: Path) -> Iterator[Source]:
    """Open a zip, a directory or an .npy (told apart by content, not by name) for reading.

    Raises :class:`DataError` if there is nothing there, if it is none of the three or unusable, or if it holds no
    picture at all.
    """
    kind = kind_of(path=path)
    with contextlib.ExitStack() as stack:
        if kind == "npy":
            source = _rows(path)
        elif kind == "zip":
            archive = SafeZip(path=path)
            stack.callback(archive.close)
            members = ((member.name, member.unfit, member) for member in archive.members)
            source = _gather(kind, members, archive.read)
        else:
            source = _gather(kind, _walk(path), _read_file)
        if not source.names:
            first = "{}: {}".format(*source.skipped[0]) if source.skipped else ""
            raise DataError(
                f"There are no pictures in {path}{f' that could be used; {first}' if first else ''}.", hint=HINT
            )
        yield source


def kind_of(*, path: Path) -> Kind:
    """Return what kind of source ``path`` is, from its first bytes; pipes and devices are not opened."""
    try:
        mode = os.stat(path).st_mode
        if stat.S_ISDIR(mode):
            return "directory"
        if stat.S_ISREG(mode):
            with open(path, "rb") as file:
                start = file.read(6)
            if start[:4] in (b"PK\x03\x04", b"PK\x05\x06"):
                return "zip"
            if start == b"\x93NUMPY":
                return "npy"
    except FileNotFoundError:
        raise DataError(f"No such file or directory: {path}.", hint=HINT) from None
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        reason = getattr(error, "strerror", None) or error
        raise DataError(f"Cannot read {str(path)[:200]!r}: {reason}.", hint=HINT) from error
    raise DataError(f"{path} is neither a zip, nor a directory, nor an .npy.", hint=HINT)


def printable(*, name: bytes) -> str:
    """Return a file name as text that JSON and a terminal take: what is not printable UTF-8 becomes an escape."""
    text = name.decode("utf-8", "backslashreplace")
    return text if text.isprintable() else "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def _gather(kind: Kind, found: Iterable[tuple[bytes, str | None, Any]], read: Callable[[Any], bytes]) -> Source:
    """Sort files (name, why it cannot be used or None, what ``read`` takes) into pictures, skipped and ignored."""
    taken: list[tuple[bytes, Any]] = []
    skipped: list[Skipped] = []
    ignored = 0
    for name, unfit, key in found:
        reason = _objection(name)
        if reason is None and unfit is None:
            taken.append((name, key))
        elif reason == "":
            ignored += 1
        else:
            skipped.append(Skipped(printable(name=name)[:300], reason or unfit or ""))
    taken.sort(key=lambda pair: pair[0])
    names = [printable(name=name) for name, _ in taken]
    return Source(kind, names, sorted(skipped), ignored, lambda index: read(taken[index][1]))


def _objection(name: bytes) -> str | None:
    """Return why a file is not taken, by its name alone: a reason, "" to ignore it, or None if it may be a picture."""
    parts = name.lower().split(b"/")
    if not parts[0] or b".." in parts or b"\0" in name or re.match(rb"[a-z]:", parts[0]):
        return "an unsafe name"
    if any((part.startswith(b".") and part != b".") or part in _JUNK for part in parts):
        return ""
    if not parts[-1]:
        return None  # a folder that could not be entered
    ending = parts[-1].rpartition(b".")[2].decode("latin-1")
    if ending == "zip":
        return "a zip inside; it is not opened"
    return None if ending in ENDINGS and b"." in parts[-1] else ""


def _walk(path: Path) -> Iterator[tuple[bytes, str | None, bytes]]:
    """Yield every file below a directory, at any depth: its name, why it is not to be opened, its path.

    A folder that is not entered is yielded too, its name ending in ``/``.
    """
    root = os.fsencode(path)
    waiting = [b""]
    count = 0
    while waiting:
        folder = waiting.pop()
        try:
            with os.scandir(os.path.join(root, folder)) as entries:
                found = list(entries)
        except OSError as error:
            if not folder:
                raise DataError(f"Cannot read {path}: {error.strerror or error}.") from error
            found = []
            yield folder + b"/", f"cannot be read: {error.strerror or error}", b""
        for entry in found:
            name = folder + b"/" + entry.name if folder else entry.name
            if entry.is_dir(follow_symlinks=False):
                waiting.append(name)
                continue
            folder_or_not, unfit = _look_at(entry)
            yield name + folder_or_not, unfit, os.path.join(root, name)
        count += len(found)
        if count > MAX_FILES:
            raise DataError(f"{path} holds more than {MAX_FILES:,} files, the limit.")


def _look_at(entry: os.DirEntry[bytes]) -> tuple[bytes, str | None]:
    """Return ``/`` for a link to a folder, and why it is not to be opened, or None. Links to files are followed."""
    try:
        mode = entry.stat().st_mode
    except OSError:
        return b"", "a link to nothing"
    if stat.S_ISDIR(mode):
        return b"/", "a link to a folder"
    return b"", None if stat.S_ISREG(mode) else "a special file"


def _read_file(path: bytes) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read(MAX_BYTES + 1)
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror or error}") from None


def _rows(path: Path) -> Source:
    """Return the rows of an .npy, memory-mapped: uint8 or float, (N, H, W), (N, H, W, 1), (N, H, W, 3 or 4)."""
    array = open_array(path, hint=HINT)
    shape, kind = array.shape, array.dtype
    hint = "Images are uint8, or floats in [0, 1], of shape (N, H, W, 3) or (N, H, W)."
    if kind.kind != "f" and kind != np.uint8:
        raise DataError(f"{path} holds {kind}, not images.", hint=hint)
    if len(shape) == 4 and shape[1] in (1, 3) and shape[3] not in (1, 3, 4):
        raise DataError(f"{path} has its channels first: {shape}.", hint="Save array.transpose(0, 2, 3, 1).")
    if len(shape) not in (3, 4) or (len(shape) == 4 and shape[3] not in (1, 3, 4)):
        raise DataError(f"{path} has shape {shape}, not that of images.", hint=hint)
    if len(shape) == 3 and shape[2] in (1, 3, 4):
        raise DataError(f"{path} has shape {shape}: one picture, not a set.", hint=hint)
    digits = len(str(max(0, shape[0] - 1)))
    names = [f"{index:0{digits}d}" for index in range(shape[0])]
    return Source("npy", names, [], 0, lambda index: array[index])
