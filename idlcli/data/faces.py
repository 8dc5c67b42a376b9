"""Faces from any source to one array: drawn cartoons, a zip, a directory or an .npy become a built set.

`build` streams: a few pictures are in memory at a time, and 16 bytes a picture for the choice of the test part. The
same command on the same source gives the same bytes; only ``created`` and ``seconds`` in the manifest differ. What is
in the directory, and how it is read back, is in ``face_set.py``.
"""

import contextlib
import dataclasses
import datetime
import hashlib
import os
import time
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from idlcli.data import face_set, labels, sources, staging
from idlcli.data.face_check import check as check
from idlcli.data.face_set import Faces as Faces
from idlcli.data.face_set import load as load
from idlcli.data.parallel import on_all_cores
from idlcli.data.sources import Skipped
from idlcli.errors import DataError, UsageError
from idlcli.files import atomic_writer, sha256_of_file, write_json
from idlcli.settings.data import FacesSettings

CARTOON = "cartoon"
CARTOONS = 6_000
"""How many cartoons are drawn where ``--count`` does not say."""
LISTED = 1_000
"""The most skipped files that are listed with their reasons; all are counted."""

Progress = Callable[[int, int], None]
_Pixels = NDArray[np.uint8] | DataError
Drawn = tuple[str, _Pixels, dict[str, str]]


@dataclasses.dataclass
class _Feed:
    """Pictures on their way: ``items`` yields (name, uint8 (size, size, 3) or why not, labels), ``total`` at most."""

    items: Iterator[Drawn]
    total: int
    columns: list[str]
    skipped: list[Skipped]
    about: Callable[[], dict[str, Any]]
    """What the manifest says of the source; called when all is read."""


def build(*, settings: FacesSettings, out: Path | None = None, progress: Progress | None = None) -> dict[str, Any]:
    """Write the set to ``out`` (else ``settings.out``, else ``data/faces``) and return the contract's ``data build``.

    With ``--count N`` the first N readable pictures in the order of their names are taken. ``progress(done, total)``
    is called after each. Beside the contract's keys the result has ``skipped_count`` (``skipped`` lists at most
    1,000), ``ignored``, ``duplicates``, ``labels`` (the columns) and ``attribution``.

    Raises :class:`UsageError` for an unknown style, for ``--labels`` with cartoons, and where ``out`` may not be
    written; :class:`DataError` for a source or labels that are missing, broken or empty, for fewer than ``--count``,
    and with ``--strict`` for any file that had to be skipped. Then nothing is left behind: what stood there stands.
    """
    started = time.perf_counter()
    target = out if out is not None else Path(settings.out or "data/faces")
    staging.check_replaceable(out=target, kind=face_set.KIND, own=face_set.OWN, overwrite=settings.overwrite)
    _keep_apart(settings, target)
    with (
        _cartoons(settings) if settings.source == CARTOON else _pictures(settings) as feed,
        staging.staged_directory(
            out=target, kind=face_set.KIND, own=face_set.OWN, overwrite=settings.overwrite
        ) as stage,
    ):
        table = labels.LabelTable(columns=feed.columns)
        with atomic_writer(stage / "images.npy") as file:
            count, digests = _stream(file, feed, table, settings, progress)
        test, duplicates = face_set.choose_test(digests=digests, wanted=settings.test_count)
        manifest: dict[str, Any] = {
            "schema": face_set.SCHEMA, "kind": face_set.KIND,
            "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
            "count": count, "size": settings.size, "test_count": len(test), "duplicates": duplicates,
            "images": {"file": "images.npy", "sha256": sha256_of_file(stage / "images.npy")},
            **feed.about(),
            "skipped": {"count": len(feed.skipped), "files": [s._asdict() for s in feed.skipped[:LISTED]]},
            "labels": _write_labels(stage, table),
        }  # fmt: skip
        manifest["seconds"] = round(time.perf_counter() - started, 3)
        # Last, because it is long: what a person wants to read stands above it.
        manifest["test"] = {"chosen": "lowest SHA-256 of the pixels, equal ones together", "indices": test.tolist()}
        write_json(stage / "manifest.json", manifest)
    return {
        "path": str(target), "count": count, "test_count": len(test),
        "shape": [count, settings.size, settings.size, 3], "skipped": manifest["skipped"]["files"],
        "skipped_count": len(feed.skipped), "ignored": manifest["source"]["ignored"], "duplicates": duplicates,
        "labels": list(feed.columns), "attribution": manifest["attribution"], "sha256": manifest["images"]["sha256"],
        "seconds": round(time.perf_counter() - started, 3),
    }  # fmt: skip


def _stream(
    file: IO[bytes], feed: _Feed, table: labels.LabelTable, settings: FacesSettings, progress: Progress | None
) -> tuple[int, bytes]:
    """Write the pictures as one .npy, and return how many there are and 16 bytes of hash for each."""
    if settings.strict and feed.skipped:
        raise _refusal(feed.skipped[0])
    start = _write_header(file, 0, settings.size)
    count, digests = 0, bytearray()
    for done, (name, drawn, known) in enumerate(feed.items, start=1):
        if isinstance(drawn, DataError):
            feed.skipped.append(Skipped(name[:300], drawn.message))
            if settings.strict:
                raise _refusal(feed.skipped[-1])
        else:
            data = drawn.tobytes()
            file.write(data)
            digests += hashlib.sha256(data).digest()[:16]
            table.add(row=known)
            count += 1
        if progress is not None:
            progress(count if settings.count else done, feed.total)
        if count == settings.count > 0:
            break
    if not count:
        first = feed.skipped[0]
        raise DataError(f"None of the {len(feed.skipped):,} pictures could be read. {first.file}: {first.reason}.")
    if count < settings.count:
        raise DataError(
            f"{settings.source} holds {count:,} pictures that can be read, fewer than --count {settings.count:,}.",
            hint="Leave --count out to take them all; `idl data check` says what is wrong with the others.",
        )
    feed.skipped.sort()
    file.seek(0)
    if _write_header(file, count, settings.size) != start:  # numpy pads the header so that the first axis can grow
        raise AssertionError("the .npy header changed its length")
    return count, bytes(digests)


def _write_header(file: IO[bytes], count: int, size: int) -> int:
    header = {"descr": "|u1", "fortran_order": False, "shape": (count, size, size, 3)}
    np.lib.format.write_array_header_1_0(file, header)
    return file.tell()


def _refusal(skipped: Skipped) -> DataError:
    return DataError(
        f"--strict: {skipped.file} cannot be used: {skipped.reason}.", hint="Mend it, or build with --skip-bad."
    )


def _write_labels(stage: Path, table: labels.LabelTable) -> dict[str, Any] | None:
    columns = table.columns()
    if not columns:
        return None
    with atomic_writer(stage / "labels.npy") as file:
        np.save(file, np.stack([column.codes for column in columns.values()], axis=1))
    return {
        "file": "labels.npy", "sha256": sha256_of_file(stage / "labels.npy"), "labelled": table.labelled,
        "columns": {name: list(column.words) for name, column in columns.items()},
    }  # fmt: skip


def _keep_apart(settings: FacesSettings, out: Path) -> None:
    """Refuse to write where something is read from: the source is never changed, nor read back as its own output."""
    target = Path(os.path.realpath(out))
    for option, given in (("--source", settings.source), ("--labels", settings.labels)):
        if not given or "\0" in given or (option == "--source" and given == CARTOON):
            continue
        source = Path(os.path.realpath(given))
        if source.is_relative_to(target) or (target.is_relative_to(source) and source.is_dir()):
            raise UsageError(f"--out {out} and {option} {given} lie in one another.", hint="Give another --out.")


@contextlib.contextmanager
def _cartoons(settings: FacesSettings) -> Iterator[_Feed]:
    if settings.labels:
        raise UsageError("--labels does not go with --source cartoon: what is drawn knows its labels.")
    from idlcli.data import cartoons  # Pillow, DiceBear and resvg: only where pictures are made

    style, total = cartoons.open_style(name=settings.style), settings.count or CARTOONS
    about = {
        "source": {
            "kind": CARTOON, "name": style.name, "seed": settings.seed, **style.origin,
            "entries": total, "ignored": 0, "not_needed": 0,
        },
        "attribution": style.attribution,
        "resize": "none: drawn at this size",
    }  # fmt: skip

    def items() -> Generator[Drawn, None, None]:
        wanted = ((style.name, settings.seed, index, settings.size) for index in range(total))
        for index, face in enumerate(on_all_cores(cartoons.draw, wanted, total=total)):
            yield f"{settings.seed}-{index}", face.pixels, face.labels

    with contextlib.closing(items()) as stream:
        yield _Feed(stream, total, list(style.columns), [], lambda: about)


@contextlib.contextmanager
def _pictures(settings: FacesSettings) -> Iterator[_Feed]:
    from idlcli.data import pictures

    path = Path(settings.source)
    with sources.open_source(path=path) as source:
        if settings.count > len(source.names):
            raise DataError(
                f"{path} holds {len(source.names):,} pictures, fewer than --count {settings.count:,}.",
                hint="Leave --count out to take them all.",
            )
        known = labels.folder_labels(names=source.names)
        columns = ["folder"] if known else []
        if settings.labels:
            table = labels.read_csv(path=Path(settings.labels))
            for name, row in table.of(names=source.names).items():
                known[name] = {**known.get(name, {}), **row}
            columns = list(dict.fromkeys([*columns, *table.columns]))
        digest = hashlib.sha256()
        tried, total = 0, settings.count or len(source.names)

        def items() -> Generator[Drawn, None, None]:
            nonlocal tried
            for name, content, picture in pictures.decode_all(source=source, size=settings.size, total=total):
                tried += 1
                if source.kind == "directory" and isinstance(content, bytes):
                    digest.update(f"{name}\0{len(content)}\0".encode() + content)
                yield name, picture if isinstance(picture, DataError) else picture.pixels, known.get(name, {})

        def about() -> dict[str, Any]:
            return {
                "source": {
                    "kind": source.kind, "name": path.resolve().name,
                    # Of a directory: its pictures' names and bytes, in order.
                    "sha256": digest.hexdigest() if source.kind == "directory" else sha256_of_file(path),
                    "entries": source.entries, "ignored": source.ignored, "not_needed": len(source.names) - tried,
                },
                "attribution": None,
                "resize": pictures.RESIZE,
            }  # fmt: skip

        with contextlib.closing(items()) as stream:
            yield _Feed(stream, total, columns, list(source.skipped), about)
