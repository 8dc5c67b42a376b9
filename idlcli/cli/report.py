"""`idl report`: one run or many as one page."""

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from idlcli.cli.console import Result
from idlcli.cli.options import RunsOption, command, make_app, runs_root

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
    data = write(
        runs=found, out=Path(out), markdown_out=Path(md) if md else None, inserts=[Path(one) for one in insert or ()],
        map_of=_map_of if maps else lambda run: None,
    )  # fmt: skip
    count = len(data["runs"])
    files = " and ".join(data["files"])
    said = f"{count} {'run is' if count == 1 else 'runs are'} in {files}, with {data['pictures']} pictures."
    notes = [f"{one['run']}: {note}" for one in data["runs"] for note in one["notes"]]
    return Result(data, "\n".join([said, *notes]))


def _map_of(run: "Run") -> str | None:
    """Return the page with a map of the codes of a run, or None of a run of another kind."""
    from idlcli.experiments import evaluate, maps
    from idlcli.experiments.open import PAINTERS

    if run.kind not in PAINTERS:
        return None
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "map.html"
        maps.draw(
            reference=str(run.path), data=None, space="latent", out=None, html=page, perplexity=30, label=None,
            conditions=evaluate.Conditions(root=run.path.parent), progress=lambda what: lambda done, total: None,
        )  # fmt: skip
        return page.read_text("utf-8")
