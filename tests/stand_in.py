"""Runs of faces whose models are a few lines of arithmetic: what evaluation and views need of a run, and no engine.

A code is the picture's mean colours over a raster of 2 x 2, so a reconstruction is a coarse picture.
"""

import dataclasses
import sys
import types
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from idlcli import runs, settings
from idlcli.experiments.provenance import fingerprint
from idlcli.files import read_json_object, write_json
from idlcli.runs import Run
from idlcli.seeds import rng
from idlcli.settings.common import TrainSettings
from idlcli.settings.fields import as_dict, setting

SIDE, CODE = 16, 12


@dataclasses.dataclass(frozen=True, kw_only=True)
class StandInSettings(TrainSettings):
    """The settings that a reader of face runs looks at."""

    PLACE: ClassVar = ("data", "faces")
    limit: int = setting(0, "Train on that many; 0: on all.", low=0, high=1000)


class Coder:
    """Encodes, decodes and reconstructs."""

    size = SIDE

    def __init__(self, run: Run) -> None:
        self.run = run

    def encode(self, images: np.ndarray) -> np.ndarray:
        means = images.reshape(-1, 2, SIDE // 2, 2, SIDE // 2, 3).mean(axis=(2, 4)) / 255
        return ((means - 0.5) * 4).reshape(-1, CODE).astype(np.float32)

    def decode(self, codes: np.ndarray) -> np.ndarray:
        means = np.clip(np.asarray(codes).reshape(-1, 2, 2, 3) / 4 + 0.5, 0, 1)
        return np.rint(means.repeat(SIDE // 2, axis=1).repeat(SIDE // 2, axis=2) * 255).astype(np.uint8)

    def reconstruct(self, images: np.ndarray) -> np.ndarray:
        return self.decode(self.encode(images))


class Sampler:
    """Decodes and samples: what a GAN can."""

    words: tuple[str, ...] = ()

    def __init__(self, run: Run) -> None:
        self.run = run

    def decode(self, codes: np.ndarray, labels: np.ndarray | None = None) -> np.ndarray:
        return Coder.decode(self, codes)  # type: ignore[arg-type]

    def draw(self, count: int, seed: int) -> np.ndarray:
        return rng(seed, "latents").standard_normal((count, CODE)).astype(np.float32)

    def labels(self, *, count: int, seed: int, label: str | None) -> np.ndarray | None:
        return None

    def sample(self, count: int, seed: int) -> np.ndarray:
        return self.decode(self.draw(count, seed))


class Both(Coder):
    """All of it: what a VAE can."""

    words, draw, labels, sample = (), Sampler.draw, Sampler.labels, Sampler.sample


MODELS: dict[str, Any] = {"vae": Both, "cae": Coder, "gan": Sampler}


def install(*, data: Path, root: Path, patch: pytest.MonkeyPatch) -> dict[str, Path]:
    """Make a run of each kind under ``root``, made with ``data``, for as long as ``patch`` holds."""
    made = {}
    for kind, model in MODELS.items():
        module = types.ModuleType(f"idlcli.experiments.{kind}")
        module.open_run = model  # type: ignore[attr-defined]
        patch.setitem(sys.modules, module.__name__, module)
        patch.setitem(settings.RUN_KINDS, kind, StandInSettings)
        values = as_dict(StandInSettings(data=str(data)))
        made[kind] = runs.create(root=root, slug=f"{kind}-s0", name=None, kind=kind, settings=values).path
        write_json(made[kind] / "data.json", {"fingerprint": fingerprint(read_json_object(data / "manifest.json"))})
    return made
