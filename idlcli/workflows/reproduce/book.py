"""The report as data: its trainings, its numbers, its claims and its figures, each an entry with a name.

The data lie in ``idlcli/reproduction``: ``trainings.toml``, ``rules.toml`` and a file a section of the report;
:mod:`idlcli.workflows.reproduce.reading` reads and checks them.
"""

import dataclasses
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

from idlcli.errors import UsageError
from idlcli.settings.resolve import did_you_mean

SideName = Literal["paper", "best"]
Value = float | str
SIDES: tuple[SideName, ...] = ("paper", "best")
UNITS: dict[str, Callable[[float], float]] = {
    "": lambda value: value, "%": lambda value: 100 * value, "% wrong": lambda value: 100 * (1 - value),
}  # fmt: skip
"""Unit of a number -> what is done to a metric to have it in that unit."""
RELATIONS = ("higher", "lower", "not higher", "not lower")
DRAWINGS = ("curves", "map", "grid", "model", "epochs", "answers")
FACTS = ("data", "settings", "layers")
"""Sources of metrics that do not depend on how long a model was trained."""


@dataclasses.dataclass(frozen=True)
class Rule:
    """When a number of ours counts as better than the report's, as the same, or as another; ``because`` says why.

    A difference does not matter up to ``tolerance``, a share ``relative`` of the report's number, or ``root`` times its
    root, whichever is largest. Two runs may differ by ``chance``, where nothing else is known of them.
    """

    name: str
    because: str
    better: Literal["higher", "lower", ""] = ""
    tolerance: float = 0.0
    relative: float = 0.0
    root: float = 0.0
    chance: float = 0.0


@dataclasses.dataclass(frozen=True)
class Side:
    """One side of a training: a recipe with changes, on which data, and what a quick run changes further."""

    recipe: str
    command: str
    data: str
    settings: dict[str, Any]
    quick: dict[str, Any]
    judge: str
    epoch_seconds: float
    quick_seconds: float


@dataclasses.dataclass(frozen=True)
class Training:
    """A training that is named once and referred to by many entries."""

    id: str
    what: str
    sides: dict[SideName, Side]


@dataclasses.dataclass(frozen=True)
class Quantity:
    """A number: a metric of a training's runs, or of a data set where there is no ``training``; or a sum of metrics.

    With ``against`` it is the improvement over another training in per cent, ``sign`` -1 where less is better.
    """

    metric: str
    unit: str = ""
    training: str = ""
    data: str = ""
    against: str = ""
    sign: int = 1

    @property
    def source(self) -> str:
        """What it is read from: ``log``, ``data``, ``settings``, an instrument, or a part of ``metrics.json``."""
        return self.metric.split(".")[0]

    @property
    def terms(self) -> list[tuple[int, str]]:
        """The metrics that make it up, ``a + b - c``, each with its sign."""
        first, *rest = re.split(r" ([+-]) ", self.metric)
        return [(1, first), *((1 if sign == "+" else -1, key) for sign, key in zip(rest[::2], rest[1::2], strict=True))]


@dataclasses.dataclass(frozen=True)
class Cell:
    """A number or a fact of the report, and how to get ours."""

    id: str
    what: str
    report: Value | None
    quantity: Quantity
    rule: Rule
    sides: tuple[SideName, ...]
    headline: bool
    notes: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Claim:
    """An observation of the report: one quantity stands in a ``relation`` to each of others."""

    id: str
    what: str
    quantity: Quantity
    relation: str
    than: tuple[Quantity, ...]
    rule: Rule
    notes: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Figure:
    """A figure of the report and what draws ours, of the runs of ``trainings``."""

    id: str
    what: str
    draw: str
    trainings: tuple[str, ...]
    sides: tuple[SideName, ...]
    notes: tuple[str, ...]


Entry = Cell | Claim | Figure


@dataclasses.dataclass(frozen=True)
class Table:
    """The report's layout of some cells: ``places`` says which stands where, by (row, column)."""

    id: str
    caption: str
    about: str
    columns: tuple[str, ...]
    rows: tuple[str, ...]
    places: dict[tuple[int, int], str]


@dataclasses.dataclass(frozen=True)
class Contradiction:
    """Where the report contradicts itself, and the entries that it touches."""

    text: str
    cells: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Section:
    """A section of the report."""

    id: str
    title: str
    about: str
    tables: tuple[Table, ...]
    entries: tuple[Entry, ...]
    contradictions: tuple[Contradiction, ...]


@dataclasses.dataclass(frozen=True)
class Book:
    """All of the report."""

    trainings: dict[str, Training]
    sections: tuple[Section, ...]

    @property
    def entries(self) -> dict[str, Entry]:
        """Every entry by its id, in the report's order."""
        return {entry.id: entry for section in self.sections for entry in section.entries}

    def contradictions(self, id: str) -> list[str]:
        """Return what the report contradicts itself in, of an entry."""
        return [one.text for section in self.sections for one in section.contradictions if id in one.cells]

    def select(self, words: Sequence[str]) -> dict[str, Entry]:
        """Return the entries that ``words`` mean: ids, beginnings of ids (``table2``), or sections; none: all.

        Raises :class:`UsageError` for a word that means none of them.
        """
        entries = self.entries
        groups = _groups(self)
        chosen: set[str] = set()
        for word in words:
            if word not in groups:
                raise UsageError(f"--only: there is no {word!r:.60}.", hint=did_you_mean(word, groups))
            chosen |= groups[word]
        return {id: entry for id, entry in entries.items() if not words or id in chosen}


def _groups(book: Book) -> Mapping[str, set[str]]:
    """Return the ids that each word means: a whole id, its beginning up to a dash, a section's name."""
    groups: dict[str, set[str]] = {}
    for section in book.sections:
        for entry in section.entries:
            parts = entry.id.split("-")
            words = {"-".join(parts[: i + 1]) for i in range(len(parts))}
            for word in words | {section.id}:
                groups.setdefault(word, set()).add(entry.id)
    return groups


def needed(entry: Entry, side: SideName) -> tuple[str, ...]:
    """Return the trainings whose runs of a side an entry needs; one that is a fact of the settings needs none."""
    if isinstance(entry, Figure):
        return entry.trainings if side in entry.sides else ()
    if side not in (entry.sides if isinstance(entry, Cell) else ("paper",)):
        return ()
    quantities = (entry.quantity, *(entry.than if isinstance(entry, Claim) else ()))
    trained = [one for one in quantities if one.training and one.source != "settings"]
    return tuple(name for one in trained for name in (one.training, one.against) if name)
