"""The moving average of weights."""

import numpy as np
import pytest

pytestmark = pytest.mark.engine


def test_an_average_follows_the_network_in_training_and_answers_otherwise(keras_engine):
    import keras

    from idlcli.models.average import Averaged

    def answer(training: bool) -> float:
        return float(keras.ops.convert_to_numpy(layer(ones, training=training))[0, 0])

    taught = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, use_bias=False)])
    layer, ones = Averaged(taught, decay=0.5), np.ones((1, 2), np.float32)
    assert answer(training=False) == pytest.approx(answer(training=True))
    assert [weight.path for weight in layer.trainable_weights] == [weight.path for weight in taught.weights]
    mean = answer(training=False)
    for step in range(2, 15):
        taught.set_weights([np.full((2, 1), step / 2, np.float32)])
        assert answer(training=True) == pytest.approx(step)
        share = 1 - min(0.5, step / (step + 9))
        mean += share * (step - mean)
        assert answer(training=False) == pytest.approx(mean, rel=1e-5)
    assert share == 0.5
    assert mean < 14
