"""A trained model of faces: what a run's directory says of it, and arrays through its networks, a batch at a time."""

import functools
from typing import Any

import numpy as np

from idlcli.errors import DataError, UsageError
from idlcli.experiments import face_task
from idlcli.experiments.face_task import Images
from idlcli.experiments.inference import predict
from idlcli.experiments.provenance import settings_of
from idlcli.files import read_json_object
from idlcli.runs import Run
from idlcli.seeds import rng
from idlcli.settings.resolve import did_you_mean
from idlcli.training import engine

BATCH = 64
CHUNK = 1024
"""Images that are float at one time."""


class FaceModel:
    """The model of a run with its last weights; each kind of run adds what its model can do."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.settings: Any = settings_of(run)
        about = read_json_object(run.path / "data.json")
        size, condition = about.get("size"), about.get("condition")
        if type(size) is not int or not 8 <= size <= 512 or not _is_condition(condition):
            raise DataError(f"{run.path / 'data.json'} does not say which images the run was made for.")
        try:
            face_task.check_side(size, depth=getattr(self.settings, "depth", None))
        except UsageError as error:
            raise DataError(f"{run.path / 'data.json'}: {error.message}") from error
        self.size, self.data = size, about
        self.words: tuple[str, ...] = tuple(condition["words"]) if condition else ()
        self._counts = np.array(condition["counts"], float) if condition else np.zeros(0)

    @functools.cached_property
    def model(self) -> Any:
        """The Keras model; the engine is loaded when it is first asked for."""
        engine.start(self.settings.backend)
        from idlcli.training import checkpoint

        model = self._build()
        checkpoint.load(self.run.weights, model, optimizer=False)
        return model

    def _build(self) -> Any:
        raise NotImplementedError

    def draw(self, count: int, seed: int) -> np.ndarray:
        """Return codes float32 (count, latent) from a standard normal; fewer of the same seed are the first of more."""
        return latents(count=count, size=self.settings.latent, seed=seed)

    @property
    def trained_labels(self) -> list[int]:
        """The labels that any training image has."""
        return [int(index) for index in np.flatnonzero(self._counts)]

    def labels(self, *, count: int, seed: int, label: str | None) -> np.ndarray | None:
        """Return the labels int (count,) to draw faces of: all ``label``, or as frequent as in the training images.

        None where the model is told none. Raises :class:`UsageError` for a label that it was not trained with.
        """
        if label is None:
            share = self._counts / max(self._counts.sum(), 1.0)
            return rng(seed, "labels").choice(len(self.words), size=count, p=share) if self.words else None
        if not self.words:
            raise UsageError(
                f"{self.run.name} was trained without labels.", hint="Train one with --condition to have --label."
            )
        known = [self.words[index] for index in self.trained_labels]
        if label not in known:
            hint = did_you_mean(label, known) or f"Some are: {', '.join(known[:8])}."
            raise UsageError(f"--label: {self.run.name} knows no {label!r:.60}.", hint=hint)
        return np.full(count, self.words.index(label))


def _is_condition(found: Any) -> bool:
    if found is None:
        return True
    if not isinstance(found, dict):
        return False
    words, counts = found.get("words"), found.get("counts")
    return (
        isinstance(words, list) and isinstance(counts, list) and len(words) == len(counts) >= 2
        and all(isinstance(word, str) for word in words)
        and all(type(count) is int and 0 <= count < 2**48 for count in counts) and sum(counts) > 0
    )  # fmt: skip


def latents(*, count: int, size: int, seed: int, purpose: str = "latents") -> np.ndarray:
    """Return float32 (count, size) from a standard normal."""
    return rng(seed, purpose).standard_normal((count, size)).astype(np.float32)


def apply(network: Any, *inputs: np.ndarray) -> Any:
    """Return what a network gives for arrays (N, ...): an array (N, ...) or a list of them."""
    return predict(network, inputs if len(inputs) > 1 else inputs[0], batch=BATCH)


def to_unit(images: Images) -> np.ndarray:
    """Return uint8 pictures as float32 in [0, 1]."""
    return np.asarray(images, np.float32) / 255


def to_pixels(values: np.ndarray) -> Images:
    """Return pictures in [0, 1] as uint8, rounded; what lies outside is cut off."""
    return np.rint(np.clip(values, 0.0, 1.0) * 255).astype(np.uint8)


def sigmoid(logits: np.ndarray) -> np.ndarray:
    """Return 1 / (1 + exp(-logits)), which cannot overflow this way."""
    return 0.5 * (1 + np.tanh(logits / 2))


def in_chunks(count: int) -> list[slice]:
    """Return the parts of ``count`` rows that fit in memory as floats."""
    return [slice(start, start + CHUNK) for start in range(0, count, CHUNK)]
