"""`idl viz`: pictures that explain."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from idlcli.cli.console import Console, Result
from idlcli.cli.eval import FeaturesOption, PartOption, WeightsOption, feature_cache
from idlcli.cli.options import OutOption, RunArgument, RunsOption, command, make_app, runs_root
from idlcli.settings.fields import UNSIGNED_32

app = make_app()

SetArgument = Annotated[
    str, typer.Argument(metavar="RUN|PATH", help="A run, a data set, a zip or directory of pictures, or an .npy.")
]
DataOption = Annotated[
    str | None, typer.Option("--data", metavar="PATH", help="Pictures to show it (default: the run's own data).")
]
SeedOption = Annotated[int, typer.Option("--seed", min=0, max=UNSIGNED_32, help="Which samples, and how the map lies.")]


@command(app, "tsne", full_name="viz tsne")
def tsne(
    console: Console, reference: SetArgument, out: OutOption = "",
    html: Annotated[
        str, typer.Option("--html", metavar="FILE", help="Also write a page that shows the pictures one points at.")
    ] = "",
    space: Annotated[
        Literal["latent", "features"] | None,
        typer.Option("--space", help="Map codes of a run, or pictures by their features (default: what there is)."),
    ] = None,
    data: DataOption = None,
    count: Annotated[
        int | None, typer.Option("--count", min=5, max=20_000, help="How many pictures (default: at most 1,000).")
    ] = None,
    perplexity: Annotated[
        float, typer.Option("--perplexity", min=1, max=1000, help="Neighbours that count for each point.")
    ] = 30,
    label: Annotated[
        str | None, typer.Option("--label", metavar="NAME", help="Label of the data that colours the map.")
    ] = None,
    features: FeaturesOption = "auto", weights: WeightsOption = None, part: PartOption = None,
    seed: SeedOption = 0, runs: RunsOption = "",
) -> Result:  # fmt: skip
    """Draw a map of a run's latent space, or of pictures, and say whether neighbours on it look alike."""
    from idlcli.experiments import evaluate, maps

    conditions = evaluate.Conditions(
        root=runs_root(runs), features=features, weights=Path(weights) if weights else None, count=count or 0,
        part=part, seed=seed, cache=feature_cache(),
    )  # fmt: skip
    found = maps.draw(
        reference=reference, data=data, space=space, out=Path(out or "tsne.png") if out or not html else None,
        html=Path(html) if html else None, perplexity=perplexity, label=label, conditions=conditions,
        progress=lambda what: console.counter(f"features of {what}:"),
    )  # fmt: skip
    return Result(found, f"{found['said']}\n{found['n']:,} points are in {' and '.join(found['files'])}.")


@command(app, "curves", full_name="viz curves")
def curves(
    run: Annotated[list[str], typer.Argument(metavar="RUN...", help="One run or more.")],
    out: OutOption = "curves.png",
    smooth: Annotated[
        float, typer.Option("--smooth", min=0, max=0.999, help="Weight of the epochs before; 0 draws only what was.")
    ] = 0.6,
    runs: RunsOption = "",
) -> Result:
    """Draw loss and metrics over the epochs: as they were, faintly, and smoothed."""
    from idlcli.runs import find
    from idlcli.viz import curves as library

    found = {one.path.resolve(): one for one in (find(reference, root=runs_root(runs)) for reference in run)}
    names = [one.name for one in found.values()]
    logs = {one.name if names.count(one.name) == 1 else str(path): one.log() for path, one in found.items()}
    metrics = library.draw(logs=logs, path=Path(out), smooth=smooth)
    data = {"files": [out], "runs": list(logs), "metrics": metrics, "smooth": smooth}
    return Result(data, f"{', '.join(metrics)} of {len(logs)} {'run is' if len(logs) == 1 else 'runs are'} in {out}.")


@command(app, "grid", full_name="viz grid")
def grid(
    reference: SetArgument, out: OutOption = "grid.png", data: DataOption = None,
    count: Annotated[int | None, typer.Option("--count", min=1, max=10_000, help="How many (default: 64).")] = None,
    columns: Annotated[int, typer.Option("--columns", min=0, max=1000, help="How many in a row; 0: square.")] = 0,
    part: PartOption = None, seed: SeedOption = 0, runs: RunsOption = "",
) -> Result:  # fmt: skip
    """Draw what a run samples, or pictures over their reconstructions where it cannot, or pictures at a path."""
    from idlcli.experiments import evaluate, show

    conditions = evaluate.Conditions(root=runs_root(runs), count=count or 0, part=part, seed=seed)
    found = show.draw_grid(reference=reference, data=data, out=Path(out), columns=columns, conditions=conditions)
    return Result(found, f"{found['count']} pictures are in {out}.")


@command(app, "walk", full_name="viz walk")
def walk(
    run: RunArgument, out: OutOption = "walk.png", data: DataOption = None,
    stops: Annotated[int, typer.Option("--stops", min=2, max=100, help="How many codes to go by.")] = 5,
    steps: Annotated[int, typer.Option("--steps", min=1, max=200, help="Steps from one to the next.")] = 9,
    seed: SeedOption = 0, runs: RunsOption = "",
) -> Result:  # fmt: skip
    """Draw the pictures on the way from code to code: a strip (.png, .svg) or a film (.gif)."""
    from idlcli.experiments import evaluate, show

    conditions = evaluate.Conditions(root=runs_root(runs), seed=seed)
    found = show.draw_walk(
        reference=run, data=data, out=Path(out), stops=stops, steps=steps, conditions=conditions
    )  # fmt: skip
    return Result(found, f"{found['count']} pictures, on the way through {stops} codes, are in {out}.")


@command(app, "model", full_name="viz model")
def model(run: RunArgument, out: OutOption = "model.svg", runs: RunsOption = "") -> Result:
    """Draw the architecture of a run's networks: layers, shapes, weights."""
    from idlcli.experiments import architecture

    found = architecture.draw(reference=run, out=Path(out), root=runs_root(runs))
    said = ", ".join(f"{one['name']} ({one['weights']:,} weights)" for one in found["networks"])
    return Result(found, f"{said}: {out}.")
