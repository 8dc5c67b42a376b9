"""Self-modulation: what a code scales and shifts, channel by channel and at all places alike."""

import dataclasses

import numpy as np
import pytest

from idlcli.seeds import rng
from idlcli.settings import GanSettings, VaeSettings

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


@pytest.mark.engine
def test_it_is_a_scale_and_a_shift_by_channel_from_one_hidden_layer(keras_engine):
    import keras

    from idlcli.models.modulation import modulated

    maps, code = keras.Input((2, 3, 4)), keras.Input((5,))
    model = keras.Model([maps, code], modulated(maps, code, 6, name="maps"))
    for variable in model.weights:
        variable.assign(rng(0, variable.path).normal(size=tuple(variable.shape)).astype("float32"))
    first, bias, second, more = (np.asarray(keras.ops.convert_to_numpy(v), float) for v in model.weights)
    drawn, codes = rng(0, "maps").normal(size=(7, 2, 3, 4)), rng(0, "codes").normal(size=(7, 5))
    both = np.maximum(codes @ first + bias, 0) @ second + more
    expected = drawn * (1 + both[:, None, None, :4]) + both[:, None, None, 4:]
    found = keras.ops.convert_to_numpy(model([drawn.astype("float32"), codes.astype("float32")]))
    assert np.allclose(found, expected, rtol=1e-4, atol=1e-4)


def drawing(model, settings, *, classes=0):
    """The network that draws, its first layer silent: all it then knows of a code is what it is told at each size."""
    import keras

    from idlcli.models.gan import generator
    from idlcli.models.vae import decoder

    keras.utils.set_random_seed(0)
    network = (generator if model == "gan" else decoder)(settings, size=16, classes=classes)
    start = network.get_layer("generator_start" if model == "gan" else "decoder_start")
    start.kernel.assign(np.zeros(start.kernel.shape, "float32"))
    return network


@pytest.mark.parametrize("head_width", [0, 4])
@pytest.mark.parametrize("model", ["gan", "vae", "vae batch"])
def test_every_model_that_draws_is_told_its_code_at_each_size(model, head_width, keras_engine):
    kind, _, batch = model.partition(" ")
    settings = GanSettings(latent=4, width=3) if kind == "gan" else VaeSettings(latent=4, width=3, depth=2)
    if batch:
        settings = dataclasses.replace(settings, batch_norm=True)
    settings = dataclasses.replace(settings, head_width=head_width)
    codes = rng(0, "codes").normal(size=(2, 4)).astype("float32")
    plain, told = (
        np.asarray(drawing(kind, dataclasses.replace(settings, self_modulation=units))(codes)) for units in (0, 5)
    )
    assert np.array_equal(plain[0], plain[1])
    assert not np.allclose(told[0], told[1], atol=1e-6)
    network = drawing(kind, dataclasses.replace(settings, self_modulation=5))
    layers = {layer.name for layer in network.layers}
    sizes = sum(name.endswith("_modulation") for name in layers)
    assert sizes == {"gan": 2, "vae": 1}[kind] + bool(head_width)
    assert not any(layer.center or layer.scale for layer in network.layers if "normalization" in layer.name)
    modulated = {name.removesuffix("_modulation") for name in layers if name.endswith("_modulation")}
    assert not any(layer.use_bias for layer in network.layers if layer.name in modulated)


@pytest.mark.parametrize("kind", ["gan", "vae"])
def test_of_a_model_with_labels_they_are_told_too(kind, keras_engine):
    settings = (GanSettings if kind == "gan" else VaeSettings)(latent=4, width=3, self_modulation=5)
    network = drawing(kind, settings, classes=2)
    codes = np.tile(rng(0, "codes").normal(size=4).astype("float32"), (2, 1))
    faces = np.asarray(network([codes, np.array([0, 1], "int32")]))
    assert not np.allclose(faces[0], faces[1], atol=1e-6)
