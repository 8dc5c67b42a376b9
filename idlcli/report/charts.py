"""The curves of one run or many as drawings inside a page: one a metric, in the page's own ink, light or dark."""

import dataclasses
import re
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from idlcli.report.markup import Html
from idlcli.report.story import Story
from idlcli.report.words import number
from idlcli.viz import curves

MOST_POINTS = 500
"""Epochs of a run that are drawn; of more, evenly spaced ones and the last."""
MOST_CHARTS = 12
METRIC = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,39}")
"""What a metric is called; a log may say anything."""


@dataclasses.dataclass(frozen=True)
class Chart:
    """A drawing of one metric."""

    metric: str
    svg: Html


def draw(stories: Sequence[Story], *, prefix: str) -> tuple[list[Chart], list[str]]:
    """Return a chart for each metric that any of the runs logged; the runs share them, one colour each.

    Of many metrics, those beyond :data:`MOST_CHARTS` are returned by name. ``prefix`` tells these charts from others
    on the page.
    """
    logs = {story.tag: _points(story.log) for story in stories if story.log}
    keys = [key for rows in logs.values() for row in rows for key in row if key not in curves.NOT_CURVES]
    metrics = list(dict.fromkeys(re.sub("^(test|validation)_", "", key) for key in keys))
    metrics.sort(key=lambda metric: metric != "loss")
    charts = []
    with tempfile.TemporaryDirectory() as folder:
        for index, metric in enumerate(metrics[:MOST_CHARTS]):
            path = Path(folder) / f"{index}.svg"
            curves.draw(logs={f"run {tag}": _only(rows, metric) for tag, rows in logs.items()}, path=path)
            charts.append(Chart(metric, inline(path.read_text("utf-8"), prefix=f"{prefix}{index}-")))
    return charts, metrics[MOST_CHARTS:]


def _points(log: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the rows to draw, with what can be drawn of them: numbers that are finite, under names that are names."""
    step = -(-len(log) // MOST_POINTS)
    rows = list(log[::step])
    if rows[-1] is not log[-1]:
        rows.append(log[-1])
    return [
        {key: value for key, value in row.items() if METRIC.fullmatch(key) and number(value) is not None}
        for row in rows
    ]


def _only(rows: Sequence[dict[str, Any]], metric: str) -> list[dict[str, Any]]:
    wanted = ("epoch", metric, f"test_{metric}", f"validation_{metric}")
    return [{key: row[key] for key in wanted if key in row} for row in rows]


def inline(svg: str, *, prefix: str) -> Html:
    """Return Matplotlib's SVG as a part of a page.

    It loses its prologue, its metadata, its own style and its size, its white ground becomes none and its black the
    page's ink; ``prefix`` keeps its names apart from those of other drawings.
    """
    svg = " ".join(svg[svg.index("<svg") :].split()).replace("> <", "><")
    svg = re.sub("<(metadata|style)[ >].*?</\\1>", "", svg)
    head, _, body = svg.partition(">")
    view = re.search(r'viewBox="[\d. -]+"', head)
    head = f'<svg {view[0] if view else ""} aria-hidden="true"'
    body = re.sub(r'\bid="', f'id="{prefix}', body)
    body = re.sub(r'(url\(|href=")#', rf"\1#{prefix}", body)
    body = re.sub(r"#ffffff\b", "none", body)
    body = re.sub(r"#000000\b", "currentColor", body)
    return Html(f"{head}>{body.strip()}")
