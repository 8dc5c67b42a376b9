"""Which examples make up which step: a shuffled order for each epoch, batches that all have the same size."""

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np

from idlcli.seeds import rng

Fetch = Callable[[np.ndarray, int, int], Any]
"""(indices of the examples, epoch, step) -> what the model is fed."""


@dataclasses.dataclass(frozen=True)
class Batches:
    """The training examples in steps.

    An epoch is one pass over ``count`` examples in an order drawn from (seed, epoch), or ``steps_per_epoch`` steps of
    as many passes as they need. Every batch has ``size`` examples: the last one of an epoch is filled up from the
    epoch's beginning, so that the engine compiles one shape only.
    """

    count: int
    batch_size: int
    seed: int
    fetch: Fetch
    steps_per_epoch: int = 0

    @property
    def size(self) -> int:
        """Examples in a batch."""
        return min(self.batch_size, self.count)

    @property
    def steps(self) -> int:
        """Batches in an epoch."""
        return self.steps_per_epoch or -(-self.count // self.size)

    def order(self, epoch: int) -> np.ndarray:
        """Return the examples of an epoch, int (steps * size,)."""
        generator = rng(self.seed, "order", epoch)
        needed = self.steps * self.size
        passes = [generator.permutation(self.count) for _ in range(max(1, needed // self.count))]
        order = np.concatenate(passes)
        return np.concatenate([order, order[: needed - len(order)]]) if needed > len(order) else order[:needed]

    def batch(self, order: np.ndarray, step: int, epoch: int) -> Any:
        """Return what the model is fed at one step of an epoch."""
        return self.fetch(order[step * self.size : (step + 1) * self.size], epoch, step)
