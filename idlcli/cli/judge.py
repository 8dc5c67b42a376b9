"""`idl judge`: the classifier that reads what a text-image model writes."""

from idlcli.cli.console import Console, Result, percent, table
from idlcli.cli.options import Plan, command, make_app
from idlcli.settings import JudgeSettings

app = make_app()


@command(app, "train", full_name="judge train", settings=JudgeSettings, makes_run=True)
def train(console: Console, plan: Plan) -> Result:
    """Train the classifier on the train pool of glyphs and score it on the test pool, which trains nothing."""
    from idlcli.cli.progress import reporter
    from idlcli.experiments import driver

    data = driver.start(
        kind="judge", settings=plan.settings, root=plan.runs, name=plan.name, reporter=reporter(console)
    )
    rows = [
        (
            side,
            data[side]["n"],
            percent(data[side]["accuracy"]),
            data[side]["digits"],
            percent(data[side]["digit_accuracy"]),
        )
        for side in ("train", "test")
    ]
    scores = table(rows, header=("pool", "glyphs", "read right", "digits", "read right"))
    return Result(data, f"{scores}\n\nThe run is {data['run']} ({data['epochs']} epochs, {data['seconds']:.0f} s).")
