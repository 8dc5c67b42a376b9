"""What a run makes, as pictures: what `idl viz grid` and `idl viz walk` draw and return."""

from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from idlcli.errors import DataError
from idlcli.experiments import open as opening
from idlcli.experiments.evaluate import Conditions, open_real
from idlcli.experiments.reconstruct import pictures_of
from idlcli.runs import Run
from idlcli.viz import grids, pictures, walks
from idlcli.viz.figures import check_suffix

COUNT = 64


def draw_grid(*, reference: str, data: str | None, out: Path, columns: int, conditions: Conditions) -> dict[str, Any]:
    """Draw pictures row by row: a run's samples, or what lies at a path.

    Of a run that cannot sample (a CAE), pictures of its data over their reconstructions, row by row.
    """
    check_suffix(out)
    found = opening.locate(reference, root=conditions.root, kinds=opening.PAINTERS)
    each = 1
    if not isinstance(found, Run):
        opening.check_unused(reference, data=data)
        opened = open_real(found, conditions.part, replace(conditions, most=COUNT))
        images = opened.array
        if opened.kind == "features":
            raise DataError(f"{reference} holds features, not pictures.")
        wide = columns or pictures.square(len(images), height=images.shape[1], width=images.shape[2])
    elif hasattr(model := opening.model_of(found), "sample"):
        opening.check_unused(f"{found.name}, which samples", data=data, part=conditions.part)
        opened = opening.open_run(found, count=conditions.count or COUNT, seed=conditions.seed)
        images, wide = opened.array, columns or pictures.square(len(opened.array))
    else:
        opened = pictures_of(found, data, replace(conditions, most=COUNT // 2), size=model.size)
        wide, each = columns or 8, 2
        images = _paired(opened.array, model.reconstruct(opened.array), wide)
    grids.write_picture(out, grids.grid(images, columns=wide))
    return {"files": [str(out)], "count": each * len(opened.array), "columns": wide, "conditions": opened.about}


def draw_walk(
    *, reference: str, data: str | None, out: Path, stops: int, steps: int, conditions: Conditions
) -> dict[str, Any]:
    """Draw the pictures on the way from code to code: a row from each to the next, or a film of all of it.

    Of a run that samples (VAE, GAN) the ``stops`` are draws of its prior, and the way between them is
    spherical; of one that does not (CAE) they are the codes of pictures, and it is straight.
    """
    pictures.check_suffix(out, film=True)
    run = opening.locate(reference, root=conditions.root, kinds=opening.PAINTERS)
    if not isinstance(run, Run):
        raise DataError(f"{reference} is no run.", hint="`idl runs list` shows what there is.")
    model = opening.model_of(run, needs="decode")
    gaussian = hasattr(model, "sample")
    if gaussian:
        opening.check_unused(f"{run.name}, which draws its codes", data=data)
        way = walks.walk(model.draw(stops, conditions.seed), steps=steps)
        labels = model.labels(count=1, seed=conditions.seed, label=None)
    else:
        ends = model.encode(pictures_of(run, data, replace(conditions, count=stops), size=model.size).array)
        way = np.stack([np.linspace(start, end, steps + 1, dtype=np.float32) for start, end in pairwise(ends)])
        labels = None
    is_film = out.suffix.lower() == ".gif"
    codes = way.reshape(-1, way.shape[-1])
    if is_film:  # no picture twice in a row
        codes = np.concatenate([way[:, :-1].reshape(-1, way.shape[-1]), way[-1:, -1]])
    images = model.decode(codes) if labels is None else model.decode(codes, labels.repeat(len(codes)))
    pictures.write(out, np.asarray(images), columns=steps + 1)
    about = {"run": str(run.path), "seed": conditions.seed, "between": "draws" if gaussian else "codes of pictures"}
    return {
        "files": [str(out)], "count": len(images), "stops": stops, "steps": steps, "spherical": gaussian,
        "conditions": about,
    }  # fmt: skip


def _paired(above: NDArray[Any], below: NDArray[Any], columns: int) -> NDArray[Any]:
    """Return rows of the first with a row of the second under each; the last row is filled up with white."""
    missing = -len(above) % columns
    white = np.full((missing, *above.shape[1:]), 255, np.uint8)
    both = [np.concatenate([part, white]).reshape(-1, columns, *above.shape[1:]) for part in (above, below)]
    return np.stack(both, axis=1).reshape(-1, *above.shape[1:])
