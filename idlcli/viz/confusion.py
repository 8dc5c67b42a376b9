"""Which class is taken for which: a confusion matrix as a picture."""

from pathlib import Path

import numpy as np

from idlcli.viz.figures import figure

NAMES = {" ": "blank"}


def draw(*, counts: np.ndarray, classes: str, path: Path, columns: str = "answered") -> None:
    """Draw how often each of ``classes`` (rows) was taken for each (columns): int (C, C), a row in per cent.

    Cells are shaded by what is wrong in a row, on a scale of its own, so that rare mistakes are seen beside thousands
    of right answers; the diagonal is left white.
    """
    totals = counts.sum(axis=1, keepdims=True)
    shares = counts / np.maximum(totals, 1)
    wrong = np.where(np.eye(len(classes), dtype=bool), np.nan, shares)
    names = [NAMES.get(name, name) for name in classes]
    with figure(path, size=(0.48 * len(classes) + 1.6, 0.44 * len(classes) + 1.2)) as axes:
        panel = axes[0, 0]
        highest = max(float(np.nanmax(wrong)), 1e-9)
        panel.imshow(wrong, cmap="Oranges", vmin=0, vmax=highest, aspect="auto")
        for (row, column), count in np.ndenumerate(counts):
            if count:
                share = shares[row, column]
                text = f"{100 * share:.3g}" if row == column else f"{count:,}"
                dark = row != column and share > 0.6 * highest
                panel.text(column, row, text, ha="center", va="center", fontsize=7, color="white" if dark else "black")
        panel.set_xticks(range(len(names)), names)
        panel.set_yticks(range(len(names)), names)
        panel.set_xlabel(f"{columns} (diagonal: per cent right; elsewhere: how often)")
        panel.set_ylabel("true character")
        panel.grid(visible=False)
