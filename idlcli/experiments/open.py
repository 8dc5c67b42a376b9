"""A word on the command line -> an array: evaluation and views never know what a run, a zip or a data set is.

A RUN is a directory, a name, a number or `latest`; a PATH a built set of faces, a directory or a zip of pictures, or an
.npy of pictures (uint8, or floats in [0, 1]), of 28x28 glyphs, or of features (float, N x D).
"""

import dataclasses
import hashlib
import importlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from idlcli import runs
from idlcli.data import face_set, sources
from idlcli.data.arrays import open_array
from idlcli.data.labels import Column
from idlcli.errors import DataError, UsageError, WrongKind
from idlcli.evaluation.features import Kind
from idlcli.experiments.provenance import settings_of
from idlcli.runs import Run
from idlcli.seeds import rng

SAMPLERS = ("vae", "gan")
"""Kinds of run that make pictures from nothing."""
CODERS = ("vae", "cae")
"""Kinds of run that turn a picture into a code."""
PAINTERS = ("vae", "cae", "gan")
RAW_SIZE = 64
"""Side at which pictures of a zip or a directory are read: that of the models' own."""
BLOCK = 1024


@dataclasses.dataclass(frozen=True)
class Opened:
    """An array of one ``kind`` with the hash of its content, and ``about`` it what a result must say.

    ``real``: that no model made it. ``rows`` are its places in what it was chosen from; ``labels`` those of its rows.
    """

    array: NDArray[Any]
    kind: Kind
    about: dict[str, Any]
    real: bool
    rows: NDArray[np.int64]
    labels: dict[str, Column]

    def only(self, rows: NDArray[np.int64]) -> "Opened":
        """Return it without those that have another place than in ``rows``."""
        kept = np.isin(self.rows, rows)
        if kept.all():
            return self
        labels = {name: Column(column.words, column.codes[kept]) for name, column in self.labels.items()}
        about = {**self.about, "n": int(kept.sum())}
        return dataclasses.replace(self, array=self.array[kept], about=about, rows=self.rows[kept], labels=labels)

    @property
    def sha256(self) -> str:
        """The hash of the array: its type, its shape, its values."""
        digest = hashlib.sha256(f"{self.array.dtype.str} {self.array.shape}".encode())
        for start in range(0, len(self.array), BLOCK):
            digest.update(np.ascontiguousarray(self.array[start : start + BLOCK]).tobytes())
        return digest.hexdigest()


def locate(reference: str, *, root: Path, kinds: Sequence[str] = ()) -> Run | Path:
    """Return the run (of one of ``kinds``) or the path that a word means. Raises :class:`DataError` if neither."""
    try:
        path = Path(reference)
        if reference and path.exists() and not (path / "config.json").is_file():
            return path
    except (OSError, ValueError):
        raise DataError(f"There is nothing at {reference[:80]!r}.") from None
    if reference and os.sep in reference and not path.exists():
        raise DataError(f"No such file or directory: {reference[:160]}.")
    try:
        return runs.find(reference, root=root, kinds=kinds)
    except WrongKind:
        raise
    except DataError as error:
        if reference == "latest" or (path / "config.json").is_file():
            raise
        raise DataError(
            f"{reference[:80]!r} is neither a run in {root} nor a file or directory.", hint=error.hint
        ) from error


def place_of(text: str) -> Path:
    """Return the path that a word means; an empty one would mean where the command is run, and is refused."""
    if not text:
        raise DataError("An empty path is no place for pictures.")
    return Path(text)


def check_unused(what: str, **asked: object) -> None:
    """Raise :class:`UsageError` for an option (by its name) that was given, though ``what`` cannot use it."""
    for option, given in asked.items():
        if given is not None:
            raise UsageError(f"--{option} does not apply to {what[:160]}.")


def model_of(run: Run, *, needs: str = "") -> Any:
    """Return the trained model of a run of faces (``face_model.py``), which must have what ``needs`` names.

    Raises :class:`DataError` for a run of another kind, or of one that cannot do that.
    """
    settings_of(run)  # a kind this idl knows, with settings it can read: before anything is imported by its name
    module = importlib.import_module(f"idlcli.experiments.{run.kind}")
    if not hasattr(module, "open_run"):
        raise WrongKind(f"{run.name} is a {run.kind} run; this command takes {', '.join(PAINTERS[:-1])} or gan.")
    model = module.open_run(run)
    if needs and not hasattr(model, needs):
        raise DataError(f"{run.name} is a {run.kind} run, which cannot {needs}.")
    return model


def open_run(run: Run, *, count: int, seed: int) -> Opened:
    """Return ``count`` pictures that a run makes from ``seed``."""
    images = np.asarray(model_of(run, needs="sample").sample(count, seed))
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[-1] != 3 or len(images) != count:
        raise DataError(f"{run.name} made {images.dtype} {images.shape}, not {count} pictures.")
    about = {"path": str(run.path), "what": f"{run.kind} run", "n": count, "part": None, "seed": seed}
    return Opened(images, "images", about, False, np.arange(count), {})


def open_path(
    path: Path, *, part: str | None = None, count: int = 0, most: int = 0, seed: int = 0, size: int = RAW_SIZE
) -> Opened:
    """Return what lies at ``path``: of a built set its ``part`` (the test part, unless said otherwise).

    With ``count``, that many, chosen by ``seed``; else all, or ``most`` of them where there are more. Pictures of a
    zip or a directory become squares of ``size`` as `idl data build faces` makes them; those that cannot be read are
    left out and counted in ``about``. Raises :class:`DataError` where there is nothing usable or less than ``count``,
    :class:`UsageError` where a part is asked of what has none.
    """
    if face_set.is_built(path):
        return _built(path, part or "test", _Choice(count, most, seed))
    kind = sources.kind_of(path=path)
    if part is not None:
        raise UsageError(f"--part {part} does not apply to {path}.", hint="Only sets made by `idl data build` have it.")
    choice = _Choice(count, most, seed)
    return _rows(path, choice) if kind == "npy" else _pictures(path, choice, size)


@dataclasses.dataclass(frozen=True)
class _Choice:
    """How many are wanted (0: all, or at most ``most`` where that is not 0), and the seed that chooses them."""

    count: int
    most: int
    seed: int

    def wanted(self, available: int) -> int:
        """Return how many to choose of so many; 0 is all of them."""
        return self.count or (self.most if 0 < self.most < available else 0)

    def rows(self, available: int, path: Path) -> NDArray[np.int64]:
        """Return the sorted places of those chosen."""
        count = self.wanted(available)
        if count > available:
            raise DataError(f"{path} holds {available:,}, fewer than --count {count:,}.", hint="Lower --count.")
        if not count:
            return np.arange(available, dtype=np.int64)
        return np.sort(rng(self.seed, "evaluation").permutation(available)[:count]).astype(np.int64)

    def seed_for(self, available: int) -> int | None:
        """Return the seed where it chose anything."""
        return self.seed if self.wanted(available) else None


def _built(path: Path, part: str, choice: _Choice) -> Opened:
    faces = face_set.load(path=path)
    everything = np.arange(len(faces.images), dtype=np.int64)
    rows = {"test": faces.test_indices, "train": faces.train_indices, "all": everything}[part]
    if not len(rows):
        raise DataError(f"{path} has no {part} part.", hint="Use --part all.")
    seed = choice.seed_for(len(rows))
    rows = rows[choice.rows(len(rows), path)]
    about = {
        "path": str(path), "what": "data set", "n": len(rows), "part": part, "seed": seed,
        "data_sha256": (faces.manifest.get("images") or {}).get("sha256"),
    }  # fmt: skip
    labels = {name: Column(column.words, column.codes[rows]) for name, column in faces.labels.items()}
    whole = len(rows) == len(faces.images)
    return Opened(faces.images if whole else faces.images[rows], "images", about, True, rows, labels)


def _rows(path: Path, choice: _Choice) -> Opened:
    array = open_array(path)
    kind = _kind_of_array(path, array)
    rows = choice.rows(len(array), path)
    chosen = np.asarray(array if len(rows) == len(array) else array[rows])
    if kind == "images" and chosen.dtype != np.uint8:
        if not ((chosen >= 0) & (chosen <= 1)).all():  # NaN fails both
            raise DataError(f"{path} holds floats outside [0, 1], not pictures.")
        chosen = np.rint(chosen * 255).astype(np.uint8)
    if kind == "images" and chosen.ndim == 3:
        chosen = np.repeat(chosen[..., None], 3, axis=-1)
    seed = choice.seed_for(len(array))
    about = {"path": str(path), "what": f"npy of {kind}", "n": len(rows), "part": None, "seed": seed}
    return Opened(chosen, kind, about, True, rows, {})


def _kind_of_array(path: Path, array: NDArray[Any]) -> Kind:
    shape = array.shape
    if 0 in shape or not shape:
        raise DataError(f"{path} is empty: {shape}.")
    if array.ndim == 2 and array.dtype.kind == "f":
        return "features"
    if array.dtype == np.uint8 and array.ndim == 3 and shape[1:] == (28, 28):
        return "glyphs"
    pictures = array.ndim == 4 and shape[3] == 3 and (array.dtype == np.uint8 or array.dtype.kind == "f")
    if pictures or (array.ndim == 3 and array.dtype == np.uint8 and shape[2] not in (1, 3, 4)):
        return "images"
    raise DataError(
        f"{path} holds {array.dtype} {shape}, neither pictures nor features.",
        hint="Pictures are uint8, or floats in [0, 1], (N, H, W, 3); features are floats (N, D).",
    )


def _pictures(path: Path, choice: _Choice, size: int) -> Opened:
    from idlcli.data import pictures  # Pillow: only for a raw source

    found: list[tuple[int, NDArray[np.uint8]]] = []
    skipped = 0
    with sources.open_source(path=path) as source:
        total = len(source.names)
        count = choice.wanted(total)
        order = rng(choice.seed, "evaluation").permutation(total).tolist() if count else range(total)
        for row in order:
            try:
                found.append((row, pictures.decode(content=source.load(row), size=size, name=source.names[row]).pixels))
            except DataError:
                skipped += 1
            if len(found) == count > 0:
                break
    if not found or len(found) < choice.count:
        raise DataError(
            f"{path} holds {len(found):,} pictures that can be read{f', not {count:,}' if choice.count else ''}.",
            hint=f"idl data check {path} says why.",
        )
    found.sort(key=lambda one: one[0])
    about = {
        "path": str(path), "what": source.kind, "n": len(found), "part": None, "seed": choice.seed_for(total),
        "size": size, "skipped": skipped + len(source.skipped),
    }  # fmt: skip
    rows = np.array([row for row, _ in found], np.int64)
    return Opened(np.stack([pixels for _, pixels in found]), "images", about, True, rows, {})
