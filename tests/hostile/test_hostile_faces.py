"""Faces from sources that break, lie or attack: a short reason or a DataError, nothing written, nothing left behind."""

import contextlib
import io
import json
import os
import random
import stat
import struct
import subprocess
import sys
import tempfile
import zipfile
import zlib

import cv2
import numpy as np
import pytest
from PIL import Image

from idlcli.data import faces, labels, pictures, zips
from idlcli.errors import DataError, IdlError, UsageError
from idlcli.settings.data import FacesSettings


def good(seed=0, side=10, ending=".png"):
    array = np.random.default_rng(seed).integers(0, 256, (side, side, 3), np.uint8)
    return cv2.imencode(ending, array)[1].tobytes()


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_claiming(width, height, rows=b""):
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def build(source, out, **options):
    return faces.build(settings=FacesSettings(source=str(source), size=8, **options), out=out)


def reasons(result):
    return {one["file"]: one["reason"] for one in result["skipped"]}


@pytest.fixture
def out(tmp_path):
    yield tmp_path / "out"
    assert not (tmp_path / ".out.building").exists()


# --- zips ---------------------------------------------------------------------------------------------------------


def pack(path, members, compression=zipfile.ZIP_STORED):
    """Write a zip of (name or ZipInfo, content) pairs, with one good picture among them."""
    with zipfile.ZipFile(path, "w", compression) as archive:
        archive.writestr("good.png", good())
        for name, content in members:
            archive.writestr(name, content)
    return path


@pytest.mark.parametrize(
    "name",
    [
        "../evil.png", "../../../../tmp/idl-evil.png", "a/../../evil.png", "/tmp/idl-evil.png", "C:/evil.png",
        "..\\evil.png", "\\\\server\\share\\evil.png", "C:\\evil.png",
    ],
)  # fmt: skip
def test_names_that_climb_out_are_listed_and_nothing_is_unpacked(tmp_path, out, name):
    (tmp_path / "in").mkdir()
    result = build(pack(tmp_path / "in" / "x.zip", [(name, good(1))]), out)
    assert result["count"] == 1
    assert list(reasons(result).values()) == ["an unsafe name"]
    assert not list(tmp_path.rglob("*evil*"))
    assert not os.path.exists("/tmp/idl-evil.png")


@pytest.mark.parametrize("text", ["a\nb.png", "a\x1b[31mb.png", "\u202eb.png", "a\rb.png", "a b\u00a0.png", "😀.png"])
def test_names_that_would_spoil_a_terminal_are_made_printable(tmp_path, out, text):
    result = build(pack(tmp_path / "x.zip", [(text, b"no picture")]), out)
    (name,) = reasons(result)
    assert name.isprintable()
    assert "\n" not in name
    json.loads((out / "manifest.json").read_text())


def test_a_nul_in_a_name_does_not_make_a_picture_of_a_program(tmp_path, out):
    path = pack(tmp_path / "x.zip", [("a.pngXexe", good(1)), ("b.exeXpng", good(1))])
    path.write_bytes(path.read_bytes().replace(b"a.pngXexe", b"a.png\0exe").replace(b"b.exeXpng", b"b.exe\0png"))
    result = build(path, out)
    assert result["count"] == 1
    assert set(reasons(result).values()) == {"an unsafe name"}


def test_a_name_that_is_not_the_utf8_it_claims(tmp_path, out):
    path = pack(tmp_path / "x.zip", [("caf\u00e9.png", good(1))])
    path.write_bytes(path.read_bytes().replace("caf\u00e9".encode(), b"caf\xff\xff"))
    with pytest.raises(DataError, match="not a whole zip"):
        build(path, out)


def test_old_names_in_no_known_encoding_are_taken(tmp_path, out):
    path = pack(tmp_path / "x.zip", [("caf\u00e9.png", good(1))])
    data = path.read_bytes().replace("caf\u00e9".encode(), b"caf\x82\x83")
    path.write_bytes(data.replace(b"\x14\0\0\x08", b"\x14\0\0\0"))  # the flag that says UTF-8
    assert build(path, out)["count"] == 2


def test_links_and_special_files_in_a_zip(tmp_path, out):
    members = []
    for name, kind in (("link.png", stat.S_IFLNK), ("pipe.png", stat.S_IFIFO), ("device.png", stat.S_IFCHR)):
        info = zipfile.ZipInfo(name)
        info.create_system, info.external_attr = 3, (kind | 0o777) << 16
        members.append((info, b"/etc/passwd"))
    found = reasons(build(pack(tmp_path / "x.zip", members), out))
    assert found == {"device.png": "a special file", "link.png": "a symbolic link", "pipe.png": "a special file"}


def test_encrypted_members_are_skipped(tmp_path, out):
    path = pack(tmp_path / "x.zip", [("secret.png", good(1))])
    data = bytearray(path.read_bytes())
    at = data.rindex(b"PK\x01\x02", 0, data.rindex(b"secret.png"))
    data[at + 8] |= 1
    path.write_bytes(data)
    assert reasons(build(path, out)) == {"secret.png": "encrypted"}


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_methods_that_unpack_without_a_bound_are_skipped(tmp_path, out, method):
    info = zipfile.ZipInfo("bomb.png")
    info.compress_type = method
    found = reasons(build(pack(tmp_path / "x.zip", [(info, bytes(10_000_000))]), out))
    assert found == {"bomb.png": "packed in another way than deflate"}


def test_a_deflate_bomb_is_skipped_by_its_ratio_or_size(tmp_path, out):
    path = tmp_path / "x.zip"
    pack(path, [("a.png", bytes(5_000_000)), ("b.png", bytes(zips.MAX_BYTES + 1))], zipfile.ZIP_DEFLATED)
    found = reasons(build(path, out))
    assert found == {"a.png": "unpacks to over 250 times its size", "b.png": "larger than 64 MiB"}


def test_a_bomb_that_lies_about_its_size_is_cut_off(tmp_path, out):
    path = pack(tmp_path / "x.zip", [("a.png", bytes(5_000_000))], zipfile.ZIP_DEFLATED)
    data = path.read_bytes()
    path.write_bytes(data.replace(struct.pack("<L", 5_000_000), struct.pack("<L", 900)))
    assert "a.png" in reasons(build(path, out))


def test_a_whole_zip_that_is_a_bomb(tmp_path, out, monkeypatch):
    monkeypatch.setattr(zips, "MAX_RATIO", 10**9)
    path = pack(tmp_path / "x.zip", [("1.png", bytes(60 * 2**20))], zipfile.ZIP_DEFLATED)
    data = path.read_bytes()
    # Twenty entries of the table point at the same member, as overlapping bombs do.
    at = data.index(b"PK\x01\x02")
    end = data.rindex(b"PK\x05\x06")
    entry = data[data.rindex(b"PK\x01\x02", 0, end) : end]
    table = data[at:end] + b"".join(entry.replace(b"1.png", f"{chr(97 + n)}.png".encode()) for n in range(20))
    tail = bytearray(data[end:])
    struct.pack_into("<HHLL", tail, 8, 22, 22, len(table), at)
    path.write_bytes(data[:at] + table + tail)
    with pytest.raises(DataError, match="a bomb"):
        build(path, out)


def test_too_many_members_and_too_long_a_table(tmp_path, out, monkeypatch):
    path = pack(tmp_path / "x.zip", [(f"{n}.png", b"") for n in range(20)])
    monkeypatch.setattr(zips, "MAX_MEMBERS", 20)
    with pytest.raises(DataError, match="holds 21 files; the limit is 20"):
        build(path, out)
    monkeypatch.setattr(zips, "MAX_TABLE_BYTES", 500)
    with pytest.raises(DataError, match="table of contents is too large"):
        build(path, out)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_of_a_name_that_comes_twice_the_last_is_taken(tmp_path, out):
    path = pack(tmp_path / "x.zip", [("a.png", good(1)), ("a.png", good(2))])
    result = build(path, out)
    assert result["count"] == 2
    assert reasons(result) == {"a.png": "followed by another of its name"}
    last = pictures.decode(content=good(2), size=8).pixels
    assert (faces.load(path=out).images[0] == last).all()


def test_a_zip_in_a_zip_is_not_opened(tmp_path, out):
    inner = pack(tmp_path / "inner.zip", []).read_bytes()
    result = build(pack(tmp_path / "x.zip", [("inner.zip", inner), ("b.png", inner)]), out)
    assert reasons(result) == {"b.png": "a zip, not a picture", "inner.zip": "a zip inside; it is not opened"}


@pytest.mark.parametrize("cut", [5, 40, 0.3, 0.9, -1, -10])
def test_a_zip_that_was_cut_short(tmp_path, out, cut):
    data = pack(tmp_path / "x.zip", [(f"{n}.png", good(n)) for n in range(5)]).read_bytes()
    length = int(len(data) * cut) if isinstance(cut, float) else cut % len(data)
    (tmp_path / "x.zip").write_bytes(data[:length])
    with pytest.raises(DataError, match="not a whole zip"):
        build(tmp_path / "x.zip", out)
    assert not out.exists()


def test_a_member_that_was_changed_is_skipped(tmp_path, out):
    path = pack(tmp_path / "x.zip", [("a.bmp", good(1, ending=".bmp"))])
    data = bytearray(path.read_bytes())
    data[data.index(b"BM", 300) + 100] ^= 0xFF
    path.write_bytes(data)
    assert "damaged in the zip: Bad CRC" in reasons(build(path, out))["a.bmp"]


def test_random_damage_to_a_zip_never_ends_in_anything_but_a_data_error(tmp_path, out):
    chance = random.Random(0)
    members = [(f"{n}.png", good(n)) for n in range(3)]
    whole = pack(tmp_path / "x.zip", members, zipfile.ZIP_DEFLATED).read_bytes()
    for number in range(80):
        data = bytearray(whole)
        for _ in range(chance.randint(1, 6)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        (tmp_path / "x.zip").write_bytes(data)
        with contextlib.suppress(DataError):
            result = build(tmp_path / "x.zip", out / str(number))
            assert result["count"] + result["skipped_count"] + result["ignored"] <= 4
        assert not (out / f".{number}.building").exists()


def test_a_zip_with_only_bad_pictures_says_why(tmp_path, out):
    path = tmp_path / "x.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.png", b"<html>")
    with pytest.raises(DataError, match=r"None of the 1 pictures could be read\. a\.png: a web page"):
        build(path, out)
    assert not out.exists()


# --- pictures -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (png_claiming(60_000, 60_000), "megapixels"),
        (png_claiming(8_001, 8_000), "8001 x 8000 pixels, more than 64 megapixels"),
        (png_claiming(2**31 - 1, 1), "megapixels"),
        (png_claiming(0, 5), "damaged|no pixels|not a picture"),
        (png_claiming(200, 200, bytes(601 * 50)), "damaged|truncated"),
        (good()[:-30], "damaged"),
        (good(side=64, ending=".jpg")[:900], "damaged"),
        (good(side=64, ending=".jpg")[:30], "damaged|not a picture"),
        (good(side=64, ending=".bmp")[:900], "damaged"),
        (good(side=64, ending=".webp")[:300], "damaged|not a picture"),
        (good().replace(b"IDAT", b"IDAX"), "damaged|not a picture"),
        (b"\x89PNG\r\n\x1a\n", "damaged|not a picture"),
        (b"\xff\xd8\xff\xe0" + bytes(200), "damaged|not a picture"),
        (b"GIF89a" + struct.pack("<HH", 65535, 65535) + bytes(20), "megapixels|damaged|not a picture|GIF"),
        (b"P6 99999 99999 255\n", "megapixels|damaged"),
        (b"P6 8 8 255\n" + bytes(10), "damaged"),
        (b"BM" + bytes(60), "damaged|not a picture"),
        (b"II*\0" + b"\xff" * 40, "damaged|not a picture"),
        (b"RIFF\xff\xff\xff\xffWEBPVP8 " + bytes(20), "damaged|not a picture"),
        (b"\0\0\0\x1cftypavif" + bytes(40), "damaged|not a picture"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n(x) run", "PostScript"),
        (b"8BPS\0\x01" + bytes(30), "a Photoshop file"),
        (bytes(100), "not a picture"),
        (bytes(pictures.MAX_BYTES + 1), "larger than 64 MiB"),
    ],
)
def test_broken_and_lying_pictures_have_a_short_reason(content, reason, capfd):
    with pytest.raises(DataError, match=reason) as caught:
        pictures.decode(content=content, size=8)
    assert caught.value.message.isprintable()
    assert len(caught.value.message) < 160
    assert capfd.readouterr() == ("", "")


def test_a_huge_flat_png_is_small_on_disk_and_still_refused_before_it_is_unpacked():
    buffer = io.BytesIO()
    Image.new("1", (12_000, 6_000)).save(buffer, "PNG")
    assert len(buffer.getvalue()) < 100_000
    with pytest.raises(DataError, match="megapixels"):
        pictures.decode(content=buffer.getvalue(), size=8)


@pytest.mark.parametrize(("width", "height"), [(1, 1), (1, 10_000), (10_000, 1), (2, 3)])
def test_tiny_and_thin_pictures_are_taken(width, height):
    buffer = io.BytesIO()
    Image.new("RGB", (width, height), (9, 8, 7)).save(buffer, "PNG")
    assert (pictures.decode(content=buffer.getvalue(), size=64).pixels == (9, 8, 7)).all()


def test_a_text_bomb_in_a_png(capfd):
    bomb = chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(50_000_000)))
    content = good()
    with pytest.raises(DataError, match="damaged"):
        pictures.decode(content=content[:33] + bomb + content[33:], size=8)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("ending", [".png", ".jpg", ".bmp", ".webp", ".tiff", ".ppm"])
def test_random_damage_to_pictures_never_ends_in_anything_but_a_data_error(ending, capfd):
    chance = random.Random(ending)
    whole = good(side=24, ending=ending)
    for _ in range(150):
        data = bytearray(whole)
        for _ in range(chance.randint(1, 5)):
            data[chance.randrange(min(len(data), 400))] = chance.randrange(256)
        with contextlib.suppress(DataError):
            found = pictures.decode(content=bytes(data[: chance.randint(1, 2 * len(data))]), size=8)
            assert found.pixels.shape == (8, 8, 3)
    assert capfd.readouterr().out == ""


# --- directories --------------------------------------------------------------------------------------------------


def test_names_that_are_not_utf8_and_newlines_in_a_directory(tmp_path, out):
    tree = tmp_path / "tree"
    tree.mkdir()
    for name in (b"caf\xff.png", b"new\nline.png", b"bell\x07.png", b"-rf.png", b" .png"):
        with open(os.path.join(os.fsencode(tree), name), "wb") as file:
            file.write(b"no picture" if name.startswith(b"bell") else good(len(name)))
    result = build(tree, out)
    assert (result["count"], list(reasons(result))) == (4, ["bell\\x07.png"])
    json.dumps(result).encode()


def test_pipes_links_to_devices_and_loops_are_not_opened(tmp_path, out):
    tree = tmp_path / "tree"
    (tree / "a").mkdir(parents=True)
    (tree / "good.png").write_bytes(good())
    os.mkfifo(tree / "pipe.png")
    (tree / "zero.png").symlink_to("/dev/zero")
    (tree / "self.png").symlink_to("self.png")
    (tree / "a" / "up").symlink_to("..")
    assert reasons(build(tree, out)) == {
        "a/up/": "a link to a folder", "pipe.png": "a special file", "self.png": "a link to nothing",
        "zero.png": "a special file",
    }  # fmt: skip


def test_folders_deeper_than_python_recurses(out):
    # Not in tmp_path, and removed by rm: pytest's own removal recurses too.
    top, here = tempfile.mkdtemp(), os.getcwd()
    try:
        os.chdir(top)
        with open("good.png", "wb") as file:
            file.write(good())
        for _ in range(1010):
            os.mkdir("d")
            os.chdir("d")
        os.chdir(here)
        assert build(top, out)["count"] == 1
    finally:
        os.chdir(here)
        subprocess.run(["rm", "-rf", top], check=True)


def test_a_sparse_file_larger_than_memory_is_not_read_whole(tmp_path, out):
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / "good.png").write_bytes(good())
    with open(tree / "huge.png", "wb") as file:
        file.truncate(2**40)
    assert reasons(build(tree, out)) == {"huge.png": "larger than 64 MiB"}


# --- arrays -------------------------------------------------------------------------------------------------------


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


# --- labels -------------------------------------------------------------------------------------------------------


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


# --- places -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "source", ["", "nowhere.zip", "a\0b", "x" * 5000, "/dev/null", "/dev/zero", "https://x.y/z.zip"]
)
def test_sources_that_are_not_there(tmp_path, out, source, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(IdlError) as caught:
        build(source, out)
    assert isinstance(caught.value, DataError | UsageError)
    assert len(caught.value.message) < 6000
    assert not out.exists()


@pytest.mark.parametrize("name", ["a\0b", "x" * 300, "file/below"])
def test_outputs_that_cannot_be(tmp_path, name):
    (tmp_path / "file").write_text("")
    np.save(tmp_path / "x.npy", np.zeros((1, 8, 8, 3), np.uint8))
    with pytest.raises(IdlError):
        build(tmp_path / "x.npy", tmp_path / name)


def test_an_output_that_is_a_link_is_written_behind_it(tmp_path):
    np.save(tmp_path / "x.npy", np.zeros((1, 8, 8, 3), np.uint8))
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    build(tmp_path / "x.npy", tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real" / "manifest.json").is_file()


# --- a built set that was tampered with ---------------------------------------------------------------------------


@pytest.fixture
def built(tmp_path):
    files = {f"{'ab'[n % 2]}/{n}.png": good(n) for n in range(10)}
    for name, content in files.items():
        (tmp_path / "tree" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "tree" / name).write_bytes(content)
    build(tmp_path / "tree", tmp_path / "set")
    return tmp_path / "set"


@pytest.mark.parametrize(
    "edit",
    [
        {"schema": 2}, {"schema": "1"}, {"schema": True}, {"kind": "arithmetic"}, {"kind": None}, {"count": 11},
        {"count": -1}, {"count": 10.0}, {"count": True}, {"count": 10**30}, {"size": 9}, {"size": None},
        {"test": None}, {"test": {}}, {"test": {"indices": [0, 10]}}, {"test": {"indices": [-1, 3]}},
        {"test": {"indices": [3, 3]}}, {"test": {"indices": [4, 1]}}, {"test": {"indices": [1.0, 2]}},
        {"test": {"indices": [True, 2]}}, {"test": {"indices": "12"}}, {"test": {"indices": [1]}},
        {"test_count": 3}, {"labels": []}, {"labels": {"columns": {}}}, {"labels": {"columns": {"folder": ["a"]}}},
        {"labels": {"columns": {"folder": ["a", "a"]}}}, {"labels": {"columns": {"folder": [1, 2]}}},
        {"labels": {"columns": {"folder": ["a", "b"], "more": ["c"]}}},
    ],
)  # fmt: skip
def test_an_edited_manifest_is_refused(built, edit):
    path = built / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **edit}))
    with pytest.raises(DataError) as caught:
        faces.load(path=built)
    assert caught.value.message.isprintable()


@pytest.mark.parametrize("name", ["images.npy", "labels.npy", "manifest.json"])
@pytest.mark.parametrize("damage", ["missing", "empty", "cut", "longer", "object", "pipe"])
def test_missing_and_damaged_files_are_refused(built, name, damage):
    path = built / name
    data = path.read_bytes()
    path.unlink()
    if damage == "object":
        np.save(built / "x.npy", np.array([{}], dtype=object), allow_pickle=True)
        (built / "x.npy").rename(path)
    elif damage == "pipe":
        os.mkfifo(path)
    elif damage != "missing":
        path.write_bytes({"empty": b"", "cut": data[:-1], "longer": data + b"}"}[damage])
    if (name, damage) == ("manifest.json", "cut"):
        path.write_bytes(data[:-3])
    with pytest.raises(DataError):
        faces.load(path=built)


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((10, 8, 8, 3), np.float32), np.zeros((10, 8, 8), np.uint8),
        np.asfortranarray(np.zeros((10, 8, 8, 3), np.uint8)), np.zeros((10, 8, 8, 3), np.int8),
    ],
)  # fmt: skip
def test_images_of_another_kind_are_refused(built, array):
    np.save(built / "images.npy", array)
    with pytest.raises(DataError):
        faces.load(path=built)


def test_codes_without_a_word_are_refused(built):
    np.save(built / "labels.npy", np.full((10, 1), 2, np.int32))
    with pytest.raises(DataError, match="no word for"):
        faces.load(path=built)


def test_no_set_at_all(tmp_path):
    for path in (tmp_path, tmp_path / "nowhere", tmp_path / "a\0b"):
        with pytest.raises(DataError, match="no built faces"):
            faces.load(path=path)


# --- memory -------------------------------------------------------------------------------------------------------

MEASURE = """
import re, sys
from pathlib import Path
from idlcli.data import faces
from idlcli.settings.data import FacesSettings
faces.build(settings=FacesSettings(source=sys.argv[1], size=64), out=Path(sys.argv[2]))
# Not getrusage: its peak starts at that of the process that forked this one.
print(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])
"""


def test_memory_does_not_grow_with_the_count(tmp_path):
    """Ten times the pictures (49 MB of pixels) cost at most 12 MB more: far less than their size."""
    content = [good(n, side=64, ending=".bmp") for n in range(4)]
    used = []
    for count in (400, 4000):
        with zipfile.ZipFile(tmp_path / f"{count}.zip", "w") as archive:
            for n in range(count):
                archive.writestr(f"{n}.bmp", content[n % 4])
        command = [sys.executable, "-c", MEASURE, str(tmp_path / f"{count}.zip"), str(tmp_path / str(count))]
        used.append(int(subprocess.run(command, check=True, capture_output=True, text=True).stdout) / 1024)
    assert used[1] < 300
    assert used[1] - used[0] < 12, used
