"""PyTorch weight files made by hand, opcode by opcode: without PyTorch, and a file can say what it never would."""

import struct
import zipfile
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np

from idlcli.data.torch_weights import read_torch_weights


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


ARRAYS = {
    "conv.weight": np.arange(24, dtype=np.float32).reshape(2, 3, 2, 2),
    "bn.bias": np.array([0.5, -1.5], np.float32),
}
ONE = {"w": window(storage("0", 4), 0, (2, 2), (2, 1))}
FOUR = {"0": np.arange(4, dtype=np.float32).tobytes()}
GOOD = {"legacy": legacy(ONE, FOUR), "zip": zipped(ONE, FOUR)}


def read(data: bytes, folder: Path) -> dict[str, np.ndarray]:
    """What the package reads in a weight file of these bytes."""
    (folder / "net.pth").write_bytes(data)
    return read_torch_weights(path=folder / "net.pth")
