"""A map of pictures as one page that needs nothing else: no network, no script from elsewhere, no files beside it."""

import json
import re
from collections.abc import Mapping, Sequence
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from idlcli.files import make_directory, write_text
from idlcli.viz.figures import COLOURS
from idlcli.viz.grids import grid
from idlcli.viz.maps import OTHER, colour_by
from idlcli.viz.thumbnails import data_uri, shrink

SIDE = 64
"""The largest side of a thumbnail, in pixels."""


def write(
    *, path: Path, positions: NDArray[np.float64], images: NDArray[np.uint8], title: str, rows: NDArray[np.int64],
    labels: Mapping[str, Sequence[str | None]], coloured: str | None, said: str, facts: Mapping[str, Any],
) -> None:  # fmt: skip
    """Write the page. ``positions`` (N, 2) lie from 0 to 1, ``rows`` say which picture of the data each is.

    ``labels`` are columns of one text (or None) a picture, ``coloured`` the one that colours the points at first;
    ``said`` is a sentence on what the map shows, and ``facts`` are
    the conditions it was made under.
    """
    thumbnails = shrink(images, side=SIDE)
    columns = max(1, round(len(thumbnails) ** 0.5))
    data = {
        "x": np.round(positions[:, 0], 4).tolist(), "y": np.round(1 - positions[:, 1], 4).tolist(),
        "rows": rows.tolist(), "side": int(thumbnails.shape[1]), "columns": columns,
        "labels": [_label(name, texts) for name, texts in labels.items()], "start": coloured,
        "plain": COLOURS[0],
    }  # fmt: skip
    sheet = grid(thumbnails, columns=columns, gap=0)
    pairs = "".join(
        f"<div><dt>{escape(str(key))}</dt><dd>{escape(str(value))}</dd></div>" for key, value in facts.items()
    )
    filled = {
        "TITLE": escape(title), "SAID": escape(said), "FACTS": pairs, "SHEET": data_uri(sheet, form="WEBP"),
        "DATA": json.dumps(data, ensure_ascii=True, separators=(",", ":")).replace("<", "\\u003c"),
    }  # fmt: skip
    page = files("idlcli.viz").joinpath("map_page.html").read_text("utf-8")
    page = re.sub(r"\{\{([A-Z]+)\}\}", lambda match: filled[match[1]], page)  # once: a label may look like a place too
    make_directory(path.parent)
    write_text(path, page)


def _label(name: str, texts: Sequence[str | None]) -> dict[str, Any]:
    """One label as the page takes it: its words in the order of their colours, and each picture's own word."""
    colouring = colour_by(title=name, texts=texts)
    words = sorted({text for text in texts if text is not None})
    place = {word: index for index, word in enumerate(words)}
    return {
        "name": name, "groups": list(colouring.words), "codes": colouring.codes.tolist(),
        "colours": list(colouring.colours) or [OTHER], "words": words,
        "own": [place[text] if text is not None else -1 for text in texts],
    }  # fmt: skip
