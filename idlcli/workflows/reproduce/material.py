"""What results are made from: finished runs and data sets, and the values, commands and seconds to be had of them.

What is read of a run is kept, so that a reproduction of other seeds can take it without the run.
"""

import dataclasses
import itertools
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from idlcli import dotted
from idlcli.runs import Run
from idlcli.workflows.reproduce import instruments
from idlcli.workflows.reproduce.book import UNITS, Book, Quantity, SideName, Value
from idlcli.workflows.reproduce.data_sets import DataSet, facts
from idlcli.workflows.reproduce.elsewhere import Elsewhere, Key
from idlcli.workflows.reproduce.instruments import Bench
from idlcli.workflows.reproduce.plan import Order, by_hand, planned, settings_of


@dataclasses.dataclass(frozen=True)
class Material:
    """What results are made from: the book, the order, the finished runs and those elsewhere, the data sets.

    ``readings`` is filled with each value that is read of a run, by metric.
    """

    book: Book
    order: Order
    runs: Mapping[Key, Run]
    elsewhere: Elsewhere
    data: Mapping[str, DataSet]
    bench: Bench
    out: Path
    say: Callable[[str], None]
    readings: dict[Key, dict[str, Value]] = dataclasses.field(default_factory=dict)

    @property
    def first(self) -> int:
        """The seed that commands are said of."""
        return self.seeds[0]

    @property
    def seeds(self) -> list[int]:
        """The seeds: those that are asked for, whose runs are here, then those elsewhere."""
        return [*self.order.seeds, *self.elsewhere.seeds]

    def values(self, quantity: Quantity, side: SideName) -> dict[int, Value]:
        """Return a quantity by seed, for the seeds whose runs are there and say it."""
        if not quantity.training:
            found = facts(self.data[quantity.data]).get(quantity.metric.partition(".")[2])
            return {} if found is None else {0: found}
        told = {seed: self.value(quantity, side, seed) for seed in self.seeds}
        return {seed: value for seed, value in told.items() if value is not None}

    def value(self, quantity: Quantity, side: SideName, seed: int) -> Value | None:
        """Return a quantity of one seed's run in its unit, or None where the run is not there or does not say it."""
        one = self._metric(quantity.training, quantity.terms, side, seed)
        if quantity.against:
            other = self._metric(quantity.against, quantity.terms, side, seed)
            if not isinstance(one, int | float) or not isinstance(other, int | float) or not other:
                return None
            return quantity.sign * 100 * (one - other) / other
        return UNITS[quantity.unit](float(one)) if isinstance(one, int | float) else one

    def _metric(self, training: str, terms: list[tuple[int, str]], side: SideName, seed: int) -> Value | None:
        parts = [(sign, self._one(training, key, side, seed)) for sign, key in terms]
        if len(parts) == 1:
            return parts[0][1]
        measured = [sign * part for sign, part in parts if isinstance(part, int | float)]
        return sum(measured) if len(measured) == len(parts) else None

    def _one(self, training: str, key: str, side: SideName, seed: int) -> Value | None:
        source, _, rest = key.partition(".")
        if source == "settings":
            told = getattr(settings_of(self.book, training, side, seed, self.order, "full"), rest)
            return told if isinstance(told, int | float | str) else None
        if (training, side, seed) in self.elsewhere.trainings:
            return self.elsewhere.readings((training, side, seed)).get(key)
        run = self.runs.get((training, side, seed))
        value = None if run is None else self._read(run, key)
        if value is not None:
            self.readings.setdefault((training, side, seed), {})[key] = value
        return value

    def _read(self, run: Run, key: str) -> Value | None:
        source, _, rest = key.partition(".")
        if source == "log":
            which, _, name = rest.partition(".")
            rows = [row for row in run.log() if name in row]
            if which == "rises":
                return float(sum(after[name] > before[name] for before, after in itertools.pairwise(rows)))
            if which == "best":  # the epoch whose weights were kept; where there is none, the last
                which = str((run.metrics() or {}).get("best_epoch") or which)
            if which.isdecimal():
                rows = [row for row in rows if row["epoch"] == int(which)]
            return float(rows[0 if which == "first" else -1][name]) if rows else None
        if not instruments.is_instrument(source):
            return dotted.number(run.metrics() or {}, key)
        found, _ = instruments.take(source, run, self.bench)
        deep: Any = found
        for part in rest.split("."):
            deep = deep.get(part) if isinstance(deep, dict) else None
        return deep

    def commands(self, trainings: Sequence[str], side: SideName) -> list[str]:
        """Return the lines that train each of some trainings, with the first seed."""
        seed = self.first
        judges = [self.book.trainings[name].sides[side].judge for name in trainings]
        before = judges if self.order.scale == "quick" else []
        names = dict.fromkeys([*filter(None, before), *trainings])
        return [by_hand(self.book, planned(self.book, name, side, seed, self.order), self.order) for name in names]

    def seconds(self, trainings: Sequence[str], side: SideName) -> float:
        """Return how long the runs of some trainings took, all seeds together."""
        keys: list[Key] = [(name, side, seed) for name in set(trainings) for seed in self.seeds]
        here = sum(row.get("seconds", 0.0) for key in keys if key in self.runs for row in self.runs[key].log())
        there = sum(told["seconds"] for key in keys if (told := self.elsewhere.trainings.get(key)))
        return round(here + there, 3)
