"""Batch normalisation against Keras's own: what it gives, what it keeps for inference, and its gradients."""

import numpy as np
import pytest

from idlcli.seeds import rng

pytestmark = pytest.mark.engine
MAPS = rng(0, "maps").normal(0.3, 2.0, size=(5, 4, 4, 3)).astype(np.float32)
TARGET = rng(0, "target").normal(size=(5, 4, 4, 6)).astype(np.float32)


def trained(layer, steps=3):
    """Return the losses of some steps of gradient descent, what a model gives before and after, and its weights."""
    import keras

    given = keras.Input(MAPS.shape[1:])
    model = keras.Model(given, layer(keras.layers.Conv2D(6, 3, padding="same", use_bias=False)(given)))
    for place, weight in enumerate(model.trainable_weights):
        weight.assign(rng(2, "weight", place).normal(0.8, 0.5, weight.shape).astype(np.float32))
    model.compile(optimizer=keras.optimizers.SGD(0.3), loss="mse")
    found = [np.asarray(model.predict_on_batch(MAPS))]
    losses = [float(model.train_on_batch(MAPS, TARGET)) for _ in range(steps)]
    found.append(np.asarray(model.predict_on_batch(MAPS)))
    return losses, found, [keras.ops.convert_to_numpy(weight.value) for weight in model.weights]


@pytest.mark.parametrize("own", [{}, {"center": False}, {"scale": False}, {"center": False, "scale": False}], ids=str)
def test_it_is_the_batch_normalisation_of_keras(keras_engine, own):
    import keras

    from idlcli.models.normalization import BatchNormalization

    losses, given, weights = trained(BatchNormalization(momentum=0.7, epsilon=1e-4, **own))
    expected_losses, expected, moved = trained(keras.layers.BatchNormalization(momentum=0.7, epsilon=1e-4, **own))
    assert losses == pytest.approx(expected_losses, rel=1e-5)
    assert expected_losses[0] > expected_losses[-1]
    for one, other in zip([*given, *weights], [*expected, *moved], strict=True):
        assert np.abs(one - other).max() < 1e-5
    kept = moved[-2:]
    assert np.abs(kept[0]).min() > 1e-3  # the averages moved
    assert np.abs(kept[1] - 1).min() > 1e-3


def test_of_one_network_in_two_trainings_the_weights_that_are_held_do_not_move(keras_engine):
    """As an adversary is held while the other side learns: its values are given, and its averages stay as they are."""
    import keras

    from idlcli.models.discriminator import frozen
    from idlcli.models.normalization import BatchNormalization

    def judged(layer):
        given = keras.Input(MAPS.shape[1:])
        network = keras.Model(given, layer(keras.layers.Conv2D(2, 3, kernel_initializer="ones")(given)))
        found = keras.ops.convert_to_numpy(frozen(network, MAPS))
        return found, [keras.ops.convert_to_numpy(weight.value) for weight in network.weights]

    ours, kept = judged(BatchNormalization())
    theirs, before = judged(keras.layers.BatchNormalization())
    assert np.abs(ours - theirs).max() < 1e-5
    assert all(np.array_equal(one, other) for one, other in zip(kept, before, strict=True))


def test_maps_that_are_all_alike_make_no_infinity(keras_engine):
    import keras

    from idlcli.models.normalization import BatchNormalization

    model = keras.Sequential([keras.Input((4, 4, 2)), BatchNormalization()])
    model.compile(optimizer=keras.optimizers.SGD(1.0), loss="mse")
    model.train_on_batch(np.full((3, 4, 4, 2), 7.0, np.float32), np.ones((3, 4, 4, 2), np.float32))
    assert all(np.isfinite(keras.ops.convert_to_numpy(weight.value)).all() for weight in model.weights)
