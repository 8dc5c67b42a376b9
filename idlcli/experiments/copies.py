"""Does a model only repeat what it was trained on? What `idl eval neighbours` returns, and its picture."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from idlcli.data import face_set
from idlcli.errors import DataError, UsageError
from idlcli.evaluation.copying import copying
from idlcli.evaluation.feature_cache import FeatureCache
from idlcli.evaluation.features import Progress
from idlcli.evaluation.manifold import nearest_neighbours
from idlcli.experiments import face_task, provenance
from idlcli.experiments import open as opening
from idlcli.experiments.evaluate import Conditions, extractor_for, measure
from idlcli.runs import Run
from idlcli.seeds import rng
from idlcli.viz import neighbours as picture

SAMPLES = 1024
"""How many samples are looked at unless a count is given."""
SHOWN, NEAREST = 8, 5
"""Rows of the picture (half of them the samples nearest to the training data), and training pictures in a row."""
COPYING_CHANCE = 0.001
"""Evidence of copying: fewer of the nearest real pictures are held out, or more samples are nearer to training pictures
than the nearest held-out pictures are, than this chance allows."""
TOLD = (
    "nearest_held_out", "nearest_held_out_expected", "nearest_held_out_chance",
    "near_copies", "near_quantile", "near_copies_chance", "nearer", "z",
)  # fmt: skip


def look(
    *, a: str, data: str | None, out: Path, conditions: Conditions, progress: Callable[[str], Progress]
) -> dict[str, Any]:
    """Hold samples against the train part of ``data``, with its test part as the measure of what is near by chance.

    Writes the picture to ``out`` (.png or .svg). Returns ``nearest_held_out`` (a share, what is expected of it and
    the chance of so low a one), ``nearer``, ``z``, ``near_copies`` and their chance, a ``verdict`` in words,
    and the ``distances`` of every sample and every held-out picture to its nearest training picture.
    """
    started = time.perf_counter()
    picture.check_suffix(out)
    found = opening.locate(a, root=conditions.root, kinds=opening.SAMPLERS)
    if data is not None:
        place = opening.place_of(data)
    elif isinstance(found, Run):
        place = provenance.faces_of(found)
    else:
        raise UsageError("Give the data set that the samples were trained on.", hint="idl eval neighbours A DATA")
    if not face_set.is_built(place):
        raise DataError(f"{place} is not a set with a training part.", hint="Make one: idl data build faces --source.")
    train, held_out = (opening.open_path(place, part=part) for part in ("train", "test"))
    if isinstance(found, Run) and provenance.are_at(found, place):  # of which it may have taken a part
        taken, left, _ = face_task.sides(provenance.settings_of(found), face_set.load(path=place))
        train, held_out = train.only(taken), held_out.only(left)
    if isinstance(found, Run):
        samples = opening.open_run(found, count=conditions.count or SAMPLES, seed=conditions.seed)
    else:
        samples = opening.open_path(found, count=conditions.count, seed=conditions.seed, size=train.array.shape[1])
    if min(len(train.array), len(held_out.array), len(samples.array)) < NEAREST + 1:
        raise DataError(f"Too few to compare: {len(samples.array)} samples, {len(train.array)} training pictures.")
    extractor = extractor_for(conditions, [samples.kind, train.kind])
    cache = FeatureCache(conditions.cache)
    ours, known, fresh = (
        measure(side, extractor, cache, progress(words)).features
        for side, words in ((samples, a), (train, f"{place} (train)"), (held_out, f"{place} (test)"))
    )
    scores = copying(samples=ours, train=known, held_out=fresh)
    is_evident = min(scores.nearest_held_out_chance, scores.near_copies_chance) < COPYING_CHANCE
    rows = _chosen(scores.distances, conditions.seed)
    nearest = nearest_neighbours(queries=ours[rows], reference=known, k=NEAREST)
    picture.draw(
        path=out, samples=samples.array[rows], neighbours=train.array[nearest.indices], distances=nearest.distances,
        all_distances=scores.distances, held_out=scores.held_out_distances,
    )  # fmt: skip
    return {
        "files": [str(out)], "metric": "neighbours", "copying": is_evident,
        "verdict": "Evidence of copying." if is_evident else "No evidence of copying.",
        **{name: getattr(scores, name) for name in TOLD},
        "n": [len(ours), len(known)], "held_out": len(fresh),
        "features": extractor.about(), "resize": extractor.resize,
        "distances": {"samples": _rounded(scores.distances), "held_out": _rounded(scores.held_out_distances)},
        "shown": rows.tolist(),
        "conditions": {"a": samples.about, "train": train.about, "held_out": held_out.about},
        "warnings": [], "seconds": round(time.perf_counter() - started, 3),
    }  # fmt: skip


def _chosen(distances: np.ndarray, seed: int) -> np.ndarray:
    """Return the rows to show: those nearest to the training data, then others by chance."""
    order = np.argsort(distances, kind="stable")
    half = min(SHOWN // 2, len(order))
    others = rng(seed, "neighbours").permutation(order[half:])[: SHOWN - half]
    return np.concatenate([order[:half], others]).astype(np.int64)


def _rounded(values: np.ndarray) -> list[float]:
    return [round(float(value), 6) for value in values]
