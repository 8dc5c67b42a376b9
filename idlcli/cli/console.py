"""What a command says: results on stdout, as text or as one JSON envelope; everything else on stderr."""

import contextlib
import dataclasses
import errno
import json
import os
import re
import sys
from collections.abc import Callable, Sequence
from typing import Any

ENVELOPE_VERSION = 1
CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
"""What a file name could hold to play tricks on a terminal: shown as a question mark."""


@dataclasses.dataclass(frozen=True)
class Result:
    """What a command found: ``data`` for ``--json``, ``text`` for a person."""

    data: Any
    text: str


class Console:
    """The output of one command, as its four options ask for it."""

    def __init__(self, command: str, *, json: bool = False, quiet: bool = False, verbose: bool = False) -> None:
        self.command = command
        self.json = json
        self.quiet = quiet
        self.verbose = verbose

    def result(self, result: Result) -> None:
        """Print the result: the only thing that goes to stdout."""
        if self.json:
            self._envelope("ok", result.data, [])
        elif result.text:
            encoding = sys.stdout.encoding or "utf-8"
            text = CONTROLS.sub("?", result.text.rstrip("\n"))
            _print(text.encode(encoding, "backslashreplace").decode(encoding))

    def failure(self, error: dict[str, str], data: Any = None) -> None:
        """Print a failure: one line on stderr, and with ``--json`` the envelope on stdout."""
        line = f"error: {error['message']}" + (f" {error['hint']}" if error["hint"] else "")
        sys.stderr.write(line + "\n")
        sys.stderr.flush()
        if self.json:
            self._envelope("error", data, [error])

    def note(self, text: str) -> None:
        """Say something in passing, unless ``--quiet``."""
        if not self.quiet:
            sys.stderr.write(text + "\n")
            sys.stderr.flush()

    def detail(self, text: str) -> None:
        """Say something only with ``--verbose``."""
        if self.verbose and text:
            self.note(text)

    def warn(self, *texts: str) -> None:
        """Say what a person should not miss, a line each; ``--quiet`` does not silence it."""
        for text in texts:
            sys.stderr.write(f"warning: {text}\n")
        sys.stderr.flush()

    def counter(self, what: str) -> Callable[[int, int], None]:
        """Return a callback ``(done, total)`` that shows progress on a terminal and is silent elsewhere."""
        if self.quiet or not is_live():
            return lambda done, total: None

        def show(done: int, total: int) -> None:
            sys.stderr.write(f"\r{what} {done:,} of {total:,}" + ("\n" if done >= total else ""))
            sys.stderr.flush()

        return show

    def _envelope(self, status: str, data: Any, errors: list[dict[str, str]]) -> None:
        envelope = {"idl": ENVELOPE_VERSION, "command": self.command, "status": status, "data": data, "errors": errors}
        line = json.dumps(envelope, allow_nan=False, ensure_ascii=False)
        try:
            line.encode(sys.stdout.encoding or "utf-8")
        except UnicodeEncodeError:  # a file name that is not UTF-8, or a stdout that is not
            line = json.dumps(envelope, allow_nan=False)
        _print(line)


def _print(text: str) -> None:
    """Write text and a line end to stdout, and see it out."""
    try:
        sys.stdout.write(text + "\n")
        sys.stdout.flush()
    except OSError as error:
        if error.errno != errno.EPIPE:  # the disk is full: what is left unwritten must not fail again at exit
            with contextlib.suppress(OSError, ValueError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise


def is_live() -> bool:
    """Whether stderr is a terminal on which a line can be drawn over."""
    return sys.stderr.isatty() and os.environ.get("TERM", "") not in ("", "dumb")


def table(rows: Sequence[Sequence[Any]], *, header: Sequence[str]) -> str:
    """Return rows as aligned plain text; numbers to the right, everything else to the left."""
    cells = [[_cell(value) for value in row] for row in rows]
    widths = [max(len(line[i]) for line in [list(header), *cells]) for i in range(len(header))]
    numeric = [
        all(isinstance(row[i], int | float) or row[i] is None for row in rows) and bool(rows)
        for i in range(len(header))
    ]
    lines = []
    for line in [list(header), *cells]:
        padded = [
            text.rjust(w) if right else text.ljust(w) for text, w, right in zip(line, widths, numeric, strict=True)
        ]
        lines.append("  ".join(padded).rstrip())
    return "\n".join(lines)


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def percent(value: float) -> str:
    """Return a share as a person reads it, e.g. ``98.06%``."""
    return f"{100 * value:.2f}%"
