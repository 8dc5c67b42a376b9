"""The CAE experiment: settings in; data, model, training and artefacts; metrics out. And a run's codes and faces."""

from pathlib import Path
from typing import Any

import numpy as np

from idlcli.evaluation.reconstruction import mean_squared_error
from idlcli.experiments import face_task, schedule
from idlcli.experiments.face_model import FaceModel, apply, in_chunks, to_pixels, to_unit
from idlcli.experiments.face_task import Images, Prepared
from idlcli.runs import Run
from idlcli.seeds import integer, rng
from idlcli.settings import CaeSettings
from idlcli.training import engine
from idlcli.training.reporter import Reporter
from idlcli.viz import curves


def slug(settings: CaeSettings) -> str:
    """Return what matters of the settings, for the run's name."""
    return face_task.slug(settings, kind="cae", matters=f"c{settings.codes}-w{settings.width}")


def prepare(settings: CaeSettings, *, root: Path | None = None) -> Prepared:
    """Load the data set."""
    return face_task.prepare(settings, depth=settings.depth)


def train(prepared: Prepared, *, run: Run, reporter: Reporter | None) -> dict[str, Any]:
    """Train, score both sides, and return the metrics."""
    from idlcli.training.fit import Task, fit
    from idlcli.training.optimizer import make_optimizer

    settings: CaeSettings = prepared.settings
    batches = face_task.batches(prepared)
    model = build(settings, size=prepared.faces.size)
    model.compile(
        optimizer=make_optimizer(settings, steps=batches.steps * settings.epochs),
        jit_compile=settings.uses_jit,
    )
    rows = np.sort(rng(settings.seed, "samples").permutation(prepared.test)[: face_task.SHOWN // 2])
    shown = np.asarray(prepared.faces.images[rows])

    def evaluate(epoch: int) -> dict[str, float]:
        return {"test_mse": score(model, prepared, "test")["mse"]} if schedule.is_due(settings, epoch) else {}

    progress = fit(
        Task(
            model=model, batches=batches, epochs=settings.epochs, seed=settings.seed, unit="images", evaluate=evaluate,
            sample=face_task.sampler(run, lambda: face_task.side_by_side(shown, reconstruct(model, shown))),
            sample_epochs=schedule.sample_epochs(settings),
        ),
        run=run, reporter=reporter,
    )  # fmt: skip
    curves.draw(logs={run.name: run.log()}, path=run.folder("plots") / "curves.png")
    face_task.write_strip(run, size=prepared.faces.size)
    return {
        "epochs": progress.epoch,
        "train": score(model, prepared, "train"),
        "test": score(model, prepared, "test"),
        "conditions": {"codes": settings.codes, "seed": settings.seed},
    }


def build(settings: CaeSettings, *, size: int) -> Any:
    """Return the untrained model of a run, its weights drawn from the seed."""

    from idlcli.models.cae import Cae

    engine.seed(integer(settings.seed, "weights"))
    return Cae(settings, size=size)


def score(model: Any, prepared: Prepared, name: str) -> dict[str, Any]:
    """Return ``n`` and ``mse`` of a side's images and their reconstructions, as uint8 pictures on the [0, 1] scale."""
    rows = prepared.scored(name)
    errors = []
    for part in in_chunks(len(rows)):
        images = np.asarray(prepared.faces.images[rows[part]])
        errors.append(mean_squared_error(images=images, reconstructions=reconstruct(model, images)))
    return {"n": len(rows), "mse": float(np.concatenate(errors).mean())}


def encode(model: Any, images: Images) -> np.ndarray:
    """Return the codes float32 (N, codes) of pictures uint8 (N, S, S, 3)."""
    return np.concatenate([apply(model.encoder, to_unit(images[part])) for part in in_chunks(len(images))])


def decode(model: Any, codes: np.ndarray) -> Images:
    """Return the pictures uint8 (N, S, S, 3) of codes float (N, codes)."""
    codes = np.asarray(codes, np.float32)
    return np.concatenate([to_pixels(apply(model.decoder, codes[part])) for part in in_chunks(len(codes))])


def reconstruct(model: Any, images: Images) -> Images:
    """Return what the pictures' codes decode to."""
    return decode(model, encode(model, images))


def open_run(run: Run) -> "TrainedCae":
    """Return the trained autoencoder of a run."""
    return TrainedCae(run)


class TrainedCae(FaceModel):
    """The model of a run: pictures are uint8 (N, S, S, 3), codes float32 (N, codes)."""

    def _build(self) -> Any:
        return build(self.settings, size=self.size)

    def encode(self, images: Images) -> np.ndarray:
        """Return the codes of pictures."""
        return encode(self.model, images)

    def decode(self, codes: np.ndarray) -> Images:
        """Return the pictures of codes."""
        return decode(self.model, codes)

    def reconstruct(self, images: Images) -> Images:
        """Return what the pictures' codes decode to."""
        return reconstruct(self.model, images)
