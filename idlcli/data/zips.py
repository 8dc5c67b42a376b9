"""A stranger's zip, read in memory: nothing is ever written, and nothing unpacks without a bound."""

import dataclasses
import os
import stat
import struct
import zipfile
import zlib
from pathlib import Path

from idlcli.errors import DataError, said

MAX_BYTES = 64 * 2**20
"""The largest picture file that is read, from a zip or elsewhere."""
MAX_MEMBERS = 1_000_000
MAX_TABLE_BYTES = 128 * 2**20
"""The largest table of contents that is read: Python makes objects of about ten times its size."""
MAX_RATIO = 250
"""A member that unpacks to over a MiB and to more than this many times its packed size is taken for a bomb."""
MAX_TOTAL_RATIO = 100
"""The same of a whole zip that unpacks to over a GiB; pictures hardly pack at all."""


@dataclasses.dataclass(frozen=True, slots=True)
class Member:
    """A file in a zip: its name with ``/`` between the parts, and why it is not to be unpacked, if so."""

    name: bytes
    unfit: str | None
    info: zipfile.ZipInfo


class SafeZip:
    """An open zip. ``members`` are its files, folders left out; a name that comes twice is fit only the last time."""

    def __init__(self, *, path: Path) -> None:
        try:
            _check_table(path)
            self._archive = zipfile.ZipFile(path)
        except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, struct.error) as error:
            raise DataError(f"{path} is not a whole zip: {said(error)}.", hint="Fetch or pack it again.") from error
        infos = [info for info in self._archive.infolist() if not info.filename.endswith("/")]  # a name may be empty
        last = {info.orig_filename: index for index, info in enumerate(infos)}
        self.members = [
            # Some packers for Windows write backslashes; zipfile's own `filename` ends before a NUL.
            Member(
                info.orig_filename.replace("\\", "/").encode("utf-8", "surrogateescape"),
                _unfit(info) or ("followed by another of its name" if last[info.orig_filename] != index else None),
                info,
            )
            for index, info in enumerate(infos)
        ]
        try:
            self._check_size(path)
        except DataError:
            self.close()
            raise

    def _check_size(self, path: Path) -> None:
        if len(self.members) > MAX_MEMBERS:
            raise DataError(f"{path} holds {len(self.members):,} files; the limit is {MAX_MEMBERS:,}.")
        total = sum(member.info.file_size for member in self.members if member.unfit is None)
        if total > 2**30 and total > MAX_TOTAL_RATIO * os.path.getsize(path):
            raise DataError(f"{path} would unpack to {total:,} bytes, over {MAX_TOTAL_RATIO} times its size: a bomb.")

    def read(self, member: Member) -> bytes:
        """Return a member's bytes, at most one more than ``MAX_BYTES``; damage is a :class:`DataError`."""
        if member.unfit is not None:
            raise DataError(member.unfit)
        try:
            with self._archive.open(member.info) as file:
                return file.read(MAX_BYTES + 1)
        except (zipfile.BadZipFile, zlib.error, OSError, EOFError, RuntimeError, ValueError, struct.error) as error:
            raise DataError(f"damaged in the zip: {said(error)}") from None

    def close(self) -> None:
        """Close the file."""
        self._archive.close()


def _unfit(info: zipfile.ZipInfo) -> str | None:
    """Return why a member is not to be unpacked, or None."""
    kind = stat.S_IFMT(info.external_attr >> 16)
    if kind and kind != stat.S_IFREG:
        return "a symbolic link" if kind == stat.S_IFLNK else "a special file"
    if info.flag_bits & 1:
        return "encrypted"
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        return "packed in another way than deflate"  # Python unpacks the others without a bound on memory
    if info.file_size > MAX_BYTES:
        return f"larger than {MAX_BYTES // 2**20} MiB"
    if info.file_size > 2**20 and info.file_size > MAX_RATIO * info.compress_size:
        return f"unpacks to over {MAX_RATIO} times its size"
    return None


def _check_table(path: Path) -> None:
    """Refuse a zip that was cut short, or whose table of contents is too large to read, from the record at its end."""
    with open(path, "rb") as file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - 65_557))
        end = file.read()
    at = end.rfind(b"PK\x05\x06")
    if at < 0 or len(end) < at + 22:
        raise zipfile.BadZipFile("its table of contents is missing, so it was cut short")
    (length,) = struct.unpack_from("<L", end, at + 12)
    before = end.rfind(b"PK\x06\x06", 0, at)
    if length == 0xFFFFFFFF and before >= 0 and len(end) >= before + 48:
        (length,) = struct.unpack_from("<Q", end, before + 40)
    if length > MAX_TABLE_BYTES:
        raise zipfile.BadZipFile("its table of contents is too large")
