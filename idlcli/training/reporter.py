"""What a training tells whoever watches it. The command line draws it; a library user may pass none."""

from collections.abc import Mapping
from typing import Protocol


class Reporter(Protocol):
    """Told of each step and each epoch of a training."""

    def start(self, *, epochs: int, done: int, steps: int, examples: int, unit: str) -> None:
        """A training goes on from epoch ``done`` of ``epochs``; each has ``steps`` steps and ``examples`` ``unit``."""

    def step(self, *, epoch: int, step: int, loss: float) -> None:
        """Step ``step`` (from 1) of epoch ``epoch`` (from 1) is done."""

    def epoch(self, *, epoch: int, row: Mapping[str, float]) -> None:
        """Epoch ``epoch`` (from 1) is done and logged as ``row``."""

    def warn(self, text: str) -> None:
        """The training goes on, but somebody should know this."""

    def finish(self) -> None:
        """The training has ended, however it ended."""


class Silent:
    """A reporter that says nothing."""

    def start(self, *, epochs: int, done: int, steps: int, examples: int, unit: str) -> None:
        """Say nothing."""

    def step(self, *, epoch: int, step: int, loss: float) -> None:
        """Say nothing."""

    def epoch(self, *, epoch: int, row: Mapping[str, float]) -> None:
        """Say nothing."""

    def warn(self, text: str) -> None:
        """Say nothing."""

    def finish(self) -> None:
        """Say nothing."""
