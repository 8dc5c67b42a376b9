"""How well a run's code keeps a picture: what `idl eval mse` returns."""

import time
from typing import Any

import numpy as np

from idlcli.errors import DataError
from idlcli.evaluation.reconstruction import WINDOW, mean_squared_error, reconstruction_scores
from idlcli.experiments import open as opening
from idlcli.experiments import provenance
from idlcli.experiments.evaluate import Conditions, open_real
from idlcli.experiments.open import Opened
from idlcli.runs import Run, find


def score(*, run: str, data: str | None, conditions: Conditions) -> dict[str, Any]:
    """Return the contract's result of `idl eval mse`: MSE with a normal interval of its mean, PSNR in dB, SSIM.

    ``psnr`` is None where a picture came back without any error. ``n`` counts pictures and their reconstructions.
    """
    started = time.perf_counter()
    found = find(run, root=conditions.root, kinds=opening.CODERS)
    model = opening.model_of(found, needs="reconstruct")
    opened = pictures_of(found, data, conditions, size=model.size)
    again = model.reconstruct(opened.array)
    if min(opened.array.shape[1:3]) < WINDOW:
        raise DataError(f"SSIM needs pictures of {WINDOW}x{WINDOW} at least; these are {opened.array.shape[1:3]}.")
    scores = reconstruction_scores(images=opened.array, reconstructions=again)
    each = mean_squared_error(images=opened.array, reconstructions=again)
    half = 1.96 * float(each.std(ddof=1)) / len(each) ** 0.5
    return {
        "metric": "mse", "value": scores.mse, "interval": [max(0.0, scores.mse - half), scores.mse + half],
        "confidence": 0.95, "psnr": scores.psnr if np.isfinite(scores.psnr) else None, "ssim": scores.ssim,
        "exact": scores.exact, "n": [scores.n, scores.n], "features": {"name": "pixels", "sha256": None},
        "resize": "none", "conditions": {"run": str(found.path), "b": opened.about}, "warnings": [],
        "seconds": round(time.perf_counter() - started, 3),
    }  # fmt: skip


def pictures_of(run: Run, data: str | None, conditions: Conditions, *, size: int) -> Opened:
    """Return the pictures to show a run: of ``data``, else of the data set it was made with (where it lay then).

    Raises :class:`DataError` where they are not of its model's ``size``.
    """
    place = opening.place_of(data) if data is not None else provenance.faces_of(run)
    opened = open_real(place, conditions.part, conditions)
    if opened.kind != "images":
        raise DataError(f"{place} holds {opened.kind}, not pictures.")
    if opened.array.shape[1:] != (size, size, 3):
        raise DataError(
            f"{run.name} does not take pictures of {opened.array.shape[1:]}.", hint=f"It takes {size} x {size}."
        )
    if len(opened.array) < 2:
        raise DataError(f"{opened.about['path']} holds one picture; an error of a mean needs two.")
    return opened
