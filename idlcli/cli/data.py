"""`idl data`: build, check and show data sets."""

from pathlib import Path
from typing import Annotated, Any

import typer

from idlcli.cli.console import Console, Result, table
from idlcli.cli.options import OutOption, Plan, command, data_root, make_app
from idlcli.settings import ArithmeticSettings, FacesSettings
from idlcli.settings.fields import UNSIGNED_32

app = make_app()
build_app = make_app("Build a data set.")
app.add_typer(build_app, name="build")

DataArgument = Annotated[
    str, typer.Argument(metavar="PATH", help="A data set, or a zip, a directory, an .npy of images.")
]


@command(build_app, "faces", full_name="data build faces", settings=FacesSettings)
def build_faces(console: Console, plan: Plan) -> Result:
    """Turn cartoons drawn here, a zip, a directory or an .npy into one array of square RGB faces."""
    from idlcli.data import faces

    data = faces.build(settings=plan.settings, progress=console.counter("faces:"))
    return Result(data, _built(data))


@command(build_app, "arithmetic", full_name="data build arithmetic", settings=ArithmeticSettings)
def build_arithmetic(plan: Plan) -> Result:
    """Write every query of two integers and its answer, as text and as handwritten glyphs."""
    from idlcli.data import arithmetic

    data = arithmetic.build(settings=plan.settings, out=Path(plan.settings.out))
    return Result(data, _built(data))


@command(build_app, "all", full_name="data build all")
def build_all(
    console: Console, overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace what is there.")] = False
) -> Result:
    """Build faces (cartoons) and arithmetic with their defaults."""
    from idlcli.data import arithmetic, face_set, faces
    from idlcli.data.staging import check_replaceable

    root = data_root()
    for name, module in (("faces", face_set), ("arithmetic", arithmetic)):  # both, before minutes go into one
        check_replaceable(out=root / name, kind=module.KIND, own=module.OWN, overwrite=overwrite)
    built = {
        "faces": faces.build(
            settings=FacesSettings(out=str(root / "faces"), overwrite=overwrite), progress=console.counter("faces:")
        ),
        "arithmetic": arithmetic.build(settings=ArithmeticSettings(overwrite=overwrite), out=root / "arithmetic"),
    }
    return Result(built, "\n".join(_built(data) for data in built.values()))


@command(app, "check", full_name="data check")
def check(path: DataArgument, console: Console) -> Result:
    """Count what a data set or a source holds and name what is wrong with it; only reads."""
    from idlcli import dotted
    from idlcli.data import arithmetic, face_check

    if arithmetic.is_built(Path(path)):
        data = arithmetic.check(path=Path(path))
    else:
        data = face_check.check(path=Path(path), progress=console.counter("checked:"))
    found = [(key, str(value) if isinstance(value, list) else value) for key, value in dotted.leaves(data)]
    return Result(data, table(found, header=("what", "found")))


@command(app, "show", full_name="data show")
def show(
    path: DataArgument,
    out: OutOption = "",
    count: Annotated[int, typer.Option("--count", min=1, max=10_000, help="How many samples.")] = 64,
    seed: Annotated[int, typer.Option("--seed", min=0, max=UNSIGNED_32, help="Which samples.")] = 0,
) -> Result:
    """Write a PNG sheet of samples."""
    from idlcli.data import arithmetic, face_set
    from idlcli.viz import grids

    file = Path(out or f"{Path(path).resolve().name}.png")
    shown = arithmetic.sample if arithmetic.is_built(Path(path)) else face_set.sample
    images, texts = shown(path=Path(path), count=count, seed=seed)
    columns = max(1, round((len(images) * images.shape[1] / images.shape[2]) ** 0.5))
    grids.write_png(file, grids.grid(images, columns=columns))
    return Result({"files": [str(file)], "shown": texts}, f"{len(images)} samples are in {file}.")


def _built(data: dict[str, Any]) -> str:
    lines = [f"{data['count']:,} examples are in {data['path']} ({data['seconds']:.1f} s)."]
    if data["test_count"]:
        lines.append(f"{data['test_count']:,} of them are held out for testing.")
    lines += [f"skipped {entry['file']}: {entry['reason']}" for entry in data["skipped"][:20]]
    if len(data["skipped"]) > 20:
        lines.append(f"... and {len(data['skipped']) - 20} more; the manifest lists them.")
    return "\n".join(lines)
