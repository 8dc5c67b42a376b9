"""A conditional variational autoencoder (Sohn et al. 2015) that writes by hand: which character, in which style.

In training, the style of each glyph is inferred from a real one of the character; afterwards it is drawn from N(0, I),
so that one answer comes in as many hands as are asked for. Few glyphs fill that space thinly, and what lies between
them is easily no character at all: a reader, which is trained before and stays as it is, may look at drawn styles too.
"""

from typing import Any

import keras
from keras import layers, ops

from idlcli.models.layers import EachGlyph


def build(
    *, symbols: int, style: int, width: int, slots: int, reader: keras.Model | None = None, temperature: float = 1.0
) -> keras.Model:
    """Return the network in training: characters (B, slots, symbols), glyphs (B, slots, 28, 28) -> logits and KL.

    Characters are distributions, glyphs are float in [0, 1]. The outputs are logits of pixels (B, slots, 28, 28) and
    the KL divergence of each glyph's style from N(0, I), in nats, (B, slots); with ``style`` 0 there is none. With a
    ``reader``, glyphs (B, 28, 28) -> logits (B, symbols), a third output is what it reads where an answer is written
    in a drawn style at a ``temperature``, (B, slots, symbols); the reader's weights do not move.
    """
    characters = keras.Input((slots, symbols), name="characters")
    glyphs = keras.Input((slots, 28, 28), name="glyphs")
    pen = decoder(symbols=symbols, style=style, width=width)
    if not style:
        image = EachGlyph(pen, name="pen")(characters)
        return keras.Model([characters, glyphs], [image, 0.0 * ops.sum(characters, axis=-1)], name="writer")
    seen = EachGlyph(encoder(style=style, width=width), name="eye")(glyphs)
    code = layers.Dense(2 * style, name="posterior")(ops.concatenate([seen, characters], axis=-1))
    inferred, divergence = Style(name="style")(code)
    write = EachGlyph(pen, name="pen")
    outputs = [write(ops.concatenate([characters, inferred], axis=-1)), divergence]
    if reader is not None:
        reader.trainable = False
        drawn = DrawnStyle(style, name="drawn_style")(characters)
        written = ink(write(ops.concatenate([characters, drawn], axis=-1)), temperature)
        outputs.append(EachGlyph(reader, name="reader")(written))
    return keras.Model([characters, glyphs], outputs, name="writer")


def decoder(*, symbols: int, style: int, width: int) -> keras.Model:
    """Return the pen: a character's distribution and a style, joined (B, symbols + style) -> logits (B, 28, 28)."""
    said = keras.Input((symbols + style,), name="said")
    maps = layers.Dense(256, name="plan")(said)
    maps = layers.ReLU(name="plan_relu")(maps)
    maps = layers.Dense(7 * 7 * width, name="maps")(maps)
    maps = layers.ReLU(name="maps_relu")(maps)
    maps = layers.Reshape((7, 7, width), name="grid")(maps)
    maps = layers.Conv2DTranspose(width // 2 or 1, 4, strides=2, padding="same", name="up_1")(maps)
    maps = layers.ReLU(name="up_1_relu")(maps)
    maps = layers.Conv2DTranspose(1, 4, strides=2, padding="same", name="up_2")(maps)
    return keras.Model(said, layers.Reshape((28, 28), name="pixels")(maps), name="pen")


def encoder(*, style: int, width: int) -> keras.Model:
    """Return the eye: glyphs float (B, 28, 28) -> features (B, 256) that their style is told by."""
    glyph = keras.Input((28, 28), name="glyph")
    maps: Any = layers.Reshape((28, 28, 1), name="channel")(glyph)
    for stage, filters in enumerate((width // 2 or 1, width), start=1):
        maps = layers.Conv2D(filters, 4, strides=2, padding="same", activation="relu", name=f"down_{stage}")(maps)
    features = layers.Dense(256, activation="relu", name="features")(layers.Flatten(name="flat")(maps))
    return keras.Model(glyph, features, name="eye")


def ink(logits: Any, temperature: float) -> Any:
    """Return pixels in [0, 1] of logits: at 1 the means that were learnt, below it nearer to the black of a hand."""
    return ops.sigmoid(logits / temperature)


def pen_of(model: keras.Model) -> keras.Model:
    """Return the decoder inside a model made by :func:`build`, or one that holds such a model as ``writer``."""
    writer = model if model.name == "writer" else model.get_layer("writer")
    return writer.get_layer("pen").network


def reader_of(model: keras.Model) -> keras.Model:
    """Return the reader inside a model that holds one made by :func:`build` as ``writer``."""
    return model.get_layer("writer").get_layer("reader").network


def mean_divergence(_: Any, divergence: Any) -> Any:
    """Return the mean KL divergence of a glyph in each answer, nats (B,): a loss that needs no target."""
    return ops.mean(divergence, axis=-1)


class Style(layers.Layer):
    """Draws a style from its posterior: (B, T, 2 * style), mean and log-variance -> styles (B, T, style), KL (B, T)."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.seed_generator = keras.random.SeedGenerator()

    def call(self, code: Any) -> Any:
        """Return the drawn styles and their KL divergences from N(0, I), in nats (Kingma and Welling 2014, app. B)."""
        mean, log_variance = ops.split(code, 2, axis=-1)
        noise = keras.random.normal(ops.shape(mean), seed=self.seed_generator, dtype=self.compute_dtype)
        divergence = 0.5 * ops.sum(ops.exp(log_variance) + ops.square(mean) - 1.0 - log_variance, axis=-1)
        return mean + ops.exp(0.5 * log_variance) * noise, divergence

    def compute_output_shape(self, shape: Any) -> Any:
        """Return the shapes of the styles and of the divergences."""
        return (*shape[:-1], shape[-1] // 2), tuple(shape[:-1])


class DrawnStyle(layers.Layer):
    """Draws a style from N(0, I) for each answer: (B, T, anything) -> (B, T, style), the same at every T."""

    def __init__(self, style: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.style = style
        self.seed_generator = keras.random.SeedGenerator()

    def call(self, characters: Any) -> Any:
        """Return the drawn styles."""
        shape = (ops.shape(characters)[0], 1, self.style)
        drawn = keras.random.normal(shape, seed=self.seed_generator, dtype=self.compute_dtype)
        return ops.repeat(drawn, characters.shape[1], axis=1)

    def compute_output_shape(self, shape: Any) -> Any:
        """Return (B, T, style)."""
        return (*shape[:2], self.style)
