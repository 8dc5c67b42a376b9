"""The settings of `idl gan train`."""

import dataclasses
from typing import Literal

from idlcli.settings.faces import AdversarialSettings, DrawingSettings
from idlcli.settings.fields import setting


@dataclasses.dataclass(frozen=True, kw_only=True)
class GanSettings(AdversarialSettings, DrawingSettings):
    """A generative adversarial network: a generator of faces and a discriminator that tells them from real ones."""

    latent: int = setting(100, "Size of the latent vector.", low=1, high=4096, group="Model")
    width: int = setting(
        64, "Filters of the generator at half the image's side; twice as many at each further halving, to 8 times.",
        low=1, high=512, group="Model",
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
