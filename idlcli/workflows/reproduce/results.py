"""Finished runs to what is said of each entry: our numbers on both sides, the difference, the verdict, the command."""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

from idlcli.errors import IdlError
from idlcli.report.words import ERRORS, name_of
from idlcli.workflows.reproduce import figures, instruments, plan, verdicts
from idlcli.workflows.reproduce.book import FACTS, UNITS, Cell, Claim, Entry, Quantity, Rule, Value
from idlcli.workflows.reproduce.material import Material
from idlcli.workflows.reproduce.verdicts import Gap, not_judged
from idlcli.workflows.sweep_table import spread

QUICK = "a quick run: fewer epochs, fewer images"
CARTOONS = "these are cartoon faces; the report's are anime faces: give its set with --faces"
NOTHING = {
    "report": None, "unit": "", "paper": None, "best": None, "difference": None, "command": "", "seconds": 0.0,
}  # fmt: skip
"""What is said of an entry where there is nothing else to say."""


def result(entry: Entry, material: Material) -> dict[str, Any]:
    """Return what the contract says of an entry, and more of it."""
    try:
        found = _found(entry, material)
    except IdlError as error:  # what cannot be had of one entry is no reason to say nothing of the others
        found = {"verdict": not_judged(error.message)}
    verdict = found.pop("verdict")
    return {
        "id": entry.id, "kind": type(entry).__name__.lower(), "what": entry.what, **NOTHING, **found,
        "verdict": verdict.word, "why": verdict.why, "notes": list(entry.notes),
        "contradictions": material.book.contradictions(entry.id),
    }  # fmt: skip


def _found(entry: Entry, material: Material) -> dict[str, Any]:
    if isinstance(entry, Cell):
        return _cell(entry, material)
    if isinstance(entry, Claim):
        return _claim(entry, material)
    drawn = figures.draw(entry, material)
    return {**drawn, "verdict": not_judged(drawn["why"])}


def _cell(cell: Cell, material: Material) -> dict[str, Any]:
    told = cell.quantity
    ours = {side: list(material.values(told, side).values()) for side in cell.sides}
    paper = ours.get("paper", [])
    found = {side: _spread(values) for side, values in ours.items()}
    verdict = verdicts.of_value(cell.report, paper, cell.rule)
    if held := _held(told, material):
        verdict = not_judged(held) if verdict.word != "not judged" else verdict
    trainings = [name for name in (told.training, told.against) if name and told.source != "settings"]
    mean = (found.get("paper") or {}).get("mean")
    return {
        "report": cell.report, "unit": "%" if told.against else told.unit, "paper": found.get("paper"),
        "best": found.get("best"), "difference": _difference(cell.report, mean), "verdict": verdict,
        "headline": cell.headline, "fact": cell.rule.name == "same", "command": _command(material, trainings, told),
        "seconds": material.seconds(trainings, "paper"),
    }  # fmt: skip


def _difference(report: Value | None, mean: float | None) -> float | None:
    return mean - report if isinstance(report, int | float) and mean is not None else None


def _held(told: Quantity, material: Material) -> str:
    """Return why nothing can be said of a quantity however it came out, or nothing."""
    if told.source in FACTS or not told.training:
        return ""
    if material.order.scale == "quick":
        return QUICK
    side = material.book.trainings[told.training].sides["paper"]
    data = material.data.get(side.data)
    return CARTOONS if data is not None and data.is_cartoon else ""


def _spread(values: Sequence[Value]) -> dict[str, Any] | None:
    """Return what the contract says of a side's values, by seed; of none, nothing."""
    if not values:
        return None
    measured = [value for value in values if isinstance(value, int | float)]
    if len(measured) < len(values):
        said = " / ".join(dict.fromkeys(map(str, values)))
        return {"mean": None, "sd": None, "n": len(values), "text": said}
    return {key: value for key, value in spread(measured).items() if key in ("mean", "sd", "n", "low", "high")}


def _claim(claim: Claim, material: Material) -> dict[str, Any]:
    told = claim.quantity
    left = material.values(told, "paper")
    others, gaps = [], []
    for other in claim.than:
        right = material.values(other, "paper")
        is_same = other.training == told.training
        name = _spoken(other.metric) if is_same else material.book.trainings[other.training].what
        others.append({"what": name, "mean": None, **(_spread(list(right.values())) or {})})
        alone = next(iter(sorted(set(left) & set(right))), None) if is_same else None
        error = 0.0 if alone is None else math.hypot(*(_error(one, material, alone) for one in (told, other)))
        gaps.append(_gap(left, right, is_same=is_same, rule=claim.rule, name=name, error=error))
    known = [gap for gap in gaps if gap is not None]
    verdict = verdicts.of_claim(claim.relation, known) if len(known) == len(gaps) else not_judged("a run is missing")
    if material.order.scale == "quick" and told.training and told.source not in FACTS:
        verdict = not_judged(QUICK)
    trainings = [one.training for one in (told, *claim.than) if one.training]
    return {
        "report": claim.relation, "unit": told.unit, "paper": _spread(list(left.values())), "than": others,
        "verdict": verdict, "command": _command(material, trainings, told),
        "seconds": material.seconds(trainings, "paper"),
    }  # fmt: skip


def _error(told: Quantity, material: Material, seed: int) -> float:
    """Return the standard error of a count or a rate of errors in a seed's run, of anything else nothing.

    One error is added, so that none is not certainty.
    """
    value = material.value(told, "paper", seed)
    if told.source != "errors" or not isinstance(value, int | float):
        return 0.0
    if not told.metric.endswith(".rate"):
        return math.sqrt(value + 1)
    n = material.value(dataclasses.replace(told, metric=f"{told.metric.removesuffix('rate')}n", unit=""), "paper", seed)
    n, scale = float(n or 0), UNITS[told.unit](1.0)
    share = (value / scale * n + 1) / (n + 2)
    return scale * math.sqrt(share * (1 - share) / (n + 2))


def _gap(
    left: Mapping[int, Value], right: Mapping[int, Value], *, is_same: bool, rule: Rule, name: str, error: float
) -> Gap | None:
    """Return the gap of two quantities by seed: of the same runs seed by seed, else of the means."""
    seeds = sorted(set(left) & set(right))
    if not left or not right or (is_same and not seeds):
        return None
    if is_same:
        one, two = ([float(values[seed]) for seed in seeds] for values in (left, right))
        return verdicts.gap_within_runs(one, two, rule=rule, name=name, error=error)
    one, two = ([float(value) for value in values.values()] for values in (left, right))
    return verdicts.gap_between_runs(one, two, rule=rule, name=name)


def _spoken(metric: str) -> str:
    """Return what a person calls a metric that another one of the same run is held against."""
    parts = metric.split(".")
    if " - " in metric:
        start, end = (key.split(".") for key in metric.split(" - "))
        return f"the fall of {name_of(start[2])} from epoch {start[1]} to {end[1]}"
    if parts[0] == "log":
        return f"{name_of(parts[2])} after the {parts[1]} epoch"
    if parts[:2] == ["errors", "by_miss"]:
        return f"misses of {metric.split('.', 2)[2]}"
    return ERRORS.get(parts[1], parts[-1].replace("_", " "))


def _command(material: Material, trainings: Sequence[str], told: Quantity) -> str:
    """Return what to type to have a quantity's runs again by hand, or its data; and what is measured of them."""
    if not told.training:
        return material.data[told.data].command
    lines = material.commands(trainings, "paper")
    if instruments.is_instrument(told.source):
        names = [plan.run_name(name, "paper", material.first) for name in dict.fromkeys(trainings)]
        lines += filter(None, [instruments.command(told.source, name, material.bench) for name in names])
    return " && ".join(lines)
