"""What changes with the threads, the engine, XLA and --deterministic, where all else is the same: docs/reliability.md.

    python benchmarks/repeatability.py [--work build/repeatability]

Trains small models again and again with the installed `idl`, each in a process of its own, and prints a Markdown table.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from idlcli.files import read_tensors

MODELS = {
    "text-text": ("seq2seq", "train", "--data", "arithmetic", "--units", "64", "--epochs", "3"),
    "CAE": ("cae", "train", "--data", "faces", "--width", "16", "--codes", "16", "--epochs", "2", "--batch-size", "16"),
}
PLAIN = ("--jit", "off")
CONDITIONS: dict[str, tuple[tuple[str, ...], int]] = {
    "the same again": (PLAIN, 1),
    "2 threads": (PLAIN, 2),
    "4 threads": (PLAIN, 4),
    "4 threads again, against 4 threads": (PLAIN, 4),
    "`--deterministic`": ((*PLAIN, "--deterministic"), 1),
    "`--jit on`": (("--jit", "on"), 1),
    "`--backend jax`": (("--backend", "jax"), 1),
    "`--backend torch`": ((*PLAIN, "--backend", "torch"), 1),
}
"""What is said beside the command, and how many threads compute."""


def idl(*words: str, cwd: Path, threads: int = 1) -> dict:
    """Run a command and return its data."""
    count = str(threads)
    environment = os.environ | {"TF_NUM_INTRAOP_THREADS": count, "OMP_NUM_THREADS": count}
    done = subprocess.run(
        [sys.executable, "-m", "idlcli", *words, "--json"], cwd=cwd, env=environment, capture_output=True, check=False
    )
    if done.returncode:
        sys.exit(done.stderr.decode()[-2000:])
    return json.loads(done.stdout)["data"]


def weights(result: dict, cwd: Path) -> dict[str, np.ndarray]:
    """Return the trained weights of a run, without the optimizer's state."""
    tensors = read_tensors(cwd / result["run"] / "checkpoints" / "last.safetensors")
    return {name: tensor for name, tensor in tensors.items() if name.startswith("model/") and "seed" not in name}


def compared(ours: dict[str, np.ndarray], theirs: dict[str, np.ndarray]) -> str:
    """Return in a few words how far apart two models are."""
    if all(np.array_equal(ours[name], theirs[name]) for name in ours):
        return "the same bytes"
    apart = max(float(np.abs(ours[name] - theirs[name]).max()) for name in ours)
    size = max(float(np.abs(tensor).max()) for tensor in ours.values())
    return f"up to {apart:.1e} (of {size:.1f})"


def main() -> None:
    """Train, compare and print."""
    parser = argparse.ArgumentParser(description="What changes with engine, XLA and threads.")
    parser.add_argument("--work", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        work = given.work or Path(folder)
        work.mkdir(parents=True, exist_ok=True)
        if not (work / "faces").exists():
            idl("data", "build", "faces", "--count", "240", "--size", "32", "--out", "faces", cwd=work)
            idl("data", "build", "arithmetic", "--max", "19", "--out", "arithmetic", cwd=work)
        print("| against one thread of TensorFlow, XLA off |", " | ".join(MODELS), "|\n|---|" + "---|" * len(MODELS))
        base = {model: weights(idl(*words, *PLAIN, cwd=work), work) for model, words in MODELS.items()}
        found = {}
        for what, (more, threads) in CONDITIONS.items():
            found[what] = {
                model: weights(idl(*words, *more, cwd=work, threads=threads), work) for model, words in MODELS.items()
            }
            against = found[what.split(", against ")[1]] if "against" in what else base
            print(f"| {what} |", " | ".join(compared(against[m], found[what][m]) for m in MODELS), "|", flush=True)


if __name__ == "__main__":
    main()
