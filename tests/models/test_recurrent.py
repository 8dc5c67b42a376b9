"""The LSTM against Keras's own, and its hand-written gradients against those that the engine derives."""

import numpy as np
import pytest

from idlcli.seeds import rng

BATCH, STEPS, FEATURES, UNITS = 6, 4, 5, 7
pytestmark = pytest.mark.engine


def trained(make, inputs, target):
    """Return what a model gives before a step of plain gradient descent, and all its weights after it.

    The weights are NumPy's, so that two models with weights of the same shapes begin as one.
    """
    import keras

    model = make()
    for place, weight in enumerate(model.weights):
        weight.assign(rng(2, "weight", place).normal(0, 0.5, weight.shape).astype(np.float32))
    model.compile(optimizer=keras.optimizers.SGD(1.0), loss="mse")
    given = np.asarray(model.predict_on_batch(inputs))
    model.train_on_batch(inputs, target)
    return given, [np.array(weight.numpy()) for weight in model.weights]


def check(ours, theirs, inputs, target, *, idle=False):
    given, weights = trained(ours, inputs, target)
    expected, moved = trained(theirs, inputs, target)
    assert np.abs(given - expected).max() < 1e-6
    assert len(weights) == len(moved)
    for place, (one, other) in enumerate(zip(weights, moved, strict=True)):
        first = rng(2, "weight", place).normal(0, 0.5, one.shape).astype(np.float32)
        assert np.abs(other - first).max() > 1e-4 or (idle and place == 3)  # each weight has a gradient
        assert np.abs(one - other).max() < 1e-6


@pytest.mark.parametrize("steps", [1, 2, STEPS])
@pytest.mark.parametrize("sequences", [True, False])
def test_it_is_the_lstm_of_keras(keras_engine, steps, sequences):
    import keras

    from idlcli.models.recurrent import LSTM

    def model(layer):
        given = keras.Input((steps, FEATURES))
        first = keras.layers.Dense(FEATURES)(given)  # its gradient is that of the sequence
        return keras.Model(given, layer(first))

    inputs = rng(0, "inputs").normal(size=(BATCH, steps, FEATURES)).astype(np.float32)
    target = rng(0, "target").normal(size=(BATCH, steps, UNITS) if sequences else (BATCH, UNITS)).astype(np.float32)
    check(
        lambda: model(LSTM(UNITS, return_sequences=sequences)),
        lambda: model(keras.layers.LSTM(UNITS, return_sequences=sequences, unroll=True)),
        inputs, target, idle=steps == 1,  # one step from zeros: no use of the recurrent matrix
    )  # fmt: skip


def test_a_state_to_begin_with_and_disturbances_have_their_gradients_too(keras_engine):
    import keras

    from idlcli.models.recurrent import lstm

    class Ours(keras.layers.Layer):
        def __init__(self):
            super().__init__()
            self.cell = keras.layers.LSTMCell(UNITS)

        def build(self, *_):
            self.cell.build((None, FEATURES))

        def call(self, sequence, first, disturbances):
            weights = (keras.ops.copy(weight) for weight in self.cell.weights)
            return lstm(sequence, *weights, initial_state=first, disturbances=disturbances)

        def compute_output_shape(self, shape, *_):
            return (*shape[:2], UNITS)

    class Derived(Ours):
        def call(self, sequence, first, disturbances):
            state, carry, states = first, keras.ops.zeros_like(first), []
            for step in range(sequence.shape[1]):
                _, (state, carry) = self.cell(sequence[:, step], [state, carry])
                state = state + disturbances[:, step]
                states.append(state)
            return keras.ops.stack(states, axis=1)

    def model(layer):
        given = keras.Input((STEPS, FEATURES))
        first = keras.layers.Dense(UNITS)(given[:, 0])
        disturbances = keras.layers.Dense(UNITS)(given)
        return keras.Model(given, layer(keras.layers.Dense(FEATURES)(given), first, disturbances))

    inputs = rng(0, "inputs").normal(size=(BATCH, STEPS, FEATURES)).astype(np.float32)
    target = rng(0, "target").normal(size=(BATCH, STEPS, UNITS)).astype(np.float32)
    check(lambda: model(Ours()), lambda: model(Derived()), inputs, target)


def test_noise_is_for_training_and_has_its_size(keras_engine):
    import keras

    from idlcli.models.recurrent import LSTM

    keras.utils.set_random_seed(1)
    noisy, still = LSTM(200, noise=0.3), LSTM(200)
    inputs = rng(0, "inputs").normal(size=(200, 2, FEATURES)).astype(np.float32)
    calm = np.asarray(keras.ops.convert_to_numpy(noisy(inputs)))
    still(inputs)
    still.set_weights(noisy.get_weights()[:3])
    assert np.array_equal(calm, np.asarray(keras.ops.convert_to_numpy(still(inputs))))
    stirred = np.asarray(keras.ops.convert_to_numpy(noisy(inputs, training=True)))
    assert (stirred - calm)[:, 0].std() == pytest.approx(0.3, rel=0.02)
    assert (stirred - calm)[:, 1].std() > 0.3  # its own noise, and what the first did to it
