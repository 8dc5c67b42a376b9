"""The encoder-decoder LSTM of the report's section 5: a query of T characters in, an answer of S characters out."""

from typing import Any

import keras
from keras import layers

from idlcli.models.layers import OneHot
from idlcli.settings.seq2seq import Seq2seqSettings


def build(settings: Seq2seqSettings, *, alphabet: str, digits: int, slots: int) -> keras.Model:
    """Return the model of a mode.

    text-text: int (B, 2 * digits + 1) class indices -> float (B, slots, symbols) logits.
    """
    query = keras.Input((2 * digits + 1,), dtype="int32", name="query")
    characters = OneHot(len(alphabet), name="one_hot")(query)
    context = encode(characters, settings)
    steps = layers.RepeatVector(slots, name="repeat")(context)
    states = layers.LSTM(settings.units, return_sequences=True, unroll=True, name="decoder")(steps)
    logits = layers.Dense(len(alphabet), name="characters")(states)
    return keras.Model(query, logits, name="seq2seq_text_text")


def encode(sequence: keras.KerasTensor, settings: Seq2seqSettings) -> keras.KerasTensor:
    """Return the context (B, units) of a sequence (B, T, features): the last state of a stack of LSTMs."""
    for depth in range(1, settings.encoder_layers + 1):
        is_last = depth == settings.encoder_layers
        sequence = layers.LSTM(
            settings.units, return_sequences=not is_last, unroll=True, dropout=settings.dropout, name=f"encoder_{depth}"
        )(sequence)
    return layers.Dropout(settings.dropout, name="context_dropout")(sequence) if settings.dropout else sequence


def exact_match(answer: keras.KerasTensor, logits: keras.KerasTensor) -> keras.KerasTensor:
    """Return 1.0 for each answer (B, S) whose every character has the largest logit, else 0.0, as float (B,)."""
    right = keras.ops.equal(keras.ops.cast(answer, "int32"), keras.ops.cast(keras.ops.argmax(logits, -1), "int32"))
    return keras.ops.cast(keras.ops.all(right, axis=-1), "float32")


def compile(model: keras.Model, optimizer: keras.optimizers.Optimizer, *, jit: bool, heads: Any = None) -> None:
    """Compile a text-answering model: cross-entropy per character, the shares of right characters and right answers.

    ``heads`` gives the losses and their weights by name for a model with more than one output; one is ``answer``.
    """
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
