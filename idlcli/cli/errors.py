"""Exception -> message, code and exit status. Nothing else in the package prints or exits."""

import errno
import signal
from typing import Any

import typer

from idlcli.errors import IdlError, Interrupted

LONGEST = 285
"""Characters of a message and its hint together, so that both fit on a line or two of a terminal."""

BAD_PATH = (errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG, errno.ELOOP)
"""A path that cannot name what was asked for: bad data, not a failed run."""


def describe(error: BaseException) -> tuple[int, dict[str, str], Any]:
    """Return (exit status, the envelope's error, the envelope's data) for any exception."""
    if isinstance(error, IdlError):
        return error.exit_code, _entry(error.code, error.message, error.hint), error.data
    if isinstance(error, Interrupted):
        return error.exit_code, _entry(error.code, error.message, error.hint), None
    if isinstance(error, typer.TyperException):
        return _usage(error)
    if isinstance(error, KeyboardInterrupt | typer.Abort):
        return 128 + signal.SIGINT, _entry("interrupted", "Interrupted.", ""), None
    if isinstance(error, MemoryError):
        return 1, _entry("failed", "Out of memory.", "Reduce --batch-size or the size of the data."), None
    if isinstance(error, ImportError):
        return 1, _entry("failed", _one_line(f"A library is missing or broken: {error}"), "Try `idl doctor`."), None
    if isinstance(error, OSError):
        code, kind = (3, "data") if error.errno in BAD_PATH else (1, "failed")
        where = f"{error.filename}: " if error.filename else ""
        return code, _entry(kind, _one_line(f"{where}{error.strerror or error}."), ""), None
    message = _one_line(f"Internal error: {type(error).__name__}: {error}")
    return 1, _entry("internal", message, "This is a bug; run again with --debug to see where."), None


def _usage(error: typer.TyperException) -> tuple[int, dict[str, str], Any]:
    context = getattr(error, "ctx", None)
    hint = f"Try `{context.command_path} --help`." if context is not None else ""
    return error.exit_code, _entry("usage", _one_line(error.format_message()), hint), None


def _entry(code: str, message: str, hint: str) -> dict[str, str]:
    message = _one_line(message, LONGEST - min(len(hint), LONGEST // 3))
    return {"code": code, "message": message, "hint": _one_line(hint, LONGEST - len(message))}


def _one_line(text: str, limit: int = LONGEST) -> str:
    """Return printable text of at most ``limit`` characters; where it is longer, its middle is left out."""
    line = "".join(c if c.isprintable() else "?" for c in " ".join(text.split()))
    return line if len(line) <= limit else f"{line[: limit // 2 - 2]}...{line[-(limit // 2 - 2) :]}"
