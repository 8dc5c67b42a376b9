"""The settings of `idl vae train`."""

import dataclasses
from typing import Literal

from idlcli.settings.faces import ADVERSARY, AdversarialSettings, AutoencoderSettings
from idlcli.settings.fields import setting


@dataclasses.dataclass(frozen=True, kw_only=True)
class VaeSettings(AutoencoderSettings, AdversarialSettings):
    """A variational autoencoder: faces to Gaussian codes and back, and new faces from drawn codes."""

    latent: int = setting(64, "Size of the code.", low=1, high=4096, group="Model")
    adversary: Literal["none", "discriminator"] = setting(
        "none", "Who teaches the decoder besides, that its faces be as sharp as real ones: nobody, or a GAN's discriminator.",
        group="Model",
    )  # fmt: skip
    reconstruction: Literal["bce", "sigma"] = setting(
        "bce", "How a pixel is scored: binary cross-entropy, or a Gaussian whose width is fitted to the errors (sigma-VAE).",
        group="Loss",
    )  # fmt: skip
    reconstruction_side: int = setting(
        0, "Side to which pictures are averaged before a Gaussian compares them; 0: compared as they are.",
        low=0, high=512, only={"reconstruction": ("sigma",)}, group="Loss",
    )  # fmt: skip
    adversary_weight: float = setting(
        300.0, "Nats that one nat of the adversary's is worth.", low=0, high=1e6, only=ADVERSARY, group="Loss"
    )
    adversary_start: float = setting(
        0.0, "Epochs that the adversary only learns in, before its weight rises over the next one.",
        low=0, high=1_000_000, only=ADVERSARY, group="Loss",
    )  # fmt: skip
    kl_weight: float = setting(1.0, "Weight of the KL divergence (beta).", low=0, high=1000, group="Loss")
    kl_annealing: float = setting(
        0.0, "Epochs over which that weight rises from zero.", low=0, high=1_000_000, group="Loss"
    )
    free_bits: float = setting(
        0.0, "Nats of KL divergence that each latent may spend for nothing.", low=0, high=100, group="Loss"
    )
    min_alive: int = setting(
        0, "Exit 5 if fewer latents than this spend over 0.1 nats at the end.", low=0, high=4096, group="Task"
    )
    mixture: int = setting(
        10, "Gaussians in the mixture that is fitted to the training codes; 0: none.", low=0, high=1000, group="Task"
    )
    prior: Literal["normal", "mixture"] = setting(
        "normal", "What new codes are drawn from: N(0, I), or the mixture, which knows where codes really lie.",
        group="Task",
    )  # fmt: skip
