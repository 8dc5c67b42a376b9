"""The encoder-decoder LSTM of the report's section 5: a query of T characters in, an answer of S characters out."""

from typing import Any

import keras
from keras import layers

from idlcli.models.layers import EachGlyph, OneHot
from idlcli.models.recurrent import LSTM
from idlcli.settings.seq2seq import Seq2seqSettings


def build(settings: Seq2seqSettings, *, alphabet: str, digits: int, slots: int) -> keras.Model:
    """Return the model of a mode. Of a query's T = 2 * digits + 1 characters and an answer's S = ``slots``:

    text-text: int (B, T) class indices -> logits float (B, S, symbols).
    image-text: glyphs float (B, T, 28, 28) in [0, 1] -> logits float (B, S, symbols).
    text-image: int (B, T) -> glyphs float (B, S, 28, 28) in [0, 1].
    """
    steps, symbols = 2 * digits + 1, len(alphabet)
    if settings.mode == "image-text":
        given = keras.Input((steps, 28, 28), name="glyphs")
        sequence = EachGlyph(reader(settings), name="reader")(given)
    else:
        given = keras.Input((steps,), dtype="int32", name="query")
        sequence = OneHot(symbols, name="one_hot")(given)
    repeated = layers.RepeatVector(slots, name="repeat")(encode(sequence, settings))
    states = LSTM(settings.units, name="decoder")(repeated)
    if settings.mode == "text-image":
        written = EachGlyph(writer(settings), name="writer")(states)
    else:
        written = layers.Dense(symbols, name="characters")(states)
    return keras.Model(given, written, name=f"seq2seq_{settings.mode.replace('-', '_')}")


def reader(settings: Seq2seqSettings) -> keras.Model:
    """Return the CNN in front of image-text: float (B, 28, 28) -> features (B, 128). Its sizes are assumed."""
    glyph = keras.Input((28, 28), name="glyph")
    maps: Any = layers.Reshape((28, 28, 1), name="channel")(glyph)
    for stage, filters in enumerate((settings.reader_width, 2 * settings.reader_width), start=1):
        maps = layers.Conv2D(filters, 3, activation="relu", name=f"convolution_{stage}")(maps)
        maps = layers.MaxPooling2D(name=f"pool_{stage}")(maps)
    features = layers.Dense(128, activation="relu", name="features")(layers.Flatten(name="flat")(maps))
    if settings.reader_dropout:
        features = layers.Dropout(settings.reader_dropout, name="features_dropout")(features)
    return keras.Model(glyph, features, name="glyph_reader")


def writer(settings: Seq2seqSettings) -> keras.Model:
    """Return the deconvolution of the report's section 5.4: a state (B, units) -> a glyph float (B, 28, 28).

    Dense to 7 x 7 x 64, then two transposed 3x3 convolutions of stride 2, the last with a sigmoid; the number of maps
    between the two (half as many) is assumed.
    """
    state = keras.Input((settings.units,), name="state")
    width = settings.writer_width
    maps = layers.Dense(7 * 7 * width, kernel_initializer=settings.initializer, name="maps")(state)
    maps = layers.Reshape((7, 7, width), name="grid")(_activation(settings, "maps_activation")(maps))
    shape = {"strides": 2, "padding": "same", "kernel_initializer": settings.initializer}
    maps = layers.Conv2DTranspose(width // 2 or 1, 3, **shape, name="up_1")(maps)
    maps = _activation(settings, "up_1_activation")(maps)
    maps = layers.Conv2DTranspose(1, 3, **shape, activation="sigmoid", name="up_2")(maps)
    return keras.Model(state, layers.Reshape((28, 28), name="pixels")(maps), name="glyph_writer")


def _activation(settings: Seq2seqSettings, name: str) -> layers.Layer:
    if settings.activation == "leaky_relu":
        return layers.LeakyReLU(negative_slope=settings.leak, name=name)
    return layers.ReLU(name=name)


def encode(sequence: keras.KerasTensor, settings: Seq2seqSettings) -> keras.KerasTensor:
    """Return the context (B, units) of a sequence (B, T, features): the last state of a stack of LSTMs."""
    for depth in range(1, settings.encoder_layers + 1):
        is_last = depth == settings.encoder_layers
        if settings.dropout:  # the same features at every step
            sequence = layers.Dropout(settings.dropout, noise_shape=(None, 1, None), name=f"dropout_{depth}")(sequence)
        sequence = LSTM(settings.units, return_sequences=not is_last, name=f"encoder_{depth}")(sequence)
    return layers.Dropout(settings.dropout, name="context_dropout")(sequence) if settings.dropout else sequence


def exact_match(answer: keras.KerasTensor, logits: keras.KerasTensor) -> keras.KerasTensor:
    """Return 1.0 for each answer (B, S) whose every character has the largest logit, else 0.0, as float (B,)."""
    right = keras.ops.equal(keras.ops.cast(answer, "int32"), keras.ops.cast(keras.ops.argmax(logits, -1), "int32"))
    return keras.ops.cast(keras.ops.all(right, axis=-1), "float32")


def compile(
    model: keras.Model, optimizer: keras.optimizers.Optimizer, *, jit: bool, heads: Any = None, pixels: str = ""
) -> None:
    """Compile a model that answers in text: cross-entropy per character, shares of right characters and answers.

    ``heads`` gives the losses and their weights by name for a model with more than one output; one is ``answer``.
    ``pixels`` names the loss of a model that answers in glyphs instead.
    """
    if pixels:
        model.compile(optimizer=optimizer, loss=pixels, jit_compile=jit)
        return
    metrics = [
        keras.metrics.SparseCategoricalAccuracy(name="character"),
        keras.metrics.MeanMetricWrapper(exact_match, name="exact"),
    ]
    if heads is None:
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(optimizer=optimizer, loss=loss, metrics=metrics, jit_compile=jit)
    else:
        losses, weights = heads
        model.compile(
            optimizer=optimizer, loss=losses, loss_weights=weights, metrics={"answer": metrics}, jit_compile=jit
        )
