"""`idl vae`: train a variational autoencoder of faces, and see what it draws and keeps."""

from functools import partial
from typing import Annotated, Literal

import typer

from idlcli.cli import training
from idlcli.cli.console import Console, Result
from idlcli.cli.faces import (
    CountOption,
    DataOption,
    FilmOption,
    HeldOutCountOption,
    HeldOutSeedOption,
    LabelOption,
    PicturesOption,
    SeedOption,
    SeedsOption,
    StepsOption,
    check_alive,
    interpolate,
    open_run,
    reconstruct,
    sample,
    trained_text,
)
from idlcli.cli.options import Plan, RunArgument, RunsOption, command, make_app
from idlcli.settings import VaeSettings

app = make_app()

PriorOption = Annotated[
    Literal["normal", "mixture"] | None,
    typer.Option(
        "--prior",
        help="Draw codes from N(0, I), or from the mixture fitted to training codes (default: as trained).",
    ),
]


@command(app, "train", full_name="vae train", settings=VaeSettings, makes_run=True)
def train(console: Console, plan: Plan) -> Result:
    """Train an encoder of faces to Gaussian codes, and a decoder back."""
    data = training.train("vae", plan, console)
    check_alive(data, plan.settings)
    return Result(data, trained_text(data))


@command(app, "sample", full_name="vae sample")
def sample_faces(
    run: RunArgument,
    runs: RunsOption = "",
    count: CountOption = None,
    seed: SeedOption = None,
    seeds: SeedsOption = "",
    prior: PriorOption = None,
    label: LabelOption = None,
    out: PicturesOption = "",
) -> Result:
    """Draw new faces."""
    model = open_run(run, runs, kind="vae")
    return sample(model, partial(model.draw, prior=prior), count=count, seed=seed, seeds=seeds, label=label, out=out)


@command(app, "reconstruct", full_name="vae reconstruct")
def reconstruct_faces(
    run: RunArgument,
    runs: RunsOption = "",
    data: DataOption = None,
    count: HeldOutCountOption = 32,
    seed: HeldOutSeedOption = 0,
    out: PicturesOption = "",
) -> Result:
    """Show held-out faces, each beside what its code decodes to."""
    return reconstruct(open_run(run, runs, kind="vae"), data=data, count=count, seed=seed, out=out)


@command(app, "interpolate", full_name="vae interpolate")
def interpolate_faces(
    run: RunArgument,
    runs: RunsOption = "",
    count: CountOption = None,
    seed: SeedOption = None,
    seeds: SeedsOption = "",
    prior: PriorOption = None,
    label: LabelOption = None,
    steps: StepsOption = 8,
    out: FilmOption = "",
) -> Result:
    """Draw the faces on the way from one code to the next, along the great circle."""
    model = open_run(run, runs, kind="vae")
    draw = partial(model.draw, prior=prior)
    return interpolate(model, draw, count=count, seed=seed, seeds=seeds, label=label, steps=steps, out=out)
