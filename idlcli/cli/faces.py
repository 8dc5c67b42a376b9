"""What the commands on trained models of faces share: their options, and pictures on their way to a file."""

from pathlib import Path
from typing import Annotated, Any

import typer

from idlcli.cli.console import Result, table
from idlcli.cli.options import parse_seeds, runs_root
from idlcli.cli.training import ended
from idlcli.errors import ThresholdMissed, UsageError
from idlcli.settings import VaeSettings
from idlcli.settings.fields import UNSIGNED_32

PicturesOption = Annotated[
    str, typer.Option("--out", metavar="FILE", help="File to write: .png, .svg, or .npy for the pixels.")
]
FilmOption = Annotated[
    str, typer.Option("--out", metavar="FILE", help="File to write: .png, .svg, .npy, or .gif for an endless walk.")
]
CountOption = Annotated[
    int | None, typer.Option("--count", min=1, max=100_000, help="How many faces (default: 64; of a walk 6).")
]
SeedOption = Annotated[
    int | None, typer.Option("--seed", min=0, max=UNSIGNED_32, help="Seed that they are drawn from (default: 0).")
]
HeldOutCountOption = Annotated[int, typer.Option("--count", min=1, max=100_000, help="How many faces.")]
HeldOutSeedOption = Annotated[int, typer.Option("--seed", min=0, max=UNSIGNED_32, help="Seed that chooses them.")]
SeedsOption = Annotated[
    str, typer.Option("--seeds", metavar="LIST", help="The first face of each seed of a list instead, e.g. 0,1,4-6.")
]
LabelOption = Annotated[
    str | None, typer.Option("--label", metavar="WORD", help="Faces of this label only (of a run with --condition).")
]
StepsOption = Annotated[int, typer.Option("--steps", min=1, max=1000, help="Pictures from one face to the next.")]
DataOption = Annotated[
    str | None, typer.Option("--data", metavar="DIR", help="Take the held-out faces of this set, not of the run's own.")
]


def check_alive(data: dict[str, Any], settings: Any) -> None:
    """Raise :class:`ThresholdMissed` for a VAE of fewer live latents than its settings ask for."""
    if not isinstance(settings, VaeSettings):
        return
    alive, wanted = data["test"]["active_latents"], settings.min_alive
    if alive < wanted:
        raise ThresholdMissed(
            f"{alive} latents are alive, fewer than {wanted} (--min-alive).", data=data,
            hint="Train longer, or lower --kl-weight.",
        )  # fmt: skip


def trained_text(data: dict[str, Any]) -> str:
    """Return the result of a training as a person reads it."""
    sides = ("train", "test")
    keys = list(dict.fromkeys(key for side in sides for key in data[side]))
    scores = table([(side, *(data[side].get(key) for key in keys)) for side in sides], header=("part", *keys))
    return f"{scores}\n\n{ended(data)}"


def open_run(reference: str, runs: str, *, kind: str) -> Any:
    """Return the trained model that a person means."""
    from idlcli.experiments import open as opening
    from idlcli.runs import find

    return opening.model_of(find(reference, root=runs_root(runs), kinds=(kind,)))


def sample(
    model: Any, draw: Any, *, count: int | None, seed: int | None, seeds: str, label: str | None, out: str
) -> Result:  # fmt: skip
    """Write faces of codes that ``draw`` draws."""
    from idlcli.experiments import face_pictures

    each, origin = _each(count, seed, seeds, usual=64)
    found = face_pictures.sample(model, draw, count=each, seeds=origin, label=label, out=Path(out) if out else None)
    return Result(found, f"{found['count']} faces are in {found['files'][0]}.")


def interpolate(
    model: Any, draw: Any, *, count: int | None, seed: int | None, seeds: str, label: str | None, steps: int, out: str
) -> Result:  # fmt: skip
    """Write the faces on the way through codes that ``draw`` draws: a row from each to the next, or a film."""
    from idlcli.experiments import face_pictures

    each, origin = _each(count, seed, seeds, usual=6)
    found = face_pictures.interpolate(
        model, draw, count=each, seeds=origin, label=label, steps=steps, out=Path(out) if out else None
    )
    return Result(found, f"{found['count']} faces, from {found['stops']} to one another, are in {found['files'][0]}.")


def reconstruct(model: Any, *, data: str | None, count: int, seed: int, out: str) -> Result:
    """Write held-out faces, each with its reconstruction to its right, and say how near they are."""
    from idlcli.experiments import face_pictures

    found = face_pictures.reconstruct(model, data=data, count=count, seed=seed, out=Path(out) if out else None)
    said = f"{found['count']} held-out faces, each beside its reconstruction, are in {found['files'][0]}"
    return Result(found, f"{said}: MSE {found['mse']:.5f}.")


def _each(count: int | None, seed: int | None, seeds: str, *, usual: int) -> tuple[int, list[int]]:
    """Return how many faces to draw of each seed, and the seeds."""
    if not seeds:
        return count or usual, [seed or 0]
    if count is not None or seed is not None:
        raise UsageError("--seeds takes the first face of each seed: --count and --seed do not go with it.")
    return 1, parse_seeds(seeds)
