"""Disks that are full and places that are closed: one clear line, what was there stays, nothing is left behind."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from broken_disk import Disk, apart, as_anybody, can_mount
from command_line import Output, clean_environment

WRITERS = {
    "data build": ("data", "build", "faces", "--source", "faces.npy", "--size", "8", "--overwrite", "--out", "OUT"),
    "data show": ("data", "show", "faces.npy", "--out", "OUT.png"),
    "sample": ("gan", "sample", "GAN", "--count", "4", "--out", "OUT.npy"),
    "interpolate": ("gan", "interpolate", "GAN", "--count", "2", "--steps", "3", "--out", "OUT.gif"),
    "walk": ("viz", "walk", "GAN", "--out", "OUT.svg"),
    "grid": ("viz", "grid", "VAE", "--count", "4", "--out", "OUT.png"),
    "report": ("report", "VAE", "--out", "OUT.html"),
}


@pytest.fixture
def pixels(tmp_path):
    array = np.random.default_rng(0).integers(0, 256, (20, 8, 8, 3), np.uint8)
    np.save(tmp_path / "faces.npy", array)
    return tmp_path / "faces.npy"


def tree(folder: Path) -> dict[str, bytes]:
    """Every file but the locks, and when it was last changed."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.name.endswith(".lock")
    }


@pytest.mark.parametrize("call", ["fsync", "replace"])
@pytest.mark.parametrize("what", WRITERS)
def test_a_disk_that_is_full_at_any_write_of_a_command_costs_nothing_but_that_file(
    what, call, here, pixels, stand_ins, tmp_path, monkeypatch
):
    runs = {kind.upper(): str(path) for kind, path in stand_ins.items()}
    words = [runs.get(word, word) for word in WRITERS[what]]
    here(*words)
    before = tree(tmp_path)
    disk = Disk(monkeypatch, call, fatal=0)
    assert here(*words).code == 0
    if call == "replace" and not disk.count:
        pytest.skip("this command replaces nothing but by a rename of its directory")
    for fatal in range(1, disk.count + 1):
        with monkeypatch.context() as patch:
            Disk(patch, call, fatal)
            here(*words).refused(1, "No space left on device", "Free some space")
        after = tree(tmp_path)
        assert sorted(after) == sorted(before), fatal
        for name in set(before) - {"OUT/manifest.json"}:
            assert after[name] == before[name], (fatal, name)


TINY = """
mkdir -p disk && mount -t tmpfs -o size=64k none disk
run() { "$@" 1>>out 2>>err && echo 0 >> codes || echo $? >> codes; }
run "$@" --out disk/faces --size 8
ls -A disk disk/faces > earlier; cp -r disk/faces saved
run "$@" --out disk/faces --overwrite --size 64
ls -A disk disk/faces > later
cmp saved/images.npy disk/faces/images.npy && cmp saved/manifest.json disk/faces/manifest.json && echo intact
mount -o remount,size=4m disk
run "$@" --out disk/faces --overwrite --size 64
"""


@pytest.mark.skipif(not can_mount(), reason="this machine does not let its user mount a file system")
def test_a_file_system_that_is_really_full(pixels, tmp_path, home):
    words = (sys.executable, "-m", "idlcli", "data", "build", "faces", "--source", "faces.npy")
    done = apart(TINY, *words, cwd=tmp_path, environment=clean_environment(home))
    assert done.stdout == "intact\n", done.stderr
    assert (tmp_path / "codes").read_text().split() == ["0", "1", "0"]
    assert (tmp_path / "earlier").read_text() == (tmp_path / "later").read_text()
    (line,) = (tmp_path / "err").read_text().splitlines()
    assert line.startswith("error: Cannot write ")
    assert line.endswith("No space left on device. Free some space and try again.")


CLOSED = {
    "a place for runs": (("seq2seq", "train", "--data", "ARITHMETIC", "--runs", "closed"), 1, "closed"),
    "a place for data": (("data", "build", "faces", "--source", "faces.npy", "--out", "closed/out"), 1, "closed"),
    "a place for a picture": (("data", "show", "faces.npy", "--out", "closed/x.png"), 1, "closed"),
    "a run that cannot be written to": (("runs", "resume", "RUN"), 1, "00001"),
    "a run that cannot be read": (("runs", "show", "RUN"), 3, "config.json"),
    "data that cannot be read": (("data", "check", "hidden"), 3, "hidden"),
    "an array that cannot be read": (("data", "check", "hidden.npy"), 3, "hidden.npy"),
    "a settings file that cannot be read": (("gan", "train", "--dry-run", "--config", "hidden.toml"), 2, "hidden.toml"),
    "a directory that cannot be entered": (("eval", "fid", "hidden", "faces.npy", "--features", "none"), 3, "hidden"),
}


@pytest.mark.parametrize("what", CLOSED)
def test_what_nobody_may_read_or_write_is_one_line(what, pixels, finished_run, built_arithmetic, tmp_path, home):
    words, code, said = CLOSED[what]
    run = Path(shutil.copytree(finished_run, tmp_path / "runs" / finished_run.name))
    (run / "metrics.json").unlink()
    for name in ("closed", "hidden"):
        (tmp_path / name).mkdir()
    for name in ("hidden.npy", "hidden.toml"):
        (tmp_path / name).write_bytes(b"x")
    before = tree(tmp_path)
    os.chmod(tmp_path / "closed", 0o555)
    for name in ("hidden", "hidden.npy", "hidden.toml", *([run / "config.json"] if "read" in what else [])):
        os.chmod(tmp_path / name, 0)
    os.chmod(run, 0o555)
    (run / ".lock").unlink(missing_ok=True)
    given = {"RUN": str(run), "ARITHMETIC": str(built_arithmetic)}
    try:
        done = subprocess.run(
            [*as_anybody(), sys.executable, "-m", "idlcli", *(given.get(word, word) for word in words)],
            cwd=tmp_path, env=clean_environment(home), capture_output=True, text=True, timeout=300, check=False,
        )  # fmt: skip
    finally:
        for path in (run, tmp_path / "closed", tmp_path / "hidden"):
            os.chmod(path, 0o755)
        for path in (run / "config.json", tmp_path / "hidden.npy", tmp_path / "hidden.toml"):
            os.chmod(path, 0o644)
    Output(done.returncode, done.stdout, done.stderr).refused(code, said)
    assert tree(tmp_path) == before


def test_a_run_in_a_place_that_cannot_be_written_to_can_be_looked_at(finished_run, tmp_path, home):
    run = Path(shutil.copytree(finished_run, tmp_path / "runs" / finished_run.name))
    os.chmod(run, 0o555)
    try:
        done = subprocess.run(
            [*as_anybody(), sys.executable, "-m", "idlcli", "runs", "list", "--json"],
            cwd=tmp_path, env=clean_environment(home), capture_output=True, text=True, timeout=300, check=False,
        )  # fmt: skip
    finally:
        os.chmod(run, 0o755)
    assert json.loads(done.stdout)["data"][0]["status"] == "done"
