"""Pictures that a trained model of faces makes: what `sample`, `interpolate` and `reconstruct` write and return."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from idlcli.errors import UsageError
from idlcli.evaluation import reconstruction
from idlcli.experiments import face_task
from idlcli.viz import pictures
from idlcli.viz.walks import walk

Draw = Callable[[int, int], np.ndarray]
"""(count, seed) -> codes (count, latent)."""


def sample(
    model: Any, draw: Draw, *, count: int, seeds: Sequence[int], label: str | None, out: Path | None
) -> dict[str, Any]:
    """Write ``count`` faces of each seed, of the codes that ``draw`` draws."""
    file = target(model, out, "samples")
    codes = _codes(draw, count, seeds)
    told = [model.labels(count=count, seed=seed, label=label) for seed in seeds]
    images = model.decode(codes, None if told[0] is None else np.concatenate(told))
    pictures.write(file, images, columns=pictures.square(len(images)))
    return {"files": [str(file)], "count": len(images), "seeds": list(seeds), "label": label}


def interpolate(
    model: Any, draw: Draw, *, count: int, seeds: Sequence[int], label: str | None, steps: int, out: Path | None
) -> dict[str, Any]:
    """Write the faces on the way through the same codes: a row from each to the next, or a film that never ends."""
    file = target(model, out, "walk", film=True)
    codes = _codes(draw, count, seeds)
    if len(codes) < 2:
        raise UsageError("A walk needs two faces or more.", hint="Give --count 2, or --seeds 0,1.")
    is_film = file.suffix.lower() == ".gif"
    way = walk(codes, steps=steps, closed=is_film)
    path = (way[:, :-1] if is_film else way).reshape(-1, codes.shape[1])  # a film shows no face twice in a row
    labels = model.labels(count=1, seed=seeds[0], label=label)
    images = model.decode(path, None if labels is None else labels.repeat(len(path)))
    pictures.write(file, images, columns=steps + 1)
    return {
        "files": [str(file)], "count": len(images), "seeds": list(seeds), "steps": steps, "label": label,
        "stops": len(codes),
    }  # fmt: skip


def reconstruct(model: Any, *, data: str | None, count: int, seed: int, out: Path | None) -> dict[str, Any]:
    """Write held-out faces, each with its reconstruction to its right, and say how near they are."""
    file = target(model, out, "reconstructions")
    images, rows = face_task.held_out(model.run, model.data, data=data, count=count, seed=seed)
    found = model.reconstruct(images)
    error = reconstruction.mean_squared_error(images=images, reconstructions=found).mean().item()
    pictures.write(file, face_task.side_by_side(images, found), columns=2 * pictures.square(len(images) // 2 or 1))
    return {"files": [str(file)], "count": len(images), "images": rows, "mse": error}


def target(model: Any, out: Path | None, what: str, *, film: bool = False) -> Path:
    """Return the file to write, checked before anything is made."""
    file = out or Path(f"{model.run.name}-{what}.png")
    pictures.check_suffix(file, film=film)
    return file


def _codes(draw: Draw, count: int, seeds: Sequence[int]) -> np.ndarray:
    return np.concatenate([draw(count, seed) for seed in seeds])
