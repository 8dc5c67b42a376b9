"""The VAE experiment: settings in; data, model, training and artefacts; metrics out. And a run's codes and faces."""

import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from idlcli.errors import UsageError
from idlcli.evaluation.mixture import Mixture
from idlcli.evaluation.reconstruction import mean_squared_error
from idlcli.experiments import collapse, face_task, schedule, vae_prior
from idlcli.experiments.face_model import FaceModel, apply, in_chunks, sigmoid, to_pixels, to_unit
from idlcli.experiments.face_task import Images, Prepared
from idlcli.runs import Run
from idlcli.seeds import integer, rng
from idlcli.settings import VaeSettings
from idlcli.training import engine
from idlcli.training.reporter import Reporter
from idlcli.viz import curves

ALIVE = 0.1
"""Nats of KL divergence above which a latent counts as alive."""
FEWEST_ALIVE = 8


def slug(settings: VaeSettings) -> str:
    """Return what matters of the settings, for the run's name."""
    return face_task.slug(
        settings, kind="vae", matters=f"z{settings.latent}-w{settings.width}-{settings.reconstruction}"
    )  # fmt: skip


def prepare(settings: VaeSettings, *, root: Path | None = None) -> Prepared:
    """Load the data set, and check that its images can be averaged to the side at which they are compared."""
    prepared = face_task.prepare(settings, depth=settings.depth)
    side, size = settings.reconstruction_side, prepared.faces.size
    if side and size % side:
        raise UsageError(
            f"--reconstruction-side: images of {size} x {size} cannot be averaged to {side} x {side}.",
            hint=f"Give a side that divides {size}.",
        )
    if settings.adversary != "none":
        face_task.check_side(size, depth=None)
    if settings.mixture and len(prepared.train) < 2:
        raise UsageError(
            "--mixture cannot be fitted to the code of one image.", hint="Train on more, or give --mixture 0."
        )
    if settings.min_alive > settings.latent:
        raise UsageError(
            f"--min-alive {settings.min_alive}: there are only {settings.latent} latents.",
            hint=f"Give --min-alive {settings.latent} or less, or a larger --latent.",
        )
    if settings.prior == "mixture" and not settings.mixture:
        raise UsageError("--prior mixture: there is none, by --mixture 0.", hint="Give --mixture 1 or more.")
    return prepared


def train(prepared: Prepared, *, run: Run, reporter: Reporter | None) -> dict[str, Any]:
    """Train, score both sides, fit the mixture to the training codes, and return the metrics."""
    from idlcli.training import checkpoint
    from idlcli.training.fit import Task, fit
    from idlcli.training.optimizer import make_adversarial_optimizer, make_optimizer

    settings: VaeSettings = prepared.settings
    batches = face_task.batches(prepared)
    model = build(
        settings, size=prepared.faces.size, classes=prepared.classes, steps_per_epoch=batches.steps
    )  # fmt: skip
    steps = batches.steps * settings.epochs
    if settings.adversary == "none":
        optimizer = make_optimizer(settings, steps=steps)
    else:
        optimizer = make_adversarial_optimizer(settings, steps=steps)
    model.compile(optimizer=optimizer, jit_compile=settings.uses_jit)
    if run.initial.exists():
        checkpoint.load(run.initial, model, optimizer=False)
        model.earlier_steps = float(np.asarray(model.steps))
    labels = np.arange(face_task.SHOWN) % prepared.classes if prepared.classes else None

    def drawn() -> Images:
        codes = vae_prior.draw(model, prepared, count=face_task.SHOWN, purpose="samples")
        return pictures(model, codes, labels)

    def evaluate(epoch: int) -> dict[str, float]:
        if not schedule.is_due(settings, epoch):
            return {}
        found = score(model, prepared, "test")
        shown = ("loss", "reconstruction", "kl", "mse", "active_latents", "spread")
        return {f"test_{name}": float(found[name]) for name in shown}

    def warn(row: Mapping[str, float]) -> list[str]:
        """Say what has collapsed; an adversary that has not begun to teach may win."""
        d_loss = row.get("d_loss") if row["epoch"] > settings.adversary_start else None
        return collapse.warnings(spread=row["test_spread"], d_loss=d_loss) if "test_spread" in row else []

    progress = fit(
        Task(
            model=model, batches=batches, epochs=settings.epochs, seed=settings.seed, unit="images",
            evaluate=evaluate, warn=warn, sample=face_task.sampler(run, drawn),
            sample_epochs=schedule.sample_epochs(settings), names={"loss": "objective", "bound": "loss"},
        ),
        run=run, reporter=reporter,
    )  # fmt: skip
    curves.draw(logs={run.name: run.log()}, path=run.folder("plots") / "curves.png")
    face_task.write_strip(run, size=prepared.faces.size)
    if settings.mixture:
        vae_prior.write(run, vae_prior.fit(model, prepared))
    test = score(model, prepared, "test")
    alive = test["active_latents"]
    few = [f"Only {alive} of {settings.latent} latents are alive: most of the code says nothing."]
    told = few if alive < min(FEWEST_ALIVE, settings.latent) else []
    return {
        "epochs": progress.epoch,
        "train": score(model, prepared, "train"),
        "test": test,
        "warnings": told + warn({**run.log()[-1], "test_spread": test["spread"]}),
        "conditions": {
            "reconstruction": settings.reconstruction, "kl_weight": settings.kl_weight,
            "condition": settings.condition, "seed": settings.seed,
        },
    }  # fmt: skip


def build(settings: VaeSettings, *, size: int, classes: int, steps_per_epoch: int = 1) -> Any:
    """Return the untrained model of a run, its weights drawn from the seed."""

    from idlcli.models.vae import Vae

    engine.seed(integer(settings.seed, "weights"))
    return Vae(settings, size=size, classes=classes, steps_per_epoch=steps_per_epoch)


def score(model: Any, prepared: Prepared, name: str) -> dict[str, Any]:
    """Return the bound of a side's images and its parts, from one drawn code each, without augmentation.

    ``loss`` is the negative evidence lower bound and ``reconstruction`` its first part, both in nats a value (the
    report's loss), ``kl`` the second in nats a face; ``mse`` is that of the codes' means; ``active_latents`` counts
    those whose mean KL divergence is above 0.1 nats; ``spread`` is how much as many drawn faces differ, as a share of
    what those of the side do.
    """
    settings, rows = prepared.settings, prepared.scored(name)
    generator = rng(settings.seed, f"{name} codes")
    variance = float(np.asarray(model.variance))
    lost, errors, divergence = 0.0, 0.0, np.zeros(settings.latent)
    for part in in_chunks(len(rows)):
        images = np.asarray(prepared.faces.images[rows[part]])
        labels = None if prepared.labels is None else prepared.labels[rows[part]]
        mean, log_variance = apply(model.inference_encoder, to_unit(images))
        codes = mean + np.exp(log_variance / 2) * generator.standard_normal(mean.shape, np.float32)
        logits = _logits(model, codes, labels)
        lost += float(_nats(to_unit(images), logits, settings, variance).sum())
        divergence += _divergence(mean, log_variance).sum(axis=0)
        errors += float(mean_squared_error(images=images, reconstructions=pictures(model, mean, labels)).sum())
    codes = vae_prior.draw(model, prepared, count=len(rows), purpose="score")
    drawn = pictures(model, codes, None if prepared.labels is None else prepared.labels[rows])
    side = settings.reconstruction_side or prepared.faces.size
    values, each = 3 * side**2, divergence / len(rows)
    return {
        "n": len(rows),
        "loss": lost / len(rows) + float(each.sum()) / values,
        "reconstruction": lost / len(rows),
        "kl": float(each.sum()),
        "mse": errors / len(rows),
        "active_latents": int((each > ALIVE).sum()),
        "spread": collapse.spread(drawn, real=np.asarray(prepared.faces.images[rows])),
    }


def _nats(images: np.ndarray, logits: np.ndarray, settings: VaeSettings, variance: float) -> np.ndarray:
    """Return the mean negative log-likelihood of each picture in nats a value: as the model's, in NumPy."""
    if settings.reconstruction == "bce":
        return (np.logaddexp(0, logits) - images * logits).mean(axis=(1, 2, 3), dtype=np.float64)
    lost, side = images - sigmoid(logits), settings.reconstruction_side or images.shape[1]
    lost = lost.reshape(len(lost), side, lost.shape[1] // side, side, lost.shape[2] // side, -1).mean(axis=(2, 4))
    squared = np.square(lost).mean(axis=(1, 2, 3), dtype=np.float64)
    return 0.5 * (np.log(2 * np.pi * max(variance, 1e-6)) + squared / max(variance, 1e-6))


def _divergence(mean: np.ndarray, log_variance: np.ndarray) -> np.ndarray:
    mean, log_variance = mean.astype(np.float64), log_variance.astype(np.float64)
    return 0.5 * (mean**2 + np.exp(log_variance) - 1 - log_variance)


def _logits(model: Any, codes: np.ndarray, labels: np.ndarray | None) -> np.ndarray:
    codes = np.asarray(codes, np.float32)
    return apply(model.inference_decoder, codes, *(() if labels is None else (labels.astype(np.int32),)))


def pictures(model: Any, codes: np.ndarray, labels: np.ndarray | None) -> Images:
    """Return the faces uint8 (N, S, S, 3) of codes (N, latent), and of labels (N,) where the model is told them."""
    chunks = [
        to_pixels(sigmoid(_logits(model, codes[rows], None if labels is None else labels[rows])))
        for rows in in_chunks(len(codes))
    ]
    return np.concatenate(chunks)


def open_run(run: Run) -> "TrainedVae":
    """Return the trained VAE of a run."""
    return TrainedVae(run)


class TrainedVae(FaceModel):
    """The model of a run: pictures are uint8 (N, S, S, 3), codes float32 (N, latent)."""

    def _build(self) -> Any:
        return build(self.settings, size=self.size, classes=len(self.words))

    @functools.cached_property
    def mixture(self) -> Mixture:
        """The mixture that was fitted to the training codes."""
        return vae_prior.read(self.run, self.settings)

    def draw(self, count: int, seed: int, *, prior: str | None = None) -> np.ndarray:
        """Return codes of the ``prior``, normal or mixture, or else the run's; fewer are the first of more."""
        if (prior or self.settings.prior) == "mixture":
            return self.mixture.draw(count=count, generator=rng(seed, "mixture"))
        return super().draw(count, seed)

    def sample(self, count: int, seed: int, *, label: str | None = None) -> Images:
        """Return ``count`` faces of codes from the run's prior; the first of more are the same."""
        return self.decode(self.draw(count, seed), self.labels(count=count, seed=seed, label=label))

    def encode(self, images: Images) -> np.ndarray:
        """Return the means of the pictures' codes."""
        return np.concatenate(
            [apply(self.model.inference_encoder, to_unit(images[part]))[0] for part in in_chunks(len(images))]
        )

    def decode(self, codes: np.ndarray, labels: np.ndarray | None = None) -> Images:
        """Return the faces of codes, of the labels int (N,) where the model is told them."""
        if labels is None:
            labels = self.labels(count=len(codes), seed=0, label=None)
        return pictures(self.model, np.asarray(codes, np.float32), labels)

    def reconstruct(self, images: Images) -> Images:
        """Return what the codes decode to; of a model that is told labels, by that one of its training that fits."""
        codes = self.encode(images)
        if not self.words:
            return self.decode(codes)
        best, least = np.empty(images.shape, np.uint8), np.full(len(codes), np.inf)
        for label in self.trained_labels:
            found = self.decode(codes, np.full(len(codes), label))
            errors = mean_squared_error(images=images, reconstructions=found)
            best[errors < least] = found[errors < least]
            least = np.minimum(errors, least)
        return best
