"""`idl cae`: train a convolutional autoencoder of faces, and see what it keeps."""

from idlcli.cli import training
from idlcli.cli.console import Console, Result
from idlcli.cli.faces import (
    DataOption,
    HeldOutCountOption,
    HeldOutSeedOption,
    PicturesOption,
    open_run,
    reconstruct,
    trained_text,
)
from idlcli.cli.options import Plan, RunArgument, RunsOption, command, make_app
from idlcli.settings import CaeSettings

app = make_app()


@command(app, "train", full_name="cae train", settings=CaeSettings, makes_run=True)
def train(console: Console, plan: Plan) -> Result:
    """Train an encoder of faces to a few numbers, and a decoder back."""
    data = training.train("cae", plan, console)
    return Result(data, trained_text(data))


@command(app, "reconstruct", full_name="cae reconstruct")
def reconstruct_faces(
    run: RunArgument,
    runs: RunsOption = "",
    data: DataOption = None,
    count: HeldOutCountOption = 32,
    seed: HeldOutSeedOption = 0,
    out: PicturesOption = "",
) -> Result:
    """Show held-out faces, each beside its reconstruction, and say how near they are."""
    return reconstruct(open_run(run, runs, kind="cae"), data=data, count=count, seed=seed, out=out)
