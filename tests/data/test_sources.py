"""A zip, a directory and an .npy give the same pictures in the same order, and count everything they hold."""

import os
import random
import string
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from idlcli.data.sources import open_source, printable
from idlcli.errors import DataError

FILES = {
    "b.png": b"2", "a.JPG": b"1", "a/c.webp": b"3", "a/.hidden.png": b"", "Thumbs.db": b"", "readme.txt": b"",
    "__MACOSX/._a.jpg": b"", ".DS_Store": b"", "a/inner.zip": b"PK", "z/\u00e9.bmp": b"4", "labels.csv": b"",
    "noending": b"", "png": b"",
}  # fmt: skip
ORDER = ["a.JPG", "a/c.webp", "b.png", "z/\u00e9.bmp"]


def write_zip(path, files, order=None):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in order or files:
            archive.writestr(name, files[name])
    return path


def write_tree(path, files):
    for name, content in files.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(content)
    return path


@pytest.mark.parametrize("kind", ["zip", "directory"])
def test_pictures_in_the_order_of_their_names_and_all_else_counted(tmp_path, kind):
    path = write_zip(tmp_path / "any.name", FILES) if kind == "zip" else write_tree(tmp_path / "tree", FILES)
    with open_source(path=path) as source:
        assert source.kind == kind
        assert [(name, load()) for name, load in source] == [
            (name, FILES[name]) for name in ORDER
        ]  # the bytes of the names: capitals before small letters
        assert source.skipped == [("a/inner.zip", "a zip inside; it is not opened")]
        assert source.ignored == 8
        assert source.entries == len(FILES)


def test_a_zip_in_any_order_gives_one_order(tmp_path):
    names = list(FILES)
    random.Random(1).shuffle(names)
    with open_source(path=write_zip(tmp_path / "x", FILES, names)) as source:
        assert source.names == ORDER


PARTS = st.lists(st.text("abZ.", min_size=1, max_size=3), min_size=1, max_size=3).map("/".join)


@given(names=st.sets(st.tuples(PARTS, st.sampled_from([".png", ".JPEG", ".txt", ".zip", ""])).map("".join), max_size=8))
@settings(max_examples=60)
def test_kept_and_skipped_and_ignored_are_all_there_is(names):
    with tempfile.TemporaryDirectory() as folder:
        path = write_zip(Path(folder) / "x", dict.fromkeys(sorted(names | {"one.png"}, key=hash), b"x"))
        with open_source(path=path) as source:
            assert len(source.names) + len(source.skipped) + source.ignored == len(names | {"one.png"})
            assert [name.encode() for name in source.names] == sorted(name.encode() for name in source.names)
            assert all(reason for _, reason in source.skipped)


def test_folders_in_a_zip_are_no_entries(tmp_path):
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.mkdir("faces")
        archive.writestr("faces/1.png", b"x")
    with open_source(path=path) as source:
        assert (source.names, source.entries) == (["faces/1.png"], 1)


@pytest.mark.parametrize("shape", [(12, 5, 6), (12, 5, 6, 1), (12, 5, 6, 3), (12, 5, 6, 4)])
@pytest.mark.parametrize("dtype", [np.uint8, np.float32, ">f8"])
def test_rows_of_an_npy_keep_their_order(tmp_path, shape, dtype):
    array = np.random.default_rng(0).random(shape).astype(dtype)
    np.save(tmp_path / "x.npy", array)
    with open_source(path=tmp_path / "x.npy") as source:
        assert source.names == [f"{row:02d}" for row in range(12)]
        assert all((load() == array[int(name)]).all() for name, load in source)


def test_an_npy_in_fortran_order(tmp_path):
    array = np.random.default_rng(0).integers(0, 255, (3, 4, 5, 3), np.uint8)
    np.save(tmp_path / "x.npy", np.asfortranarray(array))
    with open_source(path=tmp_path / "x.npy") as source:
        assert all((load() == array[int(name)]).all() for name, load in source)


@pytest.mark.parametrize(
    ("array", "reason"),
    [
        (np.zeros((3, 3, 8, 8), np.uint8), "channels first"),
        (np.zeros((8, 8, 3), np.uint8), "one picture"),
        (np.zeros((8, 8), np.uint8), "shape"),
        (np.zeros((2, 8, 8, 5), np.uint8), "shape"),
        (np.zeros((2, 8, 8), np.int64), "int64"),
        (np.zeros((2, 8, 8), complex), "complex"),
        (np.zeros((2, 8, 8), bool), "bool"),
        (np.zeros(4, [("a", "u1")]), "not images"),
    ],
)
def test_arrays_that_are_not_images(tmp_path, array, reason):
    np.save(tmp_path / "x.npy", array)
    with pytest.raises(DataError, match=reason), open_source(path=tmp_path / "x.npy"):
        pass


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda path: None, "No such file"),
        (lambda path: path.mkdir(), "no pictures"),
        (lambda path: path.write_bytes(b""), "neither"),
        (lambda path: path.write_bytes(b"\xff\xd8\xff\xe0"), "neither"),
        (lambda path: write_zip(path, {}), "no pictures"),
        (lambda path: write_zip(path, {"a.txt": b""}), "no pictures"),
        (lambda path: write_zip(path, {"a.zip": b""}), "no pictures.*a zip inside"),
        (os.mkfifo, "neither"),
    ],
)
def test_nothing_to_read_is_said_with_a_hint(tmp_path, make, reason):
    make(tmp_path / "source")
    with pytest.raises(DataError, match=reason) as caught, open_source(path=tmp_path / "source"):
        pass
    assert "cartoon" in caught.value.hint


def test_links_to_files_are_followed_and_links_to_folders_are_not(tmp_path):
    write_tree(tmp_path / "real", {"a.png": b"1"})
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / "b.png").symlink_to(tmp_path / "real" / "a.png")
    (tree / "c.png").symlink_to(tmp_path / "nowhere")
    (tree / "loop").symlink_to(tree)
    with open_source(path=tree) as source:
        assert [(name, load()) for name, load in source] == [("b.png", b"1")]
        assert source.skipped == [("c.png", "a link to nothing"), ("loop/", "a link to a folder")]


def test_a_file_that_goes_away_is_a_data_error(tmp_path):
    tree = write_tree(tmp_path / "tree", {"a.png": b"1"})
    with open_source(path=tree) as source:
        (tree / "a.png").unlink()
        with pytest.raises(DataError, match="cannot be read"):
            next(iter(source))[1]()


@given(st.binary(min_size=1, max_size=30))
def test_any_name_becomes_printable_text(name):
    text = printable(name=name)
    assert text.isprintable()
    text.encode()
    if set(name) <= set(string.printable.strip().encode()):
        assert text == name.decode()
