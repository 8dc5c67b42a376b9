"""The GAN experiment: settings in; data, both networks, training and artefacts; metrics out. And a run's faces."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from idlcli.experiments import collapse, face_task, schedule
from idlcli.experiments.face_model import FaceModel, apply, in_chunks, latents, to_pixels, to_unit
from idlcli.experiments.face_task import Images, Prepared
from idlcli.runs import Run
from idlcli.seeds import integer
from idlcli.settings import GanSettings
from idlcli.training import engine
from idlcli.training.reporter import Reporter
from idlcli.viz import curves


def slug(settings: GanSettings) -> str:
    """Return what matters of the settings, for the run's name."""
    return face_task.slug(settings, kind="gan", matters=f"z{settings.latent}-w{settings.width}")


def prepare(settings: GanSettings, *, root: Path | None = None) -> Prepared:
    """Load the data set."""
    return face_task.prepare(settings, depth=None)


def train(prepared: Prepared, *, run: Run, reporter: Reporter | None) -> dict[str, Any]:
    """Train both networks, score them on held-out faces, and return the metrics."""
    from idlcli.training.fit import Task, fit
    from idlcli.training.optimizer import make_adversarial_optimizer

    settings: GanSettings = prepared.settings
    batches = face_task.batches(prepared)
    model = build(settings, size=prepared.faces.size, classes=prepared.classes)
    model.compile(
        optimizer=make_adversarial_optimizer(settings, steps=batches.steps * settings.epochs),
        jit_compile=settings.uses_jit,
    )
    codes = latents(count=face_task.SHOWN, size=settings.latent, seed=settings.seed, purpose="samples")
    told = np.arange(len(codes)) % prepared.classes if prepared.classes else None

    def evaluate(epoch: int) -> dict[str, float]:
        if not schedule.is_due(settings, epoch):
            return {}
        found = score(model, prepared)
        return {f"test_{name}": found[name] for name in ("d_loss", "g_loss", "spread")}

    def warn(row: Mapping[str, float]) -> list[str]:
        return collapse.warnings(d_loss=row["d_loss"], spread=row["test_spread"]) if "test_spread" in row else []

    progress = fit(
        Task(
            model=model, batches=batches, epochs=settings.epochs, seed=settings.seed, unit="images",
            evaluate=evaluate, warn=warn, sample=face_task.sampler(run, lambda: pictures(model, codes, told)),
            sample_epochs=schedule.sample_epochs(settings),
        ),
        run=run, reporter=reporter,
    )  # fmt: skip
    log = run.log()
    curves.draw(logs={run.name: log}, path=run.folder("plots") / "curves.png")
    face_task.write_strip(run, size=prepared.faces.size)
    test = score(model, prepared)
    last = {name: log[-1][name] for name in ("d_loss", "g_loss")}
    return {
        "epochs": progress.epoch,
        "train": {"n": len(prepared.train), **last},
        "test": test,
        "warnings": collapse.warnings(d_loss=last["d_loss"], spread=test["spread"]),
        "conditions": {"condition": settings.condition, "ema": settings.ema, "seed": settings.seed},
    }


def build(settings: GanSettings, *, size: int, classes: int) -> Any:
    """Return the untrained model of a run, its weights drawn from the seed."""

    from idlcli.models.gan import Gan

    engine.seed(integer(settings.seed, "weights"))
    return Gan(settings, size=size, classes=classes)


def pictures(model: Any, codes: np.ndarray, labels: np.ndarray | None) -> Images:
    """Return faces uint8 (N, S, S, 3) of latent vectors (N, latent), by the generator's average if there is one."""
    inputs = (codes,) if labels is None else (codes, labels.astype(np.int32))
    chunks = [apply(model.sampler, *(values[rows] for values in inputs)) for rows in in_chunks(len(codes))]
    return np.concatenate([to_pixels((part + 1) / 2) for part in chunks])


def score(model: Any, prepared: Prepared) -> dict[str, Any]:
    """Return ``n``, ``d_loss`` and ``g_loss`` of held-out faces and as many made ones, and the ``spread`` of those.

    Without augmentation, by the networks as they are at inference.
    """
    from keras import ops

    from idlcli.models import discriminator

    settings, rows = prepared.settings, prepared.scored("test")
    real = np.asarray(prepared.faces.images[rows])
    labels = None if prepared.labels is None else prepared.labels[rows]
    made = pictures(model, latents(count=len(rows), size=settings.latent, seed=settings.seed, purpose="score"), labels)
    on_real, on_made = (judge(model, images, labels) for images in (real, made))
    return {
        "n": len(rows),
        "d_loss": float(ops.convert_to_numpy(discriminator.discriminator_loss(settings.loss, on_real, on_made))),
        "g_loss": float(ops.convert_to_numpy(discriminator.generator_loss(settings.loss, on_made))),
        "spread": collapse.spread(made, real=real),
    }


def judge(model: Any, images: Images, labels: np.ndarray | None) -> np.ndarray:
    """Return the discriminator's logits (N,) of pictures uint8 (N, S, S, 3)."""
    found = []
    for rows in in_chunks(len(images)):
        inputs = (2 * to_unit(images[rows]) - 1, *(() if labels is None else (labels[rows].astype(np.int32),)))
        found.append(apply(model.discriminator, *inputs))
    return np.concatenate(found)


def open_run(run: Run) -> "TrainedGan":
    """Return the trained GAN of a run."""
    return TrainedGan(run)


class TrainedGan(FaceModel):
    """The generator of a run; ``sample`` and ``decode`` give uint8 (N, S, S, 3)."""

    def _build(self) -> Any:
        return build(self.settings, size=self.size, classes=len(self.words))

    def sample(self, count: int, seed: int, *, label: str | None = None) -> Images:
        """Return ``count`` faces; the first of more are the same."""
        labels = self.labels(count=count, seed=seed, label=label)
        return self.decode(self.draw(count, seed), labels)

    def decode(self, codes: np.ndarray, labels: np.ndarray | None = None) -> Images:
        """Return the faces of latent vectors float (N, latent), of the labels int (N,) where the model is told them."""
        if labels is None:
            labels = self.labels(count=len(codes), seed=0, label=None)
        return pictures(self.model, np.asarray(codes, np.float32), labels)
