"""The arithmetic experiment: settings in; data, model, training and artefacts; metrics out."""

import dataclasses
import functools
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from idlcli import runs
from idlcli.data import arithmetic
from idlcli.data.batches import Batches
from idlcli.data.queries import commuted, split
from idlcli.errors import UsageError
from idlcli.evaluation.handwriting import diversity
from idlcli.experiments import judge as judging
from idlcli.experiments import schedule
from idlcli.experiments.answers import Answers
from idlcli.experiments.handwriting import Hand, hand_of
from idlcli.experiments.judge import Judge
from idlcli.experiments.provenance import fingerprint
from idlcli.experiments.scenarios import Scenario, TextImage, check_judge, is_read_over, scenario_of
from idlcli.experiments.strips import strip_of
from idlcli.files import write_json, write_text
from idlcli.runs import Run
from idlcli.seeds import rng
from idlcli.settings import Seq2seqSettings
from idlcli.settings.judge import TEACHER_WIDTH
from idlcli.training.reporter import Reporter
from idlcli.viz import confusion, curves, strips

if TYPE_CHECKING:
    from idlcli.training.fit import Task

SHOWN = 16
"""Test queries whose answers are kept at the sample epochs."""

COMPARED = 2000
"""Answers whose handwriting is compared with real handwriting."""


@dataclasses.dataclass(frozen=True)
class Prepared:
    """The data set, which of its queries train, validate and test (sorted indices), and whose hand writes."""

    settings: Seq2seqSettings
    data: dict[str, Any]
    arithmetic: arithmetic.Arithmetic
    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray
    hand: Hand | None
    judge: Judge | None

    @property
    def sides(self) -> dict[str, np.ndarray]:
        """The three sides by name."""
        return {"train": self.train, "validation": self.validation, "test": self.test}


def slug(settings: Seq2seqSettings) -> str:
    """Return what matters of the settings, for the run's name."""
    kind = f"-{settings.architecture}" if settings.architecture != "repeat" else ""
    layers = f"-e{settings.encoder_layers}" if settings.encoder_layers > 1 else ""
    return f"seq2seq-{settings.mode}{kind}-t{settings.train_fraction:g}-{settings.split}{layers}-s{settings.seed}"


def prepare(settings: Seq2seqSettings, *, root: Path) -> Prepared:
    """Load the data set, part its queries, and open the judge that the settings name, if any."""
    if settings.keep == "best" and settings.mode == "text-image" and not settings.validation_fraction:
        raise UsageError(
            "--keep best needs --validation-fraction in text-image.",
            hint="Its training does not say which answers are right.",
        )
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
    if len(validation):
        about["validation_sha256"] = hashlib.sha256(validation.tobytes()).hexdigest()
    hand = judge = None
    if settings.mode != "text-text":
        hand = hand_of(data, seed=settings.seed)
        about |= {
            "pools": data.manifest["pools"], "digits": data.manifest["digits"]["name"],
            "train_glyphs": int(hand.train.sum()), "test_glyphs": int(hand.test.sum()),
        }  # fmt: skip
    if settings.judge:
        judge = Judge(runs.find(settings.judge, root=root, kinds=("judge",)))
        if judge.alphabet != queries.alphabet:
            raise UsageError(
                f"The judge {judge.run.name} reads {judge.alphabet!r}, the data are written in {queries.alphabet!r}.",
                hint="Train one on these data: idl judge train --recipe best.",
            )
        check_judge(judge, settings)
    return Prepared(settings, about, data, train, validation, test, hand, judge)


def train(prepared: Prepared, *, run: Run, reporter: Reporter | None) -> dict[str, Any]:
    """Train, then answer every query of both sides; write split, predictions and pictures; return the metrics."""
    from idlcli.training import checkpoint
    from idlcli.training.fit import fit

    settings, queries = prepared.settings, prepared.arithmetic.queries
    write_json(run.path / "split.json", {name: side.tolist() for name, side in prepared.sides.items()})
    judge = prepared.judge
    obtain = functools.partial(
        judging.obtain, data=settings.data, seed=settings.seed, backend=settings.backend, root=run.path.parent,
        reporter=reporter,
    )  # fmt: skip
    if settings.mode == "text-image" and judge is None:
        judge = obtain()
    scenario = scenario_of(settings, queries, hand=prepared.hand, judge=judge)
    task = _task(scenario, prepared, run)
    if is_read_over(settings):
        _teach_to_read(task.model, obtain)
    progress = fit(task, run=run, reporter=reporter)
    if task.best and progress.best_epoch is not None:
        checkpoint.load(run.best, task.model, optimizer=False)
    answers = {
        name: scenario.answers(task.model, side, side=name) for name, side in prepared.sides.items() if len(side)
    }
    metrics = {
        "epochs": progress.epoch,
        "best_epoch": progress.best_epoch,
        **{name: found.score() for name, found in answers.items()},
        "interval": answers["test"].interval(seed=settings.seed),
        "errors": answers["test"].errors(),
        **about_images(scenario, answers["test"]),
        "conditions": conditions(prepared),
    }
    write_text(run.path / "predictions.csv", answers["test"].csv())
    plots = run.folder("plots")
    curves.draw(logs={run.name: run.log()}, path=plots / "curves.png")
    confusion.draw(counts=answers["test"].confusion(), classes=queries.alphabet, path=plots / "confusion.png")
    return metrics


def conditions(prepared: Prepared) -> dict[str, Any]:
    """Return under which conditions the scores of a run were had."""
    settings, about = prepared.settings, prepared.data
    found = {"split": settings.split, "train_fraction": settings.train_fraction, "seed": settings.seed}
    return found | {key: about[key] for key in ("pools", "digits", "train_glyphs", "test_glyphs") if key in about}


def about_images(scenario: Scenario, answers: Answers) -> dict[str, Any]:
    """Return what there is to say of the handwriting that was written: who judged it, and how it compares with real."""
    if not isinstance(scenario, TextImage) or answers.images is None:
        return {}
    hand, labels = scenario.hand, scenario.hand.bank.labels
    written = answers.images[:COMPARED].reshape(-1, *answers.images.shape[2:])
    meant = scenario.queries.answers[answers.rows[:COMPARED]].ravel()
    digit, real, mine = meant < 10, hand.test & (labels < 10), hand.train & (labels < 10)
    found = diversity(
        written=written[digit].astype(np.float32) / 255, written_labels=meant[digit],
        real=hand.show(np.flatnonzero(real)), real_labels=labels[real],
        train=hand.show(np.flatnonzero(mine)), train_labels=labels[mine],
        features=scenario.judge.features, seed=scenario.settings.seed,
    )  # fmt: skip
    return {"judge": scenario.judge.score, "diversity": found}


def _task(scenario: Scenario, prepared: Prepared, run: Run) -> "Task":
    from idlcli.training.fit import Task
    from idlcli.training.optimizer import make_optimizer

    settings, rows = prepared.settings, prepared.train
    batches = Batches(
        count=len(rows), batch_size=settings.batch_size, seed=settings.seed, steps_per_epoch=settings.steps_per_epoch,
        fetch=lambda chosen, epoch, step: scenario.batch(rows[chosen], epoch, step),
    )  # fmt: skip
    model = compiled(scenario, make_optimizer(settings, steps=batches.steps * settings.epochs))

    def evaluate(epoch: int) -> dict[str, float]:
        row: dict[str, float] = {}
        due = {"validation"} | ({"test"} if schedule.is_due(settings, epoch) else set())
        for name, side in prepared.sides.items():
            if name in due and len(side):
                found = scenario.answers(model, side, side=name).score()
                row |= {f"{name}_{metric}": found[metric] for metric in ("loss", "character", "exact")}
        return row

    def sample(epoch: int) -> None:
        shown = rng(settings.seed, "samples").choice(prepared.test, size=min(SHOWN, len(prepared.test)), replace=False)
        found = scenario.answers(model, shown, side="test")
        folder = run.folder("samples")
        write_text(folder / f"epoch-{epoch:04d}.csv", found.csv())
        strip = strip_of(scenario, found)
        if strip is not None:
            strips.draw(strip, path=folder / f"epoch-{epoch:04d}.png")

    return Task(
        model=model, batches=batches, epochs=settings.epochs, seed=settings.seed, unit="queries", evaluate=evaluate,
        best=_best(settings),
        sample=sample, sample_epochs=schedule.sample_epochs(settings),
        names=_names(settings),
    )  # fmt: skip


def _names(settings: Seq2seqSettings) -> dict[str, str]:
    """Return what the log calls the training's metrics, so that each is what the held-out queries' of its name is."""
    if settings.architecture == "repeat":
        return {}
    answer = {"answer_loss": "loss"} if settings.mode != "text-image" else {}  # of pictures the style is another
    return {"loss": "objective", "answer_character": "character", "answer_exact": "exact", **answer}


def _teach_to_read(model: Any, obtain: Callable[..., Judge]) -> None:
    """Give the reader in a model the weights of a judge of its own width."""
    from idlcli.models import glyph_writer

    glyph_writer.reader_of(model).set_weights(obtain(width=TEACHER_WIDTH).model.get_weights())


def _best(settings: Seq2seqSettings) -> str | None:
    """Return the metric of the log whose largest value marks the epoch that counts, or None: the last one does."""
    if settings.keep == "last":
        return None
    return "validation_exact" if settings.validation_fraction else "exact"


def compiled(scenario: Scenario, optimizer: Any) -> Any:
    """Return the untrained model of a scenario, ready to be trained."""
    from idlcli.models import columns, seq2seq

    settings = scenario.settings
    model, is_plain = scenario.build(), settings.architecture == "repeat"
    seq2seq.compile(
        model, optimizer, jit=settings.uses_jit, heads=None if is_plain else columns.losses(settings),
        pixels=settings.loss if is_plain and settings.mode == "text-image" else "",
    )  # fmt: skip
    return model
