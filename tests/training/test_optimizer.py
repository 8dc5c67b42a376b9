"""The optimizers that settings name are those optimizers."""

import numpy as np
import pytest

from idlcli.settings import GanSettings, Seq2seqSettings

pytestmark = [pytest.mark.engine, pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")]


@pytest.mark.parametrize(("optimizer", "left"), [("adam", 1.0), ("adamw", 1 - 0.001 * 0.004)])
def test_adamw_lets_weights_fade_that_nothing_pulls_at(optimizer, left, keras_engine):
    """A step of rate 0.001 without a gradient; 0.004 is Keras's own decay. Kernels fade, no others."""
    import keras

    from idlcli.training.optimizer import make_optimizer

    weights = [keras.Variable([2.0, -3.0], name=name) for name in ("kernel", "bias", "gamma", "beta")]
    make_optimizer(Seq2seqSettings(optimizer=optimizer), steps=1).apply([keras.ops.zeros(2)] * 4, weights)
    kernel, *others = (keras.ops.convert_to_numpy(weight) for weight in weights)
    assert np.allclose(kernel, np.array([2.0, -3.0]) * left, atol=1e-7)
    for other in others:
        assert np.array_equal(other, [2.0, -3.0])


@pytest.mark.parametrize(("cosine", "rates"), [(True, [0.5, 1, 1, 0.5, 0]), (False, [0.5, 1, 1, 1, 1])])
def test_the_rate_rises_to_its_peak_and_falls_to_nothing_at_the_last_step(cosine, rates, keras_engine):
    """Ten steps, of which two warm up; the rate after the last one is that of no step."""
    import keras

    from idlcli.training.optimizer import WarmUp

    schedule = WarmUp(peak=3.0, steps=10, warmup=2, cosine=cosine)
    found = [float(keras.ops.convert_to_numpy(schedule(step))) for step in (0, 1, 2, 6, 10)]
    assert found == pytest.approx([3 * rate for rate in rates], abs=1e-6)


@pytest.mark.parametrize("optimizer", ["adam", "nadam", "adamw", "rmsprop"])
def test_the_first_moment_fades_as_was_asked_where_there_is_one(optimizer, keras_engine):
    from idlcli.training.optimizer import make_adversarial_optimizer

    settings = GanSettings(optimizer=optimizer, beta_1=0.37)
    rest, discriminator = make_adversarial_optimizer(settings, steps=1).optimizers
    for one in (rest, discriminator):
        assert getattr(one, "beta_1", 0.37) == 0.37
