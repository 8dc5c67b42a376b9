"""An encoder-decoder LSTM that reads and writes a number column by column, as a pupil does on paper.

The encoder LSTM reads the columns from the most significant to the least; the decoder LSTM goes back up and writes
a character a column. Both have a few units only: what has to be handed from one column to the next is little, and a
narrow state cannot learn queries by heart. What a column is turned into is wide: products of two projections of its
characters, (operator, a_i) and (operator, b_i), each character by its own embedding.
"""

from typing import Any

import keras
from keras import layers, ops

from idlcli.models.alignment import Align
from idlcli.models.layers import NoisyLSTM, OneHot
from idlcli.settings.seq2seq import Seq2seqSettings

EMBEDDING = 32


def build(settings: Seq2seqSettings, *, alphabet: str, digits: int, slots: int) -> keras.Model:
    """Return the text-text model: int (B, 2 * digits + 1) -> the outputs of :func:`core`."""
    query = keras.Input((2 * digits + 1,), dtype="int32", name="query")
    characters = OneHot(len(alphabet), name="one_hot")(query)
    return keras.Model(query, core(settings, alphabet=alphabet, digits=digits, slots=slots)(characters), name="columns")


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
    columns = layers.Dropout(settings.dropout, name="columns_dropout")(layers.Multiply(name="columns")(projections))

    encoder = NoisyLSTM(settings.units, settings.state_noise, name="encoder")
    context = encoder(ops.flip(columns[:, :digits], axis=1))[:, -1]
    contexts = layers.RepeatVector(slots, name="context")(context)
    start = layers.GaussianNoise(settings.state_noise, name="start_noise")(
        _dense(settings.units, "start", "tanh")(context)
    )
    decoder = NoisyLSTM(settings.units, settings.state_noise, name="decoder")
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


def losses(settings: Seq2seqSettings) -> tuple[dict[str, Any], dict[str, float]]:
    """Return the loss of each head, and its weight."""
    bits = keras.losses.BinaryCrossentropy(from_logits=True)
    answer = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    return (
        {"answer": answer, "carry": bits, "order": bits},
        {"answer": 1.0, "carry": settings.hint_weight, "order": settings.hint_weight},
    )


def _dense(units: int, name: str, activation: str | None = None) -> layers.Dense:
    return layers.Dense(units, activation=activation, kernel_initializer="lecun_normal", name=name)
