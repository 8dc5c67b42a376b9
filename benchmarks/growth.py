"""Cost against size: what do more faces, queries or features take, in time and memory? `make growth`.

    python benchmarks/growth.py [--only build,vae,...] [--most 64000]

Every point is a process of its own. Points are kept in build/growth, so that a killed run goes on where it was. Prints
one table, and writes docs/growth.md and docs/growth.svg. Faces and features grow fourfold from row to row, queries a
hundredfold; `order` is the exponent p of time ~ size^p between a row and the one before: 1 is linear, less than 1 is
mostly start-up.
"""

import argparse
import dataclasses
import json
import math
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from idlcli.files import atomic_writer, read_json_lines, write_text

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build" / "growth"
FACES = (1000, 4000, 16_000, 64_000)
WIDTH = 1280
"""Features of a picture: those of EfficientNet-Lite0."""


@dataclasses.dataclass(frozen=True)
class Curve:
    """What grows: at each size an `idl` command (or ``-c`` and Python) is run after ``before``.

    ``seconds`` reads the time that is meant, where that is not the whole process's; ``why`` says how it must grow.
    """

    name: str
    what: str
    unit: str
    sizes: tuple[int, ...]
    argv: Callable[[int, Path], list[object]]
    before: Callable[[int], None] = lambda size: None
    seconds: Callable[[Path], float] | None = None
    why: str = ""


def curves() -> list[Curve]:
    return [
        Curve(
            "build", "draw and build cartoons", "faces", FACES,
            lambda n, out: ["data", "build", "faces", "--count", n, "--out", faces_of(n), "--overwrite"],
            why="linear, memory flat: each face is drawn and written by itself, on all cores (memory is that of the "
            "larger process)",
        ),
        Curve(
            "vae", "an epoch of a small VAE", "faces", FACES, vae, seconds=second_epoch,
            why="linear, memory flat: batches are read from the disk. What grows in the table are pages of that file "
            "(12 KB a face), which count as the process's while nobody else needs the memory",
        ),
        Curve(
            "tsne", "map features by t-SNE", "rows", (1000, 4000, 16_000), tsne, lambda n: features(n, 0),
            why="a little over linear: Barnes-Hut's n log n a step; what is kept is each row's 90 nearest, which are "
            "looked for among all rows, quadratic but a small part",
        ),
        Curve(
            "fid", "Frechet distance of features, with its interval", "rows", FACES,
            lambda n, out: ["eval", "fid", features_of(n, 0), features_of(n, 1)],
            lambda n: [features(n, seed) for seed in (0, 1)] and None,
            why="linear beyond the decomposition of 1,280 x 1,280 covariances, which does not grow; memory is that of "
            "both sets of features",
        ),
        Curve(
            "queries", "build queries, operands of one to three digits", "queries", (200, 20_000, 2_000_000),
            lambda n, out: ["data", "build", "arithmetic", "--max", largest(n), "--out", queries_of(n), "--overwrite"],
            why="linear, memory too: all queries are made at once",
        ),
        Curve("steps", "100 steps of the column model on them", "queries", (200, 20_000, 2_000_000), steps,
              seconds=second_epoch, why="with the digits of an operand (one to three), not with the queries: a step "
              "is 128 of them"),
        Curve("arithmetic", "the whole training: three epochs, every query answered", "queries",
              (200, 20_000, 2_000_000), steps, why="linear: every query is answered at the end"),
    ]  # fmt: skip


def vae(size: int, out: Path) -> list[object]:
    return [
        "vae", "train", "--data", faces_of(size), "--runs", out, "--width", 8, "--latent", 16, "--batch-size", 64,
        "--epochs", 3, "--eval-every", 100, "--mixture", 0, "--min-alive", 0,
    ]  # fmt: skip


def steps(size: int, out: Path) -> list[object]:
    return [
        "seq2seq", "train", "--mode", "text-text", "--architecture", "columns", "--units", 8, "--batch-size", 128,
        "--steps-per-epoch", 100, "--epochs", 3, "--eval-every", 100, "--data", queries_of(size), "--runs", out,
    ]  # fmt: skip


def tsne(size: int, out: Path) -> list[object]:
    embed = "from idlcli.viz import tsne; tsne.embed(points=numpy.load(sys.argv[1]), perplexity=30, seed=0)"
    return ["-c", f"import sys, numpy; {embed}", features_of(size, 0)]


def second_epoch(out: Path) -> float:
    (path,) = out.rglob("log.jsonl")
    return float(read_json_lines(path)[1]["seconds"])


def largest(queries: int) -> int:
    return math.isqrt(queries // 2) - 1


def faces_of(size: int) -> Path:
    return BUILD / f"faces-{size}"


def queries_of(size: int) -> Path:
    return BUILD / f"queries-{size}"


def features_of(size: int, seed: int) -> Path:
    return BUILD / f"features-{size}-{seed}.npy"


def features(size: int, seed: int) -> None:
    """Write random features of ten kinds of pictures, float32 (size, 1280).

    A few at a time: the system starts the count of a process's memory at the most that its parent ever held.
    """
    if features_of(size, seed).exists():
        return
    random = np.random.default_rng(seed)
    centres = np.random.default_rng(99).normal(size=(10, WIDTH)).astype(np.float32)
    with atomic_writer(features_of(size, seed)) as file:
        header = {"descr": "<f4", "fortran_order": False, "shape": (size, WIDTH)}
        np.lib.format.write_array_header_1_0(file, header)
        for start in range(0, size, 1000):
            kinds = random.integers(0, 10, min(1000, size - start))
            file.write((random.standard_normal((len(kinds), WIDTH), dtype=np.float32) + centres[kinds]).tobytes())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    known = {curve.name: curve for curve in curves()}
    parser.add_argument("--only", default=",".join(known), help="the curves to measure")
    parser.add_argument("--most", type=int, default=2_000_000, help="the largest size to measure")
    given = parser.parse_args()
    BUILD.mkdir(parents=True, exist_ok=True)
    kept = BUILD / "points.jsonl"
    points = read_json_lines(kept) if kept.exists() else []
    for curve in (known[name] for name in given.only.split(",")):
        for size in curve.sizes:
            if size <= given.most and not any((p["curve"], p["size"]) == (curve.name, size) for p in points):
                points.append(measure(curve, size))
                write_text(kept, "".join(json.dumps(point) + "\n" for point in points))
    table = "\n".join(rows(points))
    print(table)
    write_text(ROOT / "docs" / "growth.md", page(table))
    draw(points, ROOT / "docs" / "growth.svg")


def measure(curve: Curve, size: int) -> dict[str, Any]:
    """Run one point, and return its seconds, its processor's seconds and the most memory it held."""
    print(f"{curve.name} {size:,} ...", file=sys.stderr, flush=True)
    out = BUILD / "out"
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir()
    curve.before(size)
    words = list(map(str, curve.argv(size, out)))
    argv = [sys.executable, *(words if words[0] == "-c" else ["-m", "idlcli", *words, "--quiet"])]
    environment = {**os.environ, "XDG_CACHE_HOME": str(out)}
    started = time.perf_counter()
    process = subprocess.Popen(argv, stdout=subprocess.DEVNULL, env=environment)
    _, status, used = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - started
    if status:
        sys.exit(f"{curve.name} {size} failed: {' '.join(argv)}")
    return {
        "curve": curve.name, "size": size, "seconds": curve.seconds(out) if curve.seconds else seconds,
        "processor": used.ru_utime + used.ru_stime, "megabytes": used.ru_maxrss / 1024,
        "load": os.getloadavg()[0], "cores": len(os.sched_getaffinity(0)),
    }  # fmt: skip


def rows(points: list[dict[str, Any]]) -> list[str]:
    """The table, as Markdown."""
    found = ["| what | size | seconds | order | processor seconds of the process | most memory, MB |"]
    found += ["|---|---|---|---|---|---|"]
    for curve in curves():
        last: dict[str, Any] | None = None
        for point in of(points, curve):
            order = "-"
            if last is not None:
                order = f"{math.log(point['seconds'] / last['seconds']) / math.log(point['size'] / last['size']):.2f}"
            found.append(
                f"| {curve.what} | {point['size']:,} {curve.unit} | {point['seconds']:.3g} | {order} | "
                f"{point['processor']:.3g} | {point['megabytes']:,.0f} |"
            )
            last = point
    cores = sorted({point["cores"] for point in points})
    loads = [point["load"] for point in points]
    return [
        *found,
        "",
        f"Cores: {', '.join(map(str, cores))}. Load of the machine: {min(loads):.1f} to {max(loads):.1f}.",
    ]


def of(points: list[dict[str, Any]], curve: Curve) -> list[dict[str, Any]]:
    return sorted((point for point in points if point["curve"] == curve.name), key=lambda point: point["size"])


def page(table: str) -> str:
    about = (__doc__ or "").split("\n\n")[2].replace("\n", " ")
    expected = "\n".join(f"- {curve.what[0].upper()}{curve.what[1:]}: {curve.why}." for curve in curves())
    return (
        f"# Cost against size\n\nMade by `make growth`; not written by hand. {about}\n\n{table}\n\n![](growth.svg)\n\n"
        f"How each must grow, by what it does:\n\n{expected}\n"
    )


def draw(points: list[dict[str, Any]], path: Path) -> None:
    """Draw time and memory against size, each curve on logarithmic axes."""
    import matplotlib

    matplotlib.use("Agg")
    matplotlib.rcParams["svg.hashsalt"] = "growth"
    from matplotlib import pyplot

    figure, sides = pyplot.subplots(1, 2, figsize=(10, 5), layout="constrained")
    for side, key, label in zip(sides, ("seconds", "megabytes"), ("seconds", "most memory, MB"), strict=True):
        for curve in curves():
            found = of(points, curve)
            side.plot([p["size"] for p in found], [p[key] for p in found], marker="o", label=curve.what)
        side.set(xscale="log", yscale="log", xlabel="size", ylabel=label)
        side.grid(alpha=0.3)
    figure.legend(*sides[0].get_legend_handles_labels(), loc="outside lower center", ncols=3, fontsize=8)
    figure.savefig(path, metadata={"Date": None})
    pyplot.close(figure)


if __name__ == "__main__":
    main()
