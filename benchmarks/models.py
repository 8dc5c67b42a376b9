"""Train the recommended models of faces and score them: `make models`. Hours; killed and started again, it goes on.

    python benchmarks/models.py --name anime --data data/anime --floor 8.85 [--models gan-best,vae-best] [--seeds 0,1,2]

A model is a command and a recipe (`gan-best`). Each seed is one run in build/models/NAME, of the recipe as it is now.
GANs and VAEs are scored by 2,048 faces: the Frechet distance to all faces less the ``floor``, which is that of as many
other real ones; KID, precision and coverage against the held-out faces (precision and coverage from as many of each,
1,200 at most; coverage over that of training faces); and whether they are copies. CAEs are scored by the squared error
of held-out faces. `--peer NAME=FACES.npy` scores the last faces of another's training beside; the same name again is
another seed of it. Writes benchmarks/models.json and the tables of docs/faces.md.
"""

import argparse
import functools
import json
from pathlib import Path
from typing import Any

from landing import ROOT, digest, fresh, idl, inserted, land, machines, short_hash, spread, told

RESULTS, PAGE = ROOT / "benchmarks" / "models.json", ROOT / "docs" / "faces.md"
MODELS = ("gan-best", "vae-best", "cae-best")
DRAWN, COMPARED = 2048, 1200
COLUMNS = {
    "frechet": "Frechet distance above the floor", "kid": "KID x 1000", "precision": "precision",
    "coverage": "coverage over real", "mse": "squared error, held out", "minutes": "minutes",
}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--name", required=True, help="what the faces are called: anime, cartoons")
    parser.add_argument("--data", type=Path, required=True, help="faces made by `idl data build`")
    parser.add_argument("--floor", type=float, required=True, help="Frechet distance of 2,048 other real faces")
    parser.add_argument("--models", default=",".join(MODELS), help="commands and recipes to train")
    parser.add_argument("--seeds", default="1,2,3", help="seed 0 chose the recipes, so others score them")
    parser.add_argument("--peer", action="append", default=[], metavar="NAME=FACES.npy", help="another's 2,048 faces")
    given = parser.parse_args()
    inserted(PAGE, tables({given.name: {"rows": []}}))  # is there a place? Before hours of training
    work = Work(given.data, ROOT / "build" / "models" / given.name, given.floor)
    for model in filter(None, given.models.split(",")):
        for seed in map(int, given.seeds.split(",")):
            keep(given.name, given.floor, {"model": model, "seed": seed, **work.score_model(model, seed)})
    for index, (name, path) in enumerate(peer.split("=", 1) for peer in given.peer):
        keep(given.name, given.floor, {"model": name, "seed": index, **work.score_peer(Path(path))})


class Work:
    """The runs on one set of faces, and how they are scored; every step that was taken is not taken again."""

    def __init__(self, data: Path, folder: Path, floor: float) -> None:
        manifest = json.loads((data / "manifest.json").read_text())
        self.data, self.floor = data, floor
        these_faces = short_hash({part: manifest[part] for part in ("images", "test")})
        self.runs = folder / f"runs-{these_faces}"
        self.compared = min(COMPARED, len(manifest["test"]["indices"]))
        self.runs.mkdir(parents=True, exist_ok=True)

    def score_model(self, model: str, seed: int) -> dict[str, Any]:
        """Return the scores of a model's run, which is trained, or trained to its end, where it is not done."""
        command, named = model.split("-", 1)
        words = (command, "train", "--recipe", named, "--data", self.data, "--seed", seed)
        recipe = digest(idl(*words, "--dry-run")["settings"], kind=command)
        name = run_name(model, seed, recipe)
        run = self._find(name)
        if run is None:
            idl(*words, "--name", name, "--runs", self.runs)
        elif run["status"] != "done":
            idl("runs", "resume", run["run"], "--runs", self.runs)
        run = self._find(name)
        assert run is not None
        path = self.runs / run["run"]
        if command == "cae":
            return {"mse": run["metrics"]["test"]["mse"], "recipe": recipe, **told(path)}
        faces = path / "drawn.npy"
        if not faces.exists():
            idl(command, "sample", run["run"], "--count", DRAWN, "--seed", seed, "--out", faces, "--runs", self.runs)
        return {**self.score_faces(faces), "recipe": recipe, **told(path)}

    def score_peer(self, faces: Path) -> dict[str, Any]:
        """Return the scores of a peer's last faces, and what its folder tells of its training if it does."""
        return {**self.score_faces(faces), **(told(faces.parent) if (faces.parent / "log.jsonl").exists() else {})}

    def score_faces(self, faces: Path) -> dict[str, Any]:
        """Return the scores of 2,048 faces in an array."""
        alike = idl("eval", "prdc", faces, self.data, "--part", "test", "--count", self.compared)
        near = idl("eval", "neighbours", faces, self.data, "--out", self.runs.parent / "neighbours.png")
        return {
            "frechet": idl("eval", "fid", faces, self.data, "--part", "all")["value"] - self.floor,
            "kid": 1000 * idl("eval", "kid", faces, self.data, "--part", "test")["value"],
            "precision": alike["precision"],
            "coverage": alike["coverage"] / self.real_coverage,
            "copies": near["copying"],
        }

    @functools.cached_property
    def real_coverage(self) -> float:
        """What training faces cover of the held-out ones."""
        parts = ("--part-a", "train", "--part", "test", "--count", self.compared)
        return float(idl("eval", "prdc", self.data, self.data, *parts)["coverage"])

    def first_run(self, model: str, rows: list[dict[str, Any]]) -> str | None:
        """Return the run of the lowest seed of a model among rows, if there is one that is done."""
        ours = sorted((row for row in rows if row["model"] == model), key=lambda row: row["seed"])
        run = self._find(run_name(**ours[0])) if ours else None
        return str(run["run"]) if run and run["status"] == "done" else None

    def _find(self, name: str) -> dict[str, Any] | None:
        found = [run for run in idl("runs", "list", "--runs", self.runs) if run["run"].partition("-")[2] == name]
        return dict(found[-1]) if found else None


def run_name(model: str, seed: int, recipe: str, **_: Any) -> str:
    """Return what a run is called after its number, from a row of the results."""
    return f"{model}-s{seed}-{recipe}"


def keep(name: str, floor: float, row: dict[str, Any]) -> None:
    """Put a row among the results and write the tables."""
    results = json.loads(RESULTS.read_text("utf-8")) if RESULTS.exists() else {}
    part = results.setdefault(name, {"floor": floor, "rows": []})
    part["floor"] = floor
    part["rows"] = fresh(part["rows"], row, of=("model",))
    land({RESULTS: json.dumps(results, indent=1) + "\n", PAGE: inserted(PAGE, tables(results))})
    print(json.dumps(row), flush=True)


def tables(results: dict[str, Any]) -> dict[str, str]:
    """Return the table of each set of faces by its mark."""
    return {f"models: {name}": table(part["rows"]) for name, part in results.items()}


def table(rows: list[dict[str, Any]]) -> str:
    """Return a line a model, mean and standard deviation over its seeds."""
    lines = [
        "| model | seeds | " + " | ".join(COLUMNS.values()) + " | copies | trained on |",
        "|---|" + "---:|" * (len(COLUMNS) + 1) + "---|---|",
    ]
    for model in dict.fromkeys(row["model"] for row in rows):
        ours = [row for row in rows if row["model"] == model]
        cells = [spread(row[column] for row in ours if column in row) for column in COLUMNS]
        copies = [row["copies"] for row in ours if "copies" in row]
        said = ("found" if any(copies) else "none") if copies else "–"
        lines.append(f"| {model} | {len(ours)} | {' | '.join(cells)} | {said} | {machines(ours)} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
