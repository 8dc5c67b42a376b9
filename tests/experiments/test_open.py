"""A run, a set, a zip, a directory or an .npy becomes the array it means, or one clear line."""

import json
import zipfile
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from idlcli.data import face_set
from idlcli.errors import DataError, UsageError
from idlcli.experiments import open as opening
from idlcli.runs import Run


@pytest.fixture
def pictures(tmp_path: Path) -> np.ndarray:
    """Ten random pictures, as a directory, a zip and arrays; a text file and a broken picture lie among them."""
    images = np.random.default_rng(0).integers(0, 256, (10, 20, 20, 3), dtype=np.uint8)
    (tmp_path / "folder").mkdir()
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        for index, image in enumerate(images):
            buffer = BytesIO()
            Image.fromarray(image).save(buffer, "PNG")
            archive.writestr(f"a/{index}.png", buffer.getvalue())
            (tmp_path / "folder" / f"{index}.png").write_bytes(buffer.getvalue())
        archive.writestr("a/broken.png", b"no picture")
    (tmp_path / "folder" / "notes.txt").write_text("not a picture")
    np.save(tmp_path / "bytes.npy", images)
    np.save(tmp_path / "floats.npy", images / 255)
    return images


@pytest.mark.parametrize("name", ["folder", "all.zip"])
def test_pictures_are_read_at_the_size_asked_for(name, pictures, tmp_path):
    opened = opening.open_path(tmp_path / name, size=20)
    assert opened.kind == "images"
    assert opened.real
    assert np.array_equal(opened.array, pictures)
    assert opened.about["n"] == 10
    assert opened.about["skipped"] == (1 if name == "all.zip" else 0)
    assert opening.open_path(tmp_path / name, size=8).array.shape == (10, 8, 8, 3)


def test_the_same_pictures_have_the_same_hash_wherever_they_lie(pictures, tmp_path):
    found = {
        opening.open_path(tmp_path / name, size=20).sha256 for name in ("folder", "all.zip", "bytes.npy", "floats.npy")
    }
    assert len(found) == 1
    np.save(tmp_path / "other.npy", np.where(np.arange(10)[:, None, None, None] == 3, 255 - pictures, pictures))
    np.save(tmp_path / "turned.npy", pictures.reshape(10, 10, 40, 3))
    assert opening.open_path(tmp_path / "other.npy").sha256 not in found
    assert opening.open_path(tmp_path / "turned.npy").sha256 not in found


@pytest.mark.parametrize("name", ["folder", "all.zip", "bytes.npy"])
def test_a_count_chooses_by_the_seed_and_keeps_the_order(name, pictures, tmp_path):
    def take(count, seed):
        return opening.open_path(tmp_path / name, count=count, seed=seed, size=20)

    assert take(4, 1).rows.tolist() == sorted(take(4, 1).rows)
    assert np.array_equal(take(4, 1).array, pictures[take(4, 1).rows])
    assert len({tuple(take(4, seed).rows) for seed in range(5)}) > 1
    assert take(4, 1).about["seed"] == 1
    with pytest.raises(DataError, match="11"):
        take(11, 0)


def test_a_built_set_gives_the_part_asked_for_with_its_labels(built_faces):
    faces = face_set.load(path=built_faces)
    for part, rows in (("test", faces.test_indices), ("train", faces.train_indices), ("all", np.arange(60))):
        opened = opening.open_path(built_faces, part=part)
        assert np.array_equal(opened.array, faces.images[rows])
        assert np.array_equal(opened.rows, rows)
        assert opened.about["part"] == part
        column = faces.labels["hair-color"]
        assert opened.labels["hair-color"].texts() == [column.words[code] for code in column.codes[rows]]
    assert len(opening.open_path(built_faces).array) == 12
    some = opening.open_path(built_faces, part="train", count=5, seed=3)
    assert set(some.rows) <= set(faces.train_indices)
    assert some.sha256 == opening.open_path(built_faces, part="train", count=5, seed=3).sha256
    assert some.sha256 != opening.open_path(built_faces, part="train", count=5, seed=4).sha256


def test_a_part_of_what_has_none_is_a_usage_error(pictures, tmp_path):
    with pytest.raises(UsageError, match="--part"):
        opening.open_path(tmp_path / "folder", part="train")


@pytest.mark.parametrize(
    ("array", "kind"),
    [
        (np.zeros((3, 5), np.float32), "features"),
        (np.zeros((3, 5), np.float16), "features"),
        (np.zeros((3, 28, 28), np.uint8), "glyphs"),
        (np.zeros((3, 9, 8), np.uint8), "images"),
        (np.zeros((3, 9, 8, 3), np.uint8), "images"),
        (np.ones((3, 9, 8, 3), np.float64), "images"),
    ],
)
def test_an_array_is_what_its_shape_and_type_say(array, kind, tmp_path):
    np.save(tmp_path / "a.npy", array)
    opened = opening.open_path(tmp_path / "a.npy")
    assert opened.kind == kind
    if kind == "images":
        assert opened.array.dtype == np.uint8
        assert opened.array.shape[-1] == 3
        assert opened.array.max() == 255 * array.max()


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((3, 5), np.int64),
        np.zeros((3, 5), np.complex64),
        np.zeros((0, 5)),
        np.zeros((3, 0, 5, 3), np.uint8),
        np.zeros(4),
        np.array(3.0),
        np.zeros((3, 3, 9, 9), np.uint8),
        np.zeros((3, 9, 9, 4), np.uint8),
        np.zeros((9, 9, 3), np.uint8),
        np.full((2, 9, 9, 3), 1.5),
        np.full((2, 9, 9, 3), np.nan),
    ],
    ids=lambda array: f"{array.dtype} {array.shape}",
)
def test_an_array_that_is_neither_pictures_nor_features_is_a_data_error(array, tmp_path):
    np.save(tmp_path / "a.npy", array)
    with pytest.raises(DataError, match=r"a\.npy"):
        opening.open_path(tmp_path / "a.npy")


@pytest.mark.parametrize("content", [b"\x93NUMPY", b"\x93NUMPY\x01\x00\xff\xff{", b"PK\x03\x04", b"", b"text"])
def test_a_broken_file_is_a_data_error(content, tmp_path):
    (tmp_path / "a").write_bytes(content)
    with pytest.raises(DataError):
        opening.open_path(tmp_path / "a")


def test_an_array_of_objects_is_never_unpacked(tmp_path):
    np.save(tmp_path / "a.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(DataError, match="not a whole"):
        opening.open_path(tmp_path / "a.npy")


def test_a_word_means_a_path_or_a_run(stand_ins, tmp_path, monkeypatch, built_faces):
    monkeypatch.chdir(tmp_path)
    root = tmp_path / "runs"

    def locate(word, kinds=()):
        return opening.locate(str(word), root=root, kinds=kinds)

    assert locate(built_faces) == built_faces
    for word in (stand_ins["vae"], "00001-vae-s0", "1", "vae-s0"):
        assert locate(word) == Run(stand_ins["vae"])
    assert locate("latest") == Run(stand_ins["gan"])
    assert locate("latest", ("cae",)) == Run(stand_ins["cae"])
    for word in ("", "nowhere", "no/where.zip", "9", "a\0b", "a" * 5000):
        with pytest.raises(DataError):
            locate(word)
    with pytest.raises(DataError, match="cae"):
        locate("2", ("vae", "gan"))


def test_a_run_samples_what_its_seed_says(stand_ins):
    run = Run(stand_ins["gan"])
    opened = opening.open_run(run, count=7, seed=2)
    assert opened.array.shape == (7, 16, 16, 3)
    assert not opened.real
    assert opened.about["what"] == "gan run"
    assert opened.sha256 == opening.open_run(run, count=7, seed=2).sha256
    assert opened.sha256 != opening.open_run(run, count=7, seed=3).sha256


def test_a_run_that_cannot_do_what_is_needed_is_a_data_error(stand_ins, finished_run):
    with pytest.raises(DataError, match="cannot sample"):
        opening.model_of(Run(stand_ins["cae"]), needs="sample")
    with pytest.raises(DataError, match="cannot reconstruct"):
        opening.model_of(Run(stand_ins["gan"]), needs="reconstruct")
    with pytest.raises(DataError, match="seq2seq"):
        opening.model_of(Run(finished_run))


def test_a_run_of_a_kind_that_no_one_knows_imports_nothing(stand_ins):
    config = json.loads((stand_ins["gan"] / "config.json").read_text())
    (stand_ins["gan"] / "config.json").write_text(json.dumps({**config, "kind": "open"}))
    with pytest.raises(DataError, match="unknown kind"):
        opening.model_of(Run(stand_ins["gan"]))
