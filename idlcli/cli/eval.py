"""`idl eval`: how far are two sets of pictures apart, and how well are pictures reconstructed?"""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from idlcli.cli.console import Console, Result, table
from idlcli.cli.options import OutOption, RunsOption, cache_root, command, make_app, runs_root
from idlcli.errors import ThresholdMissed, UsageError
from idlcli.settings.evaluation import Features, Part
from idlcli.settings.fields import UNSIGNED_32

app = make_app()

SIDE = "a run, a data set, a zip or directory of pictures, or an .npy of pictures or features."
AArgument = Annotated[str, typer.Argument(metavar="A", help=f"What is judged: {SIDE}")]
BArgument = Annotated[str, typer.Argument(metavar="B", help=f"What it is compared with: {SIDE}")]
CoderArgument = Annotated[str, typer.Argument(metavar="RUN", help="A VAE or CAE run, or `latest`.")]
DataArgument = Annotated[
    str | None, typer.Argument(metavar="DATA", help="Pictures (default: those that the run was made with).")
]
FeaturesOption = Annotated[
    Features, typer.Option("--features", help="What pictures are measured by; auto takes what needs no download.")
]
WeightsOption = Annotated[
    str | None, typer.Option("--weights", metavar="FILE", help="Weights of the features, e.g. of inception-fid.")
]
JudgeOption = Annotated[str, typer.Option("--judge", metavar="RUN", help="The judge run that measures glyphs.")]
CountOption = Annotated[
    int | None,
    typer.Option(
        "--count",
        metavar="N",
        min=2,
        max=10_000_000,
        help="How many of each side (default: all; a run draws as many as the other side has).",
    ),
]
PartOption = Annotated[
    Part | None, typer.Option("--part", help="Which part of a data set (default: test, what no model trained on).")
]
PartAOption = Annotated[Part | None, typer.Option("--part-a", help="The part of A, where it is another than B's.")]
SeedOption = Annotated[
    int, typer.Option("--seed", min=0, max=UNSIGNED_32, help="What a run samples, and which pictures --count takes.")
]
SizeOption = Annotated[
    int, typer.Option("--size", min=8, max=512, help="Side at which pictures of a zip or directory are read.")
]
FailAboveOption = Annotated[
    float | None, typer.Option("--fail-above", metavar="X", help="Exit 5 if the value is above X.")
]


COMPARISONS = {
    "fid": "Frechet distance between two sets (FID, in the features named), with its 95% interval; less is nearer.",
    "kid": "Kernel distance between two sets (KID), unbiased at any count, with its 95% interval; less is nearer.",
    "prdc": "Precision, recall, density, coverage: are the pictures of A as good as B's, and as varied?",
}


def _register(metric: str) -> None:
    """Make the command of one metric; all take the same sides, chosen and measured in the same ways."""

    def compared(
        console: Console, a: AArgument, b: BArgument, features: FeaturesOption = "auto",
        weights: WeightsOption = None, judge: JudgeOption = "latest", count: CountOption = None,
        part: PartOption = None, part_a: PartAOption = None, seed: SeedOption = 0, size: SizeOption = 64,
        fail_above: FailAboveOption = None, runs: RunsOption = "",
    ) -> Result:  # fmt: skip
        _check_threshold(metric, fail_above)
        from idlcli.experiments import evaluate

        conditions = evaluate.Conditions(
            root=runs_root(runs), features=features, weights=_path(weights), judge=judge, count=count or 0,
            part=part, part_a=part_a, seed=seed, size=size, cache=feature_cache(),
        )  # fmt: skip
        return _finish(
            console,
            evaluate.compare(metric=metric, a=a, b=b, conditions=conditions, progress=_progress(console)),
            fail_above,
        )

    compared.__doc__ = COMPARISONS[metric]
    command(app, metric, full_name=f"eval {metric}")(compared)


for _metric in COMPARISONS:
    _register(_metric)


@command(app, "mse", full_name="eval mse")
def mse(
    console: Console, run: CoderArgument, data: DataArgument = None, count: CountOption = None,
    part: PartOption = None, seed: SeedOption = 0, size: SizeOption = 64,
    fail_above: FailAboveOption = None, runs: RunsOption = "",
) -> Result:  # fmt: skip
    """Mean squared error of a run's reconstructions, values from 0 to 1, with PSNR and SSIM."""
    _check_threshold("mse", fail_above)
    from idlcli.experiments import evaluate, reconstruct

    conditions = evaluate.Conditions(root=runs_root(runs), count=count or 0, part=part, seed=seed, size=size)
    return _finish(console, reconstruct.score(run=run, data=data, conditions=conditions), fail_above)


@command(app, "neighbours", full_name="eval neighbours")
def neighbours(
    console: Console, a: AArgument, data: DataArgument = None, out: OutOption = "neighbours.png",
    features: FeaturesOption = "auto", weights: WeightsOption = None, count: CountOption = None,
    seed: SeedOption = 0, runs: RunsOption = "",
) -> Result:  # fmt: skip
    """Draw samples beside the nearest training pictures, and say whether they are copies of them."""
    from idlcli.experiments import copies, evaluate

    conditions = evaluate.Conditions(
        root=runs_root(runs), features=features, weights=_path(weights), count=count or 0, seed=seed,
        cache=feature_cache(),
    )  # fmt: skip
    found = copies.look(a=a, data=data, out=Path(out), conditions=conditions, progress=_progress(console))
    console.warn(*found["warnings"])
    rows = [
        (name, found[name], found[expected], found[f"{name}_chance"])
        for name, expected in (("nearest_held_out", "nearest_held_out_expected"), ("near_copies", "near_quantile"))
    ]
    shown = table(rows, header=("share", "value", "expected", "chance"))
    return Result(found, f"{found['verdict']}\n\n{shown}\n\n{_said(found)}\nSee {out}.")


def _path(given: str | None) -> Path | None:
    return Path(given) if given is not None else None


def feature_cache() -> Path | None:
    """Return where features of real pictures are kept."""
    root = cache_root()
    return root / "features" if root else None


def _progress(console: Console) -> Callable[[str], Callable[[int, int], None]]:
    return lambda what: console.counter(f"features of {what}:")


def _check_threshold(metric: str, fail_above: float | None) -> None:
    if fail_above is None:
        return
    if not math.isfinite(fail_above):
        raise UsageError(f"--fail-above must be a number, not {fail_above}.")
    if metric == "prdc":
        raise UsageError("--fail-above does not apply to prdc, which has four values.", hint="Use fid, kid or mse.")


def _finish(console: Console, data: dict[str, Any], fail_above: float | None) -> Result:
    """Say a result's warnings, and hold it against the threshold."""
    console.warn(*data["warnings"])
    if fail_above is not None and data["value"] > fail_above:
        raise ThresholdMissed(f"{data['metric']} is {data['value']:.6g}, above {fail_above:g}.", data=data)
    return Result(data, f"{table(_scores(data), header=('metric', 'value', '95% interval'))}\n\n{_said(data)}")


def _scores(data: dict[str, Any]) -> list[tuple[str, float, str]]:
    interval = "{:.4g} .. {:.4g}".format(*data["interval"]) if data["interval"] else "-"
    if data["value"] is not None:
        rows = [(data["metric"], data["value"], interval)]
    else:
        rows = [(name, data[name], "-") for name in ("precision", "recall", "density", "coverage")]
    return rows + [(name, data[name], "-") for name in ("std", "psnr", "ssim") if data.get(name) is not None]


def _said(data: dict[str, Any]) -> str:
    counts = " against ".join(f"{n:,}" for n in data["n"])
    sha256 = data["features"]["sha256"]
    weights = f", weights {sha256[:8]}" if sha256 else ""
    return (
        f"{counts}; features {data['features']['name']} ({data['resize']}{weights}). Compare only what says the same."
    )
