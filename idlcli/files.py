"""Files that are never half-written, and safe reading of files that strangers wrote."""

import contextlib
import hashlib
import json
import math
import os
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from idlcli.errors import DataError, RunFailed, UsageError, said

MAX_TEXT_BYTES = 64 * 2**20
"""The largest JSON file that is read."""
MAX_TENSOR_BYTES = 2**31
"""The largest file of arrays that is read at once."""
MAX_TOML_BYTES = 2**16
"""The largest settings file: a few bytes more and a hostile one can keep Python's parser busy for minutes."""


@contextlib.contextmanager
def atomic_writer(path: Path) -> Iterator[IO[bytes]]:
    """Open a temporary file beside ``path`` that replaces it, whole and on disk, when the block ends well.

    When the block fails nothing is left behind and an earlier file at ``path`` is untouched.
    A write that the disk refuses raises :class:`RunFailed` with the reason.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with open(temporary, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        _remove_quietly(temporary)
        raise write_failure(path, error) from error
    except BaseException:
        _remove_quietly(temporary)
        raise
    _sync_directory(path.parent)


def write_bytes(path: Path, content: bytes) -> None:
    """Write a small file atomically."""
    with atomic_writer(path) as file:
        file.write(content)


def write_text(path: Path, content: str) -> None:
    """Write a small UTF-8 file atomically; of a file name that is not UTF-8 what is not is an escape, as in JSON."""
    write_bytes(path, content.encode(errors="backslashreplace"))


def write_json(path: Path, content: Any) -> None:
    """Write JSON atomically, indented, keys in the order given; NaN is refused."""
    write_text(path, json.dumps(content, indent=2, allow_nan=False, ensure_ascii=False) + "\n")


def append_line(path: Path, line: str) -> None:
    """Append one line and see it onto the disk; a torn line from a crash is cut off by :func:`read_json_lines`."""
    try:
        with open(path, "ab") as file:
            file.write(line.encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise write_failure(path, error) from error


def write_failure(path: Path, error: OSError) -> RunFailed:
    """Return the error for a write that the system refused."""
    hint = "Free some space and try again." if error.errno == 28 else "Check the directory and its permissions."
    return RunFailed(f"Cannot write {path}: {error.strerror or error}.", hint=hint)


def make_directory(path: Path) -> None:
    """Create a directory and its parents, or raise :class:`RunFailed` that says why not."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise write_failure(path, error) from error


@contextlib.contextmanager
def only_one(path: Path, *, seconds: float = -1, what: str = "") -> Iterator[None]:
    """Hold a lock file while the block runs, or raise :class:`RunFailed` if another process holds it for so long.

    Negative ``seconds`` wait for ever. ``what`` is in use meanwhile: the file's directory, unless it is said.
    The lock is the operating system's: it ends with the process that held it, however that ended.
    """
    import filelock

    make_directory(path.parent)
    lock = filelock.FileLock(path, timeout=seconds)
    try:
        lock.acquire()
    except filelock.Timeout:
        busy = f"{what or path.parent} is in use by another process."
        raise RunFailed(busy, hint="Wait for it to end, or stop it.") from None
    except OSError as error:
        raise write_failure(path, error) from error
    try:
        yield
    finally:
        lock.release()


def sweep_temporaries(directory: Path) -> None:
    """Remove the temporary files that a killed process left below ``directory``. Call it only under the run's lock."""
    for stray in directory.rglob(".*.tmp"):
        _remove_quietly(stray)


def read_bytes(path: Path, *, limit: int) -> bytes:
    """Return a file's bytes; a missing, unreadable or over-large file is a :class:`DataError`."""
    try:
        if not path.is_file():
            raise DataError(f"No such file: {path}.")
        size = path.stat().st_size
        if size > limit:
            raise DataError(f"{path} is too large to read: {size:,} bytes, the limit is {limit:,}.")
        return path.read_bytes()
    except (OSError, ValueError) as error:
        raise DataError(f"Cannot read {path}: {getattr(error, 'strerror', None) or error}.") from error


def read_json(path: Path) -> Any:
    """Return the JSON value in a file, or raise :class:`DataError` that names the file."""
    content = read_bytes(path, limit=MAX_TEXT_BYTES)
    try:
        return _parsed(content)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path} is not valid JSON: {said(error)}.") from error


def read_json_object(path: Path) -> dict[str, Any]:
    """Return the JSON object in a file; any other JSON value is a :class:`DataError`."""
    value = read_json(path)
    if not isinstance(value, dict):
        raise DataError(f"{path} must hold a JSON object.")
    return value


def read_json_lines(path: Path) -> list[dict[str, Any]]:
    """Return the objects of a JSON-lines file; an unfinished last line is dropped."""
    rows: list[dict[str, Any]] = []
    for line in read_bytes(path, limit=MAX_TEXT_BYTES).split(b"\n")[:-1]:
        try:
            row = _parsed(line)
        except (ValueError, RecursionError) as error:
            raise DataError(f"{path}: line {len(rows) + 1} is not valid JSON: {said(error)}.") from error
        if not isinstance(row, dict):
            raise DataError(f"{path}: line {len(rows) + 1} is not a JSON object.")
        rows.append(row)
    return rows


def read_toml(path: Path) -> dict[str, Any]:
    """Return the table in a settings file, or raise :class:`UsageError` that names the file and the line."""
    try:
        return tomllib.loads(read_bytes(path, limit=MAX_TOML_BYTES).decode())
    except DataError as error:
        raise UsageError(error.message) from error
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path} is not valid TOML: {said(error)}.") from error


def write_tensors(path: Path, tensors: dict[str, Any]) -> None:
    """Write arrays by name to a safetensors file, atomically; the same arrays give the same bytes."""
    import numpy as np
    from safetensors.numpy import save

    write_bytes(path, save({name: np.ascontiguousarray(value) for name, value in tensors.items()}))


def read_tensors(path: Path) -> dict[str, Any]:
    """Return the arrays of a safetensors file, or raise :class:`DataError`; there is no code in such a file."""
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        return load(read_bytes(path, limit=MAX_TENSOR_BYTES))
    except (SafetensorError, KeyError, ValueError, TypeError) as error:
        raise DataError(f"{path} is not a whole file of arrays: {said(error)}.") from error


def sha256_of_file(path: Path) -> str:
    """Return the hexadecimal SHA-256 of a file's bytes."""
    try:
        if not path.is_file():  # a pipe would be waited for
            raise DataError(f"No such file: {path}.")
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise DataError(f"Cannot read {path}: {error.strerror or error}.") from error


def _parsed(content: bytes) -> Any:
    """Return a JSON value of finite numbers; Python's own parser takes `NaN`, and 1e999 as infinity."""
    return json.loads(content, parse_constant=_finite, parse_float=_finite)


def _finite(text: str) -> float:
    if not math.isfinite(value := float(text)):
        raise ValueError(f"{text:.40} is no finite number")
    return value


def _remove_quietly(path: Path) -> None:
    with contextlib.suppress(OSError):
        path.unlink()


def _sync_directory(path: Path) -> None:
    with contextlib.suppress(OSError):  # not every file system lets a directory be synced
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
