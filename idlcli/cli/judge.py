"""`idl judge`: the classifier that reads what a text-image model writes."""

from typing import Any

from idlcli.cli import training
from idlcli.cli.console import Console, Result, percent, table
from idlcli.cli.options import Plan, command, make_app
from idlcli.settings import JudgeSettings

app = make_app()


@command(app, "train", full_name="judge train", settings=JudgeSettings, makes_run=True)
def train(console: Console, plan: Plan) -> Result:
    """Train the classifier on the train pool of glyphs and score it on the test pool, which trains nothing."""
    data = training.train("judge", plan, console)
    rows = [
        (side, one["n"], percent(one["accuracy"]), one["digits"], percent(one["digit_accuracy"]), between(one))
        for side, one in ((side, data[side]) for side in ("train", "test"))
    ]
    scores = table(rows, header=("pool", "glyphs", "read right", "digits", "read right", "95% interval"))
    return Result(data, f"{scores}\n\n{training.ended(data)}")


def between(score: dict[str, Any]) -> str:
    """Return the interval of the share of digits that a judge reads right, as a person reads it."""
    return f"{percent(score['digit_interval']['low'])} to {percent(score['digit_interval']['high'])}"
