"""Finished runs to what is said of each entry: our numbers on both sides, the difference, the verdict, the command."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from idlcli.errors import IdlError, Interrupted
from idlcli.report.words import ERRORS, name_of
from idlcli.runs import Run
from idlcli.viz import curves
from idlcli.workflows.reproduce import instruments, plan, verdicts
from idlcli.workflows.reproduce.book import FACTS, UNITS, Book, Cell, Claim, Entry, Figure, Quantity, SideName, Value
from idlcli.workflows.reproduce.data_sets import DataSet, facts
from idlcli.workflows.reproduce.instruments import Bench
from idlcli.workflows.reproduce.plan import Order, by_hand, planned, settings_of
from idlcli.workflows.reproduce.verdicts import Verdict, not_judged
from idlcli.workflows.sweep_table import numbers, spread

QUICK = "a quick run: fewer epochs, fewer images"
CARTOONS = "these are cartoon faces; the report's are anime faces: give its set with --faces"


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
        one = self._metric(quantity.training, quantity.metric, side, seed)
        if quantity.against:
            other = self._metric(quantity.against, quantity.metric, side, seed)
            if not isinstance(one, int | float) or not isinstance(other, int | float) or not other:
                return None
            return quantity.sign * 100 * (one - other) / other
        return UNITS[quantity.unit](float(one)) if isinstance(one, int | float) else one

    def _metric(self, training: str, metric: str, side: SideName, seed: int) -> Value | None:
        parts = [self._one(training, key, side, seed) for key in metric.split(" + ")]
        if len(parts) == 1:
            return parts[0]
        measured = [part for part in parts if isinstance(part, int | float)]
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


def result(entry: Entry, shop: Shop) -> dict[str, Any]:
    """Return what the contract says of an entry, and more of it."""
    try:
        found = {Cell: _cell, Claim: _claim, Figure: _figure}[type(entry)](entry, shop)  # type: ignore[operator]
    except Interrupted:
        raise
    except IdlError as error:  # what cannot be had of one entry is no reason to say nothing of the others
        found = _nothing(not_judged(error.message))
    verdict = found.pop("verdict")
    return {
        "id": entry.id, "kind": type(entry).__name__.lower(), "what": entry.what, **found,
        "verdict": verdict.word, "why": verdict.why, "notes": list(entry.notes),
        "contradictions": shop.book.contradictions(entry.id),
    }  # fmt: skip


def _nothing(verdict: Verdict) -> dict[str, Any]:
    return {
        "report": None, "unit": "", "paper": None, "best": None, "difference": None, "command": "", "seconds": 0.0,
        "verdict": verdict,
    }  # fmt: skip


def _cell(cell: Cell, shop: Shop) -> dict[str, Any]:
    told = cell.quantity
    ours = {side: list(shop.values(told, side).values()) for side in cell.sides}
    paper = ours.get("paper", [])
    found = {side: _spread(values) for side, values in ours.items() if values}
    verdict = verdicts.of_value(cell.report, paper, cell.rule)
    if held := _held(told, shop):
        verdict = not_judged(held) if verdict.word != "not judged" else verdict
    trainings = [name for name in (told.training, told.against) if name and told.source != "settings"]
    mean = found["paper"]["mean"] if "paper" in found else None
    return {
        "report": cell.report, "unit": "%" if told.against else told.unit, "paper": found.get("paper"),
        "best": found.get("best"), "difference": _difference(cell.report, mean), "verdict": verdict,
        "headline": cell.headline, "command": _command(shop, trainings, told.source, told),
        "seconds": shop.seconds(trainings, "paper"),
    }  # fmt: skip


def _difference(report: Value | None, mean: float | None) -> float | None:
    return mean - report if isinstance(report, int | float) and mean is not None else None


def _held(told: Quantity, shop: Shop) -> str:
    """Return why nothing can be said of a quantity however it came out, or nothing."""
    if told.source in FACTS or not told.training:
        return ""
    if shop.order.scale == "quick":
        return QUICK
    side = shop.book.trainings[told.training].sides["paper"]
    data = shop.data.get(side.data)
    return CARTOONS if data is not None and data.is_cartoon else ""


def _spread(values: Sequence[Value]) -> dict[str, Any]:
    measured = [value for value in values if isinstance(value, int | float)]
    if len(measured) < len(values):
        said = " / ".join(dict.fromkeys(map(str, values)))
        return {"mean": None, "sd": None, "n": len(values), "text": said}
    return {key: value for key, value in spread(measured).items() if key in ("mean", "sd", "n", "low", "high")}


def _claim(claim: Claim, shop: Shop) -> dict[str, Any]:
    told = claim.quantity
    left = shop.values(told, "paper")
    gaps, others = [], []
    for other in claim.than:
        right = shop.values(other, "paper")
        name = shop.book.trainings[other.training].what if other.training != told.training else _spoken(other.metric)
        if left and right:
            is_same = other.training == told.training
            seeds = sorted(set(left) & set(right)) if is_same else []
            one = [float(left[seed]) for seed in seeds or left]
            two = [float(right[seed]) for seed in seeds or right]
            measure = verdicts.gap_within_runs if is_same else verdicts.gap_between_runs
            gaps.append(measure(one, two, rule=claim.rule, name=name))
        others.append(
            {"what": name, **(_spread(list(right.values())) if right else {"mean": None, "sd": None, "n": 0})}
        )
    verdict = (
        verdicts.of_claim(claim.relation, gaps) if len(gaps) == len(claim.than) else not_judged("a run is missing")
    )
    quick = told.training and told.source not in FACTS and shop.order.scale == "quick"
    if quick and verdict.word != "not judged":
        verdict = not_judged(QUICK)
    trainings = [one.training for one in (told, *claim.than) if one.training]
    return {
        "report": claim.relation, "unit": told.unit, "paper": _spread(list(left.values())) if left else None,
        "best": None, "than": others, "difference": None, "verdict": verdict,
        "command": _command(shop, trainings, told.source, told), "seconds": shop.seconds(trainings, "paper"),
    }  # fmt: skip


def _spoken(metric: str) -> str:
    """Return what a person calls a metric that another one of the same run is held against."""
    parts = metric.split(".")
    if parts[0] == "log":
        return f"{name_of(parts[2])} after the {parts[1]} epoch"
    if parts[:2] == ["errors", "by_miss"]:
        return f"misses of {metric.split('.', 2)[2]}"
    return ERRORS.get(parts[1], parts[-1].replace("_", " "))


def _command(shop: Shop, trainings: Sequence[str], source: str, told: Quantity) -> str:
    if not told.training:
        name = told.data
        path = shop.order.places[name]
        pools = f" --pools {name}" if name != "faces" else ""
        return f"idl data build {'faces' if name == 'faces' else 'arithmetic'}{pools} --out {path}"
    lines = shop.commands(trainings, "paper")
    if instruments.is_instrument(source):
        names = [plan.run_name(name, "paper", shop.order.seeds[0]) for name in dict.fromkeys(trainings)]
        lines += filter(None, [instruments.command(source, name, shop.bench) for name in names])
    return " && ".join(lines)


def _figure(figure: Figure, shop: Shop) -> dict[str, Any]:
    seed = shop.order.seeds[0]
    wanted = [
        (name, side) for side in figure.sides for name in figure.trainings if side in shop.book.trainings[name].sides
    ]
    runs = {(name, side): shop.runs.get((name, side, seed)) for name, side in wanted}
    missing = [f"{name} ({side})" for (name, side), run in runs.items() if run is None]
    if missing:
        return _nothing(not_judged(f"not drawn: no run of {', '.join(missing)}"))
    lines = [line for name, side in wanted for line in shop.commands([name], side)]
    names = [plan.run_name(name, side, seed) for name, side in wanted]
    files = []
    if figure.draw == "curves":
        files = [shop.out / "figures" / f"{figure.id}.png"]
        logs = {f"{name} {side}": run.log() for (name, side), run in runs.items() if run}
        curves.draw(logs=logs, path=files[0])
        lines.append(f"idl viz curves {' '.join(names)} --smooth 0 --out {figure.id}.png")
    for (name, side), run in runs.items() if figure.draw != "curves" else ():
        assert run is not None
        shop.say(f"Drawing {figure.id}: {figure.draw} of {run.name}.")
        _, picture = instruments.take(figure.draw, run, shop.bench)
        ending = "" if len(runs) == 1 else f"-{side}" if len(figure.sides) > 1 else f"-{name}"
        files.append(shop.out / "figures" / f"{figure.id}{ending}.png")
        instruments.copy(picture, files[-1])
    captions = [figure.what] * len(files)
    if len(files) > 1:
        told = [
            shop.book.trainings[name].what if len(figure.trainings) > 1 else f"{side} recipe" for name, side in runs
        ]
        captions = [f"{figure.what}: {one}" for one in told]
    if figure.draw != "curves":
        lines += filter(None, [instruments.command(figure.draw, name, shop.bench) for name in names])
    return {
        **_nothing(not_judged("a picture: look at it")), "command": " && ".join(dict.fromkeys(lines)),
        "seconds": shop.seconds(figure.trainings, "paper"), "files": [f"figures/{file.name}" for file in files],
        "captions": captions,
    }  # fmt: skip
