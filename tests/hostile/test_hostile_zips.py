"""Zips that break, lie or attack: a short reason or a DataError, nothing written, nothing left behind."""

import contextlib
import json
import os
import random
import stat
import struct
import zipfile

import pytest
from strange_files import build, good, reasons

from idlcli.data import faces, pictures, zips
from idlcli.errors import DataError


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
