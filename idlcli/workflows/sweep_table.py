"""The outcomes of a sweep as one table: mean and spread over the seeds of each point of the axes, and the best."""

import csv
import io
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from idlcli import dotted
from idlcli.files import write_json, write_text
from idlcli.viz import ranking
from idlcli.workflows.cells import Job, Outcome
from idlcli.workflows.sweep_file import Sweep


def write(sweep: Sweep, ended: Sequence[tuple[Job, Outcome]], *, place: Path) -> dict[str, Any]:
    """Write ``results.json``, ``results.csv`` and, if any cell is done, ``results.png``; return the table."""
    cells = _cells(sweep, ended)
    files = [place / "results.json", place / "results.csv"]
    data: dict[str, Any] = {
        "path": str(place), "command": sweep.command, "metric": sweep.metric, "better": sweep.better,
        "cells": cells, "best": _best(sweep, cells),
        "failed": sum(outcome.status != "done" for _, outcome in ended),
        "trained": sum(outcome.new for _, outcome in ended),
        "seconds": round(sum(outcome.seconds for _, outcome in ended), 3),
    }  # fmt: skip
    write_text(files[1], _csv(sweep, ended))
    if data["best"]:
        files.append(place / "results.png")
        ranking.draw(
            values={cell["label"]: _values(cell) for cell in cells},
            metric=sweep.metric, best=data["best"]["label"], path=files[-1],
        )  # fmt: skip
    data["files"] = [str(file) for file in files]
    write_json(files[0], data)
    return data


def _cells(sweep: Sweep, ended: Sequence[tuple[Job, Outcome]]) -> list[dict[str, Any]]:
    """Return one row a point, in the order of the file, with its seeds in it."""
    points: dict[Any, dict[str, Any]] = {}
    for job, outcome in ended:
        point = tuple(job.cell.point.items())
        cell = points.setdefault(point, {"label": job.cell.label, "settings": job.cell.point, "runs": []})
        cell["runs"].append(
            {
                "seed": job.cell.settings.seed,
                "run": outcome.run,
                "status": outcome.status,
                "value": dotted.number(outcome.metrics, sweep.metric),
                "also": {key: dotted.number(outcome.metrics, key) for key in sweep.also},
                "seconds": outcome.seconds,
                "error": outcome.error,
            }
        )
    for cell in points.values():
        cell |= spread(_values(cell))
        cell["also"] = {
            key: spread([run["also"][key] for run in cell["runs"] if run["also"][key] is not None])["mean"]
            for key in sweep.also
        }
        cell["seconds"] = round(statistics.mean(run["seconds"] for run in cell["runs"]), 3)
    return list(points.values())


def _values(cell: Mapping[str, Any]) -> list[float]:
    return [run["value"] for run in cell["runs"] if run["value"] is not None]


def spread(values: Sequence[float]) -> dict[str, Any]:
    """Return ``n``, ``mean``, ``sd`` (of the sample; None for one value), ``low`` and ``high``."""
    if not values:
        return {"n": 0, "mean": None, "sd": None, "low": None, "high": None}
    deviation = statistics.stdev(values) if len(values) > 1 else None
    return {"n": len(values), "mean": statistics.mean(values), "sd": deviation, "low": min(values), "high": max(values)}


def _best(sweep: Sweep, cells: Sequence[dict[str, Any]]) -> dict[str, Any] | None:
    """Return the point with the best mean, of those with the most seeds done, and its best run."""
    most = max((cell["n"] for cell in cells), default=0)
    if not most:
        return None
    sign = 1 if sweep.better == "higher" else -1
    cell = max((cell for cell in cells if cell["n"] == most), key=lambda cell: sign * cell["mean"])
    run = max((run for run in cell["runs"] if run["value"] is not None), key=lambda run: sign * run["value"])
    found = {key: cell[key] for key in ("label", "settings", "n", "mean", "sd", "low", "high")}
    return {**found, "run": run["run"], "seed": run["seed"], "value": run["value"]}


def _csv(sweep: Sweep, ended: Sequence[tuple[Job, Outcome]]) -> str:
    """Return one row a training: its place on the axes, its seed, how it ended, and what was measured."""
    axes = list(dict.fromkeys(name for job, _ in ended for name in job.cell.point))
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    names = [name.replace("_", "-") for name in axes]
    writer.writerow((*names, "seed", "run", "status", sweep.metric, *sweep.also, "seconds", "error"))
    for job, outcome in ended:
        settings = job.cell.settings
        measured = [dotted.number(outcome.metrics, key) for key in (sweep.metric, *sweep.also)]
        told = [getattr(settings, name) for name in axes]
        writer.writerow((*told, settings.seed, outcome.run, outcome.status, *measured, outcome.seconds, outcome.error))
    return file.getvalue()
