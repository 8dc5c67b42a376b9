"""Arrays and labels that break, lie or attack: a DataError, and no pickle is read."""

import os
import struct

import numpy as np
import pytest
from PIL import Image
from strange_files import build, good, reasons

from idlcli.data import labels
from idlcli.errors import DataError


def npy(header, data=b"", version=b"\x01\0"):
    text = header.encode("latin-1")
    length = struct.pack("<H" if version == b"\x01\0" else "<L", len(text))
    return b"\x93NUMPY" + version + length + text + data


@pytest.mark.parametrize(
    "content",
    [
        npy("{'descr': '|u1', 'fortran_order': False, 'shape': (1000000000000, 64, 64, 3), }\n"),
        npy("{'descr': '|u1', 'fortran_order': False, 'shape': (99999999999999999999999, 64, 64, 3), }\n"),
        npy("{'descr': '|u1', 'fortran_order': False, 'shape': (-1, 8, 8, 3), }\n", bytes(1000)),
        npy("{'descr': '|u1', 'fortran_order': False, 'shape': (2, 8, 8, 3), }\n", bytes(100)),
        npy("{'descr': '|u1', 'fortran_order': False, 'shape': (2, 8), }\n", bytes(100)),
        npy("{'descr': '|u1', 'fortran_order': 5, 'shape': 'x', }\n"),
        npy("{'descr': '|O', 'fortran_order': False, 'shape': (2, 8, 8, 3), }\n", bytes(8000)),
        npy("{'descr': [('a', '|O')], 'fortran_order': False, 'shape': (2, 8, 8), }\n", bytes(8000)),
        npy("__import__('os').system('touch /tmp/idl-evil')\n"),
        npy("(" * 5000),
        npy("{" + " " * 60_000 + "}\n"),
        npy(" " * 20_000_000, version=b"\x02\0"),
        npy("\xff\xfe", version=b"\x03\0"),
        npy("{'descr': '|u1', 'fortran_order': False, 'shape': (0, 8, 8, 3), }\n"),
        npy("{'descr': '|u1', 'fortran_order': False, 'shape': (2, 0, 8, 3), }\n"),
        b"\x93NUMPY",
        b"\x93NUMPY\x09\x09" + bytes(100),
    ],
)
def test_arrays_that_lie(tmp_path, out, content):
    (tmp_path / "x.npy").write_bytes(content)
    with pytest.raises(DataError) as caught:
        build(tmp_path / "x.npy", out)
    assert caught.value.message.isprintable()
    assert not out.exists()
    assert not os.path.exists("/tmp/idl-evil")


def test_a_pickled_array_is_never_unpickled(tmp_path, out):
    class Evil:
        def __reduce__(self):
            return (os.system, ("touch /tmp/idl-evil",))

    np.save(tmp_path / "x.npy", np.array([Evil()], dtype=object), allow_pickle=True)
    with pytest.raises(DataError, match="Python objects"):
        build(tmp_path / "x.npy", out)
    assert not os.path.exists("/tmp/idl-evil")


def test_an_npz_is_not_taken_for_an_npy(tmp_path, out):
    np.savez(tmp_path / "x.npz", images=np.zeros((2, 8, 8, 3), np.uint8))
    with pytest.raises(DataError, match="no pictures"):
        build(tmp_path / "x.npz", out)


def test_rows_that_are_not_in_range_are_skipped_one_by_one(tmp_path, out):
    array = np.random.default_rng(0).random((6, 8, 8)).astype(np.float32)
    array[1, 2, 3] = np.nan
    array[2, 0, 0] = np.inf
    array[3] *= 255
    array[4, 1, 1] = -1e-3
    np.save(tmp_path / "x.npy", array)
    result = build(tmp_path / "x.npy", out)
    assert result["count"] == 2
    assert reasons(result)["1"] == "NaN"
    assert set(reasons(result)) == {"1", "2", "3", "4"}
    with pytest.raises(DataError, match="--strict"):
        build(tmp_path / "x.npy", out.with_name("strict"), strict=True)


def test_rows_too_large_to_be_pictures(tmp_path, out):
    with open(tmp_path / "x.npy", "wb") as file:
        np.lib.format.write_array_header_1_0(
            file, {"descr": "|u1", "fortran_order": False, "shape": (1, 100_000, 100_000)}
        )
        file.truncate(file.tell() + 10**10)
    with pytest.raises(DataError, match="megapixels"):
        build(tmp_path / "x.npy", out)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "the first line must name"),
        (b"id\n1\n", "at least one label"),
        (b"name,hair\n1,red\n", "`id` once"),
        (b"id,id,hair\n1,1,red\n", "`id` once"),
        (b"id,hair,hair\n0,red,red\n", "must be different"),
        (b"id,\n0,red\n", "must be different, not empty"),
        (b"id,hair\n", "no rows"),
        (b"id,hair\n0\n", "line 2: 1 cells under 2"),
        (b"id,hair\n0,red,blue\n", "line 2: 3 cells under 2"),
        (b"id,hair\n0,red\n0,blue\n", "line 3: a second row"),
        (b"id,hair\n,red\n", "line 2: an empty id"),
        (b'id,hair\n0,"red\n', "not a CSV"),
        (b"id,hair\n0,r\0ed\n", "CSV|not printable"),
        (b"id,hair\n0,\x1b[31mred\n", "line 2: a label that is not printable"),
        (b"id,hair\n0," + b"x" * 300 + b"\n", "over 200 characters"),
        (b"id,hair\n0," + b"x" * 200_000 + b"\n", "not a CSV"),
        (b"id,hair\n0,\xff\xfe\n", "not UTF-8"),
        ("id,hair\n0,red\n".encode("utf-16"), "not UTF-8"),
        (b"id,hair\nnone-of-them,red\n", "no id is that of a picture"),
        (("id," + ",".join(map(str, range(300))) + "\n0" + ",x" * 300).encode(), "at most 200"),
        (good(), "not UTF-8"),
    ],
)
def test_label_files_that_are_wrong_name_their_line(tmp_path, out, content, reason):
    np.save(tmp_path / "x.npy", np.zeros((1, 8, 8, 3), np.uint8))
    (tmp_path / "l.csv").write_bytes(content)
    with pytest.raises(DataError, match=reason) as caught:
        build(tmp_path / "x.npy", out, labels=str(tmp_path / "l.csv"))
    assert caught.value.message.isprintable()
    assert not out.exists()


def test_a_label_file_that_is_missing_or_a_directory(tmp_path, out):
    np.save(tmp_path / "x.npy", np.zeros((1, 8, 8, 3), np.uint8))
    for name in ("nowhere.csv", "folder"):
        (tmp_path / "folder").mkdir(exist_ok=True)
        with pytest.raises(DataError, match="No such file"):
            build(tmp_path / "x.npy", out, labels=str(tmp_path / name))


def test_a_column_of_names_is_no_label(tmp_path, out, monkeypatch):
    monkeypatch.setattr(labels, "MAX_WORDS", 5)
    np.save(tmp_path / "x.npy", np.zeros((9, 8, 8, 3), np.uint8))
    (tmp_path / "l.csv").write_text("id,who\n" + "".join(f"{n},name{n}\n" for n in range(9)))
    with pytest.raises(DataError, match="over 5 different labels"):
        build(tmp_path / "x.npy", out, labels=str(tmp_path / "l.csv"))


def test_more_folders_than_a_column_holds_are_no_labels(tmp_path, out, monkeypatch):
    """Nobody asked for the column of folders: the pictures are taken without it."""
    monkeypatch.setattr(labels, "MAX_WORDS", 5)
    for n in range(6):
        (tmp_path / "many" / f"{n}").mkdir(parents=True)
        Image.new("RGB", (8, 8)).save(tmp_path / "many" / f"{n}" / "a.png")
    built = build(tmp_path / "many", out)
    assert (built["count"], built["labels"]) == (6, [])
    (tmp_path / "many" / "5" / "a.png").unlink()
    assert build(tmp_path / "many", tmp_path / "fewer")["labels"] == ["folder"]
