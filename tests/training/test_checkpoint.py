"""A checkpoint is whole or refused; a model is changed by all of it or by nothing of it."""

import re
import struct

import numpy as np
import pytest

from idlcli.errors import DataError
from idlcli.training.checkpoint import Progress

pytestmark = [pytest.mark.engine, pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")]


def make_model(units=3, name="one", optimizer="adam"):
    import keras

    keras.utils.set_random_seed(units)
    numbers = keras.Input((2,), name="numbers")
    hidden = keras.layers.Dense(units, name=name)(numbers)
    model = keras.Model(numbers, keras.layers.BatchNormalization(name="norm")(hidden), name="small")
    model.compile(optimizer=optimizer, loss="mse")
    model.optimizer.build(model.trainable_variables)
    return model


def values(model):
    return [np.array(variable.numpy()) for variable in (*model.weights, *model.optimizer.variables)]


def differ(one, other):
    return any(not np.array_equal(a, b) for a, b in zip(one, other, strict=True))


@pytest.fixture
def saved(keras_engine, tmp_path):
    """A checkpoint of a model whose every value is a number of its own."""
    from idlcli.training import checkpoint

    model = make_model()
    for index, variable in enumerate((*model.weights, *model.optimizer.variables)):
        variable.assign(np.full(variable.shape, index + 1, dtype=variable.dtype))
    path = tmp_path / "one.safetensors"
    path.write_bytes(checkpoint.capture(model, Progress(7, 0.5, 3), {"units": 3}))
    return path, values(model)


def load(path, model, **options):
    from idlcli.training import checkpoint

    return checkpoint.load(path, model, **options)


def test_what_was_saved_is_what_is_loaded(saved):
    path, expected = saved
    model = make_model()
    assert differ(values(model), expected)
    assert load(path, model) == Progress(7, 0.5, 3)
    assert not differ(values(model), expected)


def test_without_the_optimizer_only_the_weights_are_loaded(saved):
    path, expected = saved
    model = make_model()
    before = [np.array(v.numpy()) for v in model.optimizer.variables]
    load(path, model, optimizer=False)
    count = len(model.weights)
    assert not differ(values(model)[:count], expected[:count])
    assert not differ(values(model)[count:], before)
    other = make_model(optimizer="sgd")
    load(path, other, optimizer=False)
    assert not differ([np.array(v.numpy()) for v in other.weights], expected[:count])


def test_the_same_model_gives_the_same_bytes(saved, tmp_path):
    """In as many tries as it takes to be sure that no hash order is in them."""
    from idlcli.training import checkpoint

    path, _ = saved
    model = make_model()
    load(path, model)
    for number in range(8):
        again = tmp_path / f"{number}.safetensors"
        again.write_bytes(checkpoint.capture(model, Progress(7, 0.5, 3), {"units": 3}))
        assert again.read_bytes() == path.read_bytes()


def test_a_checkpoint_cut_off_anywhere_is_refused_and_changes_nothing(saved, tmp_path):
    path, _ = saved
    content = path.read_bytes()
    model = make_model()
    before = values(model)
    for length in [*range(16), *range(16, len(content), 97), len(content) - 1]:
        path.write_bytes(content[:length])
        with pytest.raises(DataError) as caught:
            load(path, model)
        assert str(path) in caught.value.message
        assert "\n" not in caught.value.message
    assert not differ(values(model), before)


def edited(content, *changes):
    """The file with words of its header replaced; each must be there, behind however many backslashes."""
    (length,) = struct.unpack("<Q", content[:8])
    header = content[8 : 8 + length].decode()
    for old, new in changes:
        header, count = re.subn(old, new, header)
        assert count
    return struct.pack("<Q", len(header.encode())) + header.encode() + content[8 + length :]


QUOTE = r'(\\*")'
EDITS = {
    "no metadata": (r"__metadata__", "metadata"),
    "another program's": (r'"idl"', '"ldi"'),
    "a layout to come": (r'("idl":"\D*)1', r"\g<1>2"),
    "epoch as text": (rf"{QUOTE}epoch{QUOTE}: 7", r"\1epoch\2: \g<1>7\g<1>"),
    "epoch below zero": (rf"{QUOTE}epoch{QUOTE}: 7", r"\1epoch\2: -7"),
    "epoch of nothing": (rf"{QUOTE}epoch{QUOTE}: 7", r"\1epoch\2: null"),
    "epoch in part": (rf"{QUOTE}epoch{QUOTE}: 7", r"\1epoch\2: 7.5"),
    "no epoch": (rf"{QUOTE}epoch{QUOTE}", r"\1hcope\2"),
    "surplus": (rf"{QUOTE}epoch{QUOTE}: 7", r"\1epoch\2: 7, \1surplus\2: 7"),
    "broken progress": (rf"{QUOTE}epoch{QUOTE}: 7", r"\1epoch\2 7"),
    "a weight less": (r"model/one/kernel", "model/one/lenrek"),
    "another shape": (r'(model/one/kernel":\{"dtype":"F32","shape":)\[2,3\]', r"\1[3,2]"),
    "another type": (r'(model/one/kernel":\{"dtype":")F32', r"\1I32"),
    "a type that NumPy has not": (r'(model/one/kernel":\{"dtype":")F32","shape":\[2,3\]', r'\1BF16","shape":[2,6]'),
    "bytes from elsewhere": (r'(model/one/kernel".*?"data_offsets":)\[\d+,\d+\]', r"\1[0,1000000000000]"),
}  # fmt: skip


@pytest.mark.parametrize("what", EDITS)
def test_a_checkpoint_that_somebody_edited_is_refused_and_changes_nothing(what, saved):
    path, _ = saved
    path.write_bytes(edited(path.read_bytes(), EDITS[what]))
    model = make_model()
    before = values(model)
    with pytest.raises(DataError) as caught:
        load(path, model)
    assert str(path) in caught.value.message
    assert len(caught.value.message.replace(str(path), "")) < 250
    assert not differ(values(model), before)


@pytest.mark.parametrize(
    "content", [b"", b"\x80\x05.", b"\xff" * 64, b"\x89HDF\r\n\x1a\n" * 9, struct.pack("<Q", 2**62)]
)
def test_what_is_no_checkpoint_is_refused(content, saved):
    path, _ = saved
    path.write_bytes(content)
    with pytest.raises(DataError):
        load(path, make_model())


def test_a_checkpoint_of_another_model_is_refused_by_the_name_of_what_differs(saved):
    path, _ = saved
    for other, said in ((make_model(units=4), "model/one/kernel"), (make_model(name="two"), "model/two/kernel")):
        before = values(other)
        with pytest.raises(DataError, match=said):
            load(path, other)
        assert not differ(values(other), before)
    with pytest.raises(DataError, match="optimizer"):
        load(path, make_model(optimizer="sgd"))


def test_a_missing_checkpoint_and_a_directory_are_refused(saved, tmp_path):
    model = make_model()
    with pytest.raises(DataError, match="no checkpoint"):
        load(tmp_path / "nowhere.safetensors", model)
    with pytest.raises(DataError):
        load(tmp_path, model)


def test_two_weights_of_one_name_are_refused_not_lost(keras_engine):
    from idlcli.training import checkpoint

    model = make_model()
    model.get_layer("norm").gamma._path = model.get_layer("norm").beta.path
    with pytest.raises(ValueError, match="Two weights"):
        checkpoint.capture(model, Progress(1), {})


def test_what_it_was_trained_with_is_read_without_a_model(saved, tmp_path):
    from idlcli.training import checkpoint

    path, _ = saved
    assert checkpoint.settings_of(path) == {"units": 3}
    (name,) = re.findall(rb'settings\\\\?"', path.read_bytes())
    path.write_bytes(path.read_bytes().replace(name, name.replace(b"settings", b"ettingss")))
    assert checkpoint.settings_of(path) is None
    with pytest.raises(DataError, match="no checkpoint"):
        checkpoint.settings_of(tmp_path / "nowhere")
