"""PyTorch weight files that lie, attack or are cut short: a DataError that says what is wrong, and nothing is run."""

import os
import pickle
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from torch_files import (
    FOUR,
    GOOD,
    ONE,
    ORDERED_DICT,
    REBUILD,
    Call,
    Global,
    Raw,
    Reference,
    legacy,
    opcodes,
    pickled,
    read,
    storage,
    window,
    zipped,
)  # fmt: skip

from idlcli.data import torch_pickle, torch_weights
from idlcli.data.torch_weights import read_torch_weights
from idlcli.errors import DataError


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
