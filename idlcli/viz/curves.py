"""Loss and accuracy over the epochs of one run or many, from their logs."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from idlcli.errors import DataError
from idlcli.viz.figures import COLOURS, figure

NOT_CURVES = ("epoch", "seconds", "lr")
SIDES = (("", "-", "train"), ("validation_", ":", "validation"), ("test_", "--", "test"))
"""What a metric's name begins with, by the part of the data it was taken on; its line, and what that is called."""
TITLES = {"loss": "loss", "exact": "answers right", "character": "characters right", "mse": "mean squared error"}


def draw(*, logs: Mapping[str, Sequence[Mapping[str, Any]]], path: Path, smooth: float = 0.0) -> list[str]:
    """Draw one panel a metric, one colour a run, training solid and held-out dashed; return the metrics drawn.

    ``logs`` holds the rows of ``log.jsonl`` by run name. With ``smooth`` above 0 each curve is drawn twice: as it is,
    faintly, and smoothed by :func:`smoothed`. Raises :class:`DataError` if no epoch was logged.
    """
    keys = [key for rows in logs.values() for row in rows for key in row if key not in NOT_CURVES]
    metrics = list(dict.fromkeys(key.removeprefix("test_").removeprefix("validation_") for key in keys))
    metrics = [m for m in metrics if m == "loss"] + [m for m in metrics if m != "loss"]
    if not metrics:
        raise DataError("There is nothing to draw: no epoch was logged.")
    columns = min(len(metrics), 3)
    rows = -(-len(metrics) // columns)
    with figure(path, rows=rows, columns=columns, size=(4.2 * columns, 3.2 * rows)) as axes:
        for panel, metric in zip(axes.ravel(), metrics, strict=False):
            _panel(panel, metric, logs, smooth)
        for panel in axes.ravel()[len(metrics) :]:
            panel.set_visible(False)
        if len(logs) > 1:  # one legend for all panels
            lines = {line.get_label(): line for panel in axes.ravel() for line in panel.get_lines()}
            shown = {name: line for name, line in lines.items() if not name.startswith("_")}
            axes[0, 0].figure.legend(shown.values(), shown, loc="outside lower center", ncols=2, fontsize=8)
    return metrics


def smoothed(values: Sequence[float], *, weight: float) -> list[float]:
    """Return the exponential moving average of values, each with ``weight`` on what came before; the first as it is.

    The weights of the values so far always sum to one, so that the start is not drawn towards zero.
    """
    result, total, norm = [], 0.0, 0.0
    for value in values:
        total, norm = weight * total + (1 - weight) * value, weight * norm + (1 - weight)
        result.append(total / norm)
    return result


def _panel(panel: Any, metric: str, logs: Mapping[str, Sequence[Mapping[str, Any]]], smooth: float) -> None:
    for index, (name, rows) in enumerate(logs.items()):
        colour = COLOURS[index % len(COLOURS)]
        for prefix, line, what in SIDES:
            points = [(row["epoch"], row[prefix + metric]) for row in rows if prefix + metric in row]
            if not points:
                continue
            epochs, values = [point[0] for point in points], [point[1] for point in points]
            if smooth > 0 and len(points) > 2:
                panel.plot(epochs, values, line, color=colour, alpha=0.25, linewidth=1)
                values = smoothed(values, weight=smooth)
            marker = "o" if len(points) == 1 else None
            label = what if len(logs) == 1 else f"{name.lstrip('_')} ({what})"  # a label with _ in front is not shown
            panel.plot(epochs, values, line, marker=marker, label=label, color=colour)
    panel.set_title(TITLES.get(metric, metric.replace("_", " ")))
    panel.set_xlabel("epoch")
    panel.xaxis.get_major_locator().set_params(integer=True)
    if len(logs) == 1:
        panel.legend(fontsize=8).set_in_layout(False)  # a long legend must not squeeze the panel
