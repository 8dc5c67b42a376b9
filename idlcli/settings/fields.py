"""What one setting is: a dataclass field with its default, help text, range and the modes it applies to.

Every settings class of the package is a frozen dataclass whose fields are made by :func:`setting`. From these fields
come the command-line options, the keys a TOML file may hold, the `IDL_*` variables and what `config.json` stores.
"""

import dataclasses
import math
import typing
from collections.abc import Mapping
from typing import Any, Literal

from idlcli.errors import UsageError

UNSIGNED_32 = 2**32 - 1


def setting(
    default: Any,
    help: str,
    *,
    low: float | None = None,
    high: float | None = None,
    above: float | None = None,
    only: Mapping[str, tuple[str, ...]] | None = None,
    off: str = "",
    group: str = "Settings",
) -> Any:
    """Return a dataclass field. ``low`` and ``high`` are inclusive, ``above`` is an exclusive lower bound.

    ``only`` names other fields and the values of them for which the setting means anything, e.g.
    ``{"mode": ("text-image",)}``; ``group`` is the heading the option stands under in ``--help``; ``off``
    is what the option that says no is called (``no-...``).
    """
    metadata = {"help": help, "low": low, "high": high, "above": above, "only": only or {}, "off": off, "group": group}
    return dataclasses.field(default=default, metadata=metadata)


@dataclasses.dataclass(frozen=True)
class Field:
    """One field of a settings class, read once into plain values."""

    name: str
    type: type
    choices: tuple[str, ...]
    default: Any
    help: str
    low: float | None
    high: float | None
    above: float | None
    only: Mapping[str, tuple[str, ...]]
    off: str
    group: str

    @property
    def option(self) -> str:
        """The long option, e.g. ``--batch-size``; also the TOML key without its dashes."""
        return "--" + self.name.replace("_", "-")

    @property
    def key(self) -> str:
        """The key in a TOML file, spelt as the option."""
        return self.name.replace("_", "-")

    @property
    def range_text(self) -> str:
        """The range as a person reads it, e.g. ``1..4096`` or ``> 0``; empty without one."""
        lower = f"> {self.above:g}" if self.above is not None else ""
        if self.low is not None and self.high is not None:
            return f"{self.low:.12g}..{self.high:.12g}"
        if self.high is not None:
            return ", ".join(filter(None, [lower, f"<= {self.high:.12g}"]))
        return f">= {self.low:.12g}" if self.low is not None else lower

    @property
    def only_text(self) -> str:
        """When the setting means anything, as a person reads it, e.g. ``only --mode text-image``; empty: always."""
        beside = (f"--{name.replace('_', '-')} {' or '.join(values)}" for name, values in self.only.items())
        return "only " + ", ".join(beside) if self.only else ""

    def applies(self, values: Mapping[str, Any]) -> bool:
        """Whether the setting means anything beside the others' ``values``."""
        return all(values[name] in allowed for name, allowed in self.only.items())

    def check(self, value: Any, *, subject: str) -> Any:
        """Return ``value`` as this field's type, or raise :class:`UsageError`; ``subject`` is what a person calls it."""
        kind = {int: "a whole number", float: "a number", bool: "true or false", str: "text"}[self.type]
        if self.type is float and isinstance(value, int) and not isinstance(value, bool):
            value = float(value) if value.bit_length() < 1024 else math.copysign(math.inf, value > 0 or -1)
        if not isinstance(value, self.type) or (self.type is not bool and isinstance(value, bool)):
            raise UsageError(f"{subject} must be {kind}, not {shorten(value)}.")
        if self.choices and value not in self.choices:
            raise UsageError(f"{subject} cannot be {shorten(value)}.", hint=f"Choose one of {', '.join(self.choices)}.")
        if isinstance(value, str) and "\0" in value:
            raise UsageError(f"{subject} holds a NUL character.")
        if isinstance(value, int | float) and not self.contains(value):
            hint = f"Give a finite number {self.range_text}." if self.range_text else "Give a finite number."
            raise UsageError(f"{subject} is out of range: {shorten(value)}.", hint=hint)
        return value

    def contains(self, value: float) -> bool:
        """Whether a number is finite and inside this field's range."""
        return (
            (isinstance(value, int) or math.isfinite(value))  # an int of 400 digits is no float
            and (self.low is None or value >= self.low)
            and (self.high is None or value <= self.high)
            and (self.above is None or value > self.above)
        )

    def parse(self, text: str, *, subject: str) -> Any:
        """Return the value that ``text`` (of an environment variable) spells."""
        spelt = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
        try:
            value: Any = spelt[text.lower()] if self.type is bool else self.type(text)
        except (KeyError, ValueError):
            value = text
        return self.check(value, subject=subject)


def fields_of(settings: type) -> dict[str, Field]:
    """Return the fields of a settings class by name, in the order they are declared.

    A condition on a setting that the class has not got is none: what it speaks of is always there.
    """
    hints = typing.get_type_hints(settings)
    result = {}
    for field in dataclasses.fields(settings):
        kind, choices = _unwrap(hints[field.name])
        only = {name: values for name, values in field.metadata["only"].items() if name in hints}
        result[field.name] = Field(
            name=field.name, type=kind, choices=choices, default=field.default,
            **{**field.metadata, "only": only},
        )  # fmt: skip
    return result


def _unwrap(hint: Any) -> tuple[type, tuple[str, ...]]:
    return (str, typing.get_args(hint)) if typing.get_origin(hint) is Literal else (hint, ())


def as_dict(settings: Any) -> dict[str, Any]:
    """Return a settings object as the flat dictionary that ``config.json`` holds."""
    return dataclasses.asdict(settings)


def from_dict(kind: type, values: Mapping[str, Any], *, where: str) -> Any:
    """Return a settings object of class ``kind`` from what ``config.json`` holds; every value is checked again."""
    fields = fields_of(kind)
    unknown = sorted(set(values) - set(fields))
    if unknown:
        raise UsageError(f"{where}: unknown setting {shorten(unknown[0])}.", hint="Was it written by a newer idl?")
    return kind(
        **{name: fields[name].check(value, subject=f"{where}: {fields[name].key}") for name, value in values.items()}
    )


def shorten(value: Any, limit: int = 60) -> str:
    """Return a value's text for a message: one line, at most ``limit`` characters."""
    if isinstance(value, int) and not isinstance(value, bool) and value.bit_length() > 200:
        return "a number of far too many digits"
    text = repr(value)
    return text if len(text) <= limit else text[: limit - 3] + "..."
