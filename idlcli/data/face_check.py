"""`idl data check`: what a built set or a raw source of faces holds, and whether it can be used. Reads only."""

import hashlib
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from idlcli.data import face_set, sources
from idlcli.data.sources import Skipped
from idlcli.errors import DataError
from idlcli.files import sha256_of_file

LISTED = 1_000
SIZE = 64
"""Side at which pictures of a raw source are compared for duplicates."""

Progress = Callable[[int, int], None]


def check(*, path: Path, progress: Progress | None = None) -> dict[str, Any]:
    """Return what is at ``path``: a built set (a directory whose manifest says so), or a zip, a directory or an .npy.

    Both results have ``path``, ``kind``, ``count`` (usable pictures), ``duplicates`` (those that repeat an earlier
    one), ``skipped``, ``skipped_count``, ``ignored`` and ``seconds``. A built set adds ``test_count``, ``shape``,
    ``sha256``, ``labels``, ``source`` and ``attribution``; a raw source ``entries``, ``formats``, ``modes``, ``sizes``
    (each a count by value; sizes as ``"96x96"``, the commonest twenty), ``smallest`` and ``largest``
    (width and height).

    Raises :class:`DataError` where nothing at ``path`` can be used, or where a built set is not as it was built.
    """
    started = time.perf_counter()
    found = _built(path, progress) if face_set.is_built(path) else _raw(path, progress)
    return {"path": str(path), **found, "seconds": round(time.perf_counter() - started, 3)}


def _built(path: Path, progress: Progress | None) -> dict[str, Any]:
    faces = face_set.load(path=path)
    for name in ("images", "labels"):
        described = faces.manifest.get(name)
        if described is None and name == "labels":
            continue
        if not isinstance(described, dict) or described.get("sha256") != sha256_of_file(path / f"{name}.npy"):
            raise DataError(f"{path}: {name}.npy is not what was built: its hash differs.", hint=face_set.REBUILD)
    digests = bytearray()
    for done, image in enumerate(faces.images, start=1):
        digests += hashlib.sha256(image.tobytes()).digest()[:16]
        if progress is not None:
            progress(done, len(faces.images))
    test, duplicates = face_set.choose_test(digests=bytes(digests), wanted=len(faces.test_indices))
    if test.tolist() != faces.test_indices.tolist():
        raise DataError(f"{path}: the test part is not the one that was chosen.", hint=face_set.REBUILD)
    source, skipped = faces.manifest.get("source"), faces.manifest.get("skipped")
    return {
        "kind": face_set.KIND, "count": len(faces.images), "test_count": len(test), "shape": list(faces.images.shape),
        "duplicates": duplicates, "sha256": faces.manifest["images"]["sha256"], "labels": list(faces.labels),
        "skipped": skipped.get("files", []) if isinstance(skipped, dict) else [],
        "skipped_count": skipped.get("count", 0) if isinstance(skipped, dict) else 0,
        "ignored": source.get("ignored", 0) if isinstance(source, dict) else 0,
        "source": source, "attribution": faces.manifest.get("attribution"),
    }  # fmt: skip


def _raw(path: Path, progress: Progress | None) -> dict[str, Any]:
    from idlcli.data import pictures  # Pillow

    formats: Counter[str] = Counter()
    modes: Counter[str] = Counter()
    sizes: Counter[tuple[int, int]] = Counter()
    digests: set[bytes] = set()
    with sources.open_source(path=path) as source:
        skipped = list(source.skipped)
        total = len(source.names)
        found = pictures.decode_all(source=source, size=SIZE, total=total)
        for done, (name, _, picture) in enumerate(found, start=1):
            if isinstance(picture, DataError):
                skipped.append(Skipped(name[:300], picture.message))
            else:
                formats[picture.format] += 1
                modes[picture.mode] += 1
                sizes[picture.width, picture.height] += 1
                digests.add(hashlib.sha256(picture.pixels.tobytes()).digest()[:16])
            if progress is not None:
                progress(done, total)
    count = sum(formats.values())
    if not count:
        raise DataError(
            f"None of the {len(skipped):,} pictures in {path} could be read. {skipped[0].file}: {skipped[0].reason}."
        )
    skipped.sort()
    area = sorted(sizes, key=lambda side: (side[0] * side[1], side))
    return {
        "kind": source.kind, "entries": source.entries, "count": count, "duplicates": count - len(digests),
        "skipped": [one._asdict() for one in skipped[:LISTED]], "skipped_count": len(skipped),
        "ignored": source.ignored, "formats": dict(formats.most_common()), "modes": dict(modes.most_common()),
        "sizes": {f"{width}x{height}": n for (width, height), n in sizes.most_common(20)},
        "smallest": list(area[0]), "largest": list(area[-1]),
    }  # fmt: skip
