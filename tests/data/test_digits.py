"""Handwritten digits from strangers' files: read as they are, or refused in one line; never run, never huge."""

import gzip
import io
import struct
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from idlcli.data import digits
from idlcli.errors import DataError

IMAGES = np.random.default_rng(0).integers(0, 256, (30, 28, 28), dtype=np.uint8)
LABELS = np.arange(30, dtype=np.uint8) % 10


def idx(array, magic=None, shape=None):
    shape = array.shape if shape is None else shape
    magic = 0x800 + array.ndim if magic is None else magic
    return struct.pack(f">{1 + len(shape)}I", magic, *shape) + array.tobytes()


def npz(**arrays):
    file = io.BytesIO()
    np.savez_compressed(file, **arrays)
    return file.getvalue()


@pytest.fixture
def folder(tmp_path):
    """MNIST as it is distributed, in small."""
    (tmp_path / "train-images-idx3-ubyte").write_bytes(idx(IMAGES))
    (tmp_path / "train-labels-idx1-ubyte").write_bytes(idx(LABELS))
    return tmp_path


def refused(path, *words):
    with pytest.raises(DataError) as caught:
        digits.load(str(path))
    said = caught.value.message
    assert "\n" not in said
    assert len(said) < 250 + len(str(path))
    for word in words:
        assert word in said, said


def test_the_bundled_digits_are_5000_of_mnist_500_a_class():
    found = digits.load("auto")
    assert found.images.shape == (5000, 28, 28)
    assert found.images.dtype == np.uint8
    assert np.bincount(found.labels).tolist() == [500] * 10
    assert len({image.tobytes() for image in found.images}) == 5000
    assert found.source["name"] == "mnist-5k"
    assert len(next(iter(found.source["sha256"].values()))) == 64
    again = digits.load("mnist-5k")
    assert np.array_equal(again.images, found.images)


def test_idx_files_are_read_plain_and_packed_and_by_file_or_folder(folder):
    plain = digits.load(str(folder))
    assert np.array_equal(plain.images, IMAGES)
    assert np.array_equal(plain.labels, LABELS)
    assert sorted(plain.source["sha256"]) == ["train-images-idx3-ubyte", "train-labels-idx1-ubyte"]
    by_file = digits.load(str(folder / "train-images-idx3-ubyte"))
    assert np.array_equal(by_file.images, IMAGES)
    for path in list(folder.iterdir()):
        Path(f"{path}.gz").write_bytes(gzip.compress(path.read_bytes()))
        path.unlink()
    packed = digits.load(str(folder))
    assert np.array_equal(packed.images, IMAGES)
    assert np.array_equal(packed.labels, LABELS)


def test_a_file_that_lies_there_packed_too_is_counted_once(folder):
    for path in list(folder.iterdir()):
        Path(f"{path}.gz").write_bytes(gzip.compress(path.read_bytes()))
    found = digits.load(str(folder))
    assert np.array_equal(found.images, IMAGES)
    assert sorted(found.source["sha256"]) == ["train-images-idx3-ubyte", "train-labels-idx1-ubyte"]


def test_train_and_test_files_of_a_folder_are_taken_together(folder):
    (folder / "t10k-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx(IMAGES[::-1].copy())))
    (folder / "t10k-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx(LABELS[::-1].copy())))
    found = digits.load(str(folder))
    assert len(found.images) == 60
    assert sorted(map(bytes, found.images)) == sorted([*map(bytes, IMAGES)] * 2)


@pytest.mark.parametrize(
    "arrays",
    [
        {"x_train": IMAGES[:20], "y_train": LABELS[:20], "x_test": IMAGES[20:], "y_test": LABELS[20:]},
        {"images": IMAGES, "labels": LABELS},
        {"images": IMAGES, "labels": LABELS.astype(np.int64)},
    ],
)
def test_npz_files_are_read(arrays, tmp_path):
    (tmp_path / "mine.npz").write_bytes(npz(**arrays))
    for source in (tmp_path / "mine.npz", tmp_path):
        found = digits.load(str(source))
        assert np.array_equal(found.images, IMAGES)
        assert np.array_equal(found.labels, LABELS)
        assert found.labels.dtype == np.uint8


@pytest.mark.parametrize("which", ["train-images-idx3-ubyte", "train-labels-idx1-ubyte"])
@pytest.mark.parametrize("packed", [False, True])
def test_a_file_cut_off_anywhere_is_refused(which, packed, folder):
    content = (folder / which).read_bytes()
    content = gzip.compress(content) if packed else content
    for length in [*range(20), len(content) // 2, len(content) - 9, len(content) - 1]:
        (folder / which).write_bytes(content[:length])
        refused(folder, which)


BAD_IDX = {
    "too long": idx(IMAGES) + b"\0",
    "more promised": idx(IMAGES, shape=(31, 28, 28)),
    "fewer promised": idx(IMAGES, shape=(29, 28, 28)),
    "4 GB promised": idx(IMAGES, shape=(2**32 - 1, 28, 28)),
    "2**96 bytes promised": idx(IMAGES, shape=(2**32 - 1, 2**32 - 1, 2**32 - 1)),
    "none": idx(IMAGES[:0]),
    "other sides": idx(IMAGES, shape=(30, 14, 56)),
    "no sides": idx(IMAGES, shape=(0, 0, 0)),
    "labels' magic": idx(IMAGES, magic=0x801),
    "floats' magic": idx(IMAGES, magic=0xD03),
    "little endian": struct.pack("<4I", 0x803, 30, 28, 28) + IMAGES.tobytes(),
    "text": b"not digits at all, but a text of more than sixteen bytes",
    "half a gzip header": b"\x1f\x8b",
    "gzip of rubbish": b"\x1f\x8b\x08\0" + b"\xff" * 40,
    "gzip of text": gzip.compress(b"not digits"),
    "gzip with a wrong check": gzip.compress(idx(IMAGES))[:-8] + b"\0" * 8,
}


@pytest.mark.parametrize("what", BAD_IDX)
def test_an_image_file_that_lies_is_refused(what, folder):
    (folder / "train-images-idx3-ubyte").write_bytes(BAD_IDX[what])
    with pytest.raises(DataError) as caught:
        digits.load(str(folder))
    assert "\n" not in caught.value.message


def test_a_gzip_bomb_is_not_unpacked(folder):
    """A quarter of a gigabyte of zeros behind a header of one picture; the reader is a process of its own."""
    packer = io.BytesIO()
    with gzip.GzipFile(fileobj=packer, mode="wb", compresslevel=1) as file:
        file.write(struct.pack(">4I", 0x803, 1, 28, 28))
        for _ in range(256):
            file.write(bytes(2**20))
    (folder / "train-images-idx3-ubyte").write_bytes(packer.getvalue())
    code = (
        "import re, sys; from idlcli.data import digits; from idlcli.errors import DataError\n"
        "try:\n    digits.load(sys.argv[1])\n"
        "except DataError as error:\n    print(error.message)\n"
        "print(re.search(r'VmHWM:\\s*(\\d+)', open('/proc/self/status').read())[1])"
    )
    done = subprocess.run([sys.executable, "-c", code, str(folder)], capture_output=True, check=True)
    said, kilobytes = done.stdout.decode().splitlines()
    assert "too long" in said
    assert int(kilobytes) < 200 * 1024  # VmHWM: the child's own peak; ru_maxrss starts at the parent's


@pytest.mark.parametrize(
    "labels",
    [LABELS[:-1], LABELS + 1, np.zeros(30, np.uint8), np.full(30, 255, np.uint8), LABELS[:0]],
    ids=["one fewer", "a ten", "zeros alone", "far out", "none"],
)
def test_labels_that_do_not_fit_are_refused(labels, folder):
    (folder / "train-labels-idx1-ubyte").write_bytes(idx(labels.astype(np.uint8)))
    refused(folder)


def test_images_without_labels_are_refused_with_the_name_that_is_missing(folder):
    (folder / "train-labels-idx1-ubyte").unlink()
    refused(folder, "no labels")
    refused(folder / "train-images-idx3-ubyte", "no labels")


def test_a_label_file_is_not_taken_for_images(folder):
    refused(folder / "train-labels-idx1-ubyte")


def npy_in_zip(header: bytes, body: bytes = b"", *, flags: int = 0) -> bytes:
    """An .npz whose arrays have a header that no NumPy wrote."""
    content = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + body
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name in ("images", "labels"):
            archive.writestr(f"{name}.npy", content)
    packed = bytearray(file.getvalue())
    if flags:
        for sign, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
            start = packed.find(sign)
            while start >= 0:
                packed[start + at] |= flags
                start = packed.find(sign, start + 1)
    return bytes(packed)


GOOD_HEADER = b"{'descr': '|u1', 'fortran_order': False, 'shape': (30, 28, 28)}"
BAD_NPZ = {
    "pickled": npz(images=np.array([{"a": 1}], dtype=object), labels=LABELS),
    "pickled labels": npz(images=IMAGES, labels=np.array([*LABELS], dtype=object)),
    "other names": npz(x=IMAGES, y=LABELS),
    "images alone": npz(images=IMAGES),
    "wrong sides": npz(images=IMAGES[:, :27], labels=LABELS),
    "two dimensions": npz(images=IMAGES.reshape(30, -1), labels=LABELS),
    "four dimensions": npz(images=IMAGES[..., None], labels=LABELS),
    "no dimension": npz(images=np.uint8(3), labels=np.uint8(3)),
    "floats": npz(images=IMAGES / 255, labels=LABELS),
    "float labels": npz(images=IMAGES, labels=LABELS.astype(float)),
    "column of labels": npz(images=IMAGES, labels=LABELS[:, None]),
    "text labels": npz(images=IMAGES, labels=LABELS.astype(str)),
    "fewer labels": npz(images=IMAGES, labels=LABELS[:-1]),
    "labels below zero": npz(images=IMAGES, labels=LABELS.astype(int) - 1),
    "enormous labels": npz(images=IMAGES, labels=LABELS.astype(np.uint64) + 2**63),
    "none": npz(images=IMAGES[:0], labels=LABELS[:0]),
    "train and test unlike": npz(x_train=IMAGES, y_train=LABELS, x_test=IMAGES[:, :1], y_test=LABELS),
    "structured": npz(x_train=IMAGES, y_train=LABELS, x_test=np.zeros(3, "u1,f4"), y_test=LABELS),
    "not a zip": b"PK\x03\x04 but no more",
    "empty": b"",
    "empty zip": b"PK\x05\x06" + bytes(18),
    "npy": b"\x93NUMPY\x01\x00",
    "cut off": npz(images=IMAGES, labels=LABELS)[:-200],
    "a petabyte promised": npy_in_zip(b"{'descr': '|u1', 'fortran_order': False, 'shape': (1000000000000, 28, 28)}"),
    "shape of minus one": npy_in_zip(b"{'descr': '|u1', 'fortran_order': False, 'shape': (-1, 28, 28)}"),
    "header unclosed": npy_in_zip(b"{'descr': '|u1', 'fortran_order': False, 'shape': ("),
    "header of code": npy_in_zip(b"__import__('os').system('false')"),
    "header of rubbish": npy_in_zip(bytes(range(256))),
    "header very deep": npy_in_zip(b"(" * 3000 + b")" * 3000),
    "header without keys": npy_in_zip(b"{}"),
    "header of a strange type": npy_in_zip(GOOD_HEADER.replace(b"|u1", b"|zz")),
    "encrypted": npy_in_zip(GOOD_HEADER, IMAGES.tobytes(), flags=1),
    "patched": npy_in_zip(GOOD_HEADER, IMAGES.tobytes(), flags=0x20),
    "body cut off": npy_in_zip(GOOD_HEADER, b"short"),
}


@pytest.mark.parametrize("what", BAD_NPZ)
def test_an_npz_that_is_no_digits_is_refused(what, tmp_path):
    (tmp_path / "bad.npz").write_bytes(BAD_NPZ[what])
    refused(tmp_path / "bad.npz", "bad.npz")


def test_a_zip_bomb_is_not_unpacked(tmp_path):
    with zipfile.ZipFile(tmp_path / "bomb.npz", "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        with archive.open("images.npy", "w", force_zip64=True) as file:
            for _ in range(1600):
                file.write(bytes(2**20))
        archive.writestr("labels.npy", b"")
    refused(tmp_path / "bomb.npz", "too large")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150)
@given(st.data())
def test_a_damaged_file_is_read_or_refused_and_nothing_else(tmp_path, data):
    """A few bytes of a good file changed anywhere."""
    name, good = data.draw(
        st.sampled_from(
            [("x-images-idx3-ubyte", idx(IMAGES)), ("x-images-idx3-ubyte.gz", gzip.compress(idx(IMAGES), mtime=0)),
             ("x.npz", npz(images=IMAGES, labels=LABELS))]
        )
    )  # fmt: skip
    content = bytearray(good)
    edge = st.integers(0, min(300, len(content) - 1)) | st.integers(max(0, len(content) - 300), len(content) - 1)
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(edge)] = data.draw(st.integers(0, 255))
    (tmp_path / name).write_bytes(bytes(content))
    (tmp_path / "x-labels-idx1-ubyte").write_bytes(idx(LABELS))
    try:
        found = digits.load(str(tmp_path / name))
    except DataError as error:
        said = error.message
    else:
        said = ""
        assert found.images.shape == (30, 28, 28)
    assert "\n" not in said


@pytest.mark.parametrize("source", ["nowhere", "", "\0", "a" * 5000, "~", "keras/", "http://example.org/mnist.npz"])
def test_a_place_without_digits_is_refused_with_a_hint(source, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError) as caught:
        digits.load(source)
    assert caught.value.hint


def test_keras_s_cache_is_read_if_it_is_there_and_never_filled(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(DataError, match="cache holds no MNIST"):
        digits.load("keras")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / ".keras" / "datasets").mkdir(parents=True)
    (tmp_path / ".keras" / "datasets" / "mnist.npz").write_bytes(
        npz(x_train=IMAGES, y_train=LABELS, x_test=IMAGES[::-1], y_test=LABELS[::-1])
    )
    assert len(digits.load("keras").images) == 60


def test_a_folder_with_nothing_or_with_too_much_choice_is_refused(tmp_path):
    refused(tmp_path, "no MNIST files")
    for name in ("a.npz", "b.npz"):
        (tmp_path / name).write_bytes(npz(images=IMAGES, labels=LABELS))
    refused(tmp_path)
    (tmp_path / "x-idx3-y").mkdir()
    refused(tmp_path)
