"""`idl sweep`: many trainings from one file, on this machine or on a Ray cluster."""

import os
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from idlcli.cli.console import Console, Result, table
from idlcli.cli.options import RunsOption, command, data_root, forget_settings, make_app, parse_seeds, runs_root
from idlcli.errors import RunFailed, UsageError

app = make_app(group=False)


@command(app, "sweep")
def sweep(
    console: Console,
    file: Annotated[
        str, typer.Argument(metavar="FILE", help="A sweep file (TOML), or the name of one that comes with idl.")
    ],
    engine: Annotated[
        Literal["local", "ray"], typer.Option("--engine", help="Train on this machine, or on a Ray cluster.")
    ] = "local",
    address: Annotated[
        str, typer.Option("--address", metavar="ADDR", help="Address of the Ray cluster (default: the one that runs).")
    ] = "",
    jobs: Annotated[
        int | None,
        typer.Option(
            "--jobs", min=1, max=10_000, help="Trainings at a time (default: one; on Ray, as many as it has room for)."
        ),
    ] = None,
    gpus: Annotated[
        float | None, typer.Option("--gpus", min=0, max=64, help="GPUs that a training takes of the Ray cluster.")
    ] = None,
    data: Annotated[
        str, typer.Option("--data", metavar="DIR", help="The data set (default: in IDL_DATA_ROOT or ./data).")
    ] = "",
    seeds: Annotated[
        str | None, typer.Option("--seeds", metavar="LIST", help="Seeds instead of the file's, e.g. 0,1,4-6.")
    ] = None,
    name: Annotated[
        str | None, typer.Option("--name", help="Name of the sweep's directory (default: the file's name).")
    ] = None,
    runs: RunsOption = "",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="List the trainings and how far each is; do nothing.")
    ] = False,
) -> Result:
    """Train every combination that a file lists, and rank them; started again, it goes on where it was stopped."""
    from idlcli.runs import NAME
    from idlcli.workflows import sweep_file

    if engine == "local" and (address or gpus is not None):
        raise UsageError(f"{'--address' if address else '--gpus'} does not apply to --engine local.")
    if name is not None and not NAME.fullmatch(name):
        raise UsageError(f"--name cannot be {name!r:.60}.", hint="Use up to 80 of A-Z a-z 0-9 . _ -, not a number.")
    found = sweep_file.read(
        sweep_file.find(file), data=data, seeds=parse_seeds(seeds) if seeds is not None else (), environ=os.environ,
        data_root=data_root(),
    )  # fmt: skip
    place = runs_root(runs) / f"sweep-{name or found.name}"
    if dry_run:
        return _planned(found, place)
    from idlcli.workflows import sweep as library

    forget_settings()
    try:
        result = library.run(
            found, place=place, engine=engine, address=address or "auto", jobs=jobs or (0 if engine == "ray" else 1),
            gpus=gpus or 0, say=console.note,
        )  # fmt: skip
    except RunFailed as error:
        if isinstance(error.data, dict) and not console.json:  # what the other cells reached is a result all the same
            console.result(Result(error.data, swept_text(error.data)))
        raise
    return Result(result, swept_text(result))


def _planned(found: Any, place: Path) -> Result:
    from idlcli.experiments.provenance import mark_at
    from idlcli.workflows.cells import Job

    cells, rows = [], []
    for cell in found.cells:
        status, epochs = Job(cell, place, mark_at(Path(cell.settings.data))).so_far()
        about = {"label": cell.label, "settings": cell.point, "seed": cell.settings.seed}
        cells.append({**about, "status": status, "epochs": epochs})
        rows.append((cell.label, cell.settings.seed, status, f"{epochs} of {cell.settings.epochs}"))
    done = sum(cell["status"] == "done" for cell in cells)
    text = (
        f"{table(rows, header=('cell', 'seed', 'status', 'epochs'))}\n\n"
        f"{len(cells)} trainings (`idl {found.command}`) in {place}, {done} of them done."
    )
    return Result({"path": str(place), "command": found.command, "cells": cells, "done": done}, text)


def swept_text(data: dict[str, Any]) -> str:
    """Return the table of a sweep as a person reads it."""
    also = list(data["cells"][0]["also"])
    rows = [
        (c["label"], c["n"], c["mean"], c["sd"], c["low"], c["high"], *c["also"].values(), c["seconds"])
        for c in data["cells"]
    ]
    text = table(rows, header=("cell", "n", data["metric"], "sd", "lowest", "highest", *also, "seconds"))
    made = f"{data['trained']} trainings were made now; all lie in {data['path']}."
    best = data["best"]
    if best is None:
        return f"{text}\n\n{made}"
    around = f" (standard deviation {best['sd']:.4g} over {best['n']} seeds)" if best["sd"] is not None else ""
    return (
        f"{text}\n\nBest: {best['label']}, {data['metric']} {best['mean']:.4g}{around}; "
        f"its best run is {data['path']}/{best['run']} ({best['value']:.4g}).\n{made}"
    )
