"""Train the recommended models of arithmetic and score them: `make arithmetic`. Hours; started again, it goes on.

    python benchmarks/arithmetic.py --data data/arithmetic [--mnist data/mnist] [--rows text-image] [--seeds 0,1,2]

Trains the sweeps that come with idl, seed by seed, in build/arithmetic, and takes each run's own scores, which are on
test queries that chose nothing; the answers of text-image are also written in styles of N(0, I). ``--mnist`` is a set
built of all of MNIST's digits: image-text then also reads those. Writes benchmarks/arithmetic.json, the table of
docs/arithmetic.md and its pictures, which are those of seed 0.
"""

import argparse
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from landing import ROOT, digest, fresh, idl, inserted, land, machines, spread, told

RESULTS, PAGE, MARK = ROOT / "benchmarks" / "arithmetic.json", ROOT / "docs" / "arithmetic.md", "arithmetic"
PICTURES = ROOT / "docs" / "pictures"
SWEEPS = {
    "text-text": ("text-text-splits", "jax"),
    "image-text": ("image-text-splits", "tensorflow"),
    "image-text-mnist": ("image-text-mnist", "tensorflow"),
    "text-image": ("text-image-layers", "tensorflow"),
}
"""What is trained for some rows of the table, and the faster engine for it."""
DRAWN = {"image-text 50/50": "image-text", "text-image 50/50, encoder layers: 1, styles of 0.7": "text-image"}
"""Rows of the table whose answers are shown, and what their pictures are called."""
STYLES = ("styles of 0.7", "styles of 1")
REPORT = {
    "text-text 50/50": "98.06 (194 wrong); 61 wrong with the additional LSTM",
    "text-text 25/75": "97.36 of characters", "text-text 10/90": "72.94 of characters",
    "image-text 50/50": "92.54; 94.83 with the additional LSTM, of characters, one pool of digits",
    "text-image 50/50, encoder layers: 1, styles of 0.7": "by eye",
    "text-image 50/50, encoder layers: 2, styles of 0.7": "unreadable",
}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="made by `idl data build arithmetic`")
    parser.add_argument("--mnist", type=Path, help="made by `idl data build arithmetic --digits MNIST`")
    parser.add_argument("--rows", default="", help=f"some of {', '.join(SWEEPS)}")
    parser.add_argument("--seeds", default="0,1,2,3,4")
    given = parser.parse_args()
    rows = given.rows.split(",") if given.rows else [name for name in SWEEPS if given.mnist or "mnist" not in name]
    if unknown := [name for name in rows if name not in SWEEPS]:
        parser.error(f"no rows are called {', '.join(unknown)}; there are {', '.join(SWEEPS)}")
    if not given.mnist and "image-text-mnist" in rows:
        parser.error("image-text-mnist needs --mnist")
    for seed in map(int, given.seeds.split(",")):
        for name in rows:
            data = given.mnist if "mnist" in name else given.data
            for row in score(name, data, seed):
                keep(row)


def score(name: str, data: Path, seed: int) -> Iterator[dict[str, Any]]:
    """Yield the rows of a sweep's runs with a seed, which are trained where they are not done."""
    sweep, engine = SWEEPS[name]
    root = ROOT / "build" / "arithmetic" / name
    found = idl("sweep", sweep, "--data", data, "--seeds", seed, "--runs", root, engine=engine)
    folder = Path(found["path"])
    for cell in found["cells"]:
        path = folder / cell["runs"][0]["run"]
        settings = json.loads((path / "config.json").read_text("utf-8"))["settings"]
        metrics = json.loads((path / "metrics.json").read_text("utf-8"))
        about = {"seed": seed, "split": settings["split"], "recipe": digest(settings, kind="seq2seq"), **told(path)}
        what = label(settings, metrics)
        yield {"what": what, **about, **scores(metrics)}
        confusion = path / "plots" / "confusion.png"
        if settings["mode"] == "text-image":
            wide = idl("seq2seq", "eval", path.name, "--runs", folder, "--style-scale", 1, engine=engine)
            yield {"what": label(settings, metrics, style=1), **about, **scores(wide)}
            confusion = path / "plots" / "confusion-other-styles.png"  # in which there is more to see
        if seed == 0 and settings["split"] == "twin-free" and what in DRAWN:
            draw(path, DRAWN[what], confusion=confusion)


def draw(run: Path, name: str, *, confusion: Path) -> None:
    """Keep a run's last sheet of test queries and a table of which character was taken for which."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    for found, what in ((max(run.glob("samples/*.png")), "answers"), (confusion, "confusion")):
        shutil.copyfile(found, PICTURES / f"{name}-{what}.png")


def label(settings: dict[str, Any], metrics: dict[str, Any], *, style: int = 0) -> str:
    """Return the row of the table that a run belongs to."""
    share = round(100 * settings["train_fraction"])
    named = f"{settings['mode']} {share}/{100 - share}"
    if settings["mode"] == "text-image":
        return f"{named}, encoder layers: {settings['encoder_layers']}, {STYLES[style]}"
    digits = metrics["conditions"].get("digits") if settings["mode"] == "image-text" else "mnist-5k"
    return named if digits == "mnist-5k" else f"{named}, all of MNIST's digits"


def scores(found: dict[str, Any]) -> dict[str, Any]:
    """Return what the table says of a run, from its metrics or from what `idl seq2seq eval` says of it."""
    test = found["test"]
    row = {"exact": test["exact"], "character": test["character"], "n": test["n"]}
    row |= {key: found["interval"][key] for key in ("low", "high")}
    if "diversity" in found:
        row |= {key: found["diversity"][key] for key in ("spread", "sharpness", "nearest", "kid")}
        row |= {"judge": found["judge"]["digit_accuracy"]}
    return row


def keep(row: dict[str, Any]) -> None:
    """Put a row among the results and write the table."""
    results = json.loads(RESULTS.read_text("utf-8")) if RESULTS.exists() else []
    results = fresh(results, row, of=("what", "split"))
    results.sort(key=lambda one: (one["what"], one["split"], one["seed"]))
    land({RESULTS: json.dumps(results, indent=1) + "\n", PAGE: inserted(PAGE, {MARK: table(results)})})
    print(json.dumps(row), flush=True)


def table(results: list[dict[str, Any]]) -> str:
    """Return a line for each kind of task, mean and standard deviation over its seeds."""
    lines = [
        "| what | report | twin-free | random | interval | spread | judge | seeds | minutes | trained on |",
        "|---|---|---:|---:|---:|---:|---:|---:|---:|---|",
    ]
    for what in dict.fromkeys(row["what"] for row in sorted(results, key=rank)):
        ours = [row for row in results if row["what"] == what]
        free, random = ([row for row in ours if row["split"] == split] for split in ("twin-free", "random"))
        shown = free or random
        interval = " to ".join(f"{100 * sum(row[key] for row in shown) / len(shown):.2f}" for key in ("low", "high"))
        cells = [
            what, REPORT.get(what, "–"), right(free), right(random), interval,
            spread((row["spread"] for row in shown if "spread" in row), 2),
            spread((100 * row["judge"] for row in shown if "judge" in row), 2),
            " + ".join(str(len(part)) for part in (free, random) if part),
            spread((row["minutes"] for row in shown), 1), machines(shown),
        ]  # fmt: skip
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def rank(row: dict[str, Any]) -> tuple[Any, ...]:
    """Return what the lines are ordered by: mode, then the more queries in training the earlier."""
    mode, share = row["what"].split()[:2]
    return ("text-text", "image-text", "text-image").index(mode), -int(share.split("/")[0]), row["what"]


def right(rows: list[dict[str, Any]]) -> str:
    """Return the per cent of answers right, and how many of how many are wrong."""
    if not rows:
        return "–"
    wrong = [round(row["n"] * (1 - row["exact"])) for row in rows]
    said = str(wrong[0]) if len(set(wrong)) == 1 else f"{min(wrong)} to {max(wrong)}"
    return f"{spread((100 * row['exact'] for row in rows), 2)} ({said} of {rows[0]['n']:,} wrong)"


if __name__ == "__main__":
    main()
