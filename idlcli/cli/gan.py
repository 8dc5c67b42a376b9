"""`idl gan`: train a generator of faces, and see what it draws."""

from idlcli.cli import training
from idlcli.cli.console import Console, Result
from idlcli.cli.faces import (
    CountOption,
    FilmOption,
    LabelOption,
    PicturesOption,
    SeedOption,
    SeedsOption,
    StepsOption,
    interpolate,
    open_run,
    sample,
    trained_text,
)
from idlcli.cli.options import Plan, RunArgument, RunsOption, command, make_app
from idlcli.settings import GanSettings

app = make_app()


@command(app, "train", full_name="gan train", settings=GanSettings, makes_run=True)
def train(console: Console, plan: Plan) -> Result:
    """Train a generator of faces against a discriminator that tells them from real ones."""
    data = training.train("gan", plan, console)
    return Result(data, trained_text(data))


@command(app, "sample", full_name="gan sample")
def sample_faces(
    run: RunArgument,
    runs: RunsOption = "",
    count: CountOption = None,
    seed: SeedOption = None,
    seeds: SeedsOption = "",
    label: LabelOption = None,
    out: PicturesOption = "",
) -> Result:
    """Draw new faces."""
    model = open_run(run, runs, kind="gan")
    return sample(model, model.draw, count=count, seed=seed, seeds=seeds, label=label, out=out)


@command(app, "interpolate", full_name="gan interpolate")
def interpolate_faces(
    run: RunArgument,
    runs: RunsOption = "",
    count: CountOption = None,
    seed: SeedOption = None,
    seeds: SeedsOption = "",
    label: LabelOption = None,
    steps: StepsOption = 8,
    out: FilmOption = "",
) -> Result:
    """Draw the faces on the way from one latent vector to the next, along the great circle."""
    model = open_run(run, runs, kind="gan")
    return interpolate(
        model, model.draw, count=count, seed=seed, seeds=seeds, label=label, steps=steps, out=out
    )  # fmt: skip
