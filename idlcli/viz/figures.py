"""How every figure looks: readable fonts, colours that a colour-blind reader can tell apart, the same bytes twice."""

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from idlcli.errors import UsageError
from idlcli.files import atomic_writer, make_directory

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#999933")
"""Okabe and Ito's palette, without its yellow."""

STYLE = {
    "font.size": 10,
    "axes.titlesize": 11,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.25,
    "legend.frameon": False,
    "image.composite_image": False,  # a picture in an SVG stays one
    "svg.hashsalt": "idl",
    "svg.fonttype": "none",
    "figure.constrained_layout.use": True,
}


@contextlib.contextmanager
def figure(
    path: Path, *, rows: int = 1, columns: int = 1, size: tuple[float, float], widths: Sequence[float] | None = None
) -> Iterator[Any]:
    """Yield the axes (a 2-D array) of a new figure and write it to ``path`` (.png or .svg) at the end.

    ``size`` is in inches, ``widths`` how wide the columns are to each other. Raises :class:`UsageError` for another
    ending.
    """
    import cycler
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    check_suffix(path)
    form = path.suffix[1:].lower()
    with matplotlib.rc_context(
        {**matplotlib.rcParamsDefault, **STYLE, "axes.prop_cycle": cycler.cycler(color=COLOURS)}
    ):
        canvas = Figure(figsize=size, dpi=130)
        FigureCanvasAgg(canvas)
        yield canvas.subplots(rows, columns, squeeze=False, width_ratios=widths)
        make_directory(path.parent)
        with atomic_writer(path) as file:
            canvas.savefig(file, format=form, metadata={"Date": None} if form == "svg" else {"Software": None})


def check_suffix(path: Path) -> None:
    """Raise :class:`UsageError` unless ``path`` ends in .png or .svg."""
    if path.suffix.lower() not in (".png", ".svg"):
        raise UsageError(f"Cannot draw {path.name!r:.80}.", hint="Give a file that ends in .png or .svg.")
