"""One seed makes the run: every random number derives from (seed, purpose, epoch)."""

import zlib

import numpy as np


def rng(seed: int, purpose: str, epoch: int = 0, step: int = 0) -> np.random.Generator:
    """Return the generator for one purpose in one step of one epoch; all others are independent of it."""
    return np.random.default_rng(np.random.SeedSequence([seed, zlib.crc32(purpose.encode()), epoch, step]))


def integer(seed: int, purpose: str, epoch: int = 0) -> int:
    """Return an integer in [0, 2**31) for a library that takes one as its seed."""
    return int(rng(seed, purpose, epoch).integers(2**31))
