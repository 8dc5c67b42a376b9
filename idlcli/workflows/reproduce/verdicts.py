"""What is said of a number of ours beside the report's, and of a claim: better, agrees, differs, or not judged."""

import dataclasses
import math
from collections.abc import Sequence
from typing import Any, Literal

from idlcli.report.words import signed, spelt
from idlcli.workflows.reproduce.book import Rule, Value
from idlcli.workflows.sweep_table import spread

Word = Literal["better", "agrees", "differs", "not judged"]
CONFIDENCE = 0.95
NORMAL = 1.96
"""Standard errors either side that hold as much of a normal distribution."""


@dataclasses.dataclass(frozen=True)
class Verdict:
    """One word, and why."""

    word: Word
    why: str


@dataclasses.dataclass(frozen=True)
class Gap:
    """How much larger one quantity is than another, what of that may be ``chance``, and the other's name.

    ``matters`` is the least difference that matters; ``chance`` is None where one run each cannot say.
    """

    value: float
    chance: float | None
    other: str
    matters: float = 0.0

    @property
    def margin(self) -> float:
        """Within which the two are one."""
        return max(self.matters, self.chance or 0.0)


def not_judged(why: str) -> Verdict:
    """Return that nothing is said, and why."""
    return Verdict("not judged", why)


def of_value(report: Value | None, ours: Sequence[Value], rule: Rule) -> Verdict:
    """Return what our values, one a seed, say of the report's number or fact."""
    if rule.name == "none" or report is None:
        return not_judged(rule.because)
    if not ours:
        return not_judged("no run says it")
    numbers = [value for value in ours if isinstance(value, int | float)]
    if rule.name == "same" or isinstance(report, str) or len(numbers) < len(ours):
        same = all(value == report for value in ours)
        return Verdict("agrees" if same else "differs", rule.because)
    found = spread(numbers)
    allowed, why = margin(float(report), found, rule)
    difference = found["mean"] - report
    said = f"{signed(difference)}; up to {spelt(allowed)} counts as the same ({why})"
    if found["n"] == 2 and margin(float(report), found | {"n": 1}, rule)[0] < abs(difference) <= allowed:
        return not_judged(f"too close to call from two seeds: {said}")
    if abs(difference) <= allowed:
        return Verdict("agrees", said)
    is_better = rule.better and (difference > 0) == (rule.better == "higher")
    return Verdict("better" if is_better else "differs", said)


def margin(report: float, found: dict[str, Any], rule: Rule) -> tuple[float, str]:
    """Return how far the mean of our runs may be from the report's number to be the same, and where that comes from.

    It is the largest of the rule's tolerance, half a unit of the report's last digit, and the difference that one
    more run may show from the spread over the seeds.
    """
    parts = [(allowance(report, rule), rule.because), (rounding(report), "the report's last digit")]
    n, sd = found["n"], found["sd"]
    if n == 1:
        parts.append((rule.chance, rule.because))
    else:
        parts.append((student(n - 1) * sd * math.sqrt(1 + 1 / n), f"what one more run may show, from {n} seeds"))
    return max(parts, key=lambda part: part[0])


def allowance(value: float, rule: Rule) -> float:
    """Return the difference from a value that does not matter by a rule."""
    return max(rule.tolerance, rule.relative * abs(value), rule.root * math.sqrt(abs(value)))


def allowance_of_change(before: float, after: float, rule: Rule) -> float:
    """Return the difference from a change in per cent that does not matter, where the rule is that of both numbers."""
    return 100 * after / before * math.hypot(*(allowance(value, rule) / value for value in (before, after)))


def rounding(value: float) -> float:
    """Return half a unit of the last digit that a number is written with."""
    _, _, digits = repr(float(value)).partition(".")
    return 0.5 * 10.0 ** -len(digits) if digits != "0" and "e" not in digits else 0.5 if digits == "0" else 0.0


def student(freedom: int) -> float:
    """Return how many standard errors either side hold 95% of Student's distribution."""
    from scipy.stats import t

    return float(t.ppf(0.5 + CONFIDENCE / 2, freedom))


def gap_between_runs(one: Sequence[float], other: Sequence[float], *, rule: Rule, name: str) -> Gap:
    """Return the gap of two trainings' means; of one run of either only the rule can say what may be chance."""
    first, second = spread(one), spread(other)
    chance, n = rule.chance or None, min(len(one), len(other))
    if n > 1:
        error = math.sqrt(first["sd"] ** 2 / first["n"] + second["sd"] ** 2 / second["n"])
        chance = student(n - 1) * error
    return Gap(first["mean"] - second["mean"], chance, name, allowance(second["mean"], rule))


def gap_within_runs(
    one: Sequence[float], other: Sequence[float], *, rule: Rule, name: str, error: float = 0.0
) -> Gap:  # fmt: skip
    """Return the mean gap of two metrics of the same runs, seed by seed.

    ``error`` is the standard error of the gap in one run, where that run is of examples that were drawn.
    """
    found = spread([a - b for a, b in zip(one, other, strict=True)])
    n = found["n"]
    chance = student(n - 1) * found["sd"] / math.sqrt(n) if n > 1 else NORMAL * error
    return Gap(found["mean"], chance, name, allowance(spread(other)["mean"], rule))


def of_claim(relation: str, gaps: Sequence[Gap]) -> Verdict:
    """Return whether a claim holds: one clear gap the other way refutes it, all must be clear to bear it out.

    That something is `not higher` is borne out where no more than what matters can be hidden in chance.
    """
    if any(gap.chance is None and not gap.matters for gap in gaps):
        return not_judged("of one run each the spread is not known")
    up = 1 if relation.endswith("higher") else -1
    said = "; ".join(_said(gap) for gap in gaps)
    with_it = [up * gap.value > gap.margin for gap in gaps]
    against = [up * gap.value < -gap.margin for gap in gaps]
    if relation.startswith("not "):
        against, with_it = with_it, [up * gap.value + (gap.chance or 0.0) <= gap.matters for gap in gaps]
    if any(against):
        return Verdict("differs", said)
    return Verdict("agrees", said) if all(with_it) else not_judged(f"too close to call: {said}")


def _said(gap: Gap) -> str:
    limits = [f"up to {spelt(gap.chance)} may be chance"] if gap.chance else []
    limits += [f"up to {spelt(gap.matters)} does not matter"] if gap.matters else []
    return f"{signed(gap.value)} beside {gap.other}" + (f" ({', '.join(limits)})" if limits else "")
