"""Measure what the report proposes for its VAE, one setting at a time. An hour or two; started again, it goes on.

    python benchmarks/proposals.py --data data/anime --floor 8.85 [--seeds 0]

Trains the sweep `vae-proposals`, and scores each run by its bound on held-out faces and by 2,048 faces that it draws:
their Frechet distance to all faces less the ``floor``, which is that of as many other real ones. Writes
benchmarks/proposals.json and the table of docs/faces.md.
"""

import argparse
import json
from pathlib import Path
from typing import Any

from landing import ROOT, idl, inserted, land, spread
from models import DRAWN

RESULTS, PAGE, MARK = ROOT / "benchmarks" / "proposals.json", ROOT / "docs" / "faces.md", "proposals"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="faces made by `idl data build`")
    parser.add_argument("--floor", type=float, required=True, help="Frechet distance of 2,048 other real faces")
    parser.add_argument("--seeds", default="0")
    given = parser.parse_args()
    inserted(PAGE, {MARK: ""})  # is there a place? Before an hour of training
    root = ROOT / "build" / "proposals"
    found = idl("sweep", "vae-proposals", "--data", given.data, "--seeds", given.seeds, "--runs", root)
    rows = [score(cell, Path(found["path"]), given.data, given.floor) for cell in found["cells"]]
    land({RESULTS: json.dumps(rows, indent=1) + "\n", PAGE: inserted(PAGE, {MARK: table(rows)})})


def score(cell: dict[str, Any], folder: Path, data: Path, floor: float) -> dict[str, Any]:
    """Return what the table says of a cell: its setting, and the scores of its runs, one a seed."""
    scores: dict[str, list[float]] = {"bound": [], "alive": [], "frechet": []}
    for one in cell["runs"]:
        test = json.loads((folder / one["run"] / "metrics.json").read_text("utf-8"))["test"]
        faces = folder / one["run"] / "drawn.npy"
        if not faces.exists():
            idl("vae", "sample", one["run"], "--count", DRAWN, "--seed", one["seed"], "--out", faces, "--runs", folder)
        scores["bound"].append(test["loss"])
        scores["alive"].append(test["active_latents"])
        scores["frechet"].append(idl("eval", "fid", faces, data, "--part", "all")["value"] - floor)
    return {"setting": cell["label"], **scores}


def table(rows: list[dict[str, Any]]) -> str:
    """Return a line a setting; the first is the recipe as it is."""
    lines = [
        "| setting | bound on held-out faces, nats a value | latents alive | Frechet distance above the floor |",
        "|---|---:|---:|---:|",
    ]
    for row in rows:
        cells = spread(row["bound"], 4), spread(row["alive"], 0), spread(row["frechet"])
        lines.append(f"| {row['setting']} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
