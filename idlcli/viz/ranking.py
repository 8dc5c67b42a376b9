"""One score of many settings, a row each: a dot for every seed, a bar for their mean and spread, the best in colour."""

import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path

from idlcli.viz.figures import COLOURS, figure

LONGEST = 48
"""Characters of a row's name that are shown."""


def draw(*, values: Mapping[str, Sequence[float]], metric: str, best: str, path: Path) -> None:
    """Draw the values of each name, in the order given from the top; a name without any keeps its empty row."""
    names = list(values)
    with figure(path, size=(7.5, 1.1 + 0.3 * len(names))) as axes:
        panel = axes[0, 0]
        for row, name in enumerate(names):
            colour = COLOURS[1] if name == best else COLOURS[0]
            found = list(values[name])
            if found:
                mean = statistics.mean(found)
                around = statistics.stdev(found) if len(found) > 1 else 0.0
                panel.plot(found, [row] * len(found), "o", color=colour, alpha=0.45, markersize=5, markeredgewidth=0)
                panel.errorbar(mean, row, xerr=around or None, fmt="|", color=colour, markersize=14, capsize=3)
        panel.set_yticks(range(len(names)), [_shortened(name) for name in names])
        panel.set_ylim(len(names) - 0.5, -0.5)
        panel.set_xlabel(f"{metric}: dots are seeds, bars their mean and standard deviation")
        panel.grid(axis="y", visible=False)


def _shortened(name: str) -> str:
    return name if len(name) <= LONGEST else name[: LONGEST - 3] + "..."
