"""What the commands on trained models of faces share: their options, and pictures on their way to a file."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from idlcli.cli.console import Console, Result, table
from idlcli.cli.options import Plan, parse_seeds, runs_root
from idlcli.errors import ThresholdMissed, UsageError
from idlcli.settings import VaeSettings

PicturesOption = Annotated[
    str, typer.Option("--out", metavar="FILE", help="File to write: .png, .svg, or .npy for the pixels.")
]
FilmOption = Annotated[
    str, typer.Option("--out", metavar="FILE", help="File to write: .png, .svg, .npy, or .gif for an endless walk.")
]
CountOption = Annotated[int, typer.Option("--count", min=1, max=100_000, help="How many faces.")]
SeedOption = Annotated[int, typer.Option("--seed", min=0, max=2**32 - 1, help="Seed that they are drawn from.")]
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
Draw = Callable[[int, int], Any]
"""(count, seed) -> codes (count, latent)."""


def train_faces(kind: str, plan: Plan, console: Console) -> dict[str, Any]:
    """Train a model of faces; say what it warns of."""
    from idlcli.cli.progress import reporter
    from idlcli.experiments import driver

    data = driver.start(kind=kind, settings=plan.settings, root=plan.runs, name=plan.name, reporter=reporter(console))
    for warning in data.get("warnings", ()):
        console.warn(warning)
    return data


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
    return f"{scores}\n\nThe run is {data['run']} ({data['epochs']} epochs, {data['seconds']:.0f} s)."


def open_run(reference: str, runs: str, *, kind: str) -> Any:
    """Return the trained model that a person means."""
    import importlib

    from idlcli.runs import find

    run = find(reference, root=runs_root(runs), kinds=(kind,))
    return importlib.import_module(f"idlcli.experiments.{kind}").open_run(run)


def sample(
    model: Any, draw: Draw, *, count: int, seed: int, seeds: str, label: str | None, out: str
) -> Result:  # fmt: skip
    """Write faces of codes that ``draw`` draws."""
    import numpy as np

    from idlcli.viz import pictures

    file = target(model, out, "samples")
    codes, origin = _codes(draw, count=count, seed=seed, seeds=seeds)
    told = [model.labels(count=len(codes) // len(origin), seed=one, label=label) for one in origin]
    images = model.decode(codes, None if told[0] is None else np.concatenate(told))
    pictures.write(file, images, columns=pictures.square(len(images)))
    data = {"files": [str(file)], "count": len(images), "seeds": origin, "label": label}
    return Result(data, f"{len(images)} faces are in {file}.")


def interpolate(
    model: Any, draw: Draw, *, count: int, seed: int, seeds: str, label: str | None, steps: int, out: str
) -> Result:  # fmt: skip
    """Write the faces on the way through codes that ``draw`` draws: a row from each to the next, or a film."""
    from idlcli.viz import pictures
    from idlcli.viz.walks import walk

    file = target(model, out, "walk", film=True)
    codes, origin = _codes(draw, count=count, seed=seed, seeds=seeds)
    if len(codes) < 2:
        raise UsageError("A walk needs two faces or more.", hint="Give --count 2, or --seeds 0,1.")
    is_film = file.suffix.lower() == ".gif"
    way = walk(codes, steps=steps, closed=is_film)
    path = (way[:, :-1] if is_film else way).reshape(-1, codes.shape[1])  # a film shows no face twice in a row
    labels = model.labels(count=1, seed=seed, label=label)
    images = model.decode(path, None if labels is None else labels.repeat(len(path)))
    pictures.write(file, images, columns=steps + 1)
    data = {"files": [str(file)], "count": len(images), "seeds": origin, "steps": steps, "label": label}
    return Result(data, f"{len(images)} faces, from {len(codes)} to one another, are in {file}.")


def reconstruct(model: Any, *, data: str | None, count: int, seed: int, out: str) -> Result:
    """Write held-out faces, each with its reconstruction to its right, and say how near they are."""
    from idlcli.evaluation import reconstruction
    from idlcli.experiments import face_task
    from idlcli.viz import pictures

    file = target(model, out, "reconstructions")
    images, rows = face_task.held_out(model.run, model.data, data=data, count=count, seed=seed)
    found = model.reconstruct(images)
    error = reconstruction.mean_squared_error(images=images, reconstructions=found).mean().item()
    pictures.write(file, face_task.side_by_side(images, found), columns=2 * pictures.square(len(images) // 2 or 1))
    shown = {"files": [str(file)], "count": len(images), "images": rows, "mse": error}
    return Result(
        shown, f"{len(images)} held-out faces, each beside its reconstruction, are in {file}: MSE {error:.5f}."
    )


def target(model: Any, out: str, what: str, *, film: bool = False) -> Path:
    """Return the file to write, checked before anything is made."""
    from idlcli.viz import pictures

    file = Path(out or f"{model.run.name}-{what}.png")
    pictures.check_suffix(file, film=film)
    return file


def _codes(draw: Draw, *, count: int, seed: int, seeds: str) -> tuple[Any, list[int]]:
    if not seeds:
        return draw(count, seed), [seed]
    import numpy as np

    listed = parse_seeds(seeds)
    return np.concatenate([draw(1, one) for one in listed]), listed
