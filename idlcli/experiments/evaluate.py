"""Two sets of pictures or features -> a distance with its conditions: what `idl eval fid|kid|prdc` return."""

import dataclasses
import functools
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from idlcli.data import face_set
from idlcli.errors import DataError, UsageError
from idlcli.evaluation import features, frechet, kernel, manifold
from idlcli.evaluation.feature_cache import FeatureCache
from idlcli.evaluation.features import Extractor, Kind, Progress
from idlcli.experiments import open as opening
from idlcli.experiments.open import Opened
from idlcli.runs import Run

FEW = 2048
"""Below this many a Frechet distance is mostly bias: covariances of that many features are not known from fewer."""
MOST_SAMPLES = 10_000
"""The most that a run samples unless it is told a count."""
KID_SUBSETS, KID_SUBSET_SIZE = 100, 1000
NEIGHBOURS = {"k_precision": 3, "k_density": 5}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Conditions:
    """How pictures are chosen and measured; what a result depends on beside the two sets."""

    root: Path
    """Where runs lie."""
    features: str = "auto"
    weights: Path | None = None
    judge: str = "latest"
    """The judge run whose features measure glyphs."""
    count: int = 0
    most: int = 0
    """What a path gives at most where no count is asked for; 0: all of it."""
    part: str | None = None
    part_a: str | None = None
    """The part of the first set, where it is another."""
    seed: int = 0
    size: int = opening.RAW_SIZE
    cache: Path | None = None


@dataclasses.dataclass(frozen=True)
class Measured:
    """A set's features (N, D), whether they were kept from an earlier command, and what gives their Gaussian."""

    features: NDArray[Any]
    cached: bool
    gaussian: Callable[[], frechet.Gaussian]


def compare(
    *, metric: str, a: str, b: str, conditions: Conditions, progress: Callable[[str], Progress] | None = None
) -> dict[str, Any]:
    """Return the contract's result of `idl eval METRIC A B`, with ``conditions``, ``cached`` and ``warnings``.

    ``progress(what)`` gives the callback that is told of the features of one side. Raises :class:`UsageError` and
    :class:`DataError` for sides that cannot be had or cannot be compared.
    """
    started = time.perf_counter()
    first, second, extractor = open_pair(a, b, conditions)
    cache = FeatureCache(conditions.cache)
    sides = [
        measure(side, extractor, cache, progress and progress(str(side.about["path"]))) for side in (first, second)
    ]
    try:
        found = METRICS[metric](*sides)
    except ValueError as error:  # what the metrics say of features that they cannot use
        raise DataError(f"Cannot compare {a[:60]} with {b[:60]}: {error}") from error
    return {
        "metric": metric, "value": None, "interval": None, **found,
        "n": [len(first.array), len(second.array)], "features": extractor.about(), "resize": extractor.resize,
        "sizes": [list(side.array.shape[1:3]) if side.kind == "images" else None for side in (first, second)],
        "conditions": {"a": first.about, "b": second.about}, "cached": [side.cached for side in sides],
        "warnings": _warnings(metric, first, second), "seconds": round(time.perf_counter() - started, 3),
    }  # fmt: skip


def open_pair(a: str, b: str, conditions: Conditions) -> tuple[Opened, Opened, Extractor]:
    """Return both sides and what measures them; a run samples as many pictures as the other side has, or a count.

    A run samples last: what is wrong with the other side or the features is said before that takes minutes.
    """
    found = [opening.locate(side, root=conditions.root, kinds=opening.SAMPLERS) for side in (a, b)]
    has_parts = [isinstance(place, Path) and face_set.is_built(place) for place in found]
    _check_parts(has_parts, conditions)
    asked = (conditions.part_a or conditions.part, conditions.part)
    parts = [part if has else None for part, has in zip(asked, has_parts, strict=True)]
    opened: list[Opened | None] = [
        None if isinstance(place, Run) else open_real(place, part, conditions)
        for place, part in zip(found, parts, strict=True)
    ]
    extractor = extractor_for(conditions, ["images" if side is None else side.kind for side in opened])
    there = [len(side.array) for side in opened if side is not None]
    count = conditions.count or min(there[0] if there else FEW, MOST_SAMPLES)
    both = [
        opening.open_run(place, count=count, seed=conditions.seed) if isinstance(place, Run) else side
        for place, side in zip(found, opened, strict=True)
    ]
    assert both[0] is not None
    assert both[1] is not None
    return both[0], both[1], extractor


def open_real(path: Path, part: str | None, conditions: Conditions) -> Opened:
    """Return what lies at a path under these conditions."""
    return opening.open_path(
        path, part=part, count=conditions.count, most=conditions.most, seed=conditions.seed, size=conditions.size
    )


def _check_parts(has_parts: list[bool], conditions: Conditions) -> None:
    """Refuse a part that means nothing to any side it is asked of."""
    hint = "Only sets made by `idl data build` have parts."
    if conditions.part_a is not None and not has_parts[0]:
        raise UsageError("--part-a does not apply to the first set.", hint=hint)
    if conditions.part is not None and not any(has_parts):
        raise UsageError("--part applies to neither set.", hint=hint)


def extractor_for(conditions: Conditions, kinds: Iterable[Kind]) -> Extractor:
    """Return the features that fit sides of these kinds."""
    name = features.choose(name=conditions.features, kinds=kinds)
    if conditions.weights is not None and name in ("none", "judge"):
        raise UsageError(f"--weights does not apply to --features {name}.")
    if name == "none":
        return features.NONE
    if name == "judge":
        from idlcli.experiments import judge
        from idlcli.runs import find

        return judge.extractor(find(conditions.judge, root=conditions.root, kinds=("judge",)))
    return features.network(name=name, weights=conditions.weights)


def measure(side: Opened, extractor: Extractor, cache: FeatureCache, progress: Progress | None = None) -> Measured:
    """Return the features of one side; those of real pictures are kept."""
    kept, sha256 = (cache, side.sha256) if side.real else (FeatureCache(None), "")
    found, cached = kept.features(extractor=extractor, array=side.array, sha256=sha256, progress=progress)
    gaussian = functools.partial(kept.gaussian, extractor=extractor, features=found, sha256=sha256)
    return Measured(found, cached, gaussian)


def _fid(a: Measured, b: Measured) -> dict[str, Any]:
    samples, reference = frechet.check_pair(samples=a.features, reference=b.features, minimum=2)
    found = frechet.frechet_interval(samples=samples, reference=reference, fitted=(a.gaussian(), b.gaussian()))
    return {"value": found.value, "interval": [found.low, found.high], "confidence": found.confidence}


def _kid(a: Measured, b: Measured) -> dict[str, Any]:
    size = min(KID_SUBSET_SIZE, len(a.features), len(b.features))
    found = kernel.kernel_distance(samples=a.features, reference=b.features, subsets=KID_SUBSETS, subset_size=size)
    # Of the drawing of the rows, and of the drawing of subsets from them.
    of_rows = kernel.kernel_standard_error(samples=a.features, reference=b.features)
    error = float(np.hypot(of_rows, found.std / found.subsets**0.5))
    return {
        "value": found.mean, "std": found.std, "interval": [found.mean - 1.96 * error, found.mean + 1.96 * error],
        "confidence": 0.95, "subsets": found.subsets, "subset_size": found.subset_size,
    }  # fmt: skip


def _prdc(a: Measured, b: Measured) -> dict[str, Any]:
    samples, reference = frechet.check_pair(samples=a.features, reference=b.features, minimum=1)
    least = max(NEIGHBOURS.values()) + 1
    if min(len(samples), len(reference)) < least:
        raise ValueError(
            f"precision and recall need {least} or more on each side, and have {len(samples)} and {len(reference)}"
        )
    found = manifold.manifold_scores(samples=samples, reference=reference, **NEIGHBOURS)
    return {**dataclasses.asdict(found), **NEIGHBOURS}


METRICS: dict[str, Callable[[Measured, Measured], dict[str, Any]]] = {"fid": _fid, "kid": _kid, "prdc": _prdc}


def _warnings(metric: str, a: Opened, b: Opened) -> list[str]:
    said = []
    n, m = len(a.array), len(b.array)
    if metric == "fid" and min(n, m) < FEW:
        said.append(
            f"{min(n, m):,} of {FEW:,}: a FID of so few is biased upwards; compare it only at this n, or use KID."
        )
    if metric == "prdc" and n != m:
        said.append(f"{n:,} against {m:,}: precision and recall depend on n; give both sets the same with --count.")
    if a.kind == "images" and a.array.shape[1:3] != b.array.shape[1:3]:
        said.append(f"The pictures differ in size: {_size(a)} against {_size(b)}; part of the distance is that.")
    for side in (a, b):
        if side.about.get("skipped"):
            said.append(
                f"{side.about['skipped']:,} pictures of {side.about['path']} could not be read and are left out."
            )
    return said


def _size(side: Opened) -> str:
    return "x".join(map(str, side.array.shape[1:3]))
