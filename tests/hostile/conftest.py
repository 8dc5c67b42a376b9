"""A watch over what is done with a hostile input: what is run, fetched and written, and how much it takes."""

import os
import re
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

MOST_SECONDS = 30.0
"""Of processor time; nearly all cases take a hundredth of it."""
MOST_MIB = 600
RUNS = re.compile(r"os\.(system|exec|spawn|posix_spawn|fork)|subprocess\.Popen|pickle\.find_class|socket\.connect")
WRITES = {"open": 0, "os.mkdir": 0, "os.remove": 0, "os.rmdir": 0, "os.rename": 1, "os.symlink": 1, "os.link": 1}
"""Audit events that write, and which of their arguments is the place."""
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT
_heard: list[tuple[str, tuple]] | None = None


def _listen(event: str, arguments: tuple) -> None:
    if _heard is not None and (event in WRITES or RUNS.match(event)):
        _heard.append((event, arguments))


sys.addaudithook(_listen)


def _place(event: str, arguments: tuple) -> str | None:
    """Where an event writes, or None."""
    path = arguments[WRITES[event]]
    if event == "open" and not (isinstance(arguments[2], int) and arguments[2] & WRITING):
        return None
    if not isinstance(path, str | bytes | os.PathLike) or os.fsdecode(path) == os.devnull:
        return None
    if event in ("os.remove", "os.rmdir") and arguments[1] != -1:  # below an open directory, heard of itself
        return None
    folder, file = os.path.split(os.path.abspath(os.fsdecode(path)))
    name = os.path.join(os.path.realpath(folder), file)
    temporary = name.startswith(os.path.join(tempfile.gettempdir(), "tmp")) or name == tempfile.gettempdir()
    return None if temporary or re.search(r"\.pyc(\.\d+)?$|/__pycache__$", name) else name


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[set[str]]:
    """Nothing is run or fetched, and written only to what begins with these names in ``tmp_path``; all has bounds."""
    global _heard
    allowed: set[str] = set()
    _heard, began = [], time.process_time()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    yield allowed
    heard, _heard = _heard, None
    assert time.process_time() - began < MOST_SECONDS
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024 < MOST_MIB
    assert not [event for event, _ in heard if event not in WRITES]
    written = {place for event, arguments in heard if event in WRITES and (place := _place(event, arguments))}
    places = tuple(os.path.join(tmp_path, name) for name in allowed)
    assert not [name for name in written - {str(tmp_path)} if not name.startswith(places)]


@pytest.fixture
def out(tmp_path: Path) -> Iterator[Path]:
    """Where a set is built; nothing half-built is left beside it."""
    yield tmp_path / "out"
    assert not (tmp_path / ".out.building").exists()
