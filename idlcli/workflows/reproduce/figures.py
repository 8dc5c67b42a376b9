"""The report's figures, drawn of our runs: of the first seed, side by side where there are several runs."""

from pathlib import Path
from typing import Any

from idlcli.files import read_bytes, write_bytes
from idlcli.report.write import LARGEST_INSERT
from idlcli.viz import curves
from idlcli.workflows.reproduce import elsewhere, instruments, plan
from idlcli.workflows.reproduce.book import Figure
from idlcli.workflows.reproduce.material import Material


def draw(figure: Figure, material: Material) -> dict[str, Any]:
    """Draw a figure into ``figures`` and return its part of the result, or why it was not drawn.

    That part has ``files``, their ``captions``, ``pages`` that answer to the mouse, and the ``command`` for the same.
    """
    seed = material.first
    wanted = [
        (name, side)
        for side in figure.sides
        for name in figure.trainings
        if side in material.book.trainings[name].sides
    ]
    runs = {(name, side): material.runs.get((name, side, seed)) for name, side in wanted}
    missing = [f"{name} ({side})" for (name, side), run in runs.items() if run is None]
    if missing and figure.id in material.elsewhere.figures:
        return _taken(figure, material)
    if missing:
        return {"why": f"not drawn: no run of {', '.join(missing)}"}
    lines = [line for name, side in wanted for line in material.commands([name], side)]
    names = [plan.run_name(name, side, seed) for name, side in wanted]
    files = []
    if figure.draw == "curves":
        files = [material.out / "figures" / f"{figure.id}.png"]
        logs = {f"{name} {side}": run.log() for (name, side), run in runs.items() if run}
        curves.draw(logs=logs, path=files[0])
        lines.append(f"idl viz curves {' '.join(names)} --smooth 0 --out {figure.id}.png")
    for (name, side), run in runs.items() if figure.draw != "curves" else ():
        assert run is not None
        material.say(f"Drawing {figure.id}: {figure.draw} of {run.name}.")
        _, picture = instruments.take(figure.draw, run, material.bench)
        ending = "" if len(runs) == 1 else f"-{side}" if len(figure.sides) > 1 else f"-{name}"
        files.append(material.out / "figures" / f"{figure.id}{ending}.png")
        instruments.copy(picture, files[-1])
    captions = [figure.what] * len(files)
    if len(files) > 1:
        told = [
            material.book.trainings[name].what if len(figure.trainings) > 1 else f"{side} recipe" for name, side in runs
        ]
        captions = [f"{figure.what}: {one}" for one in told]
    if figure.draw != "curves":
        lines += filter(None, [instruments.command(figure.draw, name, material.bench) for name in names])
    return {
        "why": "a picture: look at it", "command": " && ".join(dict.fromkeys(lines)),
        "seconds": material.seconds(figure.trainings, "paper"), "files": [f"figures/{file.name}" for file in files],
        "captions": captions,
        "pages": [f"figures/{page.name}" for page in map(instruments.page_of, files) if page.exists()],
    }  # fmt: skip


def _taken(figure: Figure, material: Material) -> dict[str, Any]:
    """Return what another reproduction says of a figure that it drew, which is copied from there."""
    place, told = material.elsewhere.figures[figure.id]
    for name in (*told["files"], *told["pages"]):
        file = f"figures/{Path(name).name}"
        write_bytes(material.out / file, read_bytes(place / file, limit=LARGEST_INSERT))
    return {**{name: told[name] for name in elsewhere.KEPT}, "seconds": material.seconds(figure.trainings, "paper")}
