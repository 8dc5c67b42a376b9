"""What a network of columns is made of."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from idlcli.data.queries import make_queries
from idlcli.seeds import rng
from idlcli.settings import Seq2seqSettings

pytestmark = pytest.mark.engine


@hypothesis_settings(max_examples=20, deadline=None)
@given(digits=st.integers(1, 4), steps=st.integers(1, 9), seed=st.integers(0, 9))
def test_pairs_of_digits_are_gathered_as_polynomials_are_multiplied(keras_engine, digits, steps, seed):
    from idlcli.models.columns import convolved

    first, second = np.random.default_rng(seed).normal(size=(2, 3, digits, 2)).astype("float32")
    found = np.asarray(convolved(first, second, steps=steps))
    assert found.shape == (3, steps, 2)
    wanted = np.zeros((3, max(steps, 2 * digits - 1), 2))
    for row in range(3):
        for channel in range(2):
            wanted[row, : 2 * digits - 1, channel] = np.convolve(first[row, :, channel], second[row, :, channel])
    np.testing.assert_allclose(found, wanted[:, :steps], atol=1e-5)


@pytest.mark.parametrize(("ops", "has"), [("+-", False), ("*", True), ("+-*", True)])
def test_partial_products_are_only_where_something_is_multiplied(ops, has, keras_engine):
    from idlcli.models import columns

    queries = make_queries(ops=ops, maximum=99)
    settings = Seq2seqSettings(architecture="columns", units=2, column_units=3, readout_units=4)
    model = columns.build(settings, alphabet=queries.alphabet, digits=2, slots=queries.answers.shape[1])
    assert any(layer.name == "partial" for layer in model.get_layer("core").layers) == has
    answers = model(queries.queries[:5].astype("int32"))["answer"]
    assert tuple(answers.shape) == (5, queries.answers.shape[1], len(queries.alphabet))


def test_what_sums_up_a_read_query_is_unsure_of_its_glyphs_in_training_only(keras_engine):
    """In training by how probable each character is; otherwise of the most probable one alone."""
    import keras

    from idlcli.models import columns

    alphabet = " 0123456789+-"
    settings = Seq2seqSettings(mode="image-text", architecture="columns", reader_width=2, dropout=0.0, state_noise=0.0)
    settings = dataclasses.replace(settings, units=2, column_units=3, readout_units=4, reader_dropout=0.0)
    model = columns.build(settings, alphabet=alphabet, digits=2, slots=3)
    glyphs = rng(0, "glyphs").random((4, 5, 28, 28)).astype("float32")
    core = model.get_layer("core")
    for training in (False, True):
        outputs = model(glyphs, training=training)
        shares = keras.ops.convert_to_numpy(keras.ops.softmax(outputs["glyph"]))
        assert shares.max() < 0.9
        read = shares if training else np.eye(len(alphabet), dtype="float32")[shares.argmax(axis=-1)]
        found, wanted = (keras.ops.convert_to_numpy(some["answer"]) for some in (outputs, core(read)))
        np.testing.assert_allclose(found, wanted, atol=1e-5)


@pytest.mark.parametrize("decay", [0.0, 0.9])
def test_the_reader_inside_reads_as_the_model_where_nothing_trains(decay, keras_engine):
    from idlcli.models import columns

    settings = Seq2seqSettings(mode="image-text", architecture="columns", reader_width=2, reader_ema=decay, units=2)
    model = columns.build(settings, alphabet=" 0123456789+-", digits=2, slots=3)
    glyphs = rng(0, "glyphs").random((4, 5, 28, 28)).astype("float32")
    for _ in range(3):
        model(glyphs, training=True)  # which moves the statistics of its normalisation, and their average less far
    read = columns.reader_of(model).predict_on_batch(glyphs.reshape(-1, 28, 28)).reshape(4, 5, -1)
    np.testing.assert_allclose(read, model.predict_on_batch(glyphs)["glyph"], atol=1e-5)
