"""Queries and answers side by side: words, glyphs, words; one row each."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from idlcli.viz.figures import COLOURS
from idlcli.viz.grids import write_png

SCALE = 2
MARGIN = 8
TEXT_SIZE = 26


@dataclasses.dataclass(frozen=True)
class Row:
    """``images`` uint8 (T, 28, 28), white on black, with what stands before and after them, and whether it is right."""

    before: str
    images: np.ndarray
    after: str
    right: bool

    @property
    def said(self) -> str:
        """What stands after them, with a cross where it is wrong."""
        return self.after if self.right else f"{self.after} x"


def draw(rows: Sequence[Row], *, path: Path, columns: int = 2) -> None:
    """Write the rows as a PNG, in ``columns`` columns; what is wrong is marked by its colour and a cross."""
    from PIL import ImageFont

    font = ImageFont.load_default(TEXT_SIZE)
    before, after = (
        max(round(font.getlength(text)) for text in [shortest, *texts]) + 2 * MARGIN if any(texts) else MARGIN
        for shortest, texts in (("88+88 =", [row.before for row in rows]), ("(8888) x", [row.said for row in rows]))
    )  # every row has room for the longest
    cells = [_cell(row, font, before, after) for row in rows]
    width = max(cell.shape[1] for cell in cells)
    height = cells[0].shape[0]
    lines = -(-len(cells) // columns)
    sheet = np.full((lines * height, columns * width, 3), 255, np.uint8)
    for index, cell in enumerate(cells):
        top, left = index // columns * height, index % columns * width
        sheet[top : top + height, left : left + cell.shape[1]] = cell
    write_png(path, sheet)


def _cell(row: Row, font: Any, before: int, after: int) -> np.ndarray:
    from PIL import Image, ImageDraw

    glyphs = np.concatenate(list(row.images), axis=1).repeat(SCALE, axis=0).repeat(SCALE, axis=1)
    height, width = glyphs.shape

    canvas = Image.new("RGB", (before + width + after, height + 2 * MARGIN), "white")
    pen = ImageDraw.Draw(canvas)
    middle = canvas.height // 2
    if row.before:
        pen.text((before - MARGIN, middle), row.before, fill="black", font=font, anchor="rm")
    canvas.paste(Image.fromarray(glyphs).convert("RGB"), (before, MARGIN))
    ink = "black" if row.right else COLOURS[1]
    pen.text((before + width + MARGIN, middle), row.said, fill=ink, font=font, anchor="lm")
    return np.asarray(canvas)
