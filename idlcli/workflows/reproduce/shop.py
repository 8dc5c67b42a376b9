"""What results are made from: finished runs and data sets, and the values, commands and seconds to be had of them."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from idlcli.runs import Run
from idlcli.workflows.reproduce import instruments
from idlcli.workflows.reproduce.book import UNITS, Book, Quantity, SideName, Value
from idlcli.workflows.reproduce.data_sets import DataSet, facts
from idlcli.workflows.reproduce.instruments import Bench
from idlcli.workflows.reproduce.plan import Order, by_hand, planned, settings_of
from idlcli.workflows.sweep_table import numbers


@dataclasses.dataclass(frozen=True)
class Shop:
    """What results are made from: the book, the order, the finished runs by (training, side, seed), the data sets."""

    book: Book
    order: Order
    runs: Mapping[tuple[str, SideName, int], Run]
    data: Mapping[str, DataSet]
    bench: Bench
    out: Path
    say: Callable[[str], None]

    def values(self, quantity: Quantity, side: SideName) -> dict[int, Value]:
        """Return a quantity by seed, for the seeds whose runs are there and say it."""
        if not quantity.training:
            found = facts(self.data[quantity.data]).get(quantity.metric.partition(".")[2])
            return {} if found is None else {0: found}
        told = {seed: self.value(quantity, side, seed) for seed in self.order.seeds}
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
        run = self.runs.get((training, side, seed))
        if run is None:
            return None
        if source == "log":
            which, _, name = rest.partition(".")
            rows = [row for row in run.log() if name in row]
            if which.isdecimal():
                rows = [row for row in rows if row["epoch"] == int(which)]
            return float(rows[0 if which == "first" else -1][name]) if rows else None
        if not instruments.is_instrument(source):
            return numbers(run.metrics() or {}).get(key)
        found, _ = instruments.take(source, run, self.bench)
        deep: Any = found
        for part in rest.split("."):
            deep = deep.get(part) if isinstance(deep, dict) else None
        return deep

    def commands(self, trainings: Sequence[str], side: SideName) -> list[str]:
        """Return the lines that train each of some trainings, with the first seed."""
        seed = self.order.seeds[0]
        judges = [self.book.trainings[name].sides[side].judge for name in trainings]
        before = judges if self.order.scale == "quick" else []
        names = dict.fromkeys([*filter(None, before), *trainings])
        return [by_hand(self.book, planned(self.book, name, side, seed, self.order), self.order) for name in names]

    def seconds(self, trainings: Sequence[str], side: SideName) -> float:
        """Return how long the runs of some trainings took, all seeds together."""
        runs = [self.runs.get((name, side, seed)) for name in set(trainings) for seed in self.order.seeds]
        return round(sum(row.get("seconds", 0.0) for run in runs if run for row in run.log()), 3)
