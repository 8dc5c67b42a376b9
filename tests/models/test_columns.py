"""What a network of columns is made of."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from idlcli.data.queries import make_queries
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
