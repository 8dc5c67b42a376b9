"""The arithmetic data set on disk: the same bytes twice, whole or not there, and checked when it is read."""

import json
import os
import shutil

import numpy as np
import pytest

from idlcli.data import arithmetic
from idlcli.errors import DataError, RunFailed, UsageError
from idlcli.settings import ArithmeticSettings

FILES = {"queries.npy", "answers.npy", "glyphs.npy", "glyph_labels.npy", "manifest.json"}


@pytest.fixture
def digits_file(tmp_path):
    """Digits that are noise: quicker than the bundled ones."""
    generator = np.random.default_rng(0)
    path = tmp_path / "digits.npz"
    images = generator.integers(1, 256, (40, 28, 28), dtype=np.uint8)
    np.savez(path, images=images, labels=np.arange(40) % 10)
    return str(path)


@pytest.fixture
def build(digits_file, tmp_path):
    def run(out="data", **about):
        settings = ArithmeticSettings(**{"digits": digits_file, "max": 3, **about})
        return arithmetic.build(settings=settings, out=tmp_path / out), tmp_path / out

    return run


def test_what_was_built_is_what_is_loaded_and_checked(build):
    result, path = build(ops="+-*")
    assert {p.name for p in path.iterdir()} == FILES
    assert result["count"] == 3 * 16
    assert result["skipped"] == []
    assert result["test_count"] == 0
    data = arithmetic.load(path)
    assert data.queries.text(data.queries.queries)[:2] == ["0+0", "0+1"]
    assert len(data.bank.labels) == result["glyphs"]
    checked = arithmetic.check(path=path)
    assert (checked["count"], checked["ops"], checked["max"]) == (48, "+-*", 3)
    assert sum(checked["glyphs_of"].values()) == checked["glyph_count"]
    for name, array in result["shape"].items():
        assert list(np.load(path / name, allow_pickle=False).shape) == array


def test_the_same_settings_give_the_same_bytes(build):
    for about in ({}, {"materialise": True}):
        results, paths = zip(*(build(out=f"{n}{len(about)}", **about) for n in (1, 2)), strict=True)
        assert results[0]["sha256"] == results[1]["sha256"]
        for name in results[0]["sha256"]:
            assert (paths[0] / name).read_bytes() == (paths[1] / name).read_bytes()
    other, _ = build(out="other", seed=1)
    assert other["sha256"]["queries.npy"] == results[0]["sha256"]["queries.npy"]
    assert other["sha256"]["glyphs.npy"] != results[0]["sha256"]["glyphs.npy"]


def test_materialised_images_show_the_queries(build):
    """The report's Table 1: (N, 5, 28, 28) and (N, 3, 28, 28), each picture of the class it stands for."""
    _, path = build(materialise=True)
    data = arithmetic.load(path)
    label_of = {image.tobytes(): int(label) for image, label in zip(data.bank.images, data.bank.labels, strict=True)}
    for name, rows in (("query_images", data.queries.queries), ("answer_images", data.queries.answers)):
        images = np.load(path / f"{name}.npy", allow_pickle=False)
        assert images.shape == (*rows.shape, 28, 28)
        assert images.dtype == np.uint8
        found = [[label_of[image.tobytes()] for image in row] for row in images]
        assert np.array_equal(found, rows)


def test_drawn_glyphs_come_from_the_pool_and_all_of_it_is_used(build):
    _, path = build()
    data = arithmetic.load(path)
    pool = np.random.default_rng(0).random(len(data.bank.labels)) < 0.5
    pool[:10] = True
    pool |= data.bank.labels == data.bank.alphabet.index(" ")
    rows = np.tile(data.queries.queries, (200, 1))
    chosen = arithmetic.draw_glyphs(rows, data.bank.labels, pool, np.random.default_rng(0))
    assert np.array_equal(data.bank.labels[chosen], rows)
    assert pool[chosen].all()
    used = np.unique(chosen)
    possible = np.flatnonzero(pool & np.isin(data.bank.labels, np.unique(rows)))
    assert len(used) > 0.9 * len(possible)


def test_samples_are_the_seed_s_and_as_wide_as_query_and_answer(build):
    _, path = build()
    images, texts = arithmetic.sample(path=path, count=5, seed=0)
    assert images.shape == (5, 28, 28 * 3 + 6 + 28 * 2)
    assert all(str(eval(text.split("=")[0])) == text.split("=")[1] for text in texts)
    again, _ = arithmetic.sample(path=path, count=5, seed=0)
    assert np.array_equal(images, again)
    other, _ = arithmetic.sample(path=path, count=5, seed=1)
    assert not np.array_equal(images, other)
    assert len(arithmetic.sample(path=path, count=10_000, seed=0)[1]) == 32


def test_what_stands_there_is_replaced_only_when_that_is_said(build):
    first, path = build()
    before = {p.name: p.read_bytes() for p in path.iterdir()}
    with pytest.raises(UsageError, match="exists already"):
        build(seed=1)
    assert {p.name: p.read_bytes() for p in path.iterdir()} == before
    second, _ = build(seed=1, overwrite=True)
    assert second["sha256"] != first["sha256"]
    (path / "notes.txt").write_text("mine")
    with pytest.raises(UsageError, match=r"notes\.txt"):
        build(overwrite=True)
    assert (path / "notes.txt").read_text() == "mine"


def test_a_build_that_fails_leaves_what_stood_there(build, tmp_path, monkeypatch):
    _, path = build()
    before = {p.name: p.read_bytes() for p in path.iterdir()}
    calls = []

    def refuse(*arguments, original=os.fsync):
        if not os.path.isdir(f"/proc/self/fd/{arguments[0]}"):
            calls.append(arguments)
            if len(calls) == 3:
                raise OSError(28, "No space left on device")
        return original(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", refuse)
        with pytest.raises(RunFailed, match="No space left on device"):
            build(seed=1, overwrite=True)
        calls.clear()
        with pytest.raises(RunFailed):
            build(out="new")
    assert {p.name: p.read_bytes() for p in path.iterdir()} == before
    assert not (tmp_path / "new").exists()
    assert not list(tmp_path.glob(".*building*"))
    arithmetic.check(path=path)


@pytest.mark.parametrize("name", sorted(FILES))
def test_a_file_that_is_missing_or_cut_off_is_a_data_error(name, built_arithmetic, tmp_path):
    path = shutil.copytree(built_arithmetic, tmp_path / "copy")
    content = (path / name).read_bytes()
    for length in (0, 1, 50, len(content) - 1):
        (path / name).write_bytes(content[:length])
        if name == "manifest.json" and length == len(content) - 1:
            continue  # the last line end
        with pytest.raises(DataError):
            arithmetic.load(path)
    (path / name).unlink()
    with pytest.raises(DataError):
        arithmetic.load(path)


def test_a_changed_byte_is_found_by_the_check(built_arithmetic, tmp_path):
    path = shutil.copytree(built_arithmetic, tmp_path / "copy")
    arithmetic.check(path=path)
    content = bytearray((path / "glyphs.npy").read_bytes())
    content[-1] ^= 1
    (path / "glyphs.npy").write_bytes(bytes(content))
    with pytest.raises(DataError, match=r"glyphs\.npy"):
        arithmetic.check(path=path)


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "faces"}, {"schema": 2}, {"schema": None}, {"max": 8}, {"max": "9"}, {"max": -1}, {"max": 10**9},
        {"max": None}, {"max": [9]}, {"max": 1e999}, {"ops": "+"}, {"ops": "-+"}, {"ops": 3}, {"ops": ["+", 3]},
        {"ops": ""}, {"ops": "+-*"},
    ],
    ids=str,
)  # fmt: skip
def test_a_manifest_that_does_not_fit_the_data_is_a_data_error(change, built_arithmetic, tmp_path):
    path = shutil.copytree(built_arithmetic, tmp_path / "copy")
    manifest = json.loads((path / "manifest.json").read_text()) | change
    (path / "manifest.json").write_text(json.dumps(manifest).replace("Infinity", "1e999"))
    with pytest.raises(DataError):
        arithmetic.load(path)


@pytest.mark.parametrize(
    "change",
    [{"sha256": None}, {"sha256": []}, {"sha256": {"../../etc/passwd": "0"}}, {"sha256": {"glyphs.npy": 5}},
     {"sha256": {}}, {"sha256": {"nowhere.npy": "0"}}],
    ids=str,
)  # fmt: skip
def test_a_manifest_without_good_hashes_is_a_data_error_when_checked(change, built_arithmetic, tmp_path):
    path = shutil.copytree(built_arithmetic, tmp_path / "copy")
    manifest = json.loads((path / "manifest.json").read_text()) | change
    (path / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(DataError):
        arithmetic.check(path=path)


@pytest.mark.parametrize(
    "change",
    [{"pools": "other"}, {"pools": None}, {"test_share": "x"}, {"test_share": 5}, {"test_share": None}],
    ids=str,
)
def test_pools_that_are_none_are_a_data_error(change, built_arithmetic, tmp_path):
    path = shutil.copytree(built_arithmetic, tmp_path / "copy")
    manifest = json.loads((path / "manifest.json").read_text()) | change
    (path / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(DataError):
        arithmetic.load(path)


ARRAYS = {
    "pickled": np.array([{}], dtype=object),
    "floats": np.zeros((6001, 28, 28), np.float32),
    "fewer": np.zeros((5, 28, 28), np.uint8),
    "sides": np.zeros((6001, 27, 28), np.uint8),
    "scalar": np.uint8(3),
    "strings": np.array(["a"] * 6001),
}


@pytest.mark.parametrize("what", ARRAYS)
@pytest.mark.parametrize("name", ["glyphs.npy", "glyph_labels.npy", "queries.npy"])
def test_an_array_of_another_kind_is_a_data_error(what, name, built_arithmetic, tmp_path):
    path = shutil.copytree(built_arithmetic, tmp_path / "copy")
    with open(path / name, "wb") as file:
        np.save(file, ARRAYS[what], allow_pickle=True)
    with pytest.raises(DataError):
        arithmetic.load(path)


def test_a_header_that_promises_a_petabyte_is_a_data_error(built_arithmetic, tmp_path):
    path = shutil.copytree(built_arithmetic, tmp_path / "copy")
    header = b"{'descr': '|u1', 'fortran_order': False, 'shape': (1000000000000, 28, 28), }".ljust(117) + b"\n"
    for bad in (header, header.replace(b"),", b"   "), b"(" * 100):
        (path / "glyphs.npy").write_bytes(b"\x93NUMPY\x01\x00" + bytes([len(bad), 0]) + bad)
        with pytest.raises(DataError):
            arithmetic.load(path)


def test_a_label_that_no_character_has_is_a_data_error(built_arithmetic, tmp_path):
    path = shutil.copytree(built_arithmetic, tmp_path / "copy")
    labels = np.load(path / "glyph_labels.npy", allow_pickle=False)
    for bad in (np.where(labels == 3, 99, labels).astype(np.uint8), np.where(labels == 3, 4, labels).astype(np.uint8)):
        np.save(path / "glyph_labels.npy", bad)
        with pytest.raises(DataError):
            arithmetic.load(path)


def test_a_place_that_cannot_be_replaced_is_refused_before_anything_is_made(here, monkeypatch):
    monkeypatch.setattr(arithmetic.digits, "load", None)
    for words in ((), ("--overwrite",)):
        here("data", "build", "arithmetic", "--out", "/", *words).refused(2, "/")
