"""Nested mappings, as metrics and manifests are, by dotted keys: ``test.exact``."""

from collections.abc import Iterator, Mapping
from typing import Any


def leaves(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every value that is no mapping, with the keys that lead to it joined by dots."""
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def numbers(values: Mapping[str, Any]) -> dict[str, float]:
    """Return every number, ``true`` and ``false`` left out."""
    return {k: v for k, v in leaves(values) if isinstance(v, int | float) and not isinstance(v, bool)}


def number(values: Mapping[str, Any], key: str) -> float | None:
    """Return the number that a dotted key leads to, or None."""
    found = numbers(values).get(key)
    return None if found is None else float(found)
