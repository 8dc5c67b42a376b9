"""The convolutional autoencoder of the report's section 4.1.1: a face to a few numbers and back, by squared error."""

import math
from typing import Any

import keras
from keras import layers, ops

from idlcli.models import augment, convolutional
from idlcli.settings.cae import CaeSettings


def encoder(settings: CaeSettings, *, size: int) -> keras.Model:
    """Return the network from pictures (B, size, size, 3) in [0, 1] to codes (B, codes).

    With ``linear`` the code is the sum of what the convolutions say and of a plain projection of the pixels.
    """
    picture = keras.Input((size, size, 3), name="picture")
    code = layers.Dense(settings.codes, name="code")(convolutional.encode(picture, settings))
    if settings.linear:
        flat = layers.Rescaling(1.0, offset=-0.5, name="centred")(layers.Flatten(name="pixels")(picture))
        code = layers.Add(name="codes")([code, layers.Dense(settings.codes, use_bias=False, name="project")(flat)])
    return keras.Model(picture, code, name="encoder")


def decoder(settings: CaeSettings, *, size: int) -> keras.Model:
    """Return the network from codes (B, codes) to pictures (B, size, size, 3), in [0, 1] or a little beyond."""
    code = keras.Input((settings.codes,), name="code")
    picture = convolutional.decode(code, settings, size=size)
    if settings.linear:
        flat = layers.Dense(size * size * 3, bias_initializer=keras.initializers.Constant(0.5), name="unproject")(code)
        straight = layers.Reshape((size, size, 3), name="straight")(flat)
        picture = layers.Add(name="picture")([picture, straight])
    else:
        picture = layers.Activation("sigmoid", name="picture")(picture)
    return keras.Model(code, picture, name="decoder")


class Cae(keras.Model):
    """Encoder and decoder, fed with uint8 (B, size, size, 3)."""

    def __init__(self, settings: CaeSettings, *, size: int) -> None:
        super().__init__(name="cae")
        self.settings = settings
        self.encoder = encoder(settings, size=size)
        self.decoder = decoder(settings, size=size)
        self.augment = augment.make(settings)
        self.means = {"mse": keras.metrics.Mean(name="mse")}
        self.built = True

    def call(self, pictures: Any, training: bool = False) -> Any:
        """Return what comes in: all that is computed is in the loss."""
        return pictures

    def compute_loss(
        self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None, training: bool = True
    ) -> Any:
        """Return the squared error summed over a face: of a size that Adam's smallest step does not notice."""
        pictures = self.augment(ops.cast(x, "float32") / 255.0, training=training)
        found = self.decoder(self.encoder(pictures, training=training), training=training)
        mse = ops.mean(ops.square(found - pictures))
        self.means["mse"].update_state(mse)
        return mse * math.prod(pictures.shape[1:])
