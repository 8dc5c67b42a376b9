"""The optimizers that settings name are those optimizers."""

import numpy as np
import pytest

from idlcli.settings import Seq2seqSettings

pytestmark = [pytest.mark.engine, pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")]


@pytest.mark.parametrize(("optimizer", "left"), [("adam", 1.0), ("adamw", 1 - 0.001 * 0.004)])
def test_adamw_lets_weights_fade_that_nothing_pulls_at(optimizer, left, keras_engine):
    """A step of rate 0.001 without a gradient; 0.004 is what Keras's own AdamW decays by."""
    import keras

    from idlcli.training.optimizer import make_optimizer

    weight, bias = (keras.Variable([2.0, -3.0], name=name) for name in ("kernel", "bias"))
    make_optimizer(Seq2seqSettings(optimizer=optimizer), steps=1).apply([keras.ops.zeros(2)] * 2, [weight, bias])
    assert np.allclose(keras.ops.convert_to_numpy(weight), np.array([2.0, -3.0]) * left, atol=1e-7)
    assert np.array_equal(keras.ops.convert_to_numpy(bias), [2.0, -3.0])
