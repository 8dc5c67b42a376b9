"""`idl reproduce`: the report's tables, figures and claims beside ours."""

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from idlcli.cli.console import Console, Result, table
from idlcli.cli.eval import feature_cache
from idlcli.cli.options import RunsOption, command, data_root, forget_settings, make_app, parse_seeds, runs_root
from idlcli.settings.common import Backend

app = make_app(group=False)


@command(app, "reproduce")
def reproduce(
    console: Console,
    scale: Annotated[
        Literal["quick", "full"],
        typer.Option("--scale", help="quick: minutes, few epochs, nothing judged; full: the report's epochs, hours."),
    ] = "quick",
    only: Annotated[
        str, typer.Option("--only", metavar="LIST", help="Entries or their beginnings, e.g. table2,figure13,obs.")
    ] = "",
    seeds: Annotated[
        str,
        typer.Option(
            "--seeds", metavar="LIST", help="Seeds of each training, e.g. 0-4; none: train nothing, join --with."
        ),
    ] = "0",
    jobs: Annotated[int, typer.Option("--jobs", min=1, max=1000, help="Processes that train at a time.")] = 1,
    data: Annotated[
        str,
        typer.Option("--data", metavar="DIR", help="Where data sets lie or are built (IDL_DATA_ROOT, else ./data)."),
    ] = "",
    faces: Annotated[
        str, typer.Option("--faces", metavar="DIR", help="A built set of faces (default: cartoons, in --data).")
    ] = "",
    runs: RunsOption = "",
    out: Annotated[
        str, typer.Option("--out", metavar="DIR", help="Where the page goes (default: reproduce-SCALE, by the runs).")
    ] = "",
    backend: Annotated[
        Backend, typer.Option("--backend", envvar="IDL_BACKEND", help="The engine that Keras runs on.")
    ] = "tensorflow",
    others: Annotated[
        list[Path] | None,
        typer.Option(
            "--with", metavar="FILE", help="The reproduce.json of another reproduction, to join; may be repeated."
        ),
    ] = None,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run", help="List the entries, and how far each training is and its time to go; do nothing."
        ),
    ] = False,
) -> Result:
    """Make the report again: every table, figure and claim beside ours, on one page; started again, it goes on."""
    from idlcli.workflows.reproduce import data_sets, plan, reading
    from idlcli.workflows.reproduce import run as library

    book = reading.load()
    entries = book.select([word.strip() for word in only.split(",")] if only else [])
    place, given = Path(data) if data else data_root(), Path(faces) if faces else None
    order = plan.Order(
        scale=scale, seeds=() if seeds == "none" else tuple(dict.fromkeys(parse_seeds(seeds))), backend=backend,
        root=runs_root(runs) / "reproduce",
        places={name: data_sets.place(name, root=place, given=given) for name in data_sets.FOLDERS},
    )  # fmt: skip
    if dry_run:
        return _planned(book, entries, order)
    forget_settings()
    found = library.run(
        book, entries, order, jobs=jobs, out=Path(out) if out else runs_root(runs) / f"reproduce-{scale}", data=place,
        faces=given, cache=feature_cache(), say=console.note, others=others or (),
    )  # fmt: skip
    return Result(found, reproduced_text(found))


def _planned(book: Any, entries: dict[str, Any], order: Any) -> Result:
    from idlcli.experiments.provenance import mark_at
    from idlcli.report.words import duration
    from idlcli.workflows.reproduce import plan

    trainings, rows = [], []
    for one in plan.plan(book, entries.values(), order):
        name, whole = plan.run_name(one.training, one.side, one.seed), one.settings.epochs
        status, epochs = one.job(order, mark_at(order.places[one.data])).so_far()
        seconds = one.seconds * (1 - epochs / whole)
        about = {"name": name, "what": book.trainings[one.training].what, "status": status, "epochs": epochs}
        trainings.append({**about, "seconds": seconds, "command": plan.by_hand(book, one, order)})
        rows.append((name, status, f"{epochs} of {whole}", duration(seconds)))
    cells = [{"id": entry.id, "what": entry.what} for entry in entries.values()]
    total, done = sum(one["seconds"] for one in trainings), sum(one["status"] == "done" for one in trainings)
    text = "\n\n".join(
        [
            table([(c["id"], c["what"]) for c in cells], header=("entry", "what")),
            table(rows, header=("training", "status", "epochs", "to go, about")),
            f"{len(trainings)} trainings for {len(cells)} entries, {done} of them done; about {duration(total)} to go "
            "on two cores.",
        ]
    )
    return Result({"cells": cells, "trainings": trainings, "done": done, "seconds": total, "scale": order.scale}, text)


def reproduced_text(data: dict[str, Any]) -> str:
    """Return the outcome as a person reads it."""

    def said(value: Any) -> Any:
        return value["mean"] if value and value["mean"] is not None else (value or {}).get("text")

    rows = [
        (c["id"], str(c["report"] if c["report"] is not None else "-"), said(c["paper"]), said(c["best"]), c["verdict"])
        for c in data["cells"]
    ]
    words = [cell["verdict"] for cell in data["cells"]]
    counts = ", ".join(f"{words.count(word)} {word}" for word in ("better", "agrees", "differs", "not judged"))
    text = table(rows, header=("entry", "report", "paper", "best", "verdict"))
    return f"{text}\n\n{counts}. Open {data['page']} in a browser."
