"""The settings of `idl judge train`."""

import dataclasses
from typing import ClassVar

from idlcli.settings.common import TrainSettings
from idlcli.settings.fields import setting

TEACHER_WIDTH = 12
"""Width of the judge that reads over a writer's shoulder in training; one of this width judges no such writer."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class JudgeSettings(TrainSettings):
    """A convolutional classifier of glyphs: it reads what a text-image model writes."""

    PLACE: ClassVar = ("data", "arithmetic")

    width: int = setting(
        32, "Filters of the first convolutions; later ones have 2 and 4 times as many.", low=1, high=512, group="Model"
    )
    dropout: float = setting(0.4, "Share of the features dropped in training.", low=0, high=0.9, group="Model")
    distortion: float = setting(
        1.0, "Strength of the random distortion of the training glyphs.", low=0, high=5, group="Training"
    )
    eval_every: int = setting(
        5,
        "Epochs between two looks at the test glyphs; the last epoch always has one.",
        low=1,
        high=1_000_000,
        group="Training",
    )
