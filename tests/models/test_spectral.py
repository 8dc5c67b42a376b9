"""The kernels divided by their largest singular value: by NumPy's decomposition, and at inference on every engine."""

import numpy as np
import pytest

from idlcli.seeds import rng

pytestmark = [pytest.mark.engine, pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")]


def made(kind):
    from idlcli.models.spectral import SpectralConv2D, SpectralDense

    layer = (
        SpectralConv2D(5, 4, strides=2, padding="same", name="layer")
        if kind == "conv"
        else SpectralDense(5, name="layer")
    )
    inputs = rng(0, "inputs").normal(size=(2, 8, 8, 3) if kind == "conv" else (2, 7)).astype("float32")
    layer.build(inputs.shape)
    layer.kernel.assign(rng(0, "kernel").normal(size=tuple(layer.kernel.shape)).astype("float32"))
    layer.bias.assign(rng(0, "bias").normal(size=5).astype("float32"))
    return layer, inputs


@pytest.mark.parametrize("kind", ["conv", "dense"])
def test_after_many_steps_the_norm_is_numpy_s(keras_engine, kind):
    """The layer is then the plain one with a kernel that NumPy divided by its largest singular value."""
    import keras

    layer, inputs = made(kind)
    kernel = np.array(keras.ops.convert_to_numpy(layer.kernel))
    largest = np.linalg.svd(kernel.reshape(-1, 5), compute_uv=False)[0]
    for _ in range(100):
        layer(inputs, training=True)
    if kind == "conv":
        plain = keras.ops.conv(inputs, kernel / largest, strides=2, padding="same")
    else:
        plain = inputs @ (kernel / largest)
    expected = np.array(keras.ops.convert_to_numpy(plain)) + np.array(keras.ops.convert_to_numpy(layer.bias))
    for training in (True, False):
        found = keras.ops.convert_to_numpy(layer(inputs, training=training))
        assert np.abs(found - expected).max() < 1e-4 * np.abs(expected).max()


def test_inference_moves_nothing_and_training_comes_nearer(keras_engine):
    import keras

    layer, inputs = made("dense")
    kernel = np.array(keras.ops.convert_to_numpy(layer.kernel))
    largest = np.linalg.svd(kernel, compute_uv=False)[0]

    def said():
        direction = np.array(keras.ops.convert_to_numpy(layer.singular))
        return np.linalg.norm(kernel @ (direction / np.linalg.norm(direction)))

    before = said()
    layer(inputs, training=False)
    assert said() == before
    lengths = [before]
    for _ in range(5):
        layer(inputs, training=True)
        lengths.append(said())
    assert lengths == sorted(lengths)
    assert lengths[0] < lengths[-1] <= largest * (1 + 1e-6)
