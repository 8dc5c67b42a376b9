"""`idl doctor`: whether this installation can do its work."""

from typing import Annotated, Any

import typer

from idlcli.cli.console import Console, Result, table
from idlcli.cli.options import RunsOption, command, data_root, make_app, runs_root
from idlcli.errors import Unfit, UsageError
from idlcli.settings.common import Backend

app = make_app(group=False)

HEADER = ("", "check", "found", "remedy")


@command(app, "doctor")
def doctor(
    console: Console,
    backend: Annotated[
        Backend, typer.Option("--backend", help="Engine that has to work.", show_default=True)
    ] = "tensorflow",
    md: Annotated[bool, typer.Option("--md", help="Print a Markdown table, for an issue.")] = False,
    runs: RunsOption = "",
) -> Result:
    """Check versions, engines, devices, places to write and one training step; exit 1 if something needed fails."""
    from idlcli.workflows.doctor import examine

    if md and console.json:
        raise UsageError("--md and --json are two ways to say the same.", hint="Give one of them.")
    data = examine(backend=backend, data=data_root(), runs=runs_root(runs))
    result = Result(data, _markdown(data) if md else _text(data))
    failed = [check for check in data["checks"] if check["verdict"] == "fail"]
    if not failed:
        return result
    if not console.json:  # the failure's own line follows on stderr
        console.result(result)
    first = failed[0]
    raise Unfit(
        f"{len(failed)} of {len(data['checks'])} checks failed: {', '.join(check['check'] for check in failed)}.",
        hint=first["remedy"],
        data=data,
    )


def _rows(data: dict[str, Any]) -> list[tuple[str, ...]]:
    return [tuple(check[key] for key in ("verdict", "check", "found", "remedy")) for check in data["checks"]]


def _text(data: dict[str, Any]) -> str:
    lines = [table([row[:3] for row in _rows(data)], header=HEADER[:3])]
    lines += [f"{check}: {remedy}" for verdict, check, _, remedy in _rows(data) if remedy and verdict != "ok"]
    return "\n".join([*lines, "", f"All in all: {data['verdict']}."])


def _markdown(data: dict[str, Any]) -> str:
    from idlcli.report import markdown
    from idlcli.report.content import Cell, Table

    rows = [[Cell(text) for text in row] for row in _rows(data)]
    return "\n".join(markdown.table(Table(f"idl doctor: {data['verdict']}", HEADER, rows)))
