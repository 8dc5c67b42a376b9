"""An encoder-decoder LSTM that reads and writes a number column by column, as a pupil does on paper.

The encoder LSTM reads the columns from the most significant to the least; the decoder LSTM goes back up and writes
a character a column. Both have a few units only: what has to be handed from one column to the next is little, and a
narrow state cannot learn queries by heart. What a column is turned into is wide: products of two projections of its
characters, (operator, a_i) and (operator, b_i), each character by its own embedding. Where there is multiplication,
column k shows besides the sum over all pairs i + j = k of such products: what long multiplication adds up there.
"""

import functools
from typing import Any

import keras
from keras import layers, ops

from idlcli.models import glyph_classifier, glyph_writer
from idlcli.models.alignment import Align, Justify
from idlcli.models.average import Averaged
from idlcli.models.layers import EachGlyph, OneHot
from idlcli.models.recurrent import LSTM
from idlcli.settings.judge import TEACHER_WIDTH
from idlcli.settings.seq2seq import Seq2seqSettings

EMBEDDING = 32


def build(settings: Seq2seqSettings, *, alphabet: str, digits: int, slots: int) -> keras.Model:
    """Return the model of a mode.

    text-text: query int (B, 2 * digits + 1) -> the outputs of :func:`core`.
    image-text: glyphs float (B, 2 * digits + 1, 28, 28) -> the same, and glyph: logits (B, 2 * digits + 1, symbols).
    text-image: query, and the glyphs of the answer, written (B, slots, 28, 28), which only the training looks at ->
    the same, and image: logits of pixels (B, slots, 28, 28), and divergence: KL in nats of each glyph (B, slots); where
    its loss has a weight, also legible: what a reader makes of the answer in a drawn style, (B, slots, symbols).
    """
    width, symbols = 2 * digits + 1, len(alphabet)
    solve = core(settings, alphabet=alphabet, digits=digits, slots=slots)
    if settings.mode == "image-text":
        glyphs = keras.Input((width, 28, 28), name="glyphs")
        read = EachGlyph(_reader(settings, symbols), name="reader")(glyphs)
        outputs = solve(Decide(name="decide")(read))
        return keras.Model(glyphs, {**outputs, "glyph": read}, name="columns_image_text")
    query = keras.Input((width,), dtype="int32", name="query")
    outputs = solve(OneHot(symbols, name="one_hot")(query))
    if settings.mode == "text-text":
        return keras.Model(query, outputs, name="columns_text_text")
    justify = Justify(blank=alphabet.index(" "), name="justify")
    characters = justify(ops.softmax(outputs["answer"]))
    written = keras.Input((slots, 28, 28), name="written")
    legible = settings.style_size and settings.legible_weight
    reader = glyph_classifier.build(classes=symbols, width=TEACHER_WIDTH, dropout=0.0) if legible else None
    wrote = glyph_writer.build(
        symbols=symbols,
        style=settings.style_size,
        width=settings.writer_width,
        slots=slots,
        reader=reader,
        temperature=settings.pixel_temperature,
    )([characters, written])
    outputs |= dict(zip(("image", "divergence", "legible"), wrote, strict=False))
    return keras.Model({"query": query, "written": written}, outputs, name="columns_text_image")


@functools.lru_cache(maxsize=1)
def writing(model: keras.Model, *, style: int, temperature: float) -> keras.Model:
    """Return the trained text-image ``model`` as it writes, its weights shared.

    query int (B, T) and style float (B, style) -> glyphs float (B, slots, 28, 28) in [0, 1]; with ``style`` 0 the
    query alone. All glyphs of an answer are written in one style, their pixels at a ``temperature``.
    """
    characters, query = model.get_layer("justify").output, model.input["query"]
    if not style:
        return keras.Model(query, glyph_writer.ink(EachGlyph(glyph_writer.pen_of(model))(characters), temperature))
    hand = keras.Input((style,), name="style")
    said = ops.concatenate([characters, ops.repeat(hand[:, None], characters.shape[1], axis=1)], axis=-1)
    image = glyph_writer.ink(EachGlyph(glyph_writer.pen_of(model))(said), temperature)
    return keras.Model({"query": query, "style": hand}, image)


def core(settings: Seq2seqSettings, *, alphabet: str, digits: int, slots: int) -> keras.Model:
    """Return the model from characters to answers.

    float (B, 2 * digits + 1, symbols), distributions over the alphabet in the report's layout -> logits answer
    (B, slots, symbols), least significant digit first, carry (B, digits) and order (B, 3). Carry and order are
    auxiliary heads for the training; an answer is read from the first alone.
    """
    symbols = len(alphabet)
    characters = keras.Input((2 * digits + 1, symbols), name="characters")
    operators = tuple(alphabet.index(character) for character in "+-*" if character in alphabet)
    align = Align(digits=digits, steps=slots, blank=alphabet.index(" "), operators=operators, name="align")
    unit_normal = keras.initializers.RandomNormal(stddev=1.0)  # made here: that draws its seed
    embed = layers.Dense(EMBEDDING, use_bias=False, kernel_initializer=unit_normal, name="embedding")
    embedded = embed(align(characters))
    operator, first, second = embedded[:, :, 0], embedded[:, :, 1], embedded[:, :, 2]
    first = layers.Concatenate(name="pair_a")([operator, first])
    second = layers.Concatenate(name="pair_b")([operator, second])
    projections = [
        _dense(settings.column_units, f"project_{name}")(pair) for name, pair in (("a", first), ("b", second))
    ]
    columns = layers.Multiply(name="columns")(projections)
    if "*" in alphabet:
        factors = [
            _dense(settings.column_units, f"factor_{name}")(pair) for name, pair in (("a", first), ("b", second))
        ]
        partial = convolved(factors[0][:, :digits], factors[1][:, :digits], steps=slots)
        partial = layers.Dropout(settings.dropout, name="partial_dropout")(
            _dense(settings.column_units, "partial", "relu")(partial)
        )
        columns = layers.Concatenate(name="columns_and_partial")([columns, partial])
    columns = layers.Dropout(settings.dropout, name="columns_dropout")(columns)

    sequence = ops.flip(columns[:, :digits], axis=1)
    for depth in range(1, settings.encoder_layers + 1):
        sequence = LSTM(settings.units, noise=settings.state_noise, name=f"encoder_{depth}")(sequence)
    context = sequence[:, -1]
    contexts = layers.RepeatVector(slots, name="context")(context)
    start = layers.GaussianNoise(settings.state_noise, name="start_noise")(
        _dense(settings.units, "start", "tanh")(context)
    )
    decoder = LSTM(settings.units, noise=settings.state_noise, name="decoder")
    states = decoder(ops.concatenate([columns, contexts], axis=-1), initial_state=start)
    before = ops.concatenate([ops.expand_dims(start, 1), states[:, :-1]], axis=1)

    readout = _dense(settings.readout_units, "readout", "relu")(ops.concatenate([columns, contexts, before], axis=-1))
    readout = layers.Dropout(settings.dropout, name="readout_dropout")(readout)
    outputs = {
        "answer": _dense(symbols, "answer")(readout),
        "carry": layers.Reshape((digits,), name="carry")(_dense(1, "carry_logits")(states[:, :digits])),
        "order": _dense(3, "order")(context),
    }
    return keras.Model(characters, outputs, name="core")


def convolved(first: Any, second: Any, *, steps: int) -> Any:
    """Return (B, steps, channels): of two (B, digits, channels), at k the sum of first_i * second_j over i + j = k.

    It is the product of two polynomials a channel; past its degree there are zeros.
    """
    digits = first.shape[1]
    shifted = [ops.pad(first[:, i, None] * second, ((0, 0), (i, digits - 1 - i), (0, 0))) for i in range(digits)]
    whole = sum(shifted)
    return ops.pad(whole, ((0, 0), (0, max(steps - whole.shape[1], 0)), (0, 0)))[:, :steps]


def _reader(settings: Seq2seqSettings, symbols: int) -> Any:
    """Return what reads a glyph: float (B, 28, 28) -> logits (B, symbols)."""
    reader = glyph_classifier.build(
        classes=symbols, width=settings.reader_width, dropout=settings.reader_dropout, antialiased=True
    )
    return Averaged(reader, decay=settings.reader_ema, name="averaged") if settings.reader_ema else reader


def reader_of(model: keras.Model) -> keras.Model:
    """Return the network inside an image-text model that reads a glyph where nothing trains."""
    reader = model.get_layer("reader").network
    return reader.average if isinstance(reader, Averaged) else reader


def losses(settings: Seq2seqSettings) -> tuple[dict[str, Any], dict[str, float]]:
    """Return the loss of each head, and its weight."""
    bits = keras.losses.BinaryCrossentropy(from_logits=True)
    characters = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    heads: dict[str, tuple[Any, float]] = {
        "answer": (characters, 1.0),
        "carry": (bits, settings.hint_weight),
        "order": (bits, settings.hint_weight),
    }
    if settings.mode == "image-text":
        heads["glyph"] = (characters, settings.glyph_weight)
    if settings.mode == "text-image":
        heads["image"] = (bits, settings.image_weight)
        heads["divergence"] = (glyph_writer.mean_divergence, settings.image_weight * settings.kl_weight / 28**2)
        if settings.style_size and settings.legible_weight:
            heads["legible"] = (characters, settings.image_weight * settings.legible_weight / 28**2)
    return {name: loss for name, (loss, _) in heads.items()}, {name: weight for name, (_, weight) in heads.items()}


def _dense(units: int, name: str, activation: str | None = None) -> layers.Dense:
    return layers.Dense(units, activation=activation, kernel_initializer="lecun_normal", name=name)


class Decide(layers.Layer):
    """Logits (B, T, classes) -> in training their distribution, otherwise the most probable class as a one-hot vector.

    What comes behind it learns to be unsure with the network before it, and is then asked about one class only.
    """

    def call(self, logits: Any, training: bool = False) -> Any:
        """Return one vector over the classes for each step."""
        if training:
            return ops.softmax(logits)
        return ops.one_hot(ops.argmax(logits, axis=-1), logits.shape[-1], dtype=self.compute_dtype)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the shape as it is."""
        return input_shape
