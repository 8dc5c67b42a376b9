"""A map of pictures as a figure: thumbnails where they have room, dots for the rest, colours for labels.

Beside it stands how alike neighbours on the map look, compared with random pairs.
"""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from idlcli.viz.figures import COLOURS, figure
from idlcli.viz.thumbnails import place, shrink

ACROSS = 26
"""How many thumbnails would fit beside one another."""
OTHER = "#9A9A9A"
UNKNOWN = "not known"


@dataclasses.dataclass(frozen=True, eq=False)
class Colouring:
    """Which of ``words`` each point has: ``codes`` int (N,); a word's colour is that of its place."""

    title: str
    words: tuple[str, ...]
    codes: NDArray[np.intp]

    @property
    def colours(self) -> tuple[str, ...]:
        """One colour a word; the last is grey where it gathers the rest."""
        rest = bool(self.words) and (self.words[-1] == UNKNOWN or self.words[-1].startswith("other"))
        plain = COLOURS[: len(self.words) - rest]
        return (*plain, OTHER) if rest else plain


def colour_by(*, title: str, texts: Sequence[str | None]) -> Colouring:
    """Return colours for labels: one each for the commonest, grey for the others and for what is not known."""
    counted: dict[str, int] = {}
    for text in texts:
        if text is not None:
            counted[text] = counted.get(text, 0) + 1
    ordered = sorted(counted, key=lambda word: (-counted[word], word))
    few = len(ordered) <= len(COLOURS) and None not in texts
    shown = ordered if few else ordered[: len(COLOURS) - 1]
    rest = () if few else ((UNKNOWN,) if len(shown) == len(ordered) else (f"other ({len(ordered) - len(shown)})",))
    place_of = {word: index for index, word in enumerate(shown)}
    codes = [place_of.get(text, len(shown)) if text is not None else len(shown) for text in texts]
    return Colouring(title, (*shown, *rest), np.array(codes, np.intp))


def draw(
    *, path: Path, positions: NDArray[np.float64], images: NDArray[np.uint8], title: str,
    colouring: Colouring | None, near: NDArray[np.float64], random: NDArray[np.float64], said: str,
) -> int:  # fmt: skip
    """Write the figure to ``path`` (.png or .svg) and return how many thumbnails had room.

    ``positions`` (N, 2) lie from 0 to 1; ``near`` and ``random`` are distances in looks of neighbours and of random
    pairs, and ``said`` what they come to.
    """
    side = 1 / ACROSS
    shown = place(positions, side=side)
    thumbnails = shrink(images[shown], side=64)
    colours = [colouring.colours[code] for code in colouring.codes] if colouring else [COLOURS[0]] * len(positions)
    with figure(path, columns=2, size=(13, 9.4), widths=(3.1, 1)) as axes:
        panel, chart = axes[0]
        panel.scatter(*positions.T, c=colours, s=7, alpha=0.55, linewidths=0, zorder=1)
        for index, thumbnail in zip(shown, thumbnails, strict=True):
            _picture(panel, thumbnail, positions[index], side * 0.94, colours[index] if colouring else None)
        margin = side * 0.7
        panel.set(xlim=(-margin, 1 + margin), ylim=(-margin, 1 + margin), xticks=[], yticks=[], aspect="equal")
        panel.grid(visible=False)
        panel.set_title(title, loc="left")
        for spine in panel.spines.values():
            spine.set_visible(False)
        if colouring:
            _legend(panel, colouring)
        _chart(chart, near, random, said)
    return len(shown)


def _picture(panel: Any, image: NDArray[np.uint8], centre: NDArray[np.float64], side: float, frame: str | None) -> None:
    x, y = centre - side / 2
    panel.imshow(image, extent=(x, x + side, y, y + side), zorder=2, interpolation="antialiased")
    if frame:
        from matplotlib.patches import Rectangle

        panel.add_patch(Rectangle((x, y), side, side, fill=False, edgecolor=frame, linewidth=1.8, zorder=3))


def _legend(panel: Any, colouring: Colouring) -> None:
    from matplotlib.lines import Line2D

    marks = [
        Line2D([], [], marker="s", linestyle="", color=colour, markersize=9, label=word.replace("$", r"\$"))
        for word, colour in zip(colouring.words, colouring.colours, strict=True)
    ]
    panel.legend(
        handles=marks, title=colouring.title, loc="upper center", bbox_to_anchor=(0.5, -0.005), ncols=4, fontsize=9
    )


def _chart(chart: Any, near: NDArray[np.float64], random: NDArray[np.float64], said: str) -> None:
    edges = np.histogram_bin_edges(np.concatenate([near, random]), bins=36)
    for values, words, colour, line in (
        (random, "random pairs", COLOURS[0], "--"),
        (near, "neighbours on the map", COLOURS[1], "-"),
    ):
        chart.hist(values, bins=edges, density=True, histtype="stepfilled", alpha=0.22, color=colour)
        chart.hist(
            values, bins=edges, density=True, histtype="step", color=colour, linestyle=line, linewidth=1.6, label=words
        )
    chart.set_box_aspect(1)
    chart.set_anchor("N")
    chart.set_yticks([])
    chart.set_xlabel("difference of the pictures (rms, 16x16)")
    chart.set_title("Do neighbours look alike?", loc="left")
    chart.legend(fontsize=9, loc="upper right")
    chart.text(0, -0.22, said, transform=chart.transAxes, fontsize=9, va="top", wrap=True)
