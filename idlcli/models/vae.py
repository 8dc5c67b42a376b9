"""The variational autoencoder of the report's section 3, and what it proposes to better it.

A face x has a Gaussian code: the encoder gives its mean and log-variance, a layer draws z = mean + std * e from it, the
decoder gives the picture's logits. Trained on the negative evidence lower bound in nats a face: what is lost of the
picture, and the KL divergence of the code from N(0, I). An adversary, if there is one, teaches both besides, to decode
those codes to faces that it cannot tell from real ones (Larsen et al. 2016; of reconstructions alone, after a start
without it, as Esser et al. 2021).
"""

import math
from typing import Any

import keras
from keras import layers, ops, random

from idlcli.models import augment, average, convolutional
from idlcli.models.diff_augment import DiffAugment
from idlcli.models.discriminator import discriminator, discriminator_loss, frozen, generator_loss
from idlcli.settings.vae import VaeSettings

SMALLEST_VARIANCE = 1e-6
"""Of the pixels' Gaussian: a perfect picture must not be worth infinitely much."""
LOG_VARIANCES = (-12.0, 6.0)
"""What the encoder may say: beyond it, its exponential could overflow in the first steps."""
ADVERSARIAL_LOSS = "non-saturating"
MEMORY = 0.99
"""Decay of the average that the Gaussian's variance is kept by, for looking at held-out faces."""


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


class Vae(keras.Model):
    """Encoder, drawing layer and decoder, fed with uint8 (B, size, size, 3), and labels as targets if there are any.

    Weights that change by the epoch (of ``steps_per_epoch``) begin anew after the ``earlier_steps`` of a training that
    this one starts from.
    """

    def __init__(self, settings: VaeSettings, *, size: int, classes: int, steps_per_epoch: int = 1) -> None:
        super().__init__(name="vae")
        self.settings, self.steps_per_epoch, self.earlier_steps = settings, steps_per_epoch, 0.0
        self.encoder = encoder(settings, size=size)
        self.decoder = decoder(settings, size=size, classes=classes)
        self.averaged = [average.twin(network) for network in (self.encoder, self.decoder)] if settings.ema else []
        self.discriminator: keras.Model | None = None
        if settings.adversary == "discriminator":
            self.discriminator = discriminator(settings, size=size, classes=classes)
            self.disturb = DiffAugment(settings.diff_augment, name="disturbance")
        self.augment = augment.make(settings)
        self.draw_code = DrawCode(name="draw_code")
        self.steps = self.add_weight(shape=(), initializer="zeros", trainable=False, name="steps")
        self.variance = self.add_weight(shape=(), initializer="ones", trainable=False, name="variance")
        shown = ("bound", "reconstruction", "kl", *(("d_loss", "g_loss") if self.discriminator else ()))
        self.means = {name: keras.metrics.Mean(name=name) for name in shown}
        self.built = True

    @property
    def inference_encoder(self) -> keras.Model:
        """The network that codes come from: the average, if there is one."""
        return self.averaged[0] if self.averaged else self.encoder

    @property
    def inference_decoder(self) -> keras.Model:
        """The network that faces come from: the average, if there is one."""
        return self.averaged[1] if self.averaged else self.decoder

    def call(self, pictures: Any, training: bool = False) -> Any:
        """Return what comes in: all that is computed is in the loss."""
        return pictures

    def compute_loss(
        self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None, training: bool = True
    ) -> Any:
        """Return what is minimised, in nats a face; the metrics are the bound, per value, and its two parts."""
        settings, y = self.settings, None if y is None else ops.convert_to_tensor(y)
        self.steps.assign(self.steps + 1.0)
        for mean, network in zip(self.averaged, (self.encoder, self.decoder), strict=False):
            average.follow(mean, network, decay=settings.ema, step=self.steps)
        pictures = self.augment(ops.cast(x, "float32") / 255.0, training=training)
        mean, log_variance = self.encoder(pictures, training=training)
        code = self.draw_code(mean, log_variance, training=training)
        logits = self.decoder(code if y is None else [code, y], training=training)
        if settings.reconstruction == "bce":
            values, score = math.prod(pictures.shape[1:]), cross_entropy(pictures, logits)
        else:
            values, score = self._gaussian(pictures, ops.sigmoid(logits))
        lost = values * score
        each = ops.mean(kl_divergence(mean, log_variance), axis=0)
        kl = ops.sum(each)
        self.means["bound"].update_state((lost + kl) / values)
        self.means["reconstruction"].update_state(lost / values)
        self.means["kl"].update_state(kl)
        weight = settings.kl_weight
        if settings.kl_annealing:
            weight = weight * ops.minimum(1.0, self._epochs() / settings.kl_annealing)
        loss = lost + weight * ops.sum(ops.maximum(each, settings.free_bits))
        return loss if self.discriminator is None else loss + self._adversary(pictures, ops.sigmoid(logits), y)

    def _epochs(self) -> Any:
        """Return how many epochs this training has trained for, this step included."""
        return (self.steps - self.earlier_steps) / self.steps_per_epoch

    def _gaussian(self, pictures: Any, decoded: Any) -> tuple[int, Any]:
        """Return how many values are compared, and the mean nats a value by a Gaussian.

        Its variance is the one that fits this batch best (Rybkin et al. 2021).
        """
        lost = smaller(pictures - decoded, self.settings.reconstruction_side or pictures.shape[1])
        squared = ops.mean(ops.square(lost))
        memory = ops.minimum(MEMORY, (self.steps - 1.0) / self.steps)  # of nothing, in the first step
        self.variance.assign(memory * self.variance + (1.0 - memory) * ops.stop_gradient(squared))
        return math.prod(lost.shape[1:]), gaussian_nats(squared, ops.maximum(squared, SMALLEST_VARIANCE))

    def _adversary(self, pictures: Any, decoded: Any, y: Any) -> Any:
        """Return the loss by which the discriminator and, weighed, the autoencoder learn.

        From the real ``pictures`` (B, S, S, 3) in [0, 1] and what they were ``decoded`` to.
        """
        network: Any = self.discriminator
        real, made = (self.disturb(2.0 * faces - 1.0) for faces in (pictures, decoded))
        on_real = network(real if y is None else [real, y], training=True)
        told = ops.stop_gradient(made)
        on_made = network(told if y is None else [told, y], training=True)
        d_loss = discriminator_loss(ADVERSARIAL_LOSS, on_real, on_made)
        g_loss = generator_loss(ADVERSARIAL_LOSS, frozen(network, made if y is None else [made, y]))
        self.means["d_loss"].update_state(d_loss)
        self.means["g_loss"].update_state(g_loss)
        begun = ops.clip(self._epochs() - self.settings.adversary_start, 0.0, 1.0)
        return d_loss + self.settings.adversary_weight * begun * g_loss


def smaller(pictures: Any, side: int) -> Any:
    """Return pictures (B, S, S, C) averaged to (B, side, side, C); ``side`` divides S."""
    size, channels = pictures.shape[1], pictures.shape[3]
    parts = ops.reshape(pictures, (-1, side, size // side, side, size // side, channels))
    return ops.mean(parts, axis=(2, 4))


def cross_entropy(pictures: Any, logits: Any) -> Any:
    """Return the mean binary cross-entropy of values in [0, 1], in nats a value."""
    return ops.mean(ops.softplus(logits) - pictures * logits)


def gaussian_nats(squared: Any, variance: Any) -> Any:
    """Return the mean negative log-density in nats a value, of the mean squared error under a Gaussian's variance."""
    return 0.5 * (ops.log(2 * math.pi * variance) + squared / variance)


def kl_divergence(mean: Any, log_variance: Any) -> Any:
    """Return the KL divergence of N(mean, exp(log_variance)) from N(0, 1) in nats, each latent of each code (B, L)."""
    return 0.5 * (ops.square(mean) + ops.exp(log_variance) - 1.0 - log_variance)
