"""Measure `idl` against what a person would use instead, in turns on one machine: `make bench`.

    python benchmarks/bench.py [--only PAIR,PAIR] [--turns 5] [--threads N] [--list]

Each pair is run A B A B, five times (three where a turn takes over ten minutes). Every finished turn is kept in
build/bench, so that a killed bench goes on where it was; `--again` throws the chosen pairs' turns away first. Writes
benchmarks/results.json and, from it, docs/benchmarks.md. Faces are those of $IDL_REAL_DATA/anime-faces-6k.zip where
that names a folder, else cartoons that are drawn here.
"""

import argparse
import compileall
import datetime
import importlib.metadata
import json
import os
import platform
import resource
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))

import page
from sides import PEERS, ROOT, Data, Pair, Place, Side, Turn

from idlcli.files import read_json_lines, write_text
from idlcli.training import engine

TURNS, LONG_TURNS, LONG_SECONDS = 5, 3, 600.0
PACKAGES = ("tensorflow", "keras", "jax", "torch", "torch-fidelity", "numpy", "scipy", "pillow", "typer")


def main() -> int:
    import pairs
    from sets import make

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", metavar="PAIR,...", help="the pairs to run (default: all)")
    parser.add_argument("--turns", type=int, default=TURNS, help="turns of each side")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)), help="threads of both sides")
    parser.add_argument("--again", action="store_true", help="forget the turns that are kept")
    parser.add_argument("--list", action="store_true", help="print the pairs and stop")
    given = parser.parse_args()
    known = {pair.name: pair for pair in pairs.pairs()}
    chosen = given.only.split(",") if given.only else list(known)
    if set(chosen) - set(known):
        parser.error(f"no such pair: {', '.join(sorted(set(chosen) - set(known)))}. There are: {', '.join(known)}")
    if given.list:
        print("\n".join(f"{pair.name:20} {pair.what}" for pair in known.values()))
        return 0
    build = ROOT / "build" / "bench"
    for name in chosen if given.again else ():
        shutil.rmtree(build / name, ignore_errors=True)
    compileall.compile_dir(ROOT / "idlcli", quiet=1)  # as an installer does
    data = make(build / "data")
    return run(
        [known[name] for name in chosen], data=data, turns=given.turns, threads=given.threads, build=build,
        results=ROOT / "benchmarks" / "results.json", written=ROOT / "docs" / "benchmarks.md",
    )  # fmt: skip


def run(
    chosen: Sequence[Pair], *, data: Data, turns: int, threads: int, build: Path, results: Path, written: Path
) -> int:
    """Take the turns that are missing, and write the results after each pair. Returns the exit status."""
    failed = []
    for pair in chosen:
        try:
            take_turns(pair, data=data, turns=turns, threads=threads, build=build / pair.name)
        except subprocess.CalledProcessError as error:
            print(f"{pair.name} failed: {error}\n{(error.stderr or '')[-2000:]}", file=sys.stderr)
            failed.append(pair.name)
            continue
        row = summary(pair, read_turns(build / pair.name), data=data)
        rows = json.loads(results.read_text("utf-8")) if results.exists() else []
        rows = list(({one["pair"]: one for one in rows} | {pair.name: row}).values())  # each in the place that it had
        write_text(results, json.dumps(rows, indent=1, ensure_ascii=False) + "\n")
        write_text(written, page.render(rows))
        print(f"{pair.name}: {page.said(row)}", flush=True)
    return 1 if failed else 0


def take_turns(pair: Pair, *, data: Data, turns: int, threads: int, build: Path) -> None:
    """Run ours and the peer alternately until each has its turns."""
    build.mkdir(parents=True, exist_ok=True)
    for number in range(1, turns + 1):
        for name, side in (("ours", pair.ours), ("peer", pair.peer)):
            kept = read_turns(build)
            if number > LONG_TURNS and any(turn["wall"] > LONG_SECONDS for turn in kept):
                return
            if sum(turn["side"] == name for turn in kept) < number:
                place = Place(build / f"{name}-{number}", build / f"{name}-kept", data, threads)
                line = {"side": name, "turn": number, **take(side, place)}
                write_text(build / "turns.jsonl", "".join(json.dumps(turn) + "\n" for turn in [*kept, line]))
                shutil.rmtree(place.folder)
                print(f"  {pair.name} {name} {number}: {line['value']:.4g} {pair.unit}", file=sys.stderr, flush=True)


def take(side: Side, place: Place) -> dict[str, Any]:
    """Run one turn of one side in its own fresh process and folder."""
    if not side.resumes:
        shutil.rmtree(place.folder, ignore_errors=True)
    place.folder.mkdir(parents=True, exist_ok=True)
    if side.once and not place.kept.exists():
        spawn(side.once(place), place)
    place.kept.mkdir(exist_ok=True)
    load, before, started = os.getloadavg()[0], processor_seconds(), time.perf_counter()
    output = spawn(side.argv(place), place)
    seconds, used = time.perf_counter() - started, processor_seconds() - before
    value, notes = side.value(Turn(place, seconds, output))
    return {
        "value": value, "wall": round(seconds, 3), "processor": round(used, 3), "load": round(load, 2),
        "notes": notes, "conditions": conditions(place),
    }  # fmt: skip


def processor_seconds() -> float:
    """What all processes that have ended here have used."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def spawn(argv: list[str], place: Place) -> str:
    return subprocess.run(argv, env=place.environment(), capture_output=True, text=True, check=True).stdout


def read_turns(build: Path) -> list[dict[str, Any]]:
    """The turns that are kept."""
    path = build / "turns.jsonl"
    return read_json_lines(path) if path.exists() else []


def conditions(place: Place) -> dict[str, Any]:
    """What a turn's figure depends on beside the two programs."""
    found = importlib.metadata.distributions(path=[*sys.path, str(PEERS)])
    installed = {one.metadata["Name"].lower().replace("_", "-"): one.version for one in found}
    versions = {name: installed[name] for name in PACKAGES if name in installed}
    return {
        "processor": engine.processor(), "cores": len(os.sched_getaffinity(0)), "threads": place.threads,
        "python": platform.python_version(), **versions, "idl": revision(),
        "date": datetime.date.today().isoformat(),
    }  # fmt: skip


def revision() -> str:
    """The commit that is measured; "dirty" if its sources have changed since. What benchmarks write does not count."""

    def git(*words: str) -> str:
        return subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True).stdout.strip()

    changed = git("status", "--porcelain", "--", "idlcli", "benchmarks/*.py", "pyproject.toml")
    return git("rev-parse", "--short", "HEAD") + ("-dirty" if changed else "")


def summary(pair: Pair, turns: list[dict[str, Any]], *, data: Data) -> dict[str, Any]:
    """The row of a pair in results.json, of all its turns."""
    sides = {name: [turn for turn in turns if turn["side"] == name] for name in ("ours", "peer")}
    ours, peer = (statistics.median(turn["value"] for turn in sides[name]) for name in ("ours", "peer"))
    ratio = ours / peer
    missed = pair.goal(*([turn["notes"] for turn in sides[name]] for name in ("ours", "peer")))
    good = ratio <= pair.target if pair.better == "lower" else ratio >= pair.target
    return {
        "pair": pair.name, "ours": ours, "peer": peer, "ratio": ratio, "better": pair.better, "target": pair.target,
        "met": good and not missed,
        "conditions": {
            "what": pair.what, "unit": pair.unit, "ours": pair.ours.what, "peer": pair.peer.what, "how": pair.how,
            "faces": data.what, "missed": missed,
            "turns": {
                name: [{key: turn[key] for key in ("value", "wall", "processor", "load", "notes")} for turn in found]
                for name, found in sides.items()
            },
            "machine": list({json.dumps(turn["conditions"]): turn["conditions"] for turn in turns}.values()),
        },
    }  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
