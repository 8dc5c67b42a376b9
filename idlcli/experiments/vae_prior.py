"""Where a VAE's new codes come from: N(0, I), or Gaussians that were fitted to the codes of its training images.

The codes of real pictures do not fill N(0, I); a density that is fitted to them afterwards knows where they lie (Ghosh
et al. 2020).
"""

import shlex
from typing import Any

import numpy as np

from idlcli.errors import DataError, UsageError
from idlcli.evaluation.mixture import Mixture, fit_mixture
from idlcli.experiments.face_model import apply, in_chunks, latents, to_unit
from idlcli.experiments.face_task import Prepared
from idlcli.files import read_tensors, write_tensors
from idlcli.runs import Run
from idlcli.seeds import integer, rng
from idlcli.settings import VaeSettings

FILE = "prior.safetensors"
MOST_IMAGES = 20_000


def fit(model: Any, prepared: Prepared) -> Mixture:
    """Fit the mixture to one drawn code of each training image: means alone would leave gaps between them."""
    settings, rows = prepared.settings, prepared.train
    rows = rows[np.linspace(0, len(rows) - 1, min(len(rows), MOST_IMAGES)).astype(np.int64)]
    generator = rng(settings.seed, "mixture codes")
    codes = []
    for part in in_chunks(len(rows)):
        mean, log_variance = apply(model.inference_encoder, to_unit(prepared.faces.images[rows[part]]))
        codes.append(mean + np.exp(log_variance / 2) * generator.standard_normal(mean.shape, np.float32))
    return fit_mixture(
        codes=np.concatenate(codes), components=settings.mixture, seed=integer(settings.seed, "mixture")
    )  # fmt: skip


def draw(model: Any, prepared: Prepared, *, count: int, purpose: str) -> np.ndarray:
    """Return codes float32 (count, latent) of the prior that the settings name, as the ``model`` has it now."""
    settings = prepared.settings
    if settings.prior == "normal":
        return latents(count=count, size=settings.latent, seed=settings.seed, purpose=purpose)
    return fit(model, prepared).draw(count=count, generator=rng(settings.seed, purpose))


def write(run: Run, mixture: Mixture) -> None:
    """Keep a run's mixture beside its weights."""
    write_tensors(
        run.path / FILE, {"weights": mixture.weights, "means": mixture.means, "factors": mixture.factors}
    )  # fmt: skip


def read(run: Run, settings: VaeSettings) -> Mixture:
    """Return a run's mixture. Raises :class:`UsageError` if it has none, :class:`DataError` without a whole one."""
    if not settings.mixture:
        raise UsageError(f"{run.name} has no mixture prior.", hint="Train one with --mixture 10.")
    path, latent = run.path / FILE, settings.latent
    if not path.exists() and run.metrics() is None:
        raise DataError(
            f"{run.name} has no mixture yet, which is fitted after the last epoch.",
            hint=f"Go on with: idl runs resume {shlex.quote(str(run.path))}; `vae sample` can do with --prior normal.",
        )
    found = read_tensors(path)
    count = len(found.get("weights", ()))
    shapes = {"weights": (count,), "means": (count, latent), "factors": (count, latent, latent)}
    if not count or {name: value.shape for name, value in found.items()} != shapes:
        raise DataError(f"{path} is not the prior of this run.")
    return Mixture(**found)
