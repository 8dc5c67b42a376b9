"""Places that cannot be, and built sets that were tampered with; and memory does not grow with the count."""

import json
import os
import subprocess
import sys
import zipfile

import numpy as np
import pytest
from strange_files import build, good

from idlcli.data import faces
from idlcli.errors import DataError, IdlError, UsageError


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
