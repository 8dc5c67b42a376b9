"""The adversary: a network that tells real faces from made ones, what both sides pay, and how both are trained at once.

With the settings of the GAN's recipe `paper` it is the discriminator of the DCGAN (Radford et al. 2015). Pictures are
float (B, S, S, 3) in [-1, 1].
"""

from typing import Any

import keras
from keras import layers, ops

from idlcli.models.normalization import BatchNormalization
from idlcli.models.spectral import SpectralConv2D, SpectralDense
from idlcli.settings.faces import AdversarialSettings

SMALLEST = 4
"""Side of the smallest maps, of a generator too."""
SLOPE = 0.2


def discriminator(settings: AdversarialSettings, *, size: int, classes: int) -> keras.Model:
    """Return the network from pictures (B, size, size, 3) (and labels int (B,)) to logits (B,): large for a real face.

    The first layer is not normalised. A label counts by its embedding's product with the mean of the last maps (Miyato
    and Koyama 2018).
    """
    picture = keras.Input((size, size, 3), name="discriminator_picture")
    label = keras.Input((), dtype="int32", name="discriminator_label") if classes else None
    convolution: Any = SpectralConv2D if settings.discriminator_norm == "spectral" else layers.Conv2D
    dense: Any = SpectralDense if settings.discriminator_norm == "spectral" else layers.Dense
    maps: Any = picture
    if filters := settings.discriminator_head_width:
        head = convolution(filters, 3, padding="same", kernel_initializer=normal(), name=f"discriminator_{size}")
        maps = head(maps)
        maps = layers.LeakyReLU(SLOPE, name=f"discriminator_relu_{size}")(maps)
    side = size
    while side > SMALLEST:
        side //= 2
        normalise = settings.discriminator_norm == "batch" and maps is not picture
        maps = convolution(
            filters_at(settings.discriminator_width, size, side), 4, strides=2, padding="same", use_bias=not normalise,
            kernel_initializer=normal(), name=f"discriminator_{side}",
        )(maps)  # fmt: skip
        if normalise:
            maps = BatchNormalization(
                momentum=0.9, epsilon=1e-5, name=f"discriminator_normalization_{side}"
            )(maps)  # fmt: skip
        maps = layers.LeakyReLU(SLOPE, name=f"discriminator_relu_{side}")(maps)
    flat = layers.Flatten(name="discriminator_flat")(maps)
    logits = dense(1, kernel_initializer=normal(), name="discriminator_logit")(flat)
    if label is not None:
        mean = layers.GlobalAveragePooling2D(name="discriminator_mean")(maps)
        embedded = layers.Embedding(classes, maps.shape[-1], name="discriminator_embedding")(label)
        logits = logits + layers.Dot(1, name="discriminator_fit")([mean, embedded])
    logits = layers.Reshape((), name="discriminator_logits")(logits)
    return keras.Model([picture, label] if label is not None else picture, logits, name="discriminator")


def frozen(network: keras.Model, inputs: Any) -> Any:
    """Return what a network in training gives, and let it move neither its weights nor its statistics."""
    weights = [ops.stop_gradient(variable.value) for variable in network.trainable_variables]
    others = [variable.value for variable in network.non_trainable_variables]
    outputs, _ = network.stateless_call(weights, others, inputs, training=True)
    return outputs


def discriminator_loss(kind: str, on_real: Any, on_made: Any) -> Any:
    """Return the mean over real and made faces of what telling them apart costs, from logits (B,)."""
    if kind == "hinge":
        return (ops.mean(ops.relu(1.0 - on_real)) + ops.mean(ops.relu(1.0 + on_made))) / 2
    return (ops.mean(ops.softplus(-on_real)) + ops.mean(ops.softplus(on_made))) / 2


def generator_loss(kind: str, on_made: Any) -> Any:
    """Return what it costs the generator that the discriminator finds its faces out, from logits (B,)."""
    return -ops.mean(on_made) if kind == "hinge" else ops.mean(ops.softplus(-on_made))


def filters_at(width: int, size: int, side: int) -> int:
    """Return the filters at ``side``: ``width`` at half the ``size``, twice as many at each further half, to 8-fold."""
    return width * min(8, size // 2 // side)


def normal() -> Any:
    """Return a new initializer of the DCGAN's weights: one for each kernel, because it draws its seed once."""
    return keras.initializers.RandomNormal(stddev=0.02)
