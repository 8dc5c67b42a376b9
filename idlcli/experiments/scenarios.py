"""The report's three scenarios: what a model is fed, what it is to answer, and how its answers are read.

The report calls them text-text, image-text and text-image; in each, a model of either architecture answers queries.
"""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any, Literal

import numpy as np

from idlcli.data.layouts import Left, Slots, hints
from idlcli.data.queries import Queries
from idlcli.errors import UsageError
from idlcli.experiments.answers import Answers
from idlcli.experiments.handwriting import Hand
from idlcli.experiments.inference import predict
from idlcli.experiments.judge import Judge
from idlcli.seeds import integer, rng
from idlcli.settings import Seq2seqSettings
from idlcli.settings.judge import TEACHER_WIDTH
from idlcli.training import engine


@dataclasses.dataclass(frozen=True)
class TextText:
    """Characters in, characters out; the other two scenarios replace one end by handwriting."""

    settings: Seq2seqSettings
    queries: Queries
    predict_batch = 1000

    @functools.cached_property
    def layout(self) -> Left:
        """The layout in which the architecture writes answers."""
        kind = Slots if self.settings.architecture == "columns" else Left
        return kind(self.queries.alphabet, self.queries.answers.shape[1])

    @functools.cached_property
    def targets(self) -> np.ndarray:
        """Every answer in that layout, int32 (N, slots)."""
        return self.layout.write(self.queries.text(self.queries.answers))

    @functools.cached_property
    def hints(self) -> dict[str, np.ndarray]:
        """The targets of the auxiliary losses of every query."""
        carry, order = hints(self.queries)
        return {"carry": carry, "order": order}

    def build(self) -> Any:
        """Return the untrained model, its weights drawn from the seed."""

        from idlcli.models import columns, seq2seq

        engine.seed(integer(self.settings.seed, "weights"))
        make = columns.build if self.settings.architecture == "columns" else seq2seq.build
        return make(
            self.settings, alphabet=self.queries.alphabet, digits=self.queries.digits,
            slots=self.queries.answers.shape[1],
        )  # fmt: skip

    def batch(self, rows: np.ndarray, epoch: int, step: int) -> tuple[Any, Any]:
        """Return the inputs and targets of a training step."""
        return self.asked(rows), self.heads(rows)

    def asked(self, rows: np.ndarray) -> np.ndarray:
        """Return queries as class indices, int32 (N, T)."""
        return self.queries.queries[rows].astype(np.int32)

    def heads(self, rows: np.ndarray) -> Any:
        """Return the targets of the model's outputs."""
        if self.settings.architecture == "repeat":
            return self.targets[rows]
        return {"answer": self.targets[rows], **{name: hint[rows] for name, hint in self.hints.items()}}

    def answers(self, model: Any, rows: np.ndarray, *, side: str) -> Answers:
        """Return a model's answers to the queries ``rows``, which are on one side of the split."""
        return self.read(predict(model, self.asked(rows), batch=self.predict_batch), rows)

    def read(self, outputs: Any, rows: np.ndarray, glyphs: np.ndarray | None = None) -> Answers:
        """Return what a model's outputs for the queries ``rows`` say."""
        logits, reading = said(outputs)
        texts = self.layout.read(logits.argmax(axis=-1))
        return Answers(self.queries, rows, logits, self.targets[rows], texts, glyphs, reading)


@dataclasses.dataclass(frozen=True)
class ImageText(TextText):
    """Glyphs in, characters out."""

    hand: Hand
    predict_batch = 250

    def glyphs(self, rows: np.ndarray, *, side: str) -> np.ndarray:
        """Return in whose hand the queries are read where nothing trains: the same for a query every time."""
        return self._written["test" if side == "test" else "train"][rows]

    @functools.cached_property
    def _written(self) -> dict[str, np.ndarray]:
        pools: tuple[Literal["train", "test"], ...] = ("train", "test")
        return {
            pool: self.hand.choose(self.queries.queries, pool=pool, purpose=f"{pool} handwriting") for pool in pools
        }

    def batch(self, rows: np.ndarray, epoch: int, step: int) -> tuple[Any, Any]:
        """Return the inputs and targets of a training step."""
        characters = self.queries.queries[rows]
        if self.settings.handwriting == "fixed":
            chosen = self.glyphs(rows, side="train")
        else:
            chosen = self.hand.choose(characters, pool="train", purpose="handwriting", epoch=epoch, step=step)
        heads = self.heads(rows)
        if self.settings.architecture == "columns":
            heads["glyph"] = characters.astype(np.int32)
        return self.hand.bend(chosen, strength=self.settings.distortion, epoch=epoch, step=step), heads

    def answers(self, model: Any, rows: np.ndarray, *, side: str) -> Answers:
        """Return a model's answers to the queries ``rows``, read in the handwriting of their side."""
        chosen = self.glyphs(rows, side=side)
        return self.read_glyphs(model, rows, chosen)

    def read_glyphs(self, model: Any, rows: np.ndarray, chosen: np.ndarray) -> Answers:
        """Return a model's answers to the queries ``rows`` written by the glyphs ``chosen`` (N, T)."""
        read = np.where(self.hand.bank.labels[chosen] == self.hand.blank, -1, chosen)
        return self.read(self.outputs(model, self.hand.show(chosen)), rows, read)

    def outputs(self, model: Any, glyphs: np.ndarray) -> Any:
        """Return a model's outputs for glyphs float (N, T, 28, 28)."""
        return predict(model, glyphs, batch=self.predict_batch)


@dataclasses.dataclass(frozen=True)
class TextImage(TextText):
    """Characters in, glyphs out, which a judge reads."""

    hand: Hand
    judge: Judge
    predict_batch = 500

    def batch(self, rows: np.ndarray, epoch: int, step: int) -> tuple[Any, Any]:
        """Return the inputs and targets of a training step."""
        characters = self.queries.answers[rows]
        if self.settings.handwriting == "fixed":
            chosen = self._fixed[rows]
        else:
            chosen = self.hand.choose(characters, pool="train", purpose="handwriting", epoch=epoch, step=step)
        written = self.hand.show(chosen)
        if self.settings.architecture == "repeat":
            return self.asked(rows), written
        nothing = np.zeros(characters.shape, np.float32)
        heads = {**self.heads(rows), "image": written, "divergence": nothing}
        if is_read_over(self.settings):
            heads["legible"] = characters.astype(np.int32)
        return {"query": self.asked(rows), "written": written}, heads

    @property
    def trained_loss(self) -> Literal["mse", "binary_crossentropy"]:
        """The loss of a written pixel that the training minimises: the columns' is always cross-entropy."""
        return self.settings.loss if self.settings.architecture == "repeat" else "binary_crossentropy"

    @functools.cached_property
    def _fixed(self) -> np.ndarray:
        return self.hand.choose(self.queries.answers, pool="train", purpose="train handwriting")

    @functools.cached_property
    def _real(self) -> np.ndarray:
        return self.hand.choose(self.queries.answers, pool="test", purpose="test handwriting")

    @functools.cached_property
    def styles(self) -> np.ndarray:
        """A handwriting for each query, float32 (N, style): one for all the glyphs of an answer."""
        drawn = rng(self.settings.seed, "style").normal(size=(len(self.queries.queries), self.settings.style_size))
        return drawn.astype(np.float32) * np.float32(self.settings.style_scale)

    def writer(self, model: Any) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
        """Return the function that writes: queries int (N, T) and styles (N, style) -> float (N, S, 28, 28)."""
        settings = self.settings
        if settings.architecture == "repeat":
            return lambda asked, _: predict(model, asked, batch=self.predict_batch)
        from idlcli.models import columns

        write = columns.writing(model, style=settings.style_size, temperature=settings.pixel_temperature)
        if not settings.style_size:
            return lambda asked, _: predict(write, asked, batch=self.predict_batch)
        return lambda asked, styles: predict(write, {"query": asked, "style": styles}, batch=self.predict_batch)

    def answers(self, model: Any, rows: np.ndarray, *, side: str) -> Answers:
        """Return the answers that a model writes to the queries ``rows``, as the judge reads them."""
        images = self.writer(model)(self.asked(rows), self.styles[rows])
        truth = self._real[rows] if side == "test" else self._fixed[rows]
        loss = pixel_loss(images, self.hand.show(truth), name=self.trained_loss)
        logits = self.judge.read(images)
        texts = Left(self.queries.alphabet, self.queries.answers.shape[1]).read(logits.argmax(axis=-1))
        shown = np.round(images * 255).astype(np.uint8)
        return Answers(self.queries, rows, logits, self.queries.answers[rows], texts, images=shown, loss=loss)


Scenario = TextText


def said(outputs: Any) -> tuple[np.ndarray, np.ndarray | None]:
    """Return a model's logits of its answers, and of the glyphs of the queries if it decides on those before."""
    return (outputs["answer"], outputs.get("glyph")) if isinstance(outputs, dict) else (outputs, None)


def is_read_over(settings: Seq2seqSettings) -> bool:
    """Whether a reader looks over the writer's shoulder in training."""
    writes = settings.mode == "text-image" and settings.architecture == "columns"
    return writes and settings.style_size > 0 and settings.legible_weight > 0


def check_judge(judge: Judge, settings: Seq2seqSettings) -> None:
    """Raise :class:`UsageError` for a judge that may be the very network by which the writer learnt to be read."""
    if is_read_over(settings) and judge.settings.width == TEACHER_WIDTH:
        raise UsageError(
            f"The judge {judge.run.name} is of the width that teaches ({TEACHER_WIDTH}): it would judge its own pupil.",
            hint="Name a judge of another --width.",
        )


def scenario_of(settings: Seq2seqSettings, queries: Queries, *, hand: Hand | None, judge: Judge | None) -> Scenario:
    """Return the scenario of a run's mode; one with images needs a ``hand``, one that writes them a ``judge``."""
    if settings.mode == "text-text":
        return TextText(settings, queries)
    assert hand is not None
    if settings.mode == "image-text":
        return ImageText(settings, queries, hand)
    assert judge is not None
    return TextImage(settings, queries, hand, judge)


def pixel_loss(written: np.ndarray, real: np.ndarray, *, name: Literal["mse", "binary_crossentropy"]) -> float:
    """Return the mean loss of a pixel: squared error, or cross-entropy in nats; both arrays float in [0, 1]."""
    if name == "mse":
        return float(np.square(written - real, dtype=np.float64).mean())
    bounded = np.clip(written.astype(np.float64), 1e-7, 1 - 1e-7)
    return float(-(real * np.log(bounded) + (1 - real) * np.log1p(-bounded)).mean())
