"""Loss and accuracy over the epochs of one run or many, from their logs."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from idlcli.errors import DataError
from idlcli.viz.figures import COLOURS, figure

NOT_CURVES = ("epoch", "seconds", "lr")
HELD_OUT = "test_"
TITLES = {"loss": "loss", "exact": "answers right", "character": "characters right", "mse": "mean squared error"}


def draw(*, logs: Mapping[str, Sequence[Mapping[str, Any]]], path: Path) -> list[str]:
    """Draw one panel a metric, one colour a run, training solid and held-out dashed; return the metrics drawn.

    ``logs`` holds the rows of ``log.jsonl`` by run name. Raises :class:`DataError` if no epoch was logged.
    """
    keys = [key for rows in logs.values() for row in rows for key in row if key not in NOT_CURVES]
    metrics = list(dict.fromkeys(key.removeprefix(HELD_OUT) for key in keys))
    metrics = [m for m in metrics if m == "loss"] + [m for m in metrics if m != "loss"]
    if not metrics:
        raise DataError("There is nothing to draw: no epoch was logged.")
    columns = min(len(metrics), 3)
    rows = -(-len(metrics) // columns)
    with figure(path, rows=rows, columns=columns, size=(4.2 * columns, 3.2 * rows)) as axes:
        for panel, metric in zip(axes.ravel(), metrics, strict=False):
            _panel(panel, metric, logs)
        for panel in axes.ravel()[len(metrics) :]:
            panel.set_visible(False)
    return metrics


def _panel(panel: Any, metric: str, logs: Mapping[str, Sequence[Mapping[str, Any]]]) -> None:
    for index, (name, rows) in enumerate(logs.items()):
        for key, line, what in ((metric, "-", "train"), (HELD_OUT + metric, "--", "test")):
            points = [(row["epoch"], row[key]) for row in rows if key in row]
            if points:
                label = what if len(logs) == 1 else f"{name} ({what})"
                marker = "o" if len(points) == 1 else None
                panel.plot(
                    *zip(*points, strict=True), line, marker=marker, label=label, color=COLOURS[index % len(COLOURS)]
                )
    panel.set_title(TITLES.get(metric, metric.replace("_", " ")))
    panel.set_xlabel("epoch")
    panel.legend(fontsize=8).set_in_layout(False)  # a long legend must not squeeze the panel
