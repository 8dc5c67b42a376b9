"""`idl seq2seq`: train, evaluate and ask the models that do arithmetic."""

from pathlib import Path
from typing import Annotated, Any

import typer

from idlcli.cli import training
from idlcli.cli.console import Console, Result, percent, table
from idlcli.cli.judge import between
from idlcli.cli.options import Plan, RunArgument, RunsOption, command, make_app, runs_root
from idlcli.errors import ThresholdMissed, UsageError
from idlcli.settings import Seq2seqSettings
from idlcli.settings.fields import UNSIGNED_32

app = make_app()

CAUSES = {
    "misread": "a glyph that the judge misreads",
    "wrong_sum": "no such glyph: misread by the model alone, or a wrong sum",
}

DataOption = Annotated[str, typer.Option("--data", metavar="DIR", help="Where the run's data lie, if they were moved.")]
JudgeOption = Annotated[
    str,
    typer.Option("--judge", metavar="RUN", help="Judge run that reads what is written (default: the data's)."),
]
StyleOption = Annotated[
    float | None,
    typer.Option(
        "--style-scale", metavar="X", min=0, max=3, help="How much handwritings of answers differ (default: the run's)."
    ),
]


@command(app, "train", full_name="seq2seq train", settings=Seq2seqSettings, makes_run=True)
def train(console: Console, plan: Plan) -> Result:
    """Train a model on a part of the queries and test it on all the others."""
    data = training.train("seq2seq", plan, console)
    return Result(data, trained_text(data))


@command(app, "eval", full_name="seq2seq eval")
def evaluate(
    console: Console,
    run: RunArgument,
    runs: RunsOption = "",
    data: DataOption = "",
    digits: Annotated[
        str,
        typer.Option("--digits", metavar="PATH", help="Test in the handwriting of other digits: MNIST idx, gz or npz."),
    ] = "",
    judge: JudgeOption = "",
    style_scale: StyleOption = None,
    fail_below: Annotated[
        float | None,
        typer.Option("--fail-below", metavar="SHARE", help="Exit 5 if fewer test answers are right, e.g. 0.98."),
    ] = None,
) -> Result:
    """Answer the test queries again and say which kinds of query go wrong."""
    from idlcli.cli.progress import reporter
    from idlcli.experiments.exam import examine

    if fail_below is not None and not 0 <= fail_below <= 1:
        raise UsageError(f"--fail-below is a share of answers from 0 to 1, not {fail_below}.")
    solver = _open(run, runs, data=data, judge=judge, style_scale=style_scale, reporter=reporter(console))
    found = examine(solver, digits_of=digits)
    exact = found["test"]["exact"]
    if fail_below is not None and exact < fail_below:
        raise ThresholdMissed(
            f"{percent(exact)} of the test answers are right, below {percent(fail_below)}.", data=found
        )
    return Result(found, "\n\n".join([_scores(found), *_judged(found), errors_text(found)]))


@command(app, "solve", full_name="seq2seq solve")
def solve(
    console: Console,
    run: RunArgument,
    query: Annotated[
        str | None,
        typer.Argument(metavar="QUERY", help="What to solve, e.g. 23+45; image-text also takes a PNG strip of glyphs."),
    ] = None,
    runs: RunsOption = "",
    data: DataOption = "",
    judge: JudgeOption = "",
    style_scale: StyleOption = None,
    file: Annotated[
        str | None, typer.Option("--file", metavar="FILE", help="Solve each line of a text file instead.")
    ] = None,
    seed: Annotated[
        int, typer.Option("--seed", min=0, max=UNSIGNED_32, help="Whose handwriting is read or written.")
    ] = 0,
    out: Annotated[
        str, typer.Option("--out", metavar="FILE", help="PNG for a written answer (default: in the run's answers).")
    ] = "",
) -> Result:
    """Solve a query, or every line of a file."""
    from idlcli.cli.progress import reporter

    if (query is None) == (file is None):
        raise UsageError(
            "Give a query or --file, one of the two.", hint='For example: idl seq2seq solve latest "23+45".'
        )
    if out and file is not None:
        raise UsageError("--out is for one query, not for --file.", hint="Each picture goes to the run's answers.")
    solver = _open(run, runs, data=data, judge=judge, style_scale=style_scale, reporter=reporter(console))
    if out and solver.settings.mode != "text-image":
        raise UsageError(f"--out does not apply: {solver.run.name} answers in text.")
    if query is not None:
        if "." in query and Path(query).is_file():
            answer = solver.read(Path(query))
        else:
            answer = solver.solve([query], seed=seed, out=Path(out) if out else None)[0]
        return Result(answer, _answer_text(answer) + _reader_text(solver))
    answers = solver.solve(_lines(Path(str(file))), seed=seed)
    lines = [f"{a['query']} = {_answer_text(a)}" for a in answers]
    return Result({"answers": answers}, "\n".join(lines) + _reader_text(solver))


def _open(reference: str, runs: str, **others: Any) -> Any:
    from idlcli.experiments.solver import Solver
    from idlcli.runs import find

    return Solver(find(reference, root=runs_root(runs), kinds=("seq2seq",)), **others)


def _answer_text(answer: dict[str, Any]) -> str:
    said = answer["answer"] or "(no answer)"
    return f"{said} (as the judge reads {answer['image']})" if answer["image"] else said


def _reader_text(solver: Any) -> str:
    return f"\n\nThe judge is {_judge_text(solver.judge.score)}." if solver.settings.mode == "text-image" else ""


def _lines(path: Path) -> list[str]:
    from idlcli.files import read_bytes

    text = read_bytes(path, limit=2**24).decode(errors="replace")
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if not lines:
        raise UsageError(f"{path} holds no queries.", hint="Write one on each line, e.g. 23+45.")
    return lines


def trained_text(data: dict[str, Any]) -> str:
    """Return the result of a training as a person reads it."""
    return "\n\n".join([_scores(data), *_judged(data), training.ended(data)])


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


def _judged(data: dict[str, Any]) -> list[str]:
    """Return who read what was written or was to be read, how well, and how the handwriting compares with real one."""
    found = []
    if "judge" in data:
        found.append(f"Read by {_judge_text(data['judge'])}.")
    if "diversity" in data:
        hand = data["diversity"]
        near = "" if hand["nearest"] is None else f", distance to the nearest training digit {hand['nearest']:.2f}"
        found.append(
            f"Of what real handwriting has: spread {hand['spread']:.2f}, sharpness {hand['sharpness']:.2f}{near} "
            f"(KID {hand['kid']:.3f})."
        )
    return found


def _judge_text(judge: dict[str, Any]) -> str:
    return (
        f"{judge['run']}, which reads {percent(judge['digit_accuracy'])} (95% interval {between(judge)}) of "
        f"{judge['digits']:,} digits that it was not trained on"
    )


def errors_text(data: dict[str, Any]) -> str:
    """Return the breakdown of wrong answers (the report's Table 3), and why they are wrong, as a person reads it."""
    errors = data["errors"]
    classes = [
        (name.replace("_", " "), c["wrong"], c["n"], _rate(c["rate"])) for name, c in errors.items() if _is_class(c)
    ]
    misses = [(size, count) for size, count in errors["by_miss"].items()]
    parts = [
        table(classes, header=("errors in", "wrong", "of", "rate")),
        f"carry and borrow are {_rate(errors['carry_or_borrow_share'])} of all errors",
        table(misses, header=("off by", "answers")),
    ]
    if "causes" in data:
        causes = [(CAUSES[name], c["wrong"], c["n"], _rate(c["rate"])) for name, c in data["causes"].items()]
        parts.append(table(causes, header=("queries with", "wrong", "of", "rate")))
    return "\n\n".join(parts)


def _is_class(entry: Any) -> bool:
    return isinstance(entry, dict) and "rate" in entry


def _rate(share: float | None) -> str:
    return "-" if share is None else percent(share)
