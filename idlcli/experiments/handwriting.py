"""Whose hand writes what: the glyphs that spell a row of characters, drawn from the train pool or the test pool."""

import dataclasses
import functools
from typing import Literal

import numpy as np

from idlcli.data.arithmetic import Arithmetic, draw_glyphs
from idlcli.data.distort import distort
from idlcli.data.glyphs import Bank, pools
from idlcli.seeds import rng

Pool = Literal["train", "test"]


@dataclasses.dataclass(frozen=True)
class Hand:
    """Writes characters with the glyphs of a bank, parted by the seed of a run: masks ``train`` and ``test`` (G,)."""

    bank: Bank
    train: np.ndarray
    test: np.ndarray
    seed: int

    def choose(self, rows: np.ndarray, *, pool: Pool, purpose: str, epoch: int = 0, step: int = 0) -> np.ndarray:
        """Return an index into the bank for each character of ``rows`` (N, T), int32 (N, T)."""
        mask = self.train if pool == "train" else self.test
        return draw_glyphs(rows, self.bank.labels, mask, rng(self.seed, purpose, epoch, step))

    def show(self, chosen: np.ndarray) -> np.ndarray:
        """Return glyphs of the bank as a network takes them: float32 (..., 28, 28) in [0, 1]."""
        return self.bank.images[chosen].astype(np.float32) / 255

    def bend(self, chosen: np.ndarray, *, strength: float, epoch: int, step: int) -> np.ndarray:
        """Return glyphs as :meth:`show` does, each distorted in its own way; the blank stays blank."""
        images = self.bank.images[chosen]
        inked = self.bank.labels[chosen] != self.blank
        generator = rng(self.seed, "distortion", epoch, step)
        images[inked] = distort(images[inked], strength=strength, generator=generator)
        return images.astype(np.float32) / 255

    @functools.cached_property
    def blank(self) -> int:
        """The class of the blank."""
        return self.bank.alphabet.index(" ")


def hand_of(data: Arithmetic, *, seed: int) -> Hand:
    """Return the hand of a run: the data's glyphs, parted by the run's seed as the data set says."""
    train, test = pools(data.bank, kind=data.manifest["pools"], test_share=data.manifest["test_share"], seed=seed)
    return Hand(data.bank, train, test, seed)
