"""A sweep from its file to its table; killed in its middle it loses nothing; a cell that fails is not the end."""

import csv
import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from PIL import Image

from idlcli import dotted
from idlcli.errors import Interrupted, RunFailed, UsageError
from idlcli.experiments import driver
from idlcli.runs import Run, is_locked, list_runs
from idlcli.settings.resolve import applicable
from idlcli.workflows import sweep as library
from idlcli.workflows import sweep_file as files
from idlcli.workflows import sweep_table
from idlcli.workflows.cells import Outcome

OPTIONS = {"engine": "local", "address": "", "jobs": 1, "gpus": 0.0}


@pytest.fixture
def sweep(sweep_file, built_arithmetic, tmp_path):
    """The four cells on real data."""
    return files.read(sweep_file, data=str(built_arithmetic), seeds=(), environ={}, data_root=tmp_path)


@pytest.fixture
def outcomes(monkeypatch):
    """A function that makes cells end as it is told, by (units, seed), without training."""

    def make(found):
        def end(job, *, stop=None):
            outcome = found[job.cell.settings.units, job.cell.settings.seed]
            if isinstance(outcome, BaseException):
                raise outcome
            return outcome

        monkeypatch.setattr(library, "run_cell", end)

    return make


def done(value, *, run="run", new=True):
    return Outcome("done", run, {"test": {"loss": value, "exact": 1 - value, "n": 5}}, 2.0, new=new)


SCORES = {(2, 0): 0.5, (2, 1): 0.1, (4, 0): 0.2, (4, 1): 0.3}


def run(sweep, place, **changes):
    said = []
    data = library.run(sweep, place=place, say=said.append, **{**OPTIONS, **changes})
    return data, said


def test_the_table_has_the_mean_and_the_spread_of_each_point_and_names_the_best(sweep, outcomes, tmp_path):
    outcomes({key: done(value, run=f"{key}") for key, value in SCORES.items()})
    data, said = run(sweep, tmp_path / "s", jobs=2)
    assert [(cell["label"], cell["n"]) for cell in data["cells"]] == [("units 2", 2), ("units 4", 2)]
    assert [cell["mean"] for cell in data["cells"]] == pytest.approx([0.3, 0.25])
    assert data["cells"][0]["sd"] == pytest.approx(0.2828427)
    assert [data["cells"][1][key] for key in ("low", "high")] == [0.2, 0.3]
    assert data["cells"][0]["also"]["test.exact"] == pytest.approx(0.7)
    best = data["best"]
    assert (best["label"], best["run"], best["value"]) == ("units 4", "(4, 0)", 0.2), "the least loss, by the mean"
    assert (data["failed"], data["trained"], data["seconds"]) == (0, 4, 8.0)
    assert len(said) == 4


def test_better_is_higher_where_the_file_says_so(sweep, outcomes, tmp_path):
    outcomes({key: done(value) for key, value in SCORES.items()})
    data, _ = run(dataclasses.replace(sweep, better="higher"), tmp_path / "s")
    assert (data["best"]["label"], data["best"]["value"]) == ("units 2", 0.5)


def test_the_files_say_the_same_in_the_order_of_the_sweep(sweep, outcomes, tmp_path):
    outcomes({key: done(value) for key, value in SCORES.items()})
    data, _ = run(sweep, tmp_path / "s")
    assert json.loads((tmp_path / "s" / "results.json").read_text()) == data
    with open(tmp_path / "s" / "results.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(int(row["units"]), int(row["seed"]), float(row["test.loss"])) for row in rows] == [
        (units, seed, value) for (units, seed), value in SCORES.items()
    ]
    with Image.open(tmp_path / "s" / "results.png") as picture:
        assert picture.size[0] > picture.size[1]
    assert {path.name for path in (tmp_path / "s").iterdir()} == {
        ".sweep.lock", "sweep.json", "results.json", "results.csv", "results.png",
    }  # fmt: skip


def test_a_failed_cell_is_reported_when_all_others_are_done_and_the_best_has_all_its_seeds(sweep, outcomes, tmp_path):
    outcomes({key: done(value) for key, value in SCORES.items()} | {(4, 1): Outcome("failed", error="no room")})
    with pytest.raises(RunFailed, match="1 of 4 cells") as caught:
        run(sweep, tmp_path / "s")
    data = caught.value.data
    assert json.loads((tmp_path / "s" / "results.json").read_text()) == data
    assert [cell["n"] for cell in data["cells"]] == [2, 1]
    assert data["cells"][1]["runs"][1]["error"] == "no room"
    assert data["best"]["label"] == "units 2", "one lucky seed is no mean"
    assert data["cells"][1]["sd"] is None


@pytest.mark.parametrize("failing", [[(4, 1)], list(SCORES)])
def test_where_cells_failed_the_table_of_the_others_is_said_all_the_same(
    failing, here, sweep_file, built_arithmetic, outcomes
):
    outcomes({key: done(value) for key, value in SCORES.items()} | dict.fromkeys(failing, Outcome("failed", error="x")))
    words = ("sweep", sweep_file, "--data", built_arithmetic)
    found = here(*words)
    assert found.code == 1
    assert f"{len(failing)} of 4 cells of sweep-small failed" in found.err
    assert "units 4" in found.out
    assert ("Best: units 2, test.loss 0.3 (standard deviation 0.2828 over 2 seeds)" in found.out) == (len(failing) == 1)
    assert "all lie in runs/sweep-small" in found.out
    assert json.loads(here(*words, "--json").out)["data"]["failed"] == len(failing), "with --json it is said once"


def test_values_that_are_nearly_the_same_are_points_of_their_own(built_arithmetic, outcomes, tmp_path):
    (tmp_path / "near.toml").write_text(
        'command = "seq2seq train"\nmetric = "test.loss"\nbetter = "lower"\n'
        "[settings]\nunits = 2\n[grid]\nlearning-rate = [0.1234567, 0.1234568, 0.5]\n"
    )
    sweep = files.read(tmp_path / "near.toml", data=str(built_arithmetic), seeds=(0,), environ={}, data_root=tmp_path)
    outcomes({(2, 0): done(0.5)})
    data, _ = run(sweep, tmp_path / "s")
    labels = ["learning-rate 0.1234567", "learning-rate 0.1234568", "learning-rate 0.5"]
    assert [(cell["label"], cell["n"]) for cell in data["cells"]] == [(label, 1) for label in labels]


def test_when_no_cell_is_done_there_is_no_best_and_no_picture(sweep, outcomes, tmp_path):
    outcomes(dict.fromkeys(SCORES, Outcome("failed", error="no room")))
    with pytest.raises(RunFailed, match="4 of 4 cells") as caught:
        run(sweep, tmp_path / "s")
    assert caught.value.data["best"] is None
    assert not (tmp_path / "s" / "results.png").exists()


def test_a_metric_that_no_run_has_is_said_after_the_first_cell_with_those_there_are(sweep, outcomes, tmp_path):
    outcomes({key: done(value) for key, value in SCORES.items()})
    for change in ({"metric": "test.exat"}, {"also": ("test.exat",)}):
        with pytest.raises(UsageError, match=r"test\.exat") as caught:
            run(dataclasses.replace(sweep, **change), tmp_path / "s")
        assert "test.exact" in caught.value.hint


@pytest.mark.parametrize(("error", "code"), [(KeyboardInterrupt(), 130), (Interrupted("x", signal_number=15), 143)])
def test_a_signal_ends_the_sweep_with_how_to_go_on(error, code, sweep, outcomes, tmp_path):
    outcomes({key: done(value) for key, value in SCORES.items()} | {(4, 0): error})
    with pytest.raises(Interrupted, match="2 of 4 cells") as caught:
        run(sweep, tmp_path / "s")
    assert caught.value.exit_code == code


def test_two_sweeps_do_not_share_a_directory(sweep, outcomes, tmp_path):
    import filelock

    outcomes({key: done(value) for key, value in SCORES.items()})
    (tmp_path / "s").mkdir()
    with filelock.FileLock(tmp_path / "s" / ".sweep.lock"), pytest.raises(RunFailed, match="in use"):
        run(sweep, tmp_path / "s")


def test_numbers_of_metrics_are_found_by_their_dotted_keys():
    metrics = {"epochs": 3, "test": {"exact": 0.5, "ok": True, "name": "x"}, "none": None}
    assert dotted.numbers(metrics) == {"epochs": 3.0, "test.exact": 0.5}
    assert dotted.number(metrics, "test.name") is None
    assert sweep_table.spread([]) == {"n": 0, "mean": None, "sd": None, "low": None, "high": None}


def test_without_ray_the_engine_ray_says_what_to_install(sweep, tmp_path, monkeypatch):
    import importlib.util

    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *rest: None if name == "ray" else find(name, *rest))
    with pytest.raises(RunFailed, match="Ray is not installed") as caught:
        run(sweep, tmp_path / "s", engine="ray")
    assert "idlcli[ray]" in caught.value.hint
    assert not (tmp_path / "s").exists()


def test_where_no_cluster_is_that_is_said_at_once(sweep, tmp_path, monkeypatch):
    import socket

    from idlcli.workflows import ray_engine

    monkeypatch.setattr(ray_engine, "check", lambda: None)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
        with pytest.raises(RunFailed, match="No Ray cluster at 127"):
            run(sweep, tmp_path / "s", engine="ray", address=address)


def test_what_cannot_run_where_it_came_to_is_a_failed_cell_and_no_end_of_the_sweep():
    """A machine that lacks the file system, or idl: the other cells go on, on the others."""
    from idlcli.workflows import ray_engine

    class TaskError(Exception):
        cause = RunFailed("node-2 does not see /shared/runs.")

    def get(reference):
        raise reference

    ray = SimpleNamespace(get=get, exceptions=SimpleNamespace(RayTaskError=TaskError, RayError=OSError))
    assert ray_engine._result(ray, TaskError()) == Outcome("failed", error="node-2 does not see /shared/runs")
    assert ray_engine._result(ray, OSError("its machine is\nlost")) == Outcome("failed", error="its machine is lost")


@pytest.mark.parametrize(
    ("there", "gpus", "missing"),
    [({"CPU": 2.0}, 0.0, False), ({"CPU": 2.0}, 1.0, True), ({}, 0.0, True), ({"CPU": 1.0, "GPU": 1.0}, 0.5, False)],
)
def test_a_cluster_without_room_for_one_training_is_told_of(there, gpus, missing):
    from idlcli.workflows import ray_engine

    assert ("waiting for machines" in ray_engine._missing(there, gpus)) == missing


def wait_for(what, process, seconds=300.0):
    until = time.monotonic() + seconds
    while not what():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < until
        time.sleep(0.01)


def state_of(runs):
    return {run.name: (run.path / "metrics.json").stat().st_mtime_ns for run in runs if run.metrics() is not None}


def same_as_alone(place: Path, sweep, alone: Path) -> None:
    """The runs of the sweep are to the bit what `idl seq2seq train` makes of their settings."""
    for found in list_runs(place):
        (cell,) = [c for c in sweep.cells if applicable(c.settings) == found.config()["settings"]]
        plain = Run(Path(driver.start(kind=cell.kind, settings=cell.settings, root=alone, name=None)["run"]))
        for name in ("checkpoints/last.safetensors", "metrics.json", "predictions.csv"):
            assert (found.path / name).read_bytes() == (plain.path / name).read_bytes(), (found.name, name)


# Keras 3.15 asks its variables for an array in a way that NumPy 2.4 complains about.
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_a_sweep_that_is_killed_goes_on_and_ends_as_one_that_was_not(
    sweep_file, sweep, built_arithmetic, tmp_path, environment, idl, keras_engine
):
    """Killed while its second training runs, which outlives it; then terminated while its third one runs."""
    words = ("sweep", str(sweep_file), "--data", str(built_arithmetic), "--json")
    place = tmp_path / "runs" / "sweep-small"

    def start():
        return subprocess.Popen(
            [sys.executable, "-m", "idlcli", *words], cwd=tmp_path, env=environment,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip

    first = start()
    wait_for(lambda: len(list_runs(place)) == 2 and is_locked(list_runs(place)[1]), first)
    first.kill()
    first.communicate()
    before = state_of(list_runs(place)[:1])
    assert len(before) == 1
    second = start()
    wait_for(lambda: len(list_runs(place)) == 3 and is_locked(list_runs(place)[2]), second)
    second.send_signal(signal.SIGTERM)
    out, err = second.communicate(timeout=300)
    assert second.returncode == 143, err
    assert "Start the same sweep again" in json.loads(out)["errors"][0]["hint"]
    assert not any(is_locked(found) for found in list_runs(place)), "no training outlives a sweep that was told to end"
    done = idl(*words)
    assert done.data["failed"] == 0
    assert [cell["n"] for cell in done.data["cells"]] == [2, 2]
    assert len(list_runs(place)) == 4
    assert state_of(list_runs(place)).items() >= before.items()
    assert done.data["trained"] <= 2
    same_as_alone(place, sweep, tmp_path / "alone")
    again = idl(*words)
    assert again.data["trained"] == 0
    assert again.data["best"] == done.data["best"]
    assert again.err.count("(done before)") == 4
    planned = idl(*words, "--dry-run").data
    assert planned["done"] == 4
    assert [(cell["status"], cell["epochs"]) for cell in planned["cells"]] == [("done", 3)] * 4


RAY_IS_MISSING = "TEST_ENGINE" not in os.environ and not any(
    (Path(place) / "ray" / "__init__.py").exists() for place in sys.path
)


@pytest.mark.engine
@pytest.mark.skipif(RAY_IS_MISSING, reason="Ray is not installed; `make test-engines` installs it")
@pytest.mark.skipif(
    os.environ.get("TEST_ENGINE", "tensorflow") != "tensorflow", reason="the cells' engine is their own"
)
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_a_sweep_on_a_cluster_loses_nothing_when_a_node_is_killed(
    sweep_file, sweep, built_arithmetic, tmp_path, environment, keras_engine
):
    """Two nodes on loopback, of one CPU each; the second is killed, with all that it runs, in its first training."""
    script = Path(__file__).with_name("ray_cluster.py")
    words = [sys.executable, str(script), str(tmp_path / "runs"), str(sweep_file), str(built_arithmetic)]
    isolated = ["unshare", "--map-root-user", "--net", "sh", "-c", 'ip link set lo up && exec "$@"', "sh"]
    can = subprocess.run([*isolated, "true"], capture_output=True, check=False).returncode == 0
    done = subprocess.run(
        [*(isolated if can else []), *words],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        timeout=900,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()[-4000:]
    told = json.loads(done.stdout.decode().splitlines()[-1])
    data = told["envelope"]["data"]
    assert data is not None, told
    assert (data["failed"], [cell["n"] for cell in data["cells"]]) == (0, [2, 2])
    place = tmp_path / "runs" / "sweep-small"
    assert told["killed_in"] in [found.name for found in list_runs(place)]
    assert len(list_runs(place)) == 4, "the lost training went on in its own run"
    same_as_alone(place, dataclasses.replace(sweep, cells=_absolute(sweep)), tmp_path / "alone")


def _absolute(sweep):
    return tuple(
        dataclasses.replace(
            cell, settings=dataclasses.replace(cell.settings, data=str(Path(cell.settings.data).resolve()))
        )
        for cell in sweep.cells
    )


def test_every_packaged_sweep_says_first_what_it_is():
    for path in files.packaged().values():
        assert len(path.read_text().splitlines()[0]) > 20
        assert path.read_text().startswith("# ")
