"""After which epochs a training is looked at."""

from typing import Protocol


class Watched(Protocol):
    """The settings that say so."""

    @property
    def epochs(self) -> int: ...
    @property
    def eval_every(self) -> int: ...


def is_due(settings: Watched, epoch: int) -> bool:
    """Whether what is held out is looked at after ``epoch``."""
    return epoch % settings.eval_every == 0 or epoch == settings.epochs


def sample_epochs(settings: Watched) -> frozenset[int]:
    """Return the epochs whose samples are kept: the first, the one at half time and the last."""
    return frozenset({1, settings.epochs // 2, settings.epochs})
