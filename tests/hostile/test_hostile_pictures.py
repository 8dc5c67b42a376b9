"""Pictures and directories that break, lie or attack: a short reason, and nothing is opened that should not be."""

import contextlib
import io
import json
import os
import random
import struct
import subprocess
import tempfile
import zlib

import pytest
from PIL import Image
from strange_files import build, chunk, good, png_claiming, reasons

from idlcli.data import pictures
from idlcli.errors import DataError


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
