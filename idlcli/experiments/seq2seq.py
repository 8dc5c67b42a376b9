"""The arithmetic experiment: settings in; data, model, training and artefacts; metrics out."""

import dataclasses
import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from idlcli.data import arithmetic
from idlcli.data.batches import Batches
from idlcli.data.layouts import hints
from idlcli.data.queries import commuted, split
from idlcli.experiments import solver
from idlcli.experiments.driver import fingerprint
from idlcli.files import write_json, write_text
from idlcli.runs import Run
from idlcli.seeds import rng
from idlcli.settings import Seq2seqSettings
from idlcli.training.reporter import Reporter
from idlcli.viz import curves

if TYPE_CHECKING:
    from idlcli.training.fit import Task

SHOWN = 16
"""Test queries whose answers are kept at the sample epochs."""


@dataclasses.dataclass(frozen=True)
class Prepared:
    """The data set and which of its queries train, validate and test (sorted indices)."""

    settings: Seq2seqSettings
    data: dict[str, Any]
    arithmetic: arithmetic.Arithmetic
    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray

    @property
    def sides(self) -> dict[str, np.ndarray]:
        """The three sides by name."""
        return {"train": self.train, "validation": self.validation, "test": self.test}


def slug(settings: Seq2seqSettings) -> str:
    """Return what matters of the settings, for the run's name."""
    kind = f"-{settings.architecture}" if settings.architecture != "repeat" else ""
    layers = f"-e{settings.encoder_layers}" if settings.encoder_layers > 1 else ""
    return f"seq2seq-{settings.mode}{kind}-t{settings.train_fraction:g}-{settings.split}{layers}-s{settings.seed}"


def prepare(settings: Seq2seqSettings) -> Prepared:
    """Load the data set and part its queries."""
    data = arithmetic.load(Path(settings.data))
    queries = data.queries
    train, test = split(queries, fraction=settings.train_fraction, how=settings.split, seed=settings.seed)
    validation = train[:0]
    if settings.validation_fraction:
        validation, train = split(
            queries, fraction=settings.validation_fraction, how=settings.split, seed=settings.seed,
            purpose="validation", among=train,
        )  # fmt: skip
    if settings.commute:
        extra = commuted(queries, train)
        train = np.union1d(train, np.setdiff1d(extra, np.union1d(test, validation)))
    about = {
        "path": settings.data, "kind": "arithmetic", "fingerprint": fingerprint(data.manifest),
        "ops": data.manifest["ops"], "max": data.manifest["max"],
        "train": len(train), "validation": len(validation), "test": len(test),
        "test_sha256": hashlib.sha256(test.tobytes()).hexdigest(),
    }  # fmt: skip
    return Prepared(settings, about, data, train, validation, test)


def train(prepared: Prepared, *, run: Run, reporter: Reporter | None) -> dict[str, Any]:
    """Train, then answer every query of both sides; write split, predictions and curves; return the metrics."""
    from idlcli.training import checkpoint
    from idlcli.training.fit import fit

    settings, queries = prepared.settings, prepared.arithmetic.queries
    write_json(run.path / "split.json", {name: side.tolist() for name, side in prepared.sides.items()})
    task = _task(prepared, run)
    progress = fit(task, run=run, reporter=reporter)
    if task.best and progress.best_epoch is not None:
        checkpoint.load(run.path / "checkpoints" / "best.safetensors", task.model, optimizer=False)
    layout = solver.layout_for(settings, queries)
    answers = {
        name: solver.answer(task.model, layout, queries, side) for name, side in prepared.sides.items() if len(side)
    }
    write_text(run.path / "predictions.csv", answers["test"].csv())
    curves.draw(logs={run.name: run.log()}, path=run.folder("plots") / "curves.png")
    return {
        "epochs": progress.epoch,
        "best_epoch": progress.best_epoch,
        **{name: found.score() for name, found in answers.items()},
        "errors": answers["test"].errors(),
        "conditions": {"split": settings.split, "train_fraction": settings.train_fraction, "seed": settings.seed},
    }


def _task(prepared: Prepared, run: Run) -> "Task":
    from idlcli.models import columns, seq2seq
    from idlcli.training.fit import Task
    from idlcli.training.optimizer import make_optimizer

    settings, queries = prepared.settings, prepared.arithmetic.queries
    layout = solver.layout_for(settings, queries)
    inputs = queries.queries.astype(np.int32)
    answers = layout.write(queries.text(queries.answers))
    carry, order = hints(queries)
    rows = prepared.train

    def fetch(chosen: np.ndarray, epoch: int, step: int) -> Any:
        picked = rows[chosen]
        if settings.architecture == "repeat":
            return inputs[picked], answers[picked]
        return inputs[picked], {"answer": answers[picked], "carry": carry[picked], "order": order[picked]}

    batches = Batches(
        count=len(rows), batch_size=settings.batch_size, seed=settings.seed, fetch=fetch,
        steps_per_epoch=settings.steps_per_epoch,
    )  # fmt: skip
    model = solver.build(settings, queries)
    optimizer = make_optimizer(settings, steps=batches.steps * settings.epochs)
    heads = columns.losses(settings) if settings.architecture == "columns" else None
    seq2seq.compile(model, optimizer, jit=uses_jit(settings), heads=heads)

    def evaluate(epoch: int) -> dict[str, float]:
        row: dict[str, float] = {}
        due = {"validation"} | ({"test"} if epoch % settings.eval_every == 0 or epoch == settings.epochs else set())
        for name, side in prepared.sides.items():
            if name in due and len(side):
                found = solver.answer(model, layout, queries, side).score()
                row |= {f"{name}_{metric}": found[metric] for metric in ("loss", "character", "exact")}
        return row

    def sample(epoch: int) -> None:
        shown = rng(settings.seed, "samples").choice(prepared.test, size=min(SHOWN, len(prepared.test)), replace=False)
        text = solver.answer(model, layout, queries, shown).csv()
        write_text(run.folder("samples") / f"epoch-{epoch:04d}.csv", text)

    return Task(
        model=model, batches=batches, epochs=settings.epochs, seed=settings.seed, unit="queries", evaluate=evaluate,
         best="validation_exact" if settings.validation_fraction else None,
        sample=sample, sample_epochs=frozenset({1, settings.epochs // 2, settings.epochs}),
        names={"answer_character": "character", "answer_exact": "exact"},
    )  # fmt: skip


def uses_jit(settings: Seq2seqSettings) -> bool:
    """Whether to compile with XLA: always on JAX, never on PyTorch; on TensorFlow where it was measured to be faster.

    There it makes the report's wide LSTMs a third faster, and columns with its many small operations far slower.
    """
    if settings.jit == "auto":
        return settings.backend == "jax" or (settings.backend == "tensorflow" and settings.architecture == "repeat")
    return settings.jit == "on"
