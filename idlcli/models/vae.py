"""The variational autoencoder of the report's section 3, and what it proposes to better it.

A face x has a Gaussian code: the encoder gives its mean and log-variance, a layer draws z = mean + std * e from it, the
decoder gives the picture's logits. Trained on the negative evidence lower bound in nats a face: what is lost of the
picture, and the KL divergence of the code from N(0, I).
"""

import math
from typing import Any

import keras
from keras import layers, ops, random

from idlcli.models import augment, convolutional
from idlcli.settings.vae import VaeSettings

SMALLEST_VARIANCE = 1e-6
"""Of the pixels' Gaussian: a perfect picture must not be worth infinitely much."""
LOG_VARIANCES = (-12.0, 6.0)
"""What the encoder may say: beyond it, its exponential could overflow in the first steps."""
MEMORY = 0.99
"""Decay of the average that the Gaussian's variance is kept by, for looking at held-out faces."""


@keras.saving.register_keras_serializable("idlcli")
class DrawCode(layers.Layer):
    """Mean and log-variance (B, L) -> a code z = mean + exp(log-variance / 2) * e, e from N(0, 1).

    The reparameterisation trick: the draw is an input, so that the gradient passes to mean and variance.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.seed_generator = random.SeedGenerator(0)

    def call(self, mean: Any, log_variance: Any, training: bool = False) -> Any:
        """Return a drawn code; outside of training the mean."""
        if not training:
            return mean
        return mean + ops.exp(log_variance / 2) * random.normal(ops.shape(mean), seed=self.seed_generator)


def encoder(settings: VaeSettings, *, size: int) -> keras.Model:
    """Return the network from pictures (B, size, size, 3) in [0, 1] to the means and log-variances (B, latent)."""
    picture = keras.Input((size, size, 3), name="picture")
    features = convolutional.encode(picture, settings)
    mean = layers.Dense(settings.latent, name="mean")(features)
    log_variance = layers.Dense(settings.latent, kernel_initializer="zeros", name="log_variance")(features)
    return keras.Model(picture, [mean, ops.clip(log_variance, *LOG_VARIANCES)], name="encoder")


def decoder(settings: VaeSettings, *, size: int, classes: int) -> keras.Model:
    """Return the network from codes (B, latent) (and labels int (B,)) to logits (B, size, size, 3)."""
    code = keras.Input((settings.latent,), name="code")
    if not classes:
        return keras.Model(code, convolutional.decode(code, settings, size=size), name="decoder")
    label = keras.Input((), dtype="int32", name="label")
    embedded = layers.Embedding(classes, settings.latent, name="embedding")(label)
    told = layers.Concatenate(name="told")([code, embedded])
    return keras.Model([code, label], convolutional.decode(told, settings, size=size), name="decoder")


@keras.saving.register_keras_serializable("idlcli")
class Vae(keras.Model):
    """Encoder, drawing layer and decoder, fed with uint8 (B, size, size, 3), and labels as targets if there are any.

    ``annealing_steps`` is how many steps the weight of the KL divergence takes to rise from zero.
    """

    def __init__(self, settings: VaeSettings, *, size: int, classes: int, annealing_steps: int = 0) -> None:
        super().__init__(name="vae")
        self.settings, self.annealing_steps = settings, annealing_steps
        self.encoder = encoder(settings, size=size)
        self.decoder = decoder(settings, size=size, classes=classes)
        self.augment = augment.make(settings)
        self.draw_code = DrawCode(name="draw_code")
        self.steps = self.add_weight(shape=(), initializer="zeros", trainable=False, name="steps")
        self.variance = self.add_weight(shape=(), initializer="ones", trainable=False, name="variance")
        self.means = {name: keras.metrics.Mean(name=name) for name in ("bound", "reconstruction", "kl")}
        self.built = True

    def call(self, pictures: Any, training: bool = False) -> Any:
        """Return what comes in: all that is computed is in the loss."""
        return pictures

    def compute_loss(
        self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None, training: bool = True
    ) -> Any:
        """Return what is minimised, in nats a face; the metrics are the bound, per value, and its two parts."""
        settings = self.settings
        pictures = self.augment(ops.cast(x, "float32") / 255.0, training=training)
        mean, log_variance = self.encoder(pictures, training=training)
        code = self.draw_code(mean, log_variance, training=training)
        logits = self.decoder(code if y is None else [code, ops.convert_to_tensor(y)], training=training)
        values = math.prod(pictures.shape[1:])
        score = cross_entropy if settings.reconstruction == "bce" else self._gaussian
        lost = values * score(pictures, logits)
        each = ops.mean(kl_divergence(mean, log_variance), axis=0)
        kl = ops.sum(each)
        self.steps.assign(self.steps + 1.0)
        self.means["bound"].update_state((lost + kl) / values)
        self.means["reconstruction"].update_state(lost / values)
        self.means["kl"].update_state(kl)
        weight = settings.kl_weight
        if self.annealing_steps:
            weight = weight * ops.minimum(1.0, self.steps / self.annealing_steps)
        return lost + weight * ops.sum(ops.maximum(each, settings.free_bits))

    def _gaussian(self, pictures: Any, logits: Any) -> Any:
        """Return the mean nats a value by a Gaussian of the variance that fits this batch best (Rybkin et al. 2021)."""
        squared = ops.mean(ops.square(pictures - ops.sigmoid(logits)))
        memory = ops.minimum(MEMORY, self.steps / (self.steps + 1.0))
        self.variance.assign(memory * self.variance + (1.0 - memory) * ops.stop_gradient(squared))
        return gaussian_nats(squared, ops.maximum(squared, SMALLEST_VARIANCE))


def cross_entropy(pictures: Any, logits: Any) -> Any:
    """Return the mean binary cross-entropy of values in [0, 1], in nats a value."""
    return ops.mean(ops.softplus(logits) - pictures * logits)


def gaussian_nats(squared: Any, variance: Any) -> Any:
    """Return the mean negative log-density in nats a value, of the mean squared error under a Gaussian's variance."""
    return 0.5 * (ops.log(2 * math.pi * variance) + squared / variance)


def kl_divergence(mean: Any, log_variance: Any) -> Any:
    """Return the KL divergence of N(mean, exp(log_variance)) from N(0, 1) in nats, each latent of each code (B, L)."""
    return 0.5 * (ops.square(mean) + ops.exp(log_variance) - 1.0 - log_variance)
