"""A training on a real file system that fills up, and grows a little each time, ends as one on a large disk does."""

import sys
from pathlib import Path

import pytest
from broken_disk import apart, can_mount
from command_line import clean_environment, run_idl
from stoppable import assert_same_files

pytestmark = [pytest.mark.torture, pytest.mark.skipif(not can_mount(), reason="nothing can be mounted here")]

FILLING = """
mkdir -p runs && mount -t tmpfs -o size="$SIZE"k none runs
until "$@" >>out 2>>err; do
    test $? -eq 1
    echo "$SIZE" >> failures
    find runs -name '*.tmp' >> strays
    SIZE=$((SIZE + STEP)); mount -o remount,size="$SIZE"k runs
    if ls runs/0*/config.json >/dev/null 2>&1; then set -- "$PYTHON" -m idlcli runs resume latest --json; fi
done
cp -r runs done
"""
MODELS = {
    "text-text": (
        ("seq2seq", "train", "--units", "24", "--batch-size", "16", "--keep", "best", "--jit", "off"),
        24,
        60,
    ),
    "gan": (("gan", "train", "--latent", "6", "--width", "4", "--ema", ".9", "--batch-size", "16"), 100, 500),
}
"""What is trained, how many KiB the disk has first, and by how many it grows."""


@pytest.mark.parametrize("model", MODELS)
def test_a_training_goes_on_whenever_there_is_room(model, built_arithmetic, built_faces, tmp_path, home):
    words, size, step = MODELS[model]
    data = built_arithmetic if model == "text-text" else built_faces
    words = (*words, "--epochs", "4", "--data", str(data), "--json")
    (tmp_path / "whole").mkdir()
    whole = Path(run_idl(*words, home=home, cwd=tmp_path / "whole").data["run"])
    more = {"SIZE": str(size), "STEP": str(step), "PYTHON": sys.executable}
    done = apart(
        FILLING, sys.executable, "-m", "idlcli", *words, cwd=tmp_path, environment=clean_environment(home) | more
    )
    assert done.returncode == 0, done.stderr + (tmp_path / "err").read_text()[-3000:]
    failures = (tmp_path / "failures").read_text().split()
    errors = [line for line in (tmp_path / "err").read_text().splitlines() if line.startswith("error: ")]
    assert len(errors) == len(failures) >= 3
    for line in errors:
        assert "No space left on device. Free some space and try again." in line, line
    assert (tmp_path / "strays").read_text() == ""
    (run,) = (tmp_path / "done").glob("0*")
    assert_same_files(run, tmp_path / "whole" / whole)
    print(f"{model}: the disk was full {len(failures)} times")
