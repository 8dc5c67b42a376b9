"""The settings of `idl gan train`."""

import dataclasses
from typing import Literal

from idlcli.settings.faces import SamplingSettings
from idlcli.settings.fields import setting


@dataclasses.dataclass(frozen=True, kw_only=True)
class GanSettings(SamplingSettings):
    """A generative adversarial network: a generator of faces and a discriminator that tells them from real ones."""

    latent: int = setting(100, "Size of the latent vector.", low=1, high=4096, group="Model")
    width: int = setting(
        64, "Filters of the generator at half the image's side; twice as many at each further halving, to 8 times.",
        low=1, high=512, group="Model",
    )  # fmt: skip
    discriminator_width: int = setting(64, "The same of the discriminator.", low=1, high=512, group="Model")
    upsampling: Literal["transpose", "nearest", "subpixel"] = setting(
        "transpose", "How the generator doubles a side: a transposed convolution, nearest neighbours, or channels to pixels.",
        group="Model",
    )  # fmt: skip
    discriminator_norm: Literal["batch", "spectral", "none"] = setting(
        "batch", "How the discriminator is normalised: over the batch, by its kernels' largest singular values, or not.",
        group="Model",
    )  # fmt: skip
    loss: Literal["non-saturating", "hinge"] = setting(
        "non-saturating", "The losses of the two networks.", group="Loss"
    )
    one_stage: bool = setting(
        False, "Both losses from one discriminator pass on the generated faces (cheaper).",
        only={"loss": ("hinge",)}, group="Loss",
    )  # fmt: skip
    r1: float = setting(
        0.0, "Weight of the R1 penalty: the discriminator's squared slope at real faces; 0: none.",
        low=0, high=10_000, only={"discriminator_norm": ("spectral", "none")}, group="Loss",
    )  # fmt: skip
    r1_every: int = setting(
        4, "Take that penalty on one real face in so many (lazy).", low=1, high=1024,
        only={"discriminator_norm": ("spectral", "none")}, group="Loss",
    )  # fmt: skip
    diff_augment: Literal["off", "shift", "shift-cutout", "shift-cutout-colour"] = setting(
        "off", "What is done to real and generated faces before the discriminator sees them.", group="Training"
    )
    ema: float = setting(
        0.0, "Decay of the average of the generator's weights that samples come from; 0: no average.",
        low=0, high=0.99999, group="Training",
    )  # fmt: skip
    beta_1: float = setting(
        0.5, "Decay of the optimizer's first moment.", low=0, high=0.999, only={"optimizer": ("adam", "nadam", "adamw")},
        group="Training",
    )  # fmt: skip
    discriminator_rate: float = setting(
        1.0, "Learning rate of the discriminator over the generator's.", above=0, high=100, group="Training"
    )
