"""`idl quickstart`: every stage once, in minutes."""

import os
import shlex
from typing import Annotated

import typer

from idlcli.cli.console import Console, Result, percent, table
from idlcli.cli.options import RunsOption, command, data_root, make_app, runs_root
from idlcli.settings.fields import UNSIGNED_32

app = make_app(group=False)


@command(app, "quickstart")
def quickstart(
    console: Console,
    runs: RunsOption = "",
    epochs: Annotated[
        int | None, typer.Option("--epochs", min=1, max=1000, help="Train shorter or longer than the recipe says.")
    ] = None,
    seed: Annotated[
        int | None, typer.Option("--seed", min=0, max=UNSIGNED_32, help="The one seed everything random derives from.")
    ] = None,
) -> Result:
    """Build small data, train a model that does arithmetic, and ask it a few queries: a few minutes, no network."""
    from idlcli.cli.progress import reporter
    from idlcli.workflows import quickstart as library

    data = library.quickstart(
        data=data_root(), runs=runs_root(runs), where=f" --runs {shlex.quote(runs)}" if runs else "",
        flags={name: value for name, value in (("epochs", epochs), ("seed", seed)) if value is not None},
        environ=os.environ, say=console.note, reporter=reporter(console),
    )  # fmt: skip
    answers = [
        (a["query"], a["answer"], "right" if a["correct"] else "wrong", a["confidence"]) for a in data["answers"]
    ]
    return Result(
        data,
        "\n\n".join(
            [
                table(answers, header=("query", "answer", "", "confidence")),
                f"{percent(data['test']['exact'])} of {data['test']['n']:,} queries it never saw are answered right.",
                f"Open {data['report']} in a browser: it shows all there is to see of the run.",
                f"Everything lies in {data['run']}: plots/curves.png, predictions.csv, metrics.json, checkpoints/.",
                "What to type next:\n" + "\n".join(f"  {line}" for line in data["next"]),
            ]
        ),
    )
