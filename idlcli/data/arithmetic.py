"""The arithmetic data set on disk: every query with its answer, and the glyphs that write them by hand."""

import dataclasses
import datetime
import time
from pathlib import Path
from typing import Any

import numpy as np

from idlcli.data import digits, glyphs
from idlcli.data.arrays import open_array
from idlcli.data.queries import Queries, make_queries
from idlcli.data.staging import check_replaceable, staged_directory
from idlcli.errors import DataError, UsageError
from idlcli.files import atomic_writer, read_json_object, sha256_of_file, write_json
from idlcli.seeds import rng
from idlcli.settings.data import ArithmeticSettings

KIND = "arithmetic"
SCHEMA = 1
ARRAYS = ("queries", "answers", "glyphs", "glyph_labels")
MATERIALISED = ("query_images", "answer_images")
REBUILD = "Build it again with --overwrite."
MOST_GLYPHS = 2 * digits.MAX_DIGITS
OWN = ("manifest.json", *(f"{name}.npy" for name in ARRAYS + MATERIALISED))


@dataclasses.dataclass(frozen=True)
class Arithmetic:
    """A built data set: its queries, its glyphs, its manifest and where it lies."""

    queries: Queries
    bank: glyphs.Bank
    manifest: dict[str, Any]
    path: Path


def build(*, settings: ArithmeticSettings, out: Path) -> dict[str, Any]:
    """Write the data set to ``out`` and return what was written (the contract's ``data build``)."""
    started = time.perf_counter()
    check_replaceable(out=out, kind=KIND, own=OWN, overwrite=settings.overwrite)
    queries = make_queries(ops=settings.ops, maximum=settings.max)
    source = digits.load(settings.digits)
    bank = glyphs.make_bank(digits=source, alphabet=queries.alphabet, seed=settings.seed)
    arrays = {
        "queries": queries.queries,
        "answers": queries.answers,
        "glyphs": bank.images,
        "glyph_labels": bank.labels,
    }
    if settings.materialise:
        arrays |= _materialised(queries, bank, settings)
    with staged_directory(out=out, kind=KIND, own=OWN, overwrite=settings.overwrite) as stage:
        for name, array in arrays.items():
            with atomic_writer(stage / f"{name}.npy") as file:
                np.save(file, array)
        hashes = {f"{name}.npy": sha256_of_file(stage / f"{name}.npy") for name in arrays}
        manifest = {
            "schema": SCHEMA, "kind": KIND, "count": len(queries.queries),
            "ops": settings.ops, "max": settings.max,
            "alphabet": queries.alphabet, "digits": source.source, "glyph_count": len(bank.labels),
            "glyphs_of": {c: int((bank.labels == i).sum()) for i, c in enumerate(queries.alphabet)},
            "pools": settings.pools, "test_share": settings.test_share, "seed": settings.seed, "sha256": hashes,
            "built": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        }  # fmt: skip
        write_json(stage / "manifest.json", manifest)
    return {
        "path": str(out), "count": len(queries.queries), "test_count": 0,
        "shape": {f"{name}.npy": list(array.shape) for name, array in arrays.items()}, "skipped": [],
        "sha256": hashes, "glyphs": len(bank.labels), "seconds": round(time.perf_counter() - started, 3),
    }  # fmt: skip


def _materialised(queries: Queries, bank: glyphs.Bank, settings: ArithmeticSettings) -> dict[str, np.ndarray]:
    everything = np.ones(len(bank.labels), bool)
    images = {}
    for name, rows in zip(MATERIALISED, (queries.queries, queries.answers), strict=True):
        chosen = draw_glyphs(rows, bank.labels, everything, rng(settings.seed, f"materialise {name}"))
        images[name] = bank.images[chosen]
    return images


def draw_glyphs(rows: np.ndarray, labels: np.ndarray, pool: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Return an index into the glyph bank for each character of ``rows`` (N, width), drawn from ``pool`` (a mask)."""
    chosen = np.zeros(rows.shape, np.int32)
    for character in np.unique(rows):
        members = np.flatnonzero((labels == character) & pool)
        where = rows == character
        chosen[where] = members[generator.integers(len(members), size=int(where.sum()))]
    return chosen


def is_built(path: Path) -> bool:
    """Whether ``path`` claims to be an arithmetic data set."""
    try:
        return read_json_object(path / "manifest.json").get("kind") == KIND
    except DataError:
        return False


def check(*, path: Path) -> dict[str, Any]:
    """Return what a built data set holds, after reading all of it and comparing its hashes. Only reads.

    Raises :class:`DataError` where anything is not as it was built.
    """
    started = time.perf_counter()
    data = load(path)
    for name, expected in data.manifest["sha256"].items():
        if sha256_of_file(path / name) != expected:
            raise DataError(f"{path}: {name} is not what was built: its hash differs.", hint="Build it again.")
    kept = ("count", "ops", "max", "pools", "digits", "glyph_count", "glyphs_of")
    about = {key: data.manifest.get(key) for key in kept}
    return {"path": str(path), "kind": KIND, **about, "seconds": round(time.perf_counter() - started, 3)}


def sample(*, path: Path, count: int, seed: int) -> tuple[np.ndarray, list[str]]:
    """Return ``count`` queries with their answers as pictures, uint8 (N, 28, width), and as text."""
    data = load(path)
    generator = rng(seed, "sample")
    rows = np.sort(
        generator.choice(len(data.queries.queries), size=min(count, len(data.queries.queries)), replace=False)
    )
    everything = np.ones(len(data.bank.labels), bool)
    gap = np.full((len(rows), digits.SIDE, 6), 96, np.uint8)
    strips = []
    for texts in (data.queries.queries[rows], data.queries.answers[rows]):
        chosen = data.bank.images[draw_glyphs(texts, data.bank.labels, everything, generator)]
        strips.append(chosen.transpose(0, 2, 1, 3).reshape(len(rows), digits.SIDE, -1))
    query, answer = data.queries.text(data.queries.queries[rows]), data.queries.text(data.queries.answers[rows])
    said = [f"{q}={a}" for q, a in zip(query, answer, strict=True)]
    return np.concatenate([strips[0], gap, strips[1]], axis=2), said


def load(path: Path) -> Arithmetic:
    """Return a built data set after checking that its parts fit together."""
    if not (path / "manifest.json").is_file():
        raise DataError(f"There is no arithmetic data set at {path}.", hint="Make one: idl data build arithmetic.")
    manifest = read_json_object(path / "manifest.json")
    if manifest.get("kind") != KIND or manifest.get("schema") != SCHEMA:
        raise DataError(f"{path} is not an arithmetic data set that this idl reads.", hint="Build it again.")
    try:
        if not _is_described(manifest):
            raise ValueError("a key of another type, or a value out of its range")
        queries = make_queries(ops=manifest["ops"], maximum=manifest["max"])
    except (KeyError, TypeError, ValueError, OverflowError, UsageError) as error:
        raise DataError(f"{path}: the manifest does not fit the data.", hint=REBUILD) from error
    opened = {name: open_array(path / f"{name}.npy", hint=REBUILD) for name in ARRAYS}
    glyph_count = opened["glyph_labels"].size
    shapes = {
        "queries": queries.queries.shape, "answers": queries.answers.shape,
        "glyphs": (glyph_count, digits.SIDE, digits.SIDE), "glyph_labels": (glyph_count,),
    }  # fmt: skip
    fits = glyph_count <= MOST_GLYPHS and all(
        opened[name].shape == shape and opened[name].dtype == np.uint8 for name, shape in shapes.items()
    )
    parts = {name: np.array(array) for name, array in opened.items()} if fits else {}
    if not (
        parts
        and np.array_equal(parts["queries"], queries.queries)
        and np.array_equal(parts["answers"], queries.answers)
        and set(np.unique(parts["glyph_labels"]).tolist()) == set(range(len(queries.alphabet)))
    ):
        raise DataError(f"{path}: the arrays do not fit the manifest.", hint=REBUILD)
    return Arithmetic(queries, glyphs.Bank(parts["glyphs"], parts["glyph_labels"], queries.alphabet), manifest, path)


def _is_described(manifest: dict[str, Any]) -> bool:
    """Whether a manifest says what one must; a missing key is a KeyError, another type may be a TypeError."""
    hashes, source = manifest["sha256"], manifest["digits"]
    return (
        isinstance(manifest["ops"], str)
        and isinstance(manifest["max"], int)
        and manifest["pools"] in ("disjoint", "shared")
        and 0.0 < manifest["test_share"] < 1.0
        and isinstance(hashes, dict)
        and {f"{name}.npy" for name in ARRAYS} <= set(hashes) <= set(OWN)
        and isinstance(source, dict)
        and isinstance(source["name"], str)
    )
