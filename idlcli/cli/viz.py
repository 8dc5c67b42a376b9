"""`idl viz`: pictures that explain."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from idlcli.cli.console import Console, Result
from idlcli.cli.eval import FeaturesOption, PartOption, WeightsOption, feature_cache
from idlcli.cli.options import OutOption, RunsOption, command, make_app, runs_root

app = make_app()

SetArgument = Annotated[
    str, typer.Argument(metavar="RUN|PATH", help="A run, a data set, a zip or directory of pictures, or an .npy.")
]
DataOption = Annotated[
    str | None, typer.Option("--data", metavar="PATH", help="Pictures to show it (default: the run's own data).")
]
SeedOption = Annotated[int, typer.Option("--seed", min=0, max=2**32 - 1, help="Which samples, and how the map lies.")]


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
