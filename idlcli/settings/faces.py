"""The settings that every training on faces shares, and those that some of them share."""

import dataclasses
from typing import ClassVar, Literal

from idlcli.settings.common import TrainSettings
from idlcli.settings.fields import setting

PAPER = {"augment": ("paper",)}
ADVERSARY = {"adversary": ("discriminator",)}
"""Of a model that may do without a discriminator; a GAN has no such choice."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class FaceTrainSettings(TrainSettings):
    """What every training on faces takes."""

    PLACE: ClassVar = ("data", "faces")

    limit: int = setting(
        0, "Train on the first N training images only; 0: on all of them.", low=0, high=10_000_000, group="Task"
    )
    augment: Literal["off", "flip", "paper"] = setting(
        "off", "What is done to a training image: a mirror image of half of them (flip), and a turn, a shift and a zoom (paper).",
        group="Training",
    )  # fmt: skip
    rotation: float = setting(10.0, "Largest turn, in degrees.", low=0, high=180, only=PAPER, group="Training")
    shift: float = setting(0.1, "Largest shift, as a share of the side.", low=0, high=1, only=PAPER, group="Training")
    zoom: float = setting(0.1, "Largest zoom in or out.", low=0, high=0.9, only=PAPER, group="Training")
    eval_every: int = setting(
        5, "Epochs between two looks at the held-out images; the last epoch always has one.", low=1, high=1_000_000,
        group="Training",
    )  # fmt: skip


@dataclasses.dataclass(frozen=True, kw_only=True)
class SamplingSettings(FaceTrainSettings):
    """What every model takes that new faces are drawn from."""

    condition: str = setting(
        "", "Label column the model is told, so that `sample --label` works, e.g. hair-color.", group="Task"
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class AdversarialSettings(SamplingSettings):
    """What every model takes that a discriminator teaches, and whose samples come from averaged weights."""

    discriminator_width: int = setting(
        64, "Filters of the discriminator at half the image's side; twice as many at each further halving, to 8 times.",
        low=1, high=512, only=ADVERSARY, group="Model",
    )  # fmt: skip
    discriminator_head_width: int = setting(
        0, "Filters of the discriminator at the image's full side, before it is halved; 0: halved straight away.",
        low=0, high=512, only=ADVERSARY, group="Model",
    )  # fmt: skip
    discriminator_norm: Literal["batch", "spectral", "none"] = setting(
        "batch", "How the discriminator is normalised: over the batch, by its kernels' largest singular values, or not.",
        only=ADVERSARY, group="Model",
    )  # fmt: skip
    diff_augment: Literal["off", "shift", "shift-cutout", "shift-cutout-colour"] = setting(
        "off", "What is done to real and generated faces before the discriminator sees them.", only=ADVERSARY,
        group="Training",
    )  # fmt: skip
    discriminator_rate: float = setting(
        1.0, "Learning rate of the discriminator over that of the rest.", above=0, high=100, only=ADVERSARY,
        group="Training",
    )  # fmt: skip
    ema: float = setting(
        0.0, "Decay of the average of the weights that samples come from; 0: no average.", low=0, high=0.99999,
        group="Training",
    )  # fmt: skip
    beta_1: float = setting(
        0.5, "Decay of the optimizer's first moment.", low=0, high=0.999,
        only={"optimizer": ("adam", "nadam", "adamw"), **ADVERSARY}, group="Training",
    )  # fmt: skip


@dataclasses.dataclass(frozen=True, kw_only=True)
class DrawingSettings(FaceTrainSettings):
    """What every model takes that draws faces from small maps up."""

    upsampling: Literal["transpose", "nearest", "subpixel"] = setting(
        "transpose", "How a side is doubled in drawing: a transposed convolution, nearest neighbours, or channels to pixels.",
        group="Model",
    )  # fmt: skip
    head_width: int = setting(
        0, "Filters at the full side of what is drawn, before its colours; 0: colours straight away.", low=0, high=512,
        group="Model",
    )  # fmt: skip
    self_modulation: int = setting(
        0, "Hidden units by which the code scales and shifts what is drawn, at every size; 0: none.", low=0, high=4096,
        group="Model",
    )  # fmt: skip


@dataclasses.dataclass(frozen=True, kw_only=True)
class AutoencoderSettings(DrawingSettings):
    """What every autoencoder takes."""

    width: int = setting(
        32, "Filters at half the image's side; twice as many at each further halving, to 8 times.",
        low=1, high=512, group="Model",
    )  # fmt: skip
    depth: int = setting(3, "How often the side is halved.", low=1, high=8, group="Model")
    blocks: int = setting(0, "Further convolution blocks at each size.", low=0, high=16, group="Model")
    residual: bool = setting(False, "Add each of those blocks to what goes into it.", group="Model")
    batch_norm: bool = setting(False, "Normalise each convolution over the batch.", group="Model")
    dropout: float = setting(
        0.0, "Share of the features beside the code dropped in training.", low=0, high=0.9, group="Model"
    )
