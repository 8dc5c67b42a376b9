"""What things are called and how numbers are written, in every table of a page."""

import datetime
import math
from collections.abc import Mapping
from typing import Any

NAMES = {
    "exact": "answers right", "character": "characters right", "accuracy": "glyphs read right", "n": "examples",
    "digit_accuracy": "digits read right", "mse": "mean squared error", "kl": "KL divergence, nats",
    "d_loss": "discriminator loss", "g_loss": "generator loss", "kid": "kernel distance",
    "kid_std": "its standard deviation",
    "active_latents": "latents alive", "digits": "digits among them",
}  # fmt: skip
"""What a metric is called where its own name would not do."""

SHARES = ("exact", "character", "accuracy", "digit_accuracy", "train_fraction")
"""Numbers from 0 to 1 that a person reads in per cent."""

HEADLINES = {
    "seq2seq": ("exact", "character"),
    "judge": ("digit_accuracy", "accuracy"),
    "vae": ("loss", "mse", "kl"),
    "cae": ("mse",),
    "gan": ("d_loss", "g_loss", "spread"),
}
"""The test metrics that a person looks for first, by kind of run."""

ERRORS = {
    "addition": "additions", "subtraction": "subtractions", "multiplication": "multiplications",
    "carry": "additions with a carry", "no_carry": "additions without a carry",
    "borrow": "subtractions with a borrow", "no_borrow": "subtractions without a borrow",
    "textbook_carry": "additions with a carry, by the textbook",
    "textbook_borrow": "subtractions with a borrow, by the textbook", "off_by_one": "errors that miss by one",
}  # fmt: skip
"""The classes of a run's errors."""


def name_of(key: str) -> str:
    """Return what a person calls a metric or a setting."""
    return NAMES.get(key, key.replace("_", " "))


def headlines(kind: str, scores: Mapping[str, Any]) -> list[str]:
    """Return the names of the numbers among a run's test ``scores`` that matter most; of an unknown kind the first."""
    known = [key for key in HEADLINES.get(kind, ()) if number(scores.get(key)) is not None]
    return known or [key for key, value in scores.items() if isinstance(value, float) and number(value) is not None][:3]


def number(value: Any) -> float | None:
    """Return a value as a finite float, or None if it is no such number."""
    if isinstance(value, bool) or not isinstance(value, int | float) or abs(value) > 1e300:
        return None
    return float(value) if math.isfinite(value) else None


def spelt(value: float, key: str = "") -> str:
    """Return a number as a person reads it: ``98.06%`` for a share, ``20,000`` for a count, four figures else."""
    if key in SHARES:
        return f"{100 * value:.2f}%"
    if value == round(value) and abs(value) < 1e15:
        return f"{round(value):,}"
    return f"{value:,.1f}" if abs(value) >= 1000 else f"{value:.4g}"


def signed(value: float) -> str:
    """Return a difference as a person reads it, with its sign."""
    return f"{'+' if value > 0 else '−' if value < 0 else ''}{spelt(abs(value))}"


def duration(seconds: float) -> str:
    """Return a time as a person reads it, e.g. ``2 h 05 min``, ``3 min 20 s``, ``8.5 s``."""
    if seconds >= 3600:
        return f"{int(seconds // 3600):,} h {int(seconds % 3600 // 60):02d} min"
    return f"{int(seconds // 60)} min {int(seconds % 60):02d} s" if seconds >= 60 else f"{seconds:.1f} s"


def moment(stamp: str) -> str:
    """Return an ISO time as a person reads it, in UTC; a text that is none stays as it is."""
    try:
        return f"{datetime.datetime.fromisoformat(stamp).astimezone(datetime.UTC):%Y-%m-%d %H:%M} UTC"
    except (ValueError, OverflowError):
        return stamp[:40]


def plain(value: Any) -> str:
    """Return any value of a JSON file as text: a dash for nothing, words for true and false, parts joined."""
    if value is None or value == "" or value == [] or value == {}:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {plain(part)}" for key, part in list(value.items())[:20])
    if isinstance(value, list | tuple):
        return ", ".join(plain(part) for part in value[:20]) + (" …" if len(value) > 20 else "")
    return f"{value:g}" if isinstance(value, float) else str(value)[:2000]
