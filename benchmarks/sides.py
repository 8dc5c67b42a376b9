"""What is measured: a pair of two sides, each a command; and how a side's figure is read off one finished turn."""

import dataclasses
import json
import os
import statistics
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

ROOT = Path(__file__).resolve().parent.parent
PEERS = ROOT / "build" / "peers"
"""Where `make bench` installs the peers that are not wanted in the environment."""


@dataclasses.dataclass(frozen=True)
class Place:
    """Where a turn works: its own ``folder``, one ``kept`` over all turns of its side, the ``data``, its threads."""

    folder: Path
    kept: Path
    data: "Data"
    threads: int

    @property
    def idl(self) -> list[str]:
        """How idl is called."""
        return [sys.executable, "-m", "idlcli"]

    def peer(self, script: str) -> list[str]:
        """How a peer's script is called."""
        return [sys.executable, str(ROOT / "benchmarks" / script)]

    def environment(self) -> dict[str, str]:
        """The same for both sides: nothing set of idl, one number of threads, one set of instructions, own caches."""
        path = os.pathsep.join(filter(None, (str(PEERS), os.environ.get("PYTHONPATH"))))
        threads = {name: str(self.threads) for name in ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS")}
        quiet = {"TF_CPP_MIN_LOG_LEVEL": "3", "TF_ENABLE_ONEDNN_OPTS": "1"}
        outer = {name: value for name, value in os.environ.items() if not name.startswith("IDL_")}
        return {**outer, **threads, **quiet, "PYTHONPATH": path, "XDG_CACHE_HOME": str(self.kept)}


@dataclasses.dataclass(frozen=True)
class Data:
    """What both sides work on: a built set of faces, its pictures as a zip, built queries; and what the faces are."""

    faces: Path
    zip: Path
    arithmetic: Path
    what: str


@dataclasses.dataclass(frozen=True)
class Turn:
    """A command that has ended well, and how long the whole process took."""

    place: Place
    seconds: float
    output: str


Figure = tuple[float, dict[str, Any]]
"""A side's value, and what else is to be said of it."""


@dataclasses.dataclass(frozen=True)
class Side:
    """One side of a pair. ``once`` is run before its first turn, not timed; ``resumes``: its folder outlives a kill."""

    what: str
    argv: Callable[[Place], list[str]]
    value: Callable[[Turn], Figure]
    once: Callable[[Place], list[str]] | None = None
    resumes: bool = False


@dataclasses.dataclass(frozen=True)
class Pair:
    """Two ways to do one thing. ``target`` is what ours / peer must reach; ``goal`` says why two turns do not compare.

    ``how`` are the conditions that both sides share, in words.
    """

    name: str
    what: str
    unit: str
    better: Literal["lower", "higher"]
    target: float
    ours: Side
    peer: Side
    how: str
    goal: Callable[[list[dict[str, Any]], list[dict[str, Any]]], str] = lambda ours, peer: ""


def wall(turn: Turn) -> Figure:
    """The seconds of the whole process."""
    return turn.seconds, {}


def rate(examples: int) -> Callable[[Turn], Figure]:
    """Examples a second in the steps of an epoch of so many: the median of the epochs between the first and the last.

    The first epoch compiles and warms up, the last one of an idl training ends with an evaluation.
    """

    def read(turn: Turn) -> Figure:
        seconds = [row["seconds"] for row in log(turn.place.folder)]
        return examples / statistics.median(seconds[1:-1]), {"first_epoch_seconds": round(seconds[0], 2)}

    return read


def log(folder: Path) -> list[dict[str, Any]]:
    """The lines of the one training log that a turn has left."""
    (path,) = folder.rglob("log.jsonl")
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def result(turn: Turn) -> Any:
    """What `idl ... --json` returned."""
    return json.loads(turn.output.splitlines()[-1])["data"]


def frechet(place: Place, samples: Path | str, *, runs: Path | None = None) -> float:
    """The Frechet distance of samples from the held-out faces; not a part of what is timed."""
    count = len(json.loads((place.data.faces / "manifest.json").read_text())["test"]["indices"])
    argv = [*place.idl, "eval", "fid", str(samples), str(place.data.faces), "--count", str(count), "--json"]
    argv += ["--runs", str(runs)] if runs else []
    said = subprocess.run(argv, env=place.environment(), capture_output=True, text=True, check=True).stdout
    return float(json.loads(said)["data"]["value"])
