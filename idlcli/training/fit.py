"""The one `fit`: trains any compiled Keras model in a run directory, so that it can be killed at any moment.

After each epoch, in this order: the line in log.jsonl, the sample artefacts, the checkpoint. A resumed training reads
the checkpoint, cuts the log back to its epoch, and everything random of the epochs to come derives from
(seed, purpose, epoch): it ends with the same numbers as a training that was never stopped.
"""

import dataclasses
import json
import math
import shlex
import signal
import time
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

import keras
import numpy as np

from idlcli import seeds
from idlcli.data.batches import Batches
from idlcli.errors import DataError, Diverged, Interrupted
from idlcli.files import append_line, read_json_lines, write_bytes, write_text
from idlcli.runs import Run
from idlcli.settings.resolve import without_place
from idlcli.training import checkpoint, devices, engine
from idlcli.training.checkpoint import Progress
from idlcli.training.devices import Alone
from idlcli.training.feed import Feed
from idlcli.training.optimizer import learning_rate
from idlcli.training.release import frames_released
from idlcli.training.reporter import Reporter, Silent
from idlcli.training.signals import Signals

SAVE_SECONDS = 5.0
"""Short epochs are not all written to the disk; the last whole one is when a signal or a NaN stops the training."""


@dataclasses.dataclass(frozen=True)
class Task:
    """What to train and how to look at it on the way.

    ``evaluate`` returns what to log beside the training's own metrics after an epoch (from 1), which may be nothing;
    ``warn`` what somebody should know of an epoch's line in the log, of all but the last, which the result speaks of;
    ``sample`` writes the artefacts of an epoch, for the epochs in ``sample_epochs``; ``best`` names the metric whose
    largest value marks the checkpoint ``best``; ``names`` gives metrics of the model other names in the log.
    """

    model: keras.Model
    batches: Batches
    epochs: int
    seed: int
    unit: str = "examples"
    evaluate: Callable[[int], Mapping[str, float]] | None = None
    warn: Callable[[Mapping[str, float]], list[str]] | None = None
    sample: Callable[[int], None] | None = None
    sample_epochs: frozenset[int] = frozenset()
    best: str | None = None
    names: Mapping[str, str] = dataclasses.field(default_factory=dict)


def fit(task: Task, *, run: Run, reporter: Reporter | None = None) -> Progress:
    """Train ``task`` in ``run`` from its last checkpoint, or from the start, to the last epoch.

    Raises :class:`Diverged` when a metric is not finite, :class:`Interrupted` on SIGINT or SIGTERM, and
    :class:`RunFailed` when another process of the training is lost; the last whole epoch is saved in each case.
    """
    reporter, group = reporter or Silent(), devices.current()
    devices.check_batch(task.batches.size, group.devices * group.processes)
    task.model.optimizer.build(task.model.trainable_variables)
    run.folder("checkpoints")
    progress = _progress(task.model, run)
    _cut_log(run, progress.epoch)
    if progress.epoch >= task.epochs:
        return progress
    feed = Feed(task.batches, first_epoch=progress.epoch, group=group)
    recorder = _Recorder(task, feed, run, progress, reporter, group)
    reporter.start(
        epochs=task.epochs, done=progress.epoch, steps=task.batches.steps,
        examples=task.batches.steps * task.batches.size, unit=task.unit,
    )  # fmt: skip
    try:
        with recorder.signals_caught(), frames_released():
            task.model.fit(
                feed.source(task.model),
                initial_epoch=progress.epoch,
                epochs=task.epochs,
                shuffle=False,  # the batches are in their order; Keras would shuffle them by Python's global generator
                verbose=0,
                callbacks=[recorder],
            )
    except Exception as error:
        lost = group.lost(error)
        if lost is None:
            raise
        recorder.save()
        raise (recorder.stopped() or lost) from error  # told to end, the processes leave each at its own step
    finally:
        group.end()
        reporter.finish()
    return recorder.progress


def _progress(model: keras.Model, run: Run) -> Progress:
    if run.last.exists():
        return checkpoint.load(run.last, model)
    if run.initial.exists():
        checkpoint.load(run.initial, model, optimizer=False)
    return Progress(epoch=0)


def _cut_log(run: Run, epoch: int) -> None:
    rows = read_json_lines(run.log_path) if run.log_path.exists() else []
    if not all(isinstance(row.get("epoch"), int) for row in rows):
        raise DataError(f"{run.log_path} has a line without its epoch.")
    kept = [row for row in rows if row["epoch"] <= epoch]
    write_text(run.log_path, "".join(json.dumps(row) + "\n" for row in kept))


class _Recorder(keras.callbacks.Callback):
    """Seeds, logs, samples and saves each epoch; watches for NaN and for signals."""

    async_safe = True  # it reads the loss at its own pace: no wait for the engine after every step

    def __init__(self, task: Task, feed: Feed, run: Run, progress: Progress, reporter: Reporter, group: Alone) -> None:
        super().__init__()
        self.progress, self._group = progress, group
        self._task, self._feed, self._run, self._reporter = task, feed, run, reporter
        self._unsaved: bytes | None = None
        self._saved_at = self._told_at = time.monotonic()
        self._signal = 0
        self._epoch = progress.epoch
        self._epoch_started = 0.0
        self._seed_states = _seed_states(task.model)
        self._settings = without_place(run.config()["settings"])

    def signals_caught(self) -> Signals:
        return Signals(self._on_signal)

    def _on_signal(self, number: int, frame: object) -> None:
        if self._signal:
            raise self._interrupted()
        self._signal = number

    def stopped(self) -> Interrupted | None:
        """Return what to say if a signal has come."""
        return self._interrupted() if self._signal else None

    def on_train_begin(self, logs: Any = None) -> None:
        self._group.begin(self._task.model)

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self._epoch = epoch
        self._feed.move_to(epoch)
        self._epoch_started = time.perf_counter()
        for index, state in enumerate(self._seed_states):
            drawn = seeds.integer(self._task.seed, f"layer {index}", epoch)
            state.assign(np.array([drawn, 0], dtype=state.dtype))
        if keras.backend.backend() == "torch":  # there, dropout without a seed of its own draws from the global one
            engine.seed(seeds.integer(self._task.seed, "engine", epoch))
        self._group.spread(self._task.model)

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        if self._signal:
            raise self._interrupted()
        now = time.monotonic()
        if now - self._told_at > 0.2:
            self._told_at = now
            loss = float(np.asarray((logs or {}).get("loss", math.nan)))
            if self._group.processes == 1:
                self._check_finite({"loss": loss})  # several look when the epoch ends, all at the same numbers
            self._reporter.step(epoch=self._epoch + 1, step=batch + 1, loss=loss)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        task, done = self._task, epoch + 1
        task.model.steps_per_execution = 1  # the training is compiled by now; what looks at it goes a batch at a time
        self._group.gather(task.model)
        row = {task.names.get(name, name): float(np.asarray(value)) for name, value in (logs or {}).items()}
        row["lr"] = learning_rate(task.model.optimizer)
        self._check_finite(row)
        try:
            checkpoint.check_finite(task.model)  # before it is looked at: not everything can be measured of NaN
            row |= task.evaluate(done) if task.evaluate else {}
            self._check_finite(row)
            row["seconds"] = round(time.perf_counter() - self._epoch_started, 3)
            progress, content = self._captured(done, row)
        except FloatingPointError as error:
            self._diverged(f"{error} is not finite")
        line = {"epoch": done, **row}
        append_line(self._run.log_path, json.dumps(line))
        if task.sample and done in task.sample_epochs:
            task.sample(done)
        self._advance(progress, content)
        self._reporter.epoch(epoch=done, row=row)
        for text in task.warn(line) if task.warn and done < task.epochs else ():
            self._reporter.warn(f"Epoch {done}: {text}")
        if self._signal:
            raise self._interrupted()

    def _captured(self, done: int, row: Mapping[str, float]) -> tuple[Progress, bytes]:
        """Return the checkpoint of an epoch, before anything is logged of it."""
        task = self._task
        score = row.get(task.best) if task.best else None
        better = score is not None and (self.progress.best_score is None or score > self.progress.best_score)
        progress = Progress(done, score, done) if better else dataclasses.replace(self.progress, epoch=done)
        return progress, checkpoint.capture(task.model, progress, self._settings)

    def _advance(self, progress: Progress, content: bytes) -> None:
        self.progress, self._unsaved = progress, content
        better = progress.best_epoch == progress.epoch
        if better:
            write_bytes(self._run.best, content)
        if better or progress.epoch == self._task.epochs or time.monotonic() - self._saved_at >= SAVE_SECONDS:
            self.save()

    def save(self) -> None:
        """See the last whole epoch onto the disk."""
        if self._unsaved is not None:
            write_bytes(self._run.last, self._unsaved)
            self._unsaved, self._saved_at = None, time.monotonic()

    def _check_finite(self, metrics: Mapping[str, float]) -> None:
        for name, value in metrics.items():
            if not math.isfinite(value):
                self._diverged(f"{name} is {value}")

    def _diverged(self, what: str) -> NoReturn:
        self.save()
        done = self.progress.epoch
        raise Diverged(
            f"The training diverged in epoch {self._epoch + 1}: {what}; "
            + (f"the checkpoint of epoch {done} is kept." if done else "no epoch was whole."),
            hint="Try a lower --learning-rate, or --clip-norm 1.",
        )

    def _interrupted(self) -> Interrupted:
        self.save()
        name, done = signal.Signals(self._signal).name, self.progress.epoch
        return Interrupted(
            f"Stopped by {name}; {self._run.name} is saved at epoch {done}.",
            signal_number=self._signal,
            hint=f"Go on with: idl runs resume {shlex.quote(str(self._run.path))}",
        )


def _seed_states(model: keras.Model) -> list[Any]:
    """Return the states of the model's random generators (dropout, noise), in the order of its layers.

    Raises :class:`RuntimeError` if a random layer is left out: it would not resume as it went on.
    """
    found = [v for v in model.variables if v.name == "seed_generator_state"]
    random_layers = [layer for layer in model._flatten_layers() if getattr(layer, "seed_generator", None) is not None]
    if len(found) < len(random_layers):
        raise RuntimeError(f"{len(random_layers)} layers draw random numbers, but {len(found)} states were found.")
    return found
