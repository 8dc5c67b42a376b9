"""What PyTorch peers share: the arguments, the faces, and a training that can be killed after any epoch."""

import argparse
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch


def arguments(about: str) -> argparse.ArgumentParser:
    """Return the parser of what every peer is told."""
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--epochs", type=int, default=50)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=2)
    return parser


def load_faces(path: Path) -> torch.Tensor:
    """Return the training part, uint8 (N, 3, 64, 64), in memory."""
    images = np.load(path / "images.npy", mmap_mode="r")
    manifest = json.loads((path / "manifest.json").read_text())
    rows = np.delete(np.arange(len(images)), manifest["test"]["indices"])
    return torch.from_numpy(images[rows].transpose(0, 3, 1, 2).copy())


def save(parts: Mapping[str, Any], out: Path, log: list[dict[str, Any]]) -> None:
    """Keep all that the next epoch depends on, and the log, in one file; and to read, as an idl run has them: the log,
    a line an epoch, and what it ran on.
    """
    state = {name: part.state_dict() for name, part in parts.items()}
    torch.save({**state, "random": torch.get_rng_state(), "log": log}, out / "checkpoint.tmp")
    os.replace(out / "checkpoint.tmp", out / "checkpoint.pt")
    (out / "log.jsonl").write_text("".join(json.dumps(line) + "\n" for line in log))
    (out / "environment.json").write_text(json.dumps({"backend": "torch", "cores": torch.get_num_threads()}))


def resume(parts: Mapping[str, Any], out: Path) -> list[dict[str, Any]]:
    """Put back the last whole epoch, if there is one, and return the log up to it."""
    if not (out / "checkpoint.pt").exists():
        return []
    state = torch.load(out / "checkpoint.pt")
    for name, part in parts.items():
        part.load_state_dict(state[name])
    torch.set_rng_state(state["random"])
    return list(state["log"])
