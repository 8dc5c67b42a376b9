"""Run directories that tell a story, made by hand: reading them needs no engine, and so do their tests."""

import json
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from idlcli.runs import Run

SETTINGS = {"mode": "text-text", "epochs": 3, "units": 8, "data": "data/arithmetic", "commute": True, "seed": 0}
SCORES = {"n": 200, "exact": 0.97, "character": 0.99, "loss": 0.125}
METRICS = {
    "epochs": 3, "best_epoch": None, "train": {**SCORES, "exact": 1.0}, "test": SCORES,
    "interval": {"low": 0.9361, "high": 0.9862, "method": "wilson"},
    "errors": {
        "addition": {"wrong": 2, "n": 100, "rate": 0.02}, "subtraction": {"wrong": 4, "n": 100, "rate": 0.04},
        "carry": {"wrong": 1, "n": 40, "rate": 0.025}, "borrow": {"wrong": 0, "n": 0, "rate": None},
        "carry_or_borrow_share": 1 / 6, "off_by_one": {"wrong": 3, "n": 6, "rate": 0.5},
        "by_miss": {"1": 3, "2-9": 3, "not a number": 0},
    },
    "conditions": {"split": "twin-free"},
}  # fmt: skip
PREDICTIONS = "query,answer,predicted,correct,miss,confidence\n3+4,7,8,0,1,0.5\n9-9,0,-1,0,1,0.9\n1+1,2,2,1,0,1.0\n"
CREATED = "2026-01-02T03:04:05+00:00"


def png(width: int = 4, height: int = 3, *, shade: int = 0) -> bytes:
    """A grey PNG, without a library that draws."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    rows = (b"\0" + bytes([shade]) * width) * height
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


MakeRun = Callable[..., Run]


@pytest.fixture
def make_run(tmp_path: Path) -> MakeRun:
    """Make a run that is done; ``files`` replaces files by their names, None leaves one out."""

    def make(name: str = "00001-arithmetic", *, kind: str = "seq2seq", **files: Any) -> Run:
        path = tmp_path / "runs" / name
        for folder in ("plots", "samples"):
            (path / folder).mkdir(parents=True)
        log = [{"epoch": n, "loss": 1 / n, "test_loss": 2 / n, "exact": n / 3, "seconds": 1.5} for n in (1, 2, 3)]
        told = {
            "config": {"schema": 1, "kind": kind, "created": CREATED, "settings": SETTINGS},
            "environment": {"backend": "tensorflow", "versions": {"python": "3.11.7"}, "cores": 2},
            "data": {"path": "data/arithmetic", "fingerprint": "ab" * 32, "test": 200, "test_sha256": "cd" * 32},
            "metrics": METRICS,
            "log": log,
        } | files
        for key, content in told.items():
            if content is None:
                continue
            if isinstance(content, bytes):
                (path / f"{key}.{'jsonl' if key == 'log' else 'json'}").write_bytes(content)
            elif key == "log":
                (path / "log.jsonl").write_text("".join(json.dumps(row) + "\n" for row in content))
            else:
                (path / f"{key}.json").write_text(json.dumps(content))
        (path / "predictions.csv").write_text(PREDICTIONS)
        for epoch in (1, 2, 10):
            (path / "samples" / f"epoch-{epoch:04d}.png").write_bytes(png(shade=epoch))
            (path / "samples" / f"epoch-{epoch:04d}.csv").write_text(PREDICTIONS)
        for plot in ("confusion", "curves"):
            (path / "plots" / f"{plot}.png").write_bytes(png(8, 8))
        return Run(path)

    return make
