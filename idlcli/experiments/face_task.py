"""What the trainings on faces have in common: the data they load, the batches they draw, the pictures they leave."""

import dataclasses
import hashlib
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from idlcli.data import face_set
from idlcli.data.batches import Batches
from idlcli.data.labels import Column
from idlcli.errors import DataError, UsageError
from idlcli.experiments import provenance
from idlcli.runs import Run
from idlcli.seeds import rng
from idlcli.settings.faces import FaceTrainSettings, SamplingSettings
from idlcli.settings.resolve import did_you_mean
from idlcli.viz import grids

SHOWN = 64
"""Pictures on a sheet of samples."""
STRIP = 8
"""Pictures of each sheet that the strip over the epochs shows: its first row."""
SCORED = 2048
"""The most training images that are scored beside the held-out ones."""
MOST_WORDS = 1000

Images = NDArray[np.uint8]


@dataclasses.dataclass(frozen=True)
class Prepared:
    """A set of faces, which of them train and test (sorted indices), and their labels where the model is told them."""

    settings: Any
    data: dict[str, Any]
    faces: face_set.Faces
    train: NDArray[np.int64]
    test: NDArray[np.int64]
    labels: NDArray[np.int32] | None

    @property
    def classes(self) -> int:
        """How many labels there are; 0: the model is told none."""
        return len(self.data["condition"]["words"]) if self.data["condition"] else 0

    def scored(self, name: str) -> NDArray[np.int64]:
        """Return the images of a side (``train`` or ``test``) that its scores are taken on: evenly spaced, if many."""
        side = self.train if name == "train" else self.test
        return side[np.linspace(0, len(side) - 1, min(len(side), SCORED)).astype(np.int64)]


def prepare(settings: FaceTrainSettings, *, depth: int | None) -> Prepared:
    """Load the data set; ``depth`` is how often the model halves the images' side; None: until 4 pixels are left.

    Raises :class:`DataError` for a set that cannot be used and :class:`UsageError` for a label it does not have.
    """
    if getattr(settings, "residual", False) and not getattr(settings, "blocks", 0):
        raise UsageError(
            "--residual adds --blocks to what goes into them, and there are none.", hint="Give --blocks 1."
        )
    faces = face_set.load(path=Path(settings.data))
    check_side(faces.size, depth=depth)
    train, test, column = sides(settings, faces)
    condition = None
    if column is not None:
        counts = np.bincount(column.codes[train], minlength=len(column.words)).tolist()
        condition = {"name": _condition(settings), "words": list(column.words), "counts": counts}
    about = {
        "path": settings.data, "kind": "faces",
        "fingerprint": provenance.fingerprint(faces.manifest), "size": faces.size,
        "train": len(train), "test": len(test), "test_sha256": hashlib.sha256(test.tobytes()).hexdigest(),
        "condition": condition,
    }  # fmt: skip
    return Prepared(settings, about, faces, train, test, None if column is None else column.codes)


def sides(
    settings: FaceTrainSettings, faces: face_set.Faces
) -> tuple[NDArray[np.int64], NDArray[np.int64], Column | None]:
    """Return the sorted indices of the faces that a training takes and holds out, and the label it is told of each."""
    train, test, column = faces.train_indices, faces.test_indices, None
    if not len(test):
        raise DataError(f"{settings.data} holds no image out of training.", hint="Build a larger set of faces.")
    told = _condition(settings)
    if told:
        column = _labels(faces, told)
        train, test = (side[column.codes[side] >= 0] for side in (train, test))
        if not len(train) or not len(test):
            raise DataError(f"{settings.data}: too few images have a {told!r:.60} to train and test on.")
    return train[: settings.limit or None], test, column


def check_side(side: int, *, depth: int | None) -> None:
    """Raise :class:`UsageError` unless images of ``side`` pixels can be halved ``depth`` times (None: down to 4)."""
    if depth is None and (side < 8 or side & (side - 1)):
        raise UsageError(
            f"Images of {side} x {side} cannot be halved down to 4 x 4, as a discriminator does.",
            hint="Build them with --size 64 (or 8, 16, 32, 128).",
        )
    if depth is not None and side % 2**depth:
        raise UsageError(
            f"Images of {side} x {side} cannot be halved {depth} times.",
            hint="Give a smaller --depth, or build them with --size 64.",
        )


def _condition(settings: FaceTrainSettings) -> str:
    return settings.condition if isinstance(settings, SamplingSettings) else ""


def _labels(faces: face_set.Faces, name: str) -> Column:
    if name not in faces.labels:
        known = did_you_mean(name, faces.labels) if faces.labels else "They have no labels; see `--labels`."
        raise UsageError(f"--condition: the faces have no label {name!r:.60}.", hint=known)
    column = faces.labels[name]
    if not 2 <= len(column.words) <= MOST_WORDS:
        raise UsageError(f"--condition: {name!r:.60} has {len(column.words):,} words; 2 to {MOST_WORDS:,} will do.")
    return column


def batches(prepared: Prepared) -> Batches:
    """Return the training images in steps: uint8 (B, S, S, 3) and their labels, read from the disk when needed."""
    images, rows, labels = prepared.faces.images, prepared.train, prepared.labels

    def fetch(chosen: np.ndarray, epoch: int, step: int) -> Any:
        picked = rows[chosen]
        pixels = np.asarray(images[picked])
        return pixels if labels is None else (pixels, labels[picked])

    settings = prepared.settings
    return Batches(
        count=len(rows), batch_size=settings.batch_size, seed=settings.seed, fetch=fetch,
        steps_per_epoch=settings.steps_per_epoch,
    )  # fmt: skip


def slug(settings: Any, *, kind: str, matters: str) -> str:
    """Return what a run on faces is called: its kind, the label it is told, what ``matters``, batch and seed."""
    told = _condition(settings)
    told = f"-{told}" if re.fullmatch(r"[A-Za-z0-9._-]{1,20}", told) else ""
    return f"{kind}-faces{told}-{matters}-b{settings.batch_size}-s{settings.seed}"


def sampler(run: Run, draw: Callable[[], Images]) -> Callable[[int], None]:
    """Return what writes the sheet of an epoch's pictures; ``draw`` makes them, from the same codes each time."""

    def sample(epoch: int) -> None:
        sheet = grids.grid(draw(), columns=STRIP)
        grids.write_png(run.folder("samples") / f"epoch-{epoch:04d}.png", sheet)

    return sample


def write_strip(run: Run, *, size: int) -> None:
    """Write ``plots/strip.png``: the first row of each epoch's sheet, one below the other."""
    from PIL import Image

    rows = []
    for path in sorted(run.folder("samples").glob("epoch-*.png")):
        with Image.open(path) as sheet:
            rows.append(np.asarray(sheet)[: size + 2])
    if rows:
        grids.write_png(run.folder("plots") / "strip.png", np.concatenate([*rows, np.full_like(rows[0][:2], 255)]))


def held_out(run: Run, about: dict[str, Any], *, data: str | None, count: int, seed: int) -> tuple[Images, list[int]]:
    """Return up to ``count`` held-out images of a run's data, or of those at ``data``, and their rows in the set.

    Raises :class:`DataError` if what lies where the run's data were is another set, and nothing else was named.
    """
    faces = face_set.load(path=Path(data if data is not None else str(about.get("path"))))
    if data is None:
        provenance.check(run, provenance.fingerprint(faces.manifest), place=faces.path)
    if faces.size != about["size"]:
        raise DataError(f"{faces.path} holds images of {faces.size} pixels; {run.name} is for {about['size']}.")
    rows = np.sort(rng(seed, "held out").permutation(faces.test_indices)[:count])
    if not len(rows):
        raise DataError(f"{faces.path} holds no image out of training.")
    return np.asarray(faces.images[rows]), rows.tolist()


def side_by_side(images: Images, reconstructions: Images) -> Images:
    """Return (2 N, S, S, 3): each image, and after it its reconstruction."""
    return np.stack([images, reconstructions], axis=1).reshape(-1, *images.shape[1:])
