"""`idl report`: one run or many as one page."""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from idlcli.cli.console import Result
from idlcli.cli.options import RunsOption, command, make_app, runs_root
from idlcli.errors import UsageError

if TYPE_CHECKING:
    from idlcli.runs import Run

app = make_app(group=False)


@command(app, "report")
def report(
    run: Annotated[
        list[str], typer.Argument(metavar="RUN...", help="One run or more: a directory, name, number, or `latest`.")
    ],
    out: Annotated[
        str, typer.Option("--out", metavar="FILE.html", help="Page to write; it needs nothing else.")
    ] = "report.html",
    md: Annotated[str, typer.Option("--md", metavar="FILE.md", help="Write it as Markdown too.")] = "",
    insert: Annotated[
        list[str] | None,
        typer.Option("--insert", metavar="FILE.html", help="Page to frame in it, such as a map; may be repeated."),
    ] = None,
    maps: Annotated[
        bool, typer.Option("--map", help="Frame in it a map of each model of faces, by its codes.")
    ] = False,
    runs: RunsOption = "",
) -> Result:
    """Write a page on one run or more: scores, curves, samples, errors, settings, and what is missing."""
    from idlcli import runs as library
    from idlcli.report.write import report as write

    found = [library.find(reference, root=runs_root(runs)) for reference in run]
    with tempfile.TemporaryDirectory() as folder:
        inserts = [Path(one) for one in insert or ()]
        if maps:
            inserts += _maps(found, Path(folder), root=runs_root(runs))
        data = write(runs=found, out=Path(out), markdown_out=Path(md) if md else None, inserts=inserts)
    count = len(data["runs"])
    files = " and ".join(data["files"])
    said = f"{count} {'run is' if count == 1 else 'runs are'} in {files}, with {data['pictures']} pictures."
    notes = [f"{one['run']}: {note}" for one in data["runs"] for note in one["notes"]]
    return Result(data, "\n".join([said, *notes]))


def _maps(runs: "Sequence[Run]", folder: Path, *, root: Path) -> list[Path]:
    """Return pages in ``folder`` with a map of the codes of each run that has some."""
    from idlcli.experiments import evaluate, maps
    from idlcli.experiments.open import PAINTERS

    pages = [(run, folder / f"codes of {run.name}.html") for run in runs if run.kind in PAINTERS]
    if not pages:
        raise UsageError(
            "None of these runs has codes that a map could show.", hint=f"They are of: {', '.join(PAINTERS)}."
        )
    for run, page in pages:
        maps.draw(
            reference=str(run.path), data=None, space="latent", out=None, html=page, perplexity=30, label=None,
            conditions=evaluate.Conditions(root=root), progress=lambda what: lambda done, total: None,
        )  # fmt: skip
    return [page for _, page in pages]
