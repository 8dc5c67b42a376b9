"""Which trainings some entries need, as jobs, and what to type for each by hand."""

import dataclasses
import shlex
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Literal

from idlcli.settings import COMMANDS
from idlcli.settings.fields import fields_of
from idlcli.settings.resolve import resolve
from idlcli.workflows.cells import Job, spelt
from idlcli.workflows.reproduce.book import SIDES, Book, Entry, SideName, needed
from idlcli.workflows.sweep_file import Cell

Scale = Literal["quick", "full"]


@dataclasses.dataclass(frozen=True)
class Order:
    """What is asked for: at which scale, with which seeds, where the data sets lie and the runs are made."""

    scale: Scale
    seeds: tuple[int, ...]
    places: dict[str, Path]
    root: Path
    backend: str = "tensorflow"


@dataclasses.dataclass(frozen=True)
class Planned:
    """One training to be made: one side of it with one seed."""

    training: str
    side: SideName
    seed: int
    settings: Any
    command: str
    data: str
    seconds: float

    def job(self, order: Order, mark: str) -> Job:
        """Return it as a job."""
        cell = Cell(self.command, {"training": f"{self.training}-{self.side}"}, self.settings)
        return _NamedJob(cell, order.root, mark, run_name(self.training, self.side, self.seed))


@dataclasses.dataclass(frozen=True)
class _NamedJob(Job):
    """A job whose run is called after its training."""

    called: str = ""

    @property
    def name(self) -> str:
        """The name of its run and of its log."""
        return self.called


def plan(book: Book, entries: Iterable[Entry], order: Order) -> list[Planned]:
    """Return each training that the entries need, once, in the order of the book; a judge before what it reads."""
    entries = list(entries)
    wanted: dict[tuple[str, SideName], None] = {}
    for side in SIDES:
        for name in (name for entry in entries for name in needed(entry, side)):
            judge = book.trainings[name].sides[side].judge if side in book.trainings[name].sides else ""
            for one in filter(None, (judge if order.scale == "quick" else "", name)):
                if side in book.trainings[one].sides:
                    wanted[one, side] = None
    ranks = {name: index for index, name in enumerate(book.trainings)}
    ordered = sorted(wanted, key=lambda one: (ranks[one[0]], SIDES.index(one[1])))
    return [planned(book, name, side, seed, order) for name, side in ordered for seed in order.seeds]


def planned(book: Book, name: str, side: SideName, seed: int, order: Order) -> Planned:
    """Return a training as it is made at a scale."""
    told = book.trainings[name].sides[side]
    settings = settings_of(book, name, side, seed, order, order.scale)
    is_quick = order.scale == "quick"
    seconds = told.quick_seconds if is_quick else told.epoch_seconds * settings.epochs
    return Planned(name, side, seed, settings, told.command, told.data, seconds)


def _flags(book: Book, name: str, side: SideName, seed: int, order: Order, scale: Scale) -> dict[str, Any]:
    told = book.trainings[name].sides[side]
    flags = {**told.settings, **(told.quick if scale == "quick" else {})}
    if told.judge and scale == "quick":  # else the recipe's own is trained, which takes long
        flags["judge"] = run_name(told.judge, side, seed)
    flags |= {"data": str(order.places[told.data]), "seed": seed}
    return flags | ({"backend": order.backend} if order.backend != "tensorflow" else {})


def settings_of(book: Book, name: str, side: SideName, seed: int, order: Order, scale: Scale) -> Any:
    """Return the settings of a training: its recipe's with its own changes, and those of the scale."""
    told = book.trainings[name].sides[side]
    flags = _flags(book, name, side, seed, order, scale)
    return resolve(COMMANDS[told.command], command=told.command, flags=flags, environ={}, recipe=told.recipe).settings


def by_hand(book: Book, one: Planned, order: Order) -> str:
    """Return the `idl ...` line that makes the same run: its recipe and what is changed of it."""
    told = book.trainings[one.training].sides[one.side]
    flags = _flags(book, one.training, one.side, one.seed, order, order.scale)
    kind = COMMANDS[told.command]
    names = [name for name in fields_of(kind) if name in flags]
    said = spelt(kind, {name: getattr(one.settings, name) for name in names})
    words = [f"--recipe={told.recipe}", *said, f"--name={run_name(one.training, one.side, one.seed)}"]
    return f"idl {told.command} " + " ".join(shlex.quote(word) for word in words)


def run_name(training: str, side: SideName, seed: int) -> str:
    """Return what the run of a training is called."""
    return f"{training}-{side}-s{seed}"


def families(plans: Sequence[Planned], scale: Scale) -> list[list[Planned]]:
    """Return the trainings in groups that share a process: in a quick reproduction those of a kind, else each alone."""
    if scale == "full":
        return [[one] for one in plans]
    groups: dict[str, list[Planned]] = {}
    for one in plans:
        kind = "text-image" if one.command.startswith("judge") else getattr(one.settings, "mode", one.command)
        groups.setdefault(kind, []).append(one)
    return list(groups.values())
