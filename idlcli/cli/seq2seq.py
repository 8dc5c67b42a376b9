"""`idl seq2seq`: train, evaluate and ask the models that do arithmetic."""

from pathlib import Path
from typing import Annotated, Any

import typer

from idlcli.cli.console import Console, Result, percent, table
from idlcli.cli.options import Plan, RunArgument, RunsOption, command, make_app, runs_root
from idlcli.errors import ThresholdMissed, UsageError
from idlcli.settings import Seq2seqSettings

app = make_app()


@command(app, "train", full_name="seq2seq train", settings=Seq2seqSettings, makes_run=True)
def train(console: Console, plan: Plan) -> Result:
    """Train a model on a part of the queries and test it on all the others."""
    from idlcli.cli.progress import reporter
    from idlcli.experiments import driver

    data = driver.start(
        kind="seq2seq", settings=plan.settings, root=plan.runs, name=plan.name, reporter=reporter(console)
    )
    return Result(data, trained_text(data))


@command(app, "eval", full_name="seq2seq eval")
def evaluate(
    run: RunArgument,
    runs: RunsOption = "",
    fail_below: Annotated[
        float | None,
        typer.Option("--fail-below", metavar="SHARE", help="Exit 5 if fewer test answers are right, e.g. 0.98."),
    ] = None,
) -> Result:
    """Answer the test queries again and say which kinds of query go wrong."""
    if fail_below is not None and not 0 <= fail_below <= 1:
        raise UsageError(f"--fail-below is a share of answers from 0 to 1, not {fail_below}.")
    solver = _open(run, runs)
    data = solver.evaluate()
    exact = data["test"]["exact"]
    if fail_below is not None and exact < fail_below:
        raise ThresholdMissed(
            f"{percent(exact)} of the test answers are right, below {percent(fail_below)}.", data=data
        )
    return Result(data, f"{_scores(data)}\n\n{errors_text(data['errors'])}")


@command(app, "solve", full_name="seq2seq solve")
def solve(
    run: RunArgument,
    query: Annotated[str | None, typer.Argument(metavar="QUERY", help="What to solve, e.g. 23+45.")] = None,
    runs: RunsOption = "",
    file: Annotated[
        str | None, typer.Option("--file", metavar="FILE", help="Solve each line of a text file instead.")
    ] = None,
) -> Result:
    """Solve a query, or every line of a file."""
    if (query is None) == (file is None):
        raise UsageError(
            "Give a query or --file, one of the two.", hint='For example: idl seq2seq solve latest "23+45".'
        )
    solver = _open(run, runs)
    if query is not None:
        answer = solver.solve([query])[0]
        return Result(answer, answer["answer"] or "(no answer)")
    answers = solver.solve(_lines(Path(str(file))))
    return Result({"answers": answers}, "\n".join(f"{a['query']} = {a['answer']}" for a in answers))


def _open(reference: str, runs: str) -> Any:
    from idlcli.experiments.solver import Solver
    from idlcli.runs import find

    return Solver(find(reference, root=runs_root(runs), kinds=("seq2seq",)))


def _lines(path: Path) -> list[str]:
    from idlcli.files import read_bytes

    text = read_bytes(path, limit=2**24).decode(errors="replace")
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if not lines:
        raise UsageError(f"{path} holds no queries.", hint="Write one on each line, e.g. 23+45.")
    return lines


def trained_text(data: dict[str, Any]) -> str:
    """Return the result of a training as a person reads it."""
    return f"{_scores(data)}\n\nThe run is {data['run']} ({data['epochs']} epochs, {data['seconds']:.0f} s)."


def _scores(data: dict[str, Any]) -> str:
    sides = [side for side in ("train", "validation", "test") if side in data]
    rows = [
        (
            side,
            data[side]["n"],
            percent(data[side]["exact"]),
            percent(data[side]["character"]),
            f"{data[side]['loss']:.4f}",
        )
        for side in sides
    ]
    return table(rows, header=("part", "queries", "answers right", "characters right", "loss"))


def errors_text(errors: dict[str, Any]) -> str:
    """Return the breakdown of wrong answers (the report's Table 3) as a person reads it."""
    classes = [
        (name.replace("_", " "), c["wrong"], c["n"], _rate(c["rate"])) for name, c in errors.items() if _is_class(c)
    ]
    misses = [(size, count) for size, count in errors["by_miss"].items()]
    return "\n\n".join(
        [
            table(classes, header=("errors in", "wrong", "of", "rate")),
            f"carry and borrow are {_rate(errors['carry_or_borrow_share'])} of all errors",
            table(misses, header=("off by", "answers")),
        ]
    )


def _is_class(entry: Any) -> bool:
    return isinstance(entry, dict) and "rate" in entry


def _rate(share: float | None) -> str:
    return "-" if share is None else percent(share)
