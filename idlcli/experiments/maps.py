"""A map of a run's codes, or of pictures by their features: what `idl viz tsne` draws and returns."""

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from idlcli.data.labels import Column
from idlcli.errors import DataError, UsageError
from idlcli.evaluation.feature_cache import FeatureCache
from idlcli.evaluation.features import Progress
from idlcli.evaluation.likeness import Likeness, neighbour_likeness, same_label
from idlcli.experiments import open as opening
from idlcli.experiments.evaluate import Conditions, extractor_for, measure, open_real
from idlcli.experiments.open import Opened
from idlcli.experiments.reconstruct import pictures_of
from idlcli.runs import Run
from idlcli.viz import map_page, maps, tsne
from idlcli.viz.figures import check_suffix

COUNT = 1000
"""Pictures on a map unless a count is given (or there are fewer)."""
CLEARLY = 2 / 3
"""Of two pairs, one of neighbours, the neighbours must be the more alike one at least this often to be called alike."""
HARDLY = 0.02
"""Pictures that differ by less than this (rms, values 0 to 1) look the same to a person, near or far on the map."""


def draw(
    *, reference: str, data: str | None, space: str | None, out: Path | None, html: Path | None, perplexity: float,
    label: str | None,
    conditions: Conditions, progress: Callable[[str], Progress],
) -> dict[str, Any]:  # fmt: skip
    """Draw the map to ``out`` (.png or .svg) and as a page to ``html``; return what they show.

    In space ``latent`` the points are codes: a VAE's or CAE's of pictures (of ``data``, else of those it was made
    with), a GAN's drawn from its prior, with the pictures it makes of them. In space ``features`` they are the
    features of the pictures.
    """
    started = time.perf_counter()
    if html is not None and html.suffix.lower() not in (".html", ".htm"):
        raise UsageError(f"Cannot write a page to {html.name!r:.80}.", hint="Give a file that ends in .html.")
    if out is not None:
        check_suffix(out)
    found = opening.locate(reference, root=conditions.root, kinds=opening.PAINTERS)
    name = found.name if isinstance(found, Run) else found.resolve().name
    space = space or ("latent" if isinstance(found, Run) else "features")
    if space == "latent":
        if not isinstance(found, Run):
            raise UsageError(f"{reference} has no latent space: only a run has.", hint="Use --space features.")
        features = None if conditions.features == "auto" else conditions.features
        opening.check_unused(f"{name} in its latent space", features=features, weights=conditions.weights)
        opened, points = _codes(found, data, conditions)
        of = f"the latent codes of {name}"
    else:
        what = f"{reference} --space features"
        opening.check_unused(what, data=data, part=conditions.part if isinstance(found, Run) else None)
        opened = _pictures(found, conditions)
        if opened.kind == "features":
            raise DataError(f"{reference} holds features, not pictures that a map could show.")
        _column(opened, label)  # before minutes go into features
        extractor = extractor_for(conditions, [opened.kind])
        points = measure(opened, extractor, FeatureCache(conditions.cache), progress(reference)).features
        of = f"{name} in the features of {extractor.name}"
    column = _column(opened, label)
    mapped = tsne.embed(points=points, perplexity=perplexity, seed=conditions.seed)
    likeness = neighbour_likeness(positions=mapped.positions, images=opened.array, seed=conditions.seed)
    shared = same_label(positions=mapped.positions, codes=opened.labels[column].codes) if column else None
    colouring = maps.colour_by(title=column, texts=opened.labels[column].texts()) if column else None
    title = f"t-SNE of {of} ({len(points):,} points, perplexity {mapped.perplexity:.3g})"
    files, shown = [], None
    if out is not None:
        shown = maps.draw(
            path=out, positions=mapped.positions, images=opened.array, title=title, colouring=colouring,
            near=likeness.neighbours, random=likeness.random, said=_said(likeness, shared, column, wrap="\n"),
        )  # fmt: skip
        files.append(str(out))
    if html is not None:
        facts = {
            "points": len(points), "dimensions": points.shape[1], "perplexity": round(mapped.perplexity, 2),
            "seed": conditions.seed,
        }  # fmt: skip
        map_page.write(
            path=html, positions=mapped.positions, images=opened.array, title=title, rows=opened.rows,
            labels={key: value.texts() for key, value in opened.labels.items()}, coloured=column,
            said=_said(likeness, shared, column, wrap=" "), facts=facts,
        )  # fmt: skip
        files.append(str(html))
    return {
        "files": files, "space": space, "n": len(points), "dimensions": points.shape[1],
        "perplexity": mapped.perplexity, "perplexity_asked": perplexity, "divergence": mapped.divergence,
        "thumbnails": shown, "label": column,
        "likeness": {
            "alike": likeness.alike, "by_chance": list(likeness.by_chance), "ratio": likeness.ratio, "k": likeness.k,
            "more_than_chance": likeness.more_than_chance,
            "same_label": shared and {"neighbours": shared[0], "by_chance": shared[1]},
        },
        "said": _said(likeness, shared, column, wrap=" "), "conditions": opened.about,
        "seconds": round(time.perf_counter() - started, 3),
    }  # fmt: skip


def _codes(run: Run, data: str | None, conditions: Conditions) -> tuple[Opened, NDArray[Any]]:
    model = opening.model_of(run)
    if hasattr(model, "encode"):
        opened = pictures_of(run, data, replace(conditions, most=COUNT), size=model.size)
        return opened, model.encode(opened.array)
    opening.check_unused(f"{run.name}, which draws its codes", data=data, part=conditions.part)
    count, seed = conditions.count or COUNT, conditions.seed
    codes, told = model.draw(count, seed), model.labels(count=count, seed=seed, label=None)
    images = np.asarray(model.decode(codes, told))
    labels = {} if told is None else {"condition": Column(model.words, told.astype(np.int32))}
    about = {"path": str(run.path), "what": f"{run.kind} run", "n": count, "part": None, "seed": seed}
    return Opened(images, "images", about, False, np.arange(count), labels), codes


def _pictures(found: Run | Path, conditions: Conditions) -> Opened:
    if isinstance(found, Run):
        return opening.open_run(found, count=conditions.count or COUNT, seed=conditions.seed)
    return open_real(found, conditions.part, replace(conditions, most=COUNT))


def _column(opened: Opened, label: str | None) -> str | None:
    """Return the label to colour by: the one asked for, else the first that parts the pictures."""
    if label is not None and label not in opened.labels:
        known = ", ".join(opened.labels) or "none"
        raise UsageError(f"The data have no label {label[:60]!r}.", hint=f"Labels: {known}.")
    if label is not None:
        return label
    return next((name for name, column in opened.labels.items() if len(set(column.codes.tolist()) - {-1}) > 1), None)


def _said(likeness: Likeness, shared: tuple[float, float] | None, column: str | None, *, wrap: str) -> str:
    low, high = likeness.by_chance
    if not likeness.more_than_chance:
        verdict = "Neighbours look no more alike than by chance"
    else:
        verdict = "Neighbours look alike" if likeness.alike > CLEARLY else "Neighbours look a little alike"
    parts = [
        f"{verdict}: in {likeness.alike:.1%} of cases",
        "they differ less than a random pair does",
        f"(by chance {low:.1%} to {high:.1%}).",
    ]
    if likeness.random.mean() < HARDLY:
        parts.append("All pictures are nearly the same.")
    if shared is not None:
        parts += [f"The same {column}: {shared[0]:.1%} of", f"neighbours, {shared[1]:.1%} of random pairs."]
    return wrap.join(parts)
