"""Zips, pictures and arrays of strangers, given to the commands: the documented exit code and one clear line."""

import io
import json
import os
import stat
import struct
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest
from fuzz_targets import DIGITS, PICTURES, npy_of, npz_of, png, zip_of
from PIL import Image
from strange_files import chunk, png_claiming

from idlcli import runs


def saved(image: Image.Image, form: str, **options: object) -> bytes:
    target = io.BytesIO()
    image.save(target, form, **options)
    return target.getvalue()


def special(name: str, kind: int, content: bytes) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        info = zipfile.ZipInfo(name)
        info.create_system, info.external_attr = 3, (kind | 0o777) << 16
        archive.writestr(info, content)
    return target.getvalue()


def encrypted() -> bytes:
    data = bytearray(zip_of({"a.png": png()}))
    data[data.rindex(b"PK\x01\x02") + 8] |= 1
    return bytes(data)


GREY = Image.new("RGB", (9, 9), (90, 90, 90))
PLAIN = zip_of({f"{n}.png": png() for n in range(5)})
OBJECTS = io.BytesIO()
np.save(OBJECTS, np.array([{"a": 1}], dtype=object), allow_pickle=True)
HEADER = "{'descr': '|u1', 'fortran_order': False, 'shape': %s, }\n"


def npy_claiming(shape: str, data: bytes = b"") -> bytes:
    text = (HEADER % shape).encode()
    return b"\x93NUMPY\x01\0" + struct.pack("<H", len(text)) + text + data


ZIPS = {
    "no entries": (zip_of({}), 3, "no pictures"),
    "a bomb by ratio": (zip_of({"a.png": bytes(5_000_000)}, zipfile.ZIP_DEFLATED), 3, "250 times"),
    "a bomb by size": (zip_of({"a.png": bytes(2**26 + 1)}, zipfile.ZIP_DEFLATED), 3, "64 MiB"),
    "a name that climbs": (zip_of({"../../evil.png": png()}), 3, "an unsafe name"),
    "an absolute name": (zip_of({"/tmp/evil.png": png()}), 3, "an unsafe name"),
    "a drive": (zip_of({"C:\\evil.png": png()}), 3, "an unsafe name"),
    "a symbolic link": (special("a.png", stat.S_IFLNK, b"/etc/passwd"), 3, "a symbolic link"),
    "a device": (special("a.png", stat.S_IFCHR, b""), 3, "a special file"),
    "encrypted": (encrypted(), 3, "encrypted"),
    "packed by lzma": (zip_of({"a.png": bytes(10**7)}, zipfile.ZIP_LZMA), 3, "than deflate"),
    "a zip inside": (zip_of({"a.zip": PLAIN}), 3, "a zip inside"),
    "a zip called a picture": (zip_of({"a.png": PLAIN}), 3, "a zip, not a picture"),
    "cut short": (PLAIN[:-40], 3, "not a whole zip"),
    "the first bytes only": (PLAIN[:20], 3, "not a whole zip"),
    "a table from elsewhere": (PLAIN[:-6] + b"\xff\xff\xff\x7f\0\0", 3, "zip"),
    "a damaged member": (zip_of({"a.png": png()}).replace(b"IDAT", b"IDAX"), 3, "damaged"),
    "whole": (PLAIN, 0, ""),
}
PICTURES_OF = {
    "empty": (b"", 3, "empty"),
    "cut short": (png()[:-25], 3, "damaged"),
    "a bomb by pixels": (png_claiming(60_000, 60_000), 3, "megapixels"),
    "more rows claimed than held": (png_claiming(200, 200), 3, "damaged"),
    "no pixels": (png_claiming(0, 5), 3, "x.png"),
    "a GIF": (saved(Image.new("P", (4, 4)), "GIF"), 3, "a GIF named .png"),
    "an SVG": (b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>', 3, "an SVG drawing"),
    "an SVG that includes a file": (b'<?xml version="1.0"?><!DOCTYPE s [<!ENTITY x SYSTEM "/etc/passwd">]>', 3, "XML"),
    "a PDF": (b"%PDF-1.7\n", 3, "a PDF"),
    "a web page": (b"<!DOCTYPE html><script>1</script>", 3, "a web page"),
    "PostScript": (b"%!PS-Adobe-3.0 EPSF-3.0\n(touch evil) run", 3, "PostScript"),
    "a text bomb": (png_claiming(4, 4, b"", chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(50_000_000)))), 3, "damaged"),
    "a program": (b"#!/bin/sh\ntouch evil\n", 3, "not a picture"),
    "1 x 1": (saved(Image.new("RGB", (1, 1)), "PNG"), 0, ""),
    "1 x 10000": (saved(Image.new("RGB", (1, 10_000)), "PNG"), 0, ""),
    "CMYK": (saved(Image.new("CMYK", (9, 9)), "JPEG"), 0, ""),
    "16 bit": (saved(Image.fromarray(np.full((9, 9), 40_000, np.uint16)), "PNG"), 0, ""),
    "animated": (saved(GREY, "PNG", save_all=True, append_images=[Image.new("RGB", (9, 9), 1)]), 0, ""),
    "broken EXIF": (saved(GREY, "JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\xff" + b"\xff" * 30), 0, ""),
}  # fmt: skip
ARRAYS = {
    "pickled objects": (OBJECTS.getvalue(), 3, "Python objects"),
    "whole numbers": (npy_of(np.zeros((2, 8, 8, 3), np.int64)), 3, "int64"),
    "complex numbers": (npy_of(np.zeros((2, 8, 8, 3), complex)), 3, "complex"),
    "records": (npy_of(np.zeros(3, [("a", "u1"), ("b", "f4")])), 3, "not images"),
    "words": (npy_of(np.array([["a", "b"]])), 3, "not images"),
    "two axes": (npy_of(np.zeros((2, 8), np.uint8)), 3, "shape"),
    "channels first": (npy_of(np.zeros((2, 3, 8, 8), np.uint8)), 3, "channels first"),
    "no rows": (npy_of(np.zeros((0, 8, 8, 3), np.uint8)), 3, "no pictures"),
    "not a number": (npy_of(np.full((2, 8, 8, 3), np.nan)), 3, "NaN"),
    "infinite": (npy_of(np.full((2, 8, 8, 3), np.inf)), 3, "inf"),
    "a huge shape": (npy_claiming("(1000000000000, 64, 64, 3)"), 3, "x.npy"),
    "a shape of 23 digits": (npy_claiming(f"({'9' * 23}, 64, 64, 3)"), 3, "x.npy"),
    "a negative shape": (npy_claiming("(-1, 8, 8, 3)", bytes(1000)), 3, "x.npy"),
    "a call in the header": (npy_claiming("__import__('os').system('touch evil')"), 3, "x.npy"),
    "a deep header": (b"\x93NUMPY\x02\0" + struct.pack("<L", 50_000) + b"(" * 50_000, 3, "x.npy"),
    "a header of 20 MB": (b"\x93NUMPY\x02\0" + struct.pack("<L", 20_000_000) + b" " * 20_000_000, 3, "x.npy"),
    "cut short": (PICTURES[:-10], 3, "x.npy"),
    "an archive": (npz_of(a=np.zeros((2, 8, 8, 3), np.uint8)), 3, "no pictures"),
    "Fortran order": (npy_of(np.asfortranarray(np.random.default_rng(0).random((3, 8, 8, 3)))), 0, ""),
}
DIGIT_FILES = {
    "an array that ends as an archive": PICTURES + DIGITS,
    "an array": PICTURES,
    "pickled objects": zip_of({"images.npy": OBJECTS.getvalue(), "labels.npy": OBJECTS.getvalue()}),
    "another size": npz_of(images=np.zeros((10, 28, 29), np.uint8), labels=np.arange(10)),
    "floats": npz_of(images=np.zeros((10, 28, 28), np.float32), labels=np.arange(10)),
    "other names": npz_of(a=np.zeros((10, 28, 28), np.uint8), b=np.arange(10)),
    "nine digits": npz_of(images=np.zeros((9, 28, 28), np.uint8), labels=np.arange(9)),
    "labels above nine": npz_of(images=np.zeros((11, 28, 28), np.uint8), labels=np.arange(11)),
    "cut short": DIGITS[:-30],
}


def check(done, code: int, said: str) -> None:
    done.refused(code, said) if code else done.data


@pytest.mark.parametrize("what", ZIPS)
def test_zips(what, here, tmp_path, watched):
    content, code, said = ZIPS[what]
    (tmp_path / "x.zip").write_bytes(content)
    watched |= {"x.zip", "out", ".out"}
    check(here("data", "build", "faces", "--source", "x.zip", "--size", "8", "--out", "out", "--json"), code, said)
    assert (tmp_path / "out").exists() == (code == 0)


@pytest.mark.parametrize("what", PICTURES_OF)
def test_pictures(what, here, tmp_path, watched):
    content, code, said = PICTURES_OF[what]
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "x.png").write_bytes(content)
    watched |= {"in", "out", ".out"}
    check(here("data", "build", "faces", "--source", "in", "--size", "8", "--out", "out", "--json"), code, said)
    assert (tmp_path / "out").exists() == (code == 0)


@pytest.mark.parametrize("what", ARRAYS)
def test_arrays(what, here, tmp_path, watched):
    content, code, said = ARRAYS[what]
    (tmp_path / "x.npy").write_bytes(content)
    watched |= {"x.npy", "out", ".out"}
    check(here("data", "check", "x.npy", "--json"), code, said)
    check(here("data", "build", "faces", "--source", "x.npy", "--size", "8", "--out", "out", "--json"), code, said)


@pytest.mark.parametrize("what", DIGIT_FILES)
def test_digits(what, here, tmp_path, watched):
    (tmp_path / "x.npz").write_bytes(DIGIT_FILES[what])
    watched |= {"x.npz", ".out"}
    here("data", "build", "arithmetic", "--digits", "x.npz", "--out", "out").refused(3, "x.npz")


@pytest.mark.parametrize("name", ["x.npz", "in/x.npz", "in/train-images-idx3-ubyte", "x"])
def test_a_pipe_of_digits_is_not_waited_for(name, here, tmp_path, watched):
    (tmp_path / "in").mkdir()
    os.mkfifo(tmp_path / name)
    watched |= {"in", ".out"}
    here("data", "build", "arithmetic", "--digits", name.split("/")[0], "--out", "out").refused(3)


@pytest.mark.parametrize("name", ["queries", "glyph_labels"])
@pytest.mark.parametrize("what", ["archive", "pickled objects", "another type", "another shape", "missing", "a pipe"])
def test_a_data_set_whose_array_was_exchanged(name, what, here, arithmetic_data: Path, watched):
    path = arithmetic_data / f"{name}.npy"
    whole = np.load(path)
    path.unlink()
    if what == "a pipe":
        os.mkfifo(path)
    elif what != "missing":
        exchanged = {"another type": npy_of(whole.astype(np.float32)), "another shape": npy_of(whole[1:])}
        path.write_bytes(exchanged.get(what, OBJECTS.getvalue() if what == "pickled objects" else npz_of(a=whole)))
    watched |= {"given"}
    here("data", "check", arithmetic_data).refused(3, "arithmetic")
    here("seq2seq", "train", "--data", arithmetic_data).refused(3, "arithmetic")


@pytest.mark.parametrize(
    "change",
    [
        {"sha256": ["queries.npy", "answers.npy", "glyphs.npy", "glyph_labels.npy"]}, {"sha256": "x"},
        {"max": 1e200}, {"max": 9.0}, {"max": "9"}, {"max": -1}, {"ops": ["+", "-"]}, {"ops": 5},
        {"digits": "mnist-5k"}, {"digits": None}, {"digits": {"name": 5}}, {"digits": {}},
        {"pools": []}, {"test_share": "0.2"}, {"test_share": 1},
    ],
    ids=str,
)  # fmt: skip
def test_a_data_set_whose_manifest_lies(change, here, arithmetic_data: Path, watched):
    manifest = json.loads((arithmetic_data / "manifest.json").read_text())
    (arithmetic_data / "manifest.json").write_text(json.dumps(manifest | change))
    watched |= {"given"}
    for words in (("data", "check", arithmetic_data), ("seq2seq", "train", "--data", arithmetic_data)):
        here(*words).refused(3, "arithmetic", "the manifest does not fit")


def test_a_data_set_that_names_a_file_with_a_nul(here, arithmetic_data: Path, watched):
    manifest = json.loads((arithmetic_data / "manifest.json").read_text())
    manifest["sha256"] |= {"a\0b": "x"}
    (arithmetic_data / "manifest.json").write_text(json.dumps(manifest))
    watched |= {"given"}
    here("data", "check", arithmetic_data).refused(3, "arithmetic", "the manifest does not fit")


def test_glyphs_that_claim_more_than_there_is_memory_are_not_read(here, arithmetic_data: Path, watched):
    for name, shape in (("glyphs", f"({2**33}, 28, 28)"), ("glyph_labels", f"({2**33},)")):
        (arithmetic_data / f"{name}.npy").write_bytes(npy_claiming(shape))
        os.truncate(arithmetic_data / f"{name}.npy", 2**43)  # a hole: it takes no room
    watched |= {"given"}
    here("data", "check", arithmetic_data).refused(3, "arithmetic", "arrays")


def test_a_path_that_is_not_utf_8_is_a_path_like_any_other(here, tmp_path):
    place = os.fsdecode(b"caf\xe9")
    (tmp_path / place).mkdir()
    (tmp_path / place / "a.png").write_bytes(png())
    (tmp_path / place / "digits.npz").write_bytes(DIGITS)
    assert here("data", "build", "faces", "--source", place, "--json").data["count"] == 1
    assert here("data", "check", "data/faces", "--json").data["source"]["name"] == place
    digits = f"{place}/digits.npz"
    assert here("data", "build", "arithmetic", "--digits", digits, "--json").data["glyphs"]
    run = runs.create(root=tmp_path / "runs", slug="x", name=None, kind="seq2seq", settings={"data": place})
    assert run.config()["settings"]["data"] == place
    here("report", "1", "--out", "page.html", "--json").data["bytes"]
