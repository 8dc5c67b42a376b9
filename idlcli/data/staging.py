"""A directory that is put in place when it is whole, and not before."""

import contextlib
import os
import shutil
from collections.abc import Collection, Iterator
from pathlib import Path

from idlcli.errors import DataError, UsageError
from idlcli.files import make_directory, only_one, read_json_object, write_failure


@contextlib.contextmanager
def staged_directory(*, out: Path, kind: str, own: Collection[str], overwrite: bool) -> Iterator[Path]:
    """Give a new directory beside ``out`` to write into; when the block ends well it becomes ``out``.

    What stands at ``out`` stays until then, and stays for good if the block fails. It is only ever replaced with
    ``overwrite``, and only if it is empty or holds a ``manifest.json`` of this ``kind`` and no files but ``own``.
    Raises :class:`UsageError` if it may not be replaced, :class:`RunFailed` if the disk refuses or another process
    is building there.
    """
    out = Path(os.path.abspath(out))
    out = out.resolve() if out.is_symlink() else out
    make_directory(out.parent)
    stage, old = out.with_name(f".{out.name}.building"), out.with_name(f".{out.name}.old")
    with only_one(out.with_name(f".{out.name}.lock"), seconds=0, what=str(out)):
        _clear_up(out, stage, old)
        check_replaceable(out=out, kind=kind, own=own, overwrite=overwrite)
        try:
            stage.mkdir()
            try:
                yield stage
                check_replaceable(out=out, kind=kind, own=own, overwrite=overwrite)  # it may have changed since
                _swap(out, stage, old)
            finally:
                shutil.rmtree(stage, ignore_errors=True)
        except OSError as error:
            raise write_failure(out, error) from error


def check_replaceable(*, out: Path, kind: str, own: Collection[str], overwrite: bool) -> None:
    """Raise :class:`UsageError` unless ``out`` is free, or empty, or may be replaced (see :func:`staged_directory`)."""
    try:
        if "\0" in str(out):
            raise ValueError("a NUL character in its name")
        if not out.is_dir():
            if os.path.lexists(out):
                raise UsageError(f"{out} is not a directory.", hint="Give another --out.")
            return
        found = sorted(os.listdir(out))
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UsageError(f"{str(out)[:200]!r} cannot be an output directory: {reason}.") from error
    if not found:
        return
    if not overwrite:
        raise UsageError(f"{out} exists already.", hint="Give --overwrite to replace it, or another --out.")
    strangers = [name for name in found if name not in own]
    try:
        ours = not strangers and read_json_object(out / "manifest.json").get("kind") == kind
    except DataError:
        ours = False
    if not ours:
        what = f"it holds {strangers[0][:80]!r}" if strangers else f"it has no manifest of {kind}"
        raise UsageError(f"{out} is not replaced: {what}.", hint="Move it away yourself, or give another --out.")


def _clear_up(out: Path, stage: Path, old: Path) -> None:
    """Put right what a killed process left. Only called under the lock."""
    try:
        if old.is_dir() and not out.exists():
            os.replace(old, out)
        for stray in (stage, old):
            if stray.is_dir() and not stray.is_symlink():
                shutil.rmtree(stray)
    except OSError as error:
        raise write_failure(out, error) from error


def _swap(out: Path, stage: Path, old: Path) -> None:
    if not out.exists():
        os.rename(stage, out)
        return
    os.rename(out, old)
    try:
        os.rename(stage, out)
    except BaseException:
        os.rename(old, out)
        raise
    shutil.rmtree(old, ignore_errors=True)
