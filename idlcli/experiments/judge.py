"""The judge: a classifier of glyphs, trained on a train pool and scored on a test pool, which trains nothing.

Its pools are disjoint even where those of the data are shared: how well it reads is known from glyphs it never saw.
"""

import dataclasses
import functools
import hashlib
import shlex
from pathlib import Path
from typing import Any

import numpy as np

from idlcli.data import arithmetic, glyphs
from idlcli.data.batches import Batches
from idlcli.data.digits import SIDE
from idlcli.data.distort import distort
from idlcli.errors import DataError
from idlcli.evaluation.arithmetic import cross_entropy, log_softmax
from idlcli.evaluation.features import ENGINE, Extractor, Progress
from idlcli.evaluation.intervals import of_share
from idlcli.experiments import driver, provenance, schedule
from idlcli.experiments.inference import predict
from idlcli.experiments.provenance import fingerprint, settings_of
from idlcli.files import read_json_object, sha256_of_file
from idlcli.runs import Run
from idlcli.seeds import integer, rng
from idlcli.settings import JudgeSettings
from idlcli.settings.resolve import resolve
from idlcli.training import engine
from idlcli.training.reporter import Reporter
from idlcli.viz import curves

PREDICT_BATCH = 500


@dataclasses.dataclass(frozen=True)
class Prepared:
    """The glyph bank, and the glyphs (indices into it) that train and that test."""

    settings: JudgeSettings
    data: dict[str, Any]
    bank: glyphs.Bank
    train: np.ndarray
    test: np.ndarray


def slug(settings: JudgeSettings) -> str:
    """Return what matters of the settings, for the run's name."""
    return f"judge-w{settings.width}-s{settings.seed}"


def prepare(settings: JudgeSettings, *, root: Path | None = None) -> Prepared:
    """Load the data set and part its glyphs."""
    data = arithmetic.load(Path(settings.data))
    train, test = glyphs.pools(data.bank, kind="disjoint", test_share=data.manifest["test_share"], seed=settings.seed)
    about = {
        "path": settings.data, "kind": "arithmetic", "fingerprint": fingerprint(data.manifest),
        "alphabet": data.bank.alphabet, "pools": "disjoint", "digits": data.manifest["digits"]["name"],
        "train": int(train.sum()), "test": int(test.sum()),
        "test_sha256": hashlib.sha256(np.flatnonzero(test).tobytes()).hexdigest(),
    }  # fmt: skip
    return Prepared(settings, about, data.bank, np.flatnonzero(train), np.flatnonzero(test))


def train(prepared: Prepared, *, run: Run, reporter: Reporter | None) -> dict[str, Any]:
    """Train, read every glyph of both pools, and return the metrics."""
    import keras

    from idlcli.training.fit import Task, fit
    from idlcli.training.optimizer import make_optimizer

    settings, bank = prepared.settings, prepared.bank
    rows = balanced(bank.labels, prepared.train)

    def fetch(chosen: np.ndarray, epoch: int, step: int) -> Any:
        picked = rows[chosen]
        generator = rng(settings.seed, "distortion", epoch, step)
        images = distort(bank.images[picked], strength=settings.distortion, generator=generator)
        return images.astype(np.float32) / 255, bank.labels[picked].astype(np.int32)

    batches = Batches(
        count=len(rows), batch_size=settings.batch_size, seed=settings.seed, fetch=fetch,
        steps_per_epoch=settings.steps_per_epoch,
    )  # fmt: skip
    model = build(settings, classes=len(bank.alphabet))
    model.compile(
        optimizer=make_optimizer(settings, steps=batches.steps * settings.epochs),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=[keras.metrics.SparseCategoricalAccuracy(name="accuracy")],
        jit_compile=settings.uses_jit,
    )

    def evaluate(epoch: int) -> dict[str, float]:
        if not schedule.is_due(settings, epoch):
            return {}
        found = score(model, bank, prepared.test)
        return {f"test_{name}": found[name] for name in ("accuracy", "digit_accuracy", "loss")}

    progress = fit(
        Task(
            model=model, batches=batches, epochs=settings.epochs, seed=settings.seed, unit="glyphs",
            evaluate=evaluate,
        ),
        run=run, reporter=reporter,
    )  # fmt: skip
    curves.draw(logs={run.name: run.log()}, path=run.folder("plots") / "curves.png")
    return {
        "epochs": progress.epoch,
        "train": score(model, bank, prepared.train),
        "test": score(model, bank, prepared.test),
        "conditions": {"pools": prepared.data["pools"], "digits": prepared.data["digits"], "seed": settings.seed},
    }


def build(settings: JudgeSettings, *, classes: int) -> Any:
    """Return the untrained classifier of a run, its weights drawn from the seed."""

    from idlcli.models import glyph_classifier

    engine.seed(integer(settings.seed, "weights"))
    return glyph_classifier.build(classes=classes, width=settings.width, dropout=settings.dropout)


def balanced(labels: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Return ``rows`` with those of a class of few glyphs (the blank has one) repeated to half a class's mean size."""
    counts = np.bincount(labels[rows])
    wanted = int(counts[counts > 0].mean() // 2)
    parts = [rows]
    for label in np.flatnonzero((counts > 0) & (counts < wanted)):
        members = rows[labels[rows] == label]
        parts.append(np.resize(members, wanted - len(members)))
    return np.concatenate(parts)


def score(model: Any, bank: glyphs.Bank, rows: np.ndarray) -> dict[str, Any]:
    """Return ``n``, ``accuracy`` over all glyphs, that over the ten digits with its interval, and ``loss`` in nats."""
    logits = read(model, bank.images[rows].astype(np.float32) / 255)
    labels = bank.labels[rows]
    right = logits.argmax(axis=-1) == labels
    loss = cross_entropy(answers=labels[:, None], log_probabilities=log_softmax(logits)[:, None])
    digits = right[labels < 10]
    share = float(digits.mean())
    return {
        "n": len(rows), "accuracy": float(right.mean()), "loss": loss,
        "digits": len(digits), "digit_accuracy": share, "digit_interval": doubt(len(digits), share),
    }  # fmt: skip


def told(run: Run, score: dict[str, Any]) -> dict[str, Any]:
    """Return what is said of a judge beside all it reads: its score on glyphs it never saw, and its doubt."""
    digits, share = int(score["digits"]), float(score["digit_accuracy"])
    return {
        "run": run.name, "n": int(score["n"]), "accuracy": float(score["accuracy"]),
        "digits": digits, "digit_accuracy": share, "digit_interval": doubt(digits, share),
    }  # fmt: skip


def doubt(digits: int, share: float) -> dict[str, Any]:
    """Return the 95% interval of the share of so many digits that is read right."""
    low, high = of_share(round(share * digits), digits)
    return {"low": low, "high": high, "method": "wilson"}


def read(model: Any, images: np.ndarray) -> np.ndarray:
    """Return the logits (N, classes) of glyphs float (N, 28, 28) in [0, 1]."""
    return np.asarray(predict(model, images, batch=PREDICT_BATCH))


class Judge:
    """The classifier of a finished run, ready to read."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.settings: JudgeSettings = settings_of(run)
        about, metrics = read_json_object(run.path / "data.json"), run.metrics()
        if metrics is None:
            raise DataError(
                f"{run.name} is not done.", hint=f"Go on with: idl runs resume {shlex.quote(str(run.path))}"
            )
        try:
            self.alphabet = str(about["alphabet"])
            self.score = told(run, metrics["test"])
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(f"{run.path}: this is not the record of a judge.") from error

    @functools.cached_property
    def model(self) -> Any:
        """The Keras model, on the engine that is running."""
        from idlcli.training import checkpoint

        model = build(self.settings, classes=len(self.alphabet))
        checkpoint.load(self.run.weights, model, optimizer=False)
        return model

    def taught(self, *, near: Path) -> np.ndarray:
        """Return the glyphs that it was trained on, uint8 (N, 28, 28): of the set at ``near``, or where its own lay.

        Raises :class:`DataError` if its data are at neither.
        """
        place = near if provenance.are_at(self.run, near) else Path(self.settings.data)
        provenance.check(self.run, fingerprint(arithmetic.load(place).manifest), place=place)
        prepared = prepare(dataclasses.replace(self.settings, data=str(place)))
        return np.asarray(prepared.bank.images[prepared.train])

    def read(self, images: np.ndarray) -> np.ndarray:
        """Return the logits (..., classes) of glyphs float (..., 28, 28) in [0, 1]."""
        logits = read(self.model, images.reshape(-1, SIDE, SIDE))
        return logits.reshape(*images.shape[:-2], -1)

    def features(self, images: np.ndarray) -> np.ndarray:
        """Return what the classifier sees before it decides, float (N, d), of glyphs float (N, 28, 28)."""
        return np.asarray(predict(self.model.get_layer("extractor"), images, batch=PREDICT_BATCH))


def extractor(run: Run) -> Extractor:
    """Return a judge as features of glyphs: uint8 (N, 28, 28) -> float (N, d), on the engine that runs, or its own."""
    judge = Judge(run)

    def extract(images: np.ndarray, progress: Progress | None) -> np.ndarray:
        engine.start(engine.running() or ENGINE)
        return judge.features(np.asarray(images, np.float32) / 255)

    return Extractor("judge", "glyphs", sha256_of_file(run.weights), f"{SIDE}x{SIDE} none", extract)


def obtain(
    *, data: str, seed: int, backend: str, root: Path, reporter: Reporter | None, width: int | None = None
) -> Judge:
    """Return the judge of a data set and a seed: the recipe `best`, trained once under ``root``.

    One of another ``width`` has weights of its own: whoever learns to write by it can be judged by the first.
    """
    flags = {"data": data, "seed": seed, "backend": backend, **({} if width is None else {"width": width})}
    settings = resolve(JudgeSettings, command="judge train", flags=flags, environ={}, recipe="best").settings
    return Judge(driver.obtain(kind="judge", settings=settings, root=root, reporter=reporter))
