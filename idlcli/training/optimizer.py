"""The optimizer and its learning-rate schedule, from the settings every training shares."""

import math
from typing import Any

import keras
import numpy as np

from idlcli.settings.common import TrainSettings
from idlcli.settings.faces import AdversarialSettings

OPTIMIZERS = {
    "adam": keras.optimizers.Adam,
    "nadam": keras.optimizers.Nadam,
    "adamw": keras.optimizers.AdamW,
    "rmsprop": keras.optimizers.RMSprop,
    "sgd": keras.optimizers.SGD,
}


class WarmUp(keras.optimizers.schedules.LearningRateSchedule):
    """Rises along a line from zero to ``peak`` over ``warmup`` steps, then stays, or falls along a cosine to zero."""

    def __init__(self, *, peak: float, steps: int, warmup: int, cosine: bool) -> None:
        self.peak, self.steps, self.warmup, self.cosine = peak, steps, warmup, cosine

    def __call__(self, step: Any) -> Any:
        """Return the learning rate of a step."""
        step = keras.ops.cast(step, "float32")
        rising = (step + 1.0) / max(self.warmup, 1)
        progress = keras.ops.clip((step - self.warmup) / max(self.steps - self.warmup, 1), 0.0, 1.0)
        falling = 0.5 * (1.0 + keras.ops.cos(math.pi * progress)) if self.cosine else keras.ops.ones_like(step)
        return self.peak * keras.ops.where(step < self.warmup, rising, falling)


def make_optimizer(
    settings: TrainSettings, *, steps: int, scale: float = 1.0, beta_1: float | None = None
) -> keras.optimizers.Optimizer:
    """Return the optimizer of a run of ``steps`` steps in all.

    Its rate is ``scale`` times that of the settings; ``beta_1`` is for those of Adam's family, which all have one.
    """
    rate: Any = settings.learning_rate * scale
    if settings.schedule != "constant" or settings.warmup:
        warmup = round(settings.warmup * steps)
        rate = WarmUp(peak=rate, steps=steps, warmup=warmup, cosine=settings.schedule == "cosine")
    kind = OPTIMIZERS[settings.optimizer]
    decay = settings.weight_decay if settings.optimizer == "adamw" else None
    moments = {"beta_1": beta_1} if beta_1 is not None and settings.optimizer in ("adam", "nadam", "adamw") else {}
    optimizer = kind(learning_rate=rate, weight_decay=decay, global_clipnorm=settings.clip_norm or None, **moments)
    if decay:
        optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    return optimizer


def make_adversarial_optimizer(settings: AdversarialSettings, *, steps: int) -> keras.optimizers.Optimizer:
    """Return two optimizers in one: for the layers called discriminator, at their own rate, and for all others."""
    rest, discriminator = (
        make_optimizer(settings, steps=steps, scale=scale, beta_1=settings.beta_1)
        for scale in (1.0, settings.discriminator_rate)
    )
    optimizers = keras.optimizers.OptimizerMap(default_optimizer=rest)
    optimizers["discriminator_.*"] = discriminator
    return keras.optimizers.MultiOptimizer(optimizers)


def learning_rate(optimizer: keras.optimizers.Optimizer) -> float:
    """Return the rate of an optimizer's next step; of an adversarial one, the rate of all but the discriminator."""
    parts = getattr(optimizer, "optimizers", [optimizer])  # Keras lists what is mapped by name first, the default last
    rate = next(part.learning_rate for part in reversed(parts) if part.built)
    return float(np.asarray(keras.ops.convert_to_numpy(rate)))
