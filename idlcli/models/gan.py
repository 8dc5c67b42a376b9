"""The GAN: a generator, a discriminator, and a Keras model whose one loss trains both with plain `fit`.

With the settings of the recipe `paper` the two networks are the DCGAN (Radford et al. 2015) of the report's section 4.
Pictures are float (B, S, S, 3) in [-1, 1] between the networks and uint8 outside.
"""

from typing import Any

import keras
from keras import layers, ops, random

from idlcli.models import augment, average
from idlcli.models.diff_augment import DiffAugment
from idlcli.models.discriminator import (
    SMALLEST,
    discriminator,
    discriminator_loss,
    filters_at,
    frozen,
    generator_loss,
    normal,
)
from idlcli.models.modulation import modulated
from idlcli.models.normalization import BatchNormalization
from idlcli.models.upsampling import double
from idlcli.settings.gan import GanSettings

LEAK = 0.1
"""Slope of the one-stage hinge beyond its margin: without it, faces that are told from real ones teach nothing."""
R1_STEP = 0.01
"""Standard deviation of the noise whose effect on the discriminator measures its slope."""


def generator(settings: GanSettings, *, size: int, classes: int) -> keras.Model:
    """Return the network from latent vectors (B, latent) (and labels int (B,)) to pictures (B, size, size, 3)."""
    latent = keras.Input((settings.latent,), name="generator_latent")
    label = keras.Input((), dtype="int32", name="generator_label") if classes else None
    vector = latent
    if label is not None:
        embedded = layers.Embedding(classes, settings.latent, name="generator_embedding")(label)
        vector = layers.Concatenate(name="generator_vector")([latent, embedded])
    filters = filters_at(settings.width, size, SMALLEST)
    maps: Any = layers.Dense(
        SMALLEST**2 * filters, use_bias=False, kernel_initializer=normal(), name="generator_start"
    )(vector)
    maps = layers.Reshape((SMALLEST, SMALLEST, filters), name="generator_maps")(maps)
    side = SMALLEST
    while side < size:
        maps = _activated(maps, side, vector, settings)
        side *= 2
        is_last = side == size
        filters = (settings.head_width or 3) if is_last else filters_at(settings.width, size, side)
        maps = double(
            maps, filters, how=settings.upsampling, name=f"generator_{side}", initializer=normal,
            use_bias=is_last and not settings.head_width,
        )  # fmt: skip
    if settings.head_width:
        colour = layers.Conv2D(3, 3, padding="same", kernel_initializer=normal(), name="generator_colour")
        maps = colour(_activated(maps, side, vector, settings))
    picture = layers.Activation("tanh", name="generator_tanh")(maps)
    return keras.Model([latent, label] if label is not None else latent, picture, name="generator")


def _activated(maps: Any, side: int, vector: Any, settings: GanSettings) -> Any:
    name, own = f"generator_{side}", not settings.self_modulation
    normalise = BatchNormalization(
        momentum=0.9, epsilon=1e-5, center=own, scale=own, name=f"{name}_normalization"
    )  # fmt: skip
    maps = normalise(maps)
    if settings.self_modulation:
        maps = modulated(maps, vector, settings.self_modulation, name=name)
    return layers.ReLU(name=f"{name}_relu")(maps)


class Gan(keras.Model):
    """Both networks and the average of the generator, trained by one loss in which neither moves the other's weights.

    Fed with uint8 (B, size, size, 3), and the labels int (B,) as targets where there are ``classes``.
    """

    def __init__(self, settings: GanSettings, *, size: int, classes: int) -> None:
        super().__init__(name="gan")
        self.settings = settings
        self.generator = generator(settings, size=size, classes=classes)
        self.discriminator = discriminator(settings, size=size, classes=classes)
        self.averaged: keras.Model | None = None
        if settings.ema:
            self.averaged = average.twin(self.generator)
        self.augment = augment.make(settings)
        self.disturb = DiffAugment(settings.diff_augment, name="disturbance")
        self.seed_generator = random.SeedGenerator(0)
        self.steps = self.add_weight(shape=(), initializer="zeros", trainable=False, name="steps")
        shown = ("d_loss", "g_loss", "r1") if settings.r1 else ("d_loss", "g_loss")
        self.means = {name: keras.metrics.Mean(name=name) for name in shown}
        self.built = True

    @property
    def sampler(self) -> keras.Model:
        """The network that samples come from."""
        return self.averaged or self.generator

    def call(self, pictures: Any, training: bool = False) -> Any:
        """Return what comes in: all that is computed is in the loss."""
        return pictures

    def compute_loss(
        self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None, training: bool = True
    ) -> Any:
        """Return the sum of both networks' losses for a batch of real faces; each moves its own weights only."""
        settings, y = self.settings, None if y is None else ops.convert_to_tensor(y)
        self.steps.assign(self.steps + 1.0)
        if self.averaged is not None:
            average.follow(self.averaged, self.generator, decay=settings.ema, step=self.steps)
        real = self.disturb(self.augment(ops.cast(x, "float32") / 127.5 - 1.0, training=training))
        latent = random.normal((ops.shape(x)[0], settings.latent), seed=self.seed_generator)
        made = self.disturb(self.generator(latent if y is None else [latent, y], training=training))
        on_real, slope = self._judge_real(real, y) if settings.r1 else (self._judge(real, y), None)
        if settings.one_stage:
            on_made = self._judge(_reversed(made, 2.0), y)
            d_loss = (ops.mean(ops.relu(1.0 - on_real)) + ops.mean(ops.leaky_relu(1.0 + on_made, LEAK))) / 2
            g_loss = -ops.mean(ops.stop_gradient(on_made))
        else:
            d_loss = discriminator_loss(settings.loss, on_real, self._judge(ops.stop_gradient(made), y))
            g_loss = generator_loss(settings.loss, frozen(self.discriminator, made if y is None else [made, y]))
        loss = d_loss + g_loss
        if slope is not None:
            loss = loss + settings.r1 / 2 * slope
            self.means["r1"].update_state(slope)
        self.means["d_loss"].update_state(d_loss)
        self.means["g_loss"].update_state(g_loss)
        return loss

    def _judge(self, pictures: Any, labels: Any) -> Any:
        return self.discriminator(pictures if labels is None else [pictures, labels], training=True)

    def _judge_real(self, real: Any, labels: Any) -> tuple[Any, Any]:
        """Return the logits of real pictures, and the mean squared length of their gradient at one in ``r1_every``.

        By the difference that a little noise e makes: for small s, the mean of ((D(x + s e) - D(x)) / s)^2 over e of
        unit variance is the squared length of the gradient. No engine has to differentiate twice for that. In one
        pass, so that both are of the same weights: each pass betters the singular values of a spectral normalisation.
        """
        every, size = self.settings.r1_every, ops.shape(real)[0]
        count = (size + every - 1) // every
        noise = random.normal(ops.shape(real[:count]), seed=self.seed_generator)
        pictures = ops.concatenate([real, real[:count] + R1_STEP * noise])
        logits = self._judge(pictures, None if labels is None else ops.concatenate([labels, labels[:count]]))
        return logits[:size], ops.mean(ops.square((logits[size:] - logits[:count]) / R1_STEP))


def _reversed(pictures: Any, factor: float) -> Any:
    """Return the pictures with the gradient that comes back through them turned round and ``factor`` times as large."""
    return (1.0 + factor) * ops.stop_gradient(pictures) - factor * pictures
