"""Cartoon faces drawn here, from a seed, with no network: DiceBear's drawings rendered by resvg, and their labels.

Face ``i`` of seed ``s`` is DiceBear's avatar of the text ``"s-i"``, drawn at the wanted size on one of five pastel
backgrounds (DiceBear's own, one chosen by the same seed). The package of styles says who drew each and under which
licence; `attribution` carries that into the manifest, as CC BY 4.0 asks for the default style.
"""

import dataclasses
import functools
import hashlib
import importlib.metadata
import importlib.resources
import json
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import resvg_py
from dicebear import Avatar, Style
from numpy.typing import NDArray

from idlcli.data import pictures
from idlcli.errors import UsageError
from idlcli.settings.resolve import did_you_mean

BACKGROUNDS = {"#b6e3f4": "sky", "#c0aede": "lilac", "#d1d4f9": "lavender", "#ffd5dc": "pink", "#ffdfbf": "peach"}
"""Background colours and what their label calls them."""
PACKAGE = "dicebear_styles"
FACE_STYLES = (
    "adventurer", "avataaars", "big-ears", "big-smile", "croodles", "lorelei", "micah", "miniavs", "notionists",
    "open-peeps", "personas", "toon-head",
)  # fmt: skip
"""The styles that draw faces; the package has others."""


@dataclasses.dataclass(frozen=True, slots=True)
class Cartoon:
    """``pixels`` uint8 (size, size, 3), and the true labels: what was drawn, ``none`` where there is no such part."""

    pixels: NDArray[np.uint8]
    labels: dict[str, str]


@dataclasses.dataclass(frozen=True)
class CartoonStyle:
    """One style: its name, the columns of its labels, who is to be named for it, and what it was made from."""

    name: str
    columns: tuple[str, ...]
    attribution: dict[str, str]
    origin: dict[str, str]
    _style: Style
    _parts: dict[str, tuple[str, Callable[[str], str]]]

    def draw(self, *, seed: int, index: int, size: int) -> Cartoon:
        """Return face ``index`` of ``seed``; the same arguments (and package versions) give the same bytes."""
        options = {"seed": f"{seed}-{index}", "backgroundColor": [color[1:] for color in BACKGROUNDS]}
        avatar = Avatar(self._style, options)
        png = resvg_py.svg_to_bytes(svg_string=avatar.to_string(), width=size, skip_system_fonts=True)
        resolved = avatar.to_json()["options"]
        labels = {}
        for column, (option, spell) in self._parts.items():
            value = resolved.get(option)
            value = value[0] if isinstance(value, list) and value else value
            labels[column] = spell(value) if isinstance(value, str) else "none"
        return Cartoon(pictures.decode(content=png, size=size).pixels, labels)


def draw(name: str, seed: int, index: int, size: int) -> Cartoon:
    """Return face ``index`` of ``seed`` in the style of this name."""
    return open_style(name=name).draw(seed=seed, index=index, size=size)


def style_names() -> tuple[str, ...]:
    """Return the names of all styles of the package; those of faces are ``FACE_STYLES``."""
    directory = importlib.resources.files(PACKAGE)
    return tuple(sorted(file.name[:-5] for file in directory.iterdir() if file.name.endswith(".json")))


@functools.cache
def open_style(*, name: str) -> CartoonStyle:
    """Return a style ready to draw, or raise :class:`UsageError` with the name that was probably meant."""
    if name not in style_names():
        hint = did_you_mean(name, style_names())
        raise UsageError(f"There is no cartoon style {name!r:.60}.", hint=hint or f"Faces: {', '.join(FACE_STYLES)}.")
    text = importlib.resources.files(PACKAGE).joinpath(f"{name}.json").read_text("utf-8")
    definition = json.loads(text)
    parts = _parts(definition)
    origin = {"sha256": hashlib.sha256(text.encode()).hexdigest()}
    for package in ("dicebear-core", "dicebear-styles", "resvg_py"):
        origin[package] = importlib.metadata.version(package)
    return CartoonStyle(name, tuple(parts), _attribution(definition["meta"]), origin, Style(definition), parts)


def _parts(definition: dict[str, Any]) -> dict[str, tuple[str, Callable[[str], str]]]:
    """Return, by column, the avatar's option it shows and how its value is spelt. What never varies is no label."""
    parts: dict[str, tuple[str, Callable[[str], str]]] = {}
    for part, component in definition.get("components", {}).items():
        if len(component.get("variants", {})) > 1 or component.get("probability", 100) < 100:
            parts[_dashed(part)] = (f"{part}Variant", str)
    for part, color in definition.get("colors", {}).items():
        if len(color.get("values", [])) > 1:
            parts[f"{_dashed(part)}-color"] = (f"{part}Color", color_name if part == "hair" else str)
    parts["background"] = ("backgroundColor", lambda value: BACKGROUNDS.get(value, value))
    return dict(sorted(parts.items()))


def _attribution(meta: dict[str, Any]) -> dict[str, str]:
    found = {
        "title": meta.get("source", {}).get("name"),
        "source": meta.get("source", {}).get("url"),
        "creator": meta.get("creator", {}).get("name"),
        "license": meta.get("license", {}).get("name"),
        "license_url": meta.get("license", {}).get("url"),
        "text": meta.get("license", {}).get("text"),
    }
    return {key: value for key, value in found.items() if value}


def _dashed(name: str) -> str:
    return "".join(f"-{c.lower()}" if c.isupper() else c for c in name)


def color_name(value: str) -> str:
    """Return what a person calls a hair colour ``#rrggbb``: one of twelve words (those of the anime face labels).

    Decided in CIELAB (D65) by lightness 0..100, chroma and hue angle; the borders were set by eye on DiceBear's
    colours.
    """
    lightness, chroma, hue = _lab(value)
    if lightness < 22 and chroma < 20:
        return "black"
    if chroma < 12:
        return "white" if lightness >= 86 else "gray"
    if hue < 20 or hue >= 345:
        return "pink" if lightness >= 55 else "red"
    if hue < 50:
        return "pink" if lightness >= 60 else "red" if chroma >= 55 else "brown"
    if hue < 75:
        return "orange" if lightness >= 53 and chroma >= 45 else "blonde" if lightness >= 65 else "brown"
    if hue < 110:
        return "blonde" if lightness >= 60 else "brown"
    bounds = ((165, "green"), (240, "aqua"), (304, "blue"), (345, "purple"))
    return next(name for bound, name in bounds if hue < bound)


def _lab(value: str) -> tuple[float, float, float]:
    """Return CIELAB lightness, chroma and hue angle in degrees of an sRGB colour."""
    encoded = (int(value[i : i + 2], 16) / 255 for i in (1, 3, 5))
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in encoded)
    whites = (
        (0.4124 * red + 0.3576 * green + 0.1805 * blue) / 0.9505,
        0.2126 * red + 0.7152 * green + 0.0722 * blue,
        (0.0193 * red + 0.1192 * green + 0.9505 * blue) / 1.089,
    )
    x, y, z = (t ** (1 / 3) if t > 0.008856 else 7.787 * t + 16 / 116 for t in whites)
    a, b = 500 * (x - y), 200 * (y - z)
    return 116 * y - 16, math.hypot(a, b), math.degrees(math.atan2(b, a)) % 360
