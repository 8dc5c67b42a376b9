"""A PyTorch peer's training that can be killed: one file an epoch that holds all that the next epoch depends on."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch


def save(parts: Mapping[str, Any], out: Path, log: list[dict[str, Any]]) -> None:
    """Keep the state of each part, of the random generator, and the log; and the log to read, a line an epoch."""
    state = {name: part.state_dict() for name, part in parts.items()}
    torch.save({**state, "random": torch.get_rng_state(), "log": log}, out / "checkpoint.tmp")
    os.replace(out / "checkpoint.tmp", out / "checkpoint.pt")
    (out / "log.jsonl").write_text("".join(json.dumps(line) + "\n" for line in log))


def resume(parts: Mapping[str, Any], out: Path) -> list[dict[str, Any]]:
    """Put back the last whole epoch, if there is one, and return the log up to it."""
    if not (out / "checkpoint.pt").exists():
        return []
    state = torch.load(out / "checkpoint.pt")
    for name, part in parts.items():
        part.load_state_dict(state[name])
    torch.set_rng_state(state["random"])
    return list(state["log"])
