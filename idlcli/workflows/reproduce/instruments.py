"""What is taken of a finished run beyond its own metrics: distances, maps, pictures, the layers it has.

An instrument gives numbers by name, a picture, or both. What it gave is kept beside the runs, under the hash of the
run's metrics, so that a reproduction that is started again does not take it again.
"""

import dataclasses
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from idlcli.data import face_set
from idlcli.errors import DataError
from idlcli.experiments import architecture, evaluate, maps, show
from idlcli.experiments.evaluate import Conditions
from idlcli.files import make_directory, read_json_object, sha256_of_file, write_bytes, write_json
from idlcli.runs import Run

QUICK_COUNT = 256
"""Pictures that an instrument takes in a quick reproduction."""
COMPARED = 1200
"""The most of each side of which coverage is taken; it depends on the number."""


@dataclasses.dataclass(frozen=True)
class Bench:
    """Where what was taken is kept, and under which conditions it is taken."""

    root: Path
    data: dict[str, Path]
    quick: bool
    cache: Path | None

    @property
    def count(self) -> int:
        """How many pictures are taken; 0: as many as the instrument takes by itself."""
        return QUICK_COUNT if self.quick else 0

    @property
    def conditions(self) -> Conditions:
        """The conditions of the evaluations."""
        return Conditions(root=self.root, count=self.count, cache=self.cache)


@dataclasses.dataclass(frozen=True)
class Instrument:
    """``take(run, bench, out)`` gives numbers and may draw to ``out``; ``words`` are what to type for the same."""

    take: Callable[[Run, Bench, Path], dict[str, Any]]
    words: str = ""


def _fid(run: Run, bench: Bench, out: Path) -> dict[str, Any]:
    found = evaluate.compare(metric="fid", a=str(run.path), b=str(bench.data["faces"]), conditions=bench.conditions)
    return {"value": found["value"], "n": found["n"][0]}


def _prdc(run: Run, bench: Bench, out: Path) -> dict[str, Any]:
    """Return what made faces cover of the held-out ones, and what as many training faces do."""
    faces = str(bench.data["faces"])
    count = _compared(bench)
    conditions = dataclasses.replace(bench.conditions, count=count, part="test")
    found = evaluate.compare(metric="prdc", a=str(run.path), b=faces, conditions=conditions)
    real = evaluate.compare(metric="prdc", a=faces, b=faces, conditions=dataclasses.replace(conditions, part_a="train"))
    return {"coverage": found["coverage"], "precision": found["precision"], "real": real["coverage"], "n": count}


def _compared(bench: Bench) -> int:
    """Return how many made faces are held against as many held-out ones."""
    return bench.count or min(COMPARED, len(face_set.load(path=bench.data["faces"]).test_indices))


def _map(run: Run, bench: Bench, out: Path) -> dict[str, Any]:
    data = None if run.kind == "gan" else str(bench.data["faces"])
    found = maps.draw(
        reference=str(run.path), data=data, space="latent", out=out, html=page_of(out), perplexity=30, label=None,
        conditions=bench.conditions, progress=lambda what: lambda done, total: None,
    )  # fmt: skip
    likeness = found["likeness"]
    return {"alike": likeness["alike"], "chance": likeness["by_chance"][1], "said": found["said"]}


def _grid(run: Run, bench: Bench, out: Path) -> dict[str, Any]:
    data = str(bench.data["faces"]) if run.kind == "cae" else None
    conditions = dataclasses.replace(bench.conditions, count=0)
    show.draw_grid(reference=str(run.path), data=data, out=out, columns=0, conditions=conditions)
    return {}


def _model(run: Run, bench: Bench, out: Path) -> dict[str, Any]:
    found = architecture.draw(reference=str(run.path), out=out, root=bench.root)
    return {one["name"]: one["weights"] for one in found["networks"]}


def _layers(run: Run, bench: Bench, out: Path) -> dict[str, Any]:
    """Return what a layer of each class is configured with: kernel, strides, padding; all, where they differ."""
    found: dict[str, dict[str, str]] = {}
    for network in architecture.networks(run).values():
        for layer in _within(network):
            for key in ("kernel_size", "strides", "padding"):
                value = getattr(layer, key, None)
                if value is not None:
                    said = "x".join(map(str, value)) if isinstance(value, tuple | list) else str(value)
                    known = found.setdefault(type(layer).__name__, {})
                    known[key] = said if known.get(key, said) == said else f"{known[key]}, {said}"
    return found


def _within(model: Any) -> Iterator[Any]:
    """Yield every layer in a model, those that others wrap or hold among them."""
    inner = (getattr(model, "network", None), getattr(model, "layer", None))
    for layer in (*getattr(model, "layers", ()), *(one for one in inner if one is not None)):
        yield layer
        yield from _within(layer)


def _kept(folder: str, name: str) -> Callable[[Run, Bench, Path], dict[str, Any]]:
    """Return what copies the last picture of some name that the run drew by itself."""

    def take(run: Run, bench: Bench, out: Path) -> dict[str, Any]:
        found = sorted((run.path / folder).glob(name))
        if not found:
            raise DataError(f"{run.name} has no {folder}/{name}.")
        write_bytes(out, found[-1].read_bytes())
        return {}

    return take


INSTRUMENTS = {
    "fid": Instrument(_fid, "eval fid {run} {faces}"),
    "prdc": Instrument(_prdc, "eval prdc {run} {faces}"),
    "map": Instrument(_map, "viz tsne {run} --space latent"),
    "grid": Instrument(_grid, "viz grid {run}"),
    "model": Instrument(_model, "viz model {run}"),
    "layers": Instrument(_layers),
    "epochs": Instrument(_kept("plots", "strip.png")),
    "answers": Instrument(_kept("samples", "epoch-*.png")),
}


def take(name: str, run: Run, bench: Bench) -> tuple[dict[str, Any], Path]:
    """Return the numbers that an instrument gives of a run, and where its picture is, if it draws one."""
    folder = bench.root / "measured" / run.name
    file = folder / f"{name}.json"
    picture = file.with_suffix(".png")
    told = {
        "metrics": sha256_of_file(run.path / "metrics.json"),
        "count": bench.count,
        "faces": str(bench.data.get("faces")),
    }
    if file.exists():
        kept = read_json_object(file)
        is_whole = picture.exists() or kept.get("draws") is False
        if kept.get("told") == told and isinstance(kept.get("found"), dict) and is_whole:
            return kept["found"], picture
    make_directory(folder)
    found = INSTRUMENTS[name].take(run, bench, picture)
    write_json(file, {"told": told, "found": found, "draws": picture.exists()})
    return found, picture


def command(name: str, run: str, bench: Bench) -> str:
    """Return what to type to have the same of a run; nothing where the training itself draws it."""
    words = INSTRUMENTS[name].words
    if not words:
        return ""
    number = _compared(bench) if name == "prdc" and "faces" in bench.data else bench.count
    count = f" --count {number}" if number and name in ("fid", "prdc", "map") else ""
    return f"idl {words}{count}".format(run=shlex.quote(run), faces=shlex.quote(str(bench.data.get("faces", "faces"))))


def page_of(picture: Path) -> Path:
    """Return where the page is that answers to the mouse, of a picture that has one."""
    return picture.with_suffix(".html")


def copy(picture: Path, out: Path) -> None:
    """Put a picture among the figures, and its page if it has one."""
    make_directory(out.parent)
    write_bytes(out, picture.read_bytes())
    if page_of(picture).exists():
        write_bytes(page_of(out), page_of(picture).read_bytes())


def is_instrument(source: str) -> bool:
    """Whether a metric's first word names an instrument."""
    return source in INSTRUMENTS
