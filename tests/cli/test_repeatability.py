"""The same command twice gives the same bytes, whatever the home, the hash seed, the locale and the time zone are."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from command_line import clean_environment, run_idl
from every_command import CASES

TIMES = {"seconds", "created", "built"}
"""What may differ: when something was made, and how long it took."""
EXEMPT = {
    "doctor": "says what the machine has at the moment",
    "data build all": "is data build faces and data build arithmetic",
    "quickstart": "ends with a page that holds how long it took; its parts are here",
}
QUICK = ("data build faces", "data build arithmetic", "data show", "eval kid", "viz curves", "viz grid", "report",
         "vae train")  # fmt: skip
"""Those that the tests run each time; all others with `make torture`."""
KERAS = {"floatx": "float16", "epsilon": 0.1, "image_data_format": "channels_first", "backend": "torch"}


def hostile_home(home: Path) -> dict[str, str]:
    """A home whose settings of libraries would change every number and picture, and all else that may differ."""
    for name, content in {
        ".keras/keras.json": json.dumps(KERAS),
        ".config/matplotlib/matplotlibrc": "savefig.dpi: 31\nfont.size: 40\n",
        ".matplotlib/matplotlibrc": "savefig.dpi: 31\n",
        ".idl.toml": "epochs = 99\n",
    }.items():
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_text(content)
    return {"PYTHONHASHSEED": "12345", "TZ": "Asia/Tokyo", "LC_ALL": "C", "COLUMNS": "40", "KERAS_BACKEND": "jax"}


def without_times(value: object) -> object:
    if isinstance(value, dict):
        return {key: without_times(inner) for key, inner in value.items() if key not in TIMES}
    return [without_times(inner) for inner in value] if isinstance(value, list) else value


def content_of(path: Path) -> object:
    """A file as it must be the second time."""
    if path.suffix == ".json":
        return without_times(json.loads(path.read_text()))
    if path.name == "log.jsonl":
        return [without_times(json.loads(line)) for line in path.read_text().splitlines()]
    return path.read_bytes()


@pytest.mark.parametrize(
    "name",
    [pytest.param(n, marks=() if n in QUICK else pytest.mark.torture) for n in sorted(CASES) if n not in EXEMPT],
)
def test_the_same_command_twice(name, built_arithmetic, built_faces, face_runs, finished_run, tmp_path):
    said, made = [], []
    for world in ("plain", "hostile"):
        home, here = tmp_path / f"{world} home", tmp_path / world
        home.mkdir()
        shutil.copytree(built_arithmetic, here / "arithmetic")
        shutil.copytree(built_faces, here / "faces")
        for run in (finished_run, *face_runs.values()):
            shutil.copytree(run, here / "given" / run.name)
        np.save(here / "features.npy", np.random.default_rng(0).normal(size=(20, 4)))
        places = {
            "data": "arithmetic",
            "faces": "faces",
            "features": "features.npy",
            "run": f"given/{finished_run.name}",
        }
        places |= {kind: f"given/{run.name}" for kind, run in face_runs.items()}
        words = [word.format(**places) for word in CASES[name].good]
        more = hostile_home(home) if world == "hostile" else {}
        done = run_idl(*name.split(), *words, "--json", home=home, cwd=here, env=clean_environment(home) | more)
        said.append(without_times(json.loads(json.dumps(done.data).replace(str(here), "HERE"))))
        made.append({str(p.relative_to(here)): content_of(p) for p in sorted(here.rglob("*")) if p.is_file()})
    assert said[0] == said[1]
    assert sorted(made[0]) == sorted(made[1])
    for path, content in made[0].items():
        assert content == made[1][path], path
    changed = json.loads((tmp_path / "hostile home" / ".keras" / "keras.json").read_text())
    assert changed == KERAS, "it is neither obeyed nor written"


def test_every_exemption_is_of_a_command():
    assert set(EXEMPT) | set(QUICK) <= set(CASES)
