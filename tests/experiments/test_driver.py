"""A run from its settings to its files, broken off and gone on with, moved, edited, and out of room."""

import dataclasses
import json
import math
import shutil
from pathlib import Path

import numpy as np
import pytest
from broken_disk import Disk

from idlcli.errors import DataError, Diverged, IdlError, RunFailed, UsageError
from idlcli.experiments import driver, provenance
from idlcli.runs import Run, hold
from idlcli.settings.resolve import applicable
from idlcli.training import engine
from idlcli.training.reporter import Silent

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

FILES = {
    "config.json", "environment.json", "data.json", "split.json", "log.jsonl", "metrics.json", "predictions.csv",
    "checkpoints/last.safetensors", "plots/confusion.png", "plots/curves.png",
    "samples/epoch-0001.csv", "samples/epoch-0003.csv",
}  # fmt: skip


def start(settings, root, name=None) -> Run:
    return Run(Path(driver.start(kind="seq2seq", settings=settings, root=root, name=name)["run"]))


def files_of(run: Run) -> dict[str, bytes]:
    found = {str(p.relative_to(run.path)): p.read_bytes() for p in run.path.rglob("*") if p.is_file()}
    return {name: content for name, content in found.items() if name != ".lock"}


def same(one: Run, other: Run) -> None:
    ours, theirs = files_of(one), files_of(other)
    assert sorted(ours) == sorted(theirs)
    logs = [[{k: v for k, v in row.items() if k != "seconds"} for row in run.log()] for run in (one, other)]
    assert logs[0] == logs[1]
    for name in set(ours) - {"log.jsonl", "config.json"}:
        assert ours[name] == theirs[name], name


@pytest.fixture
def whole(quick, small, tmp_path) -> Run:
    """The run that nothing happened to."""
    return start(small, tmp_path / "whole")


def test_a_run_holds_what_describes_it_and_nothing_else(whole, small):
    assert set(files_of(whole)) == FILES
    config = whole.config()
    assert config["schema"] == 1
    assert config["kind"] == "seq2seq"
    assert config["settings"] == applicable(small)
    assert provenance.settings_of(whole) == small
    environment = json.loads((whole.path / "environment.json").read_text())
    assert environment["backend"] == small.backend
    assert environment["processor"] == engine.processor() != ""
    assert {"python", "keras", "numpy", "idlcli", small.backend} <= set(environment["versions"])
    split = json.loads((whole.path / "split.json").read_text())
    data = json.loads((whole.path / "data.json").read_text())
    assert sorted(split["train"] + split["validation"] + split["test"]) == list(range(200))
    assert (data["train"], data["test"], data["max"], data["ops"]) == (len(split["train"]), len(split["test"]), 9, "+-")
    metrics = whole.metrics()
    assert metrics["test"]["n"] == len(split["test"])
    assert metrics["conditions"]["split"] == "twin-free"
    assert whole.status() == "done"


def test_the_result_is_the_metrics_and_the_time_it_took(quick, small, tmp_path):
    result = driver.start(kind="seq2seq", settings=small, root=tmp_path, name="mine")
    run = Run(Path(result["run"]))
    assert run.name == "00001-mine"
    assert result["resumed"] is False
    assert result["seconds"] == pytest.approx(sum(row["seconds"] for row in run.log()), abs=0.001)
    assert {key: result[key] for key in run.metrics()} == run.metrics()


@pytest.mark.engine
def test_the_log_says_every_epoch_in_full(whole):
    log = whole.log()
    assert [row["epoch"] for row in log] == [1, 2, 3]
    for row in log:
        assert {"epoch", "loss", "lr", "seconds", "test_loss", "test_exact", "test_character"} <= set(row)
        assert all(math.isfinite(value) for value in row.values())
    last, test = log[-1], whole.metrics()["test"]
    assert [last["test_loss"], last["test_exact"], last["test_character"]] == [
        test["loss"], test["exact"], test["character"],
    ]  # fmt: skip


def test_the_predictions_are_those_that_the_metrics_count(whole):
    lines = (whole.path / "predictions.csv").read_text().splitlines()
    rows = [dict(zip(lines[0].split(","), line.split(","), strict=True)) for line in lines[1:]]
    test = whole.metrics()["test"]
    assert len(rows) == test["n"]
    right = [row["correct"] == "1" for row in rows]
    assert sum(right) == round(test["exact"] * test["n"])
    assert right == sorted(right), "the wrong ones stand first"
    for row in rows:
        assert (row["predicted"] == row["answer"]) == (row["correct"] == "1") or " " in row["predicted"]
        assert eval(row["query"]) == int(row["answer"])  # the tests may use a calculator
        assert 0 <= float(row["confidence"]) <= 1


@pytest.mark.engine
def test_the_same_settings_make_the_same_files(whole, small, tmp_path):
    same(start(small, tmp_path / "again"), whole)


def test_another_seed_makes_another_split_and_another_model(whole, small, tmp_path):
    other = start(dataclasses.replace(small, seed=1), tmp_path / "other")
    for name in ("split.json", "checkpoints/last.safetensors"):
        assert files_of(other)[name] != files_of(whole)[name]


class Vanishing(Silent):
    """Removes the data after the first epoch of a training."""

    def __init__(self, data: str) -> None:
        self.data = data

    def epoch(self, *, epoch, row):
        shutil.rmtree(self.data, ignore_errors=True)


def test_data_that_vanish_while_they_are_trained_on_change_nothing_and_are_missed_when_it_goes_on(
    whole, small, tmp_path, here
):
    data = shutil.copytree(small.data, tmp_path / "data")
    settings = dataclasses.replace(small, data=str(data))
    done = driver.start(
        kind="seq2seq", settings=settings, root=tmp_path / "runs", name=None, reporter=Vanishing(str(data))
    )
    assert not data.exists()
    run = Run(Path(done["run"]))
    for name in set(files_of(whole)) - {"log.jsonl", "config.json", "data.json"}:
        assert files_of(run)[name] == files_of(whole)[name], name
    here("runs", "resume", unfinished(run).path).refused(3, "no arithmetic data set", str(data))


class Breaking(Silent):
    """Watches a training, and breaks it after an epoch."""

    def __init__(self, after: int) -> None:
        self.after = after

    def epoch(self, *, epoch, row):
        if epoch == self.after:
            raise ZeroDivisionError("a bug")


@pytest.mark.engine
@pytest.mark.parametrize("epoch", [1, 2, 3])
def test_a_run_that_an_error_broke_is_failed_and_goes_on_to_the_same_end(epoch, whole, small, tmp_path):
    with pytest.raises(ZeroDivisionError):
        driver.start(kind="seq2seq", settings=small, root=tmp_path / "runs", name=None, reporter=Breaking(epoch))
    (path,) = (tmp_path / "runs").glob("0*")
    run = Run(path)
    assert run.status() == "failed"
    assert json.loads((run.path / "failure.json").read_text()) == {"error": "ZeroDivisionError", "message": "a bug"}
    result = driver.resume(run=run)
    assert (result["resumed"], result["epochs"]) == (True, 3)
    assert run.status() == "done"
    same(run, whole)


def test_a_loss_that_is_not_a_number_is_diverged_and_the_good_checkpoint_stays(small, quick, tmp_path, monkeypatch):
    from idlcli.evaluation import arithmetic as evaluation

    original, calls = evaluation.cross_entropy, []

    def loss(**named):
        calls.append(named)
        return math.nan if len(calls) == 2 else original(**named)

    with monkeypatch.context() as patch:
        patch.setattr(evaluation, "cross_entropy", loss)
        with pytest.raises(Diverged) as caught:
            start(small, tmp_path / "runs")
    assert caught.value.exit_code == 4
    (path,) = (tmp_path / "runs").glob("0*")
    run = Run(path)
    assert run.status() == "failed"
    assert "diverged" in json.loads((path / "failure.json").read_text())["message"]
    assert (path / "checkpoints" / "last.safetensors").exists()
    assert [row["epoch"] for row in run.log()] == [1]
    driver.resume(run=run)
    assert run.status() == "done"
    assert not (path / "failure.json").exists()


def test_a_training_that_diverges_is_exit_4_with_a_hint(here, small, quick, monkeypatch):
    from idlcli.evaluation import arithmetic as evaluation

    monkeypatch.setattr(evaluation, "cross_entropy", lambda **named: math.nan)
    words = ("--epochs", "3", "--units", "4", "--batch-size", "25", "--learning-rate", "0.02", "--dropout", "0.2")
    done = here("seq2seq", "train", "--data", small.data, *words, "--jit", "off", "--quiet", "--json")
    assert done.code == 4
    line = done.err.splitlines()[-1]  # the engine's own noise may stand above it
    assert all(word in line for word in ("error: ", "diverged", "epoch 1", "--learning-rate"))
    assert "Traceback" not in done.err
    assert done.envelope["errors"][0]["code"] == "diverged"
    assert here("runs", "list", "--json").data[0]["status"] == "failed"


def test_a_run_that_is_done_is_left_as_it_is(whole, tmp_path):
    def state():
        files = [path for path in whole.path.rglob("*") if path.is_file() and path.name != ".lock"]
        return {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in files}

    before = state()
    result = driver.resume(run=whole)
    assert result["resumed"] is False
    assert result["epochs"] == 3
    assert state() == before


def test_resuming_a_done_run_says_so_and_exits_0(here, trained_run):
    done = here("runs", "resume", trained_run)
    assert done.code == 0
    assert "done already" in done.out
    assert done.err == ""


def test_the_latest_that_is_resumed_is_none_that_a_training_obtained(here, quick, small, whole, tmp_path):
    """A judge that a training has trained on its way is newer; so may a broken directory be."""
    runs = tmp_path / "runs"
    stopped = unfinished(Run(Path(shutil.copytree(whole.path, runs / "00001-stopped"))))
    for name in ("00002-judge", "00003-broken"):
        shutil.copytree(whole.path, runs / name)
    told = json.loads((whole.path / "config.json").read_text())
    (runs / "00002-judge" / "config.json").write_text(json.dumps({**told, "kind": "judge", "obtained": True}))
    (runs / "00003-broken" / "config.json").write_text("{")
    assert here("runs", "resume", "latest", "--json").data["run"] == "runs/00001-stopped"
    assert stopped.status() == "done"
    shutil.rmtree(runs / "00003-broken")
    shutil.copytree(whole.path, runs / "00004-done")
    unfinished(Run(runs / "00001-stopped"))
    assert "00004-done was done already" in here("runs", "resume", "latest").out


def unfinished(run: Run) -> Run:
    """The run as a process that was killed before its end had left it."""
    for name in ("metrics.json", "predictions.csv", "plots/curves.png"):
        (run.path / name).unlink()
    return run


@pytest.mark.engine
def test_a_run_killed_after_its_last_epoch_gets_the_rest(whole, tmp_path):
    copy = unfinished(Run(Path(shutil.copytree(whole.path, tmp_path / whole.name))))
    assert copy.status() == "stopped"
    driver.resume(run=copy)
    same(copy, whole)


@pytest.mark.parametrize("left", [("config.json",), ("config.json", "environment.json")])
def test_a_run_killed_before_anything_else_was_written_is_trained(left, whole, tmp_path):
    copy = Run(Path(shutil.copytree(whole.path, tmp_path / whole.name)))
    for path in [p for p in copy.path.rglob("*") if p.is_file() and p.name not in left]:
        path.unlink()
    assert driver.resume(run=copy)["epochs"] == 3
    same(copy, whole)


def test_data_that_changed_are_refused_and_moved_data_are_taken(whole, small, tmp_path, here):
    run = unfinished(whole)
    moved = Path(shutil.copytree(small.data, tmp_path / "moved"))
    config = json.loads((run.path / "config.json").read_text())
    config["settings"]["data"] = str(tmp_path / "gone")
    (run.path / "config.json").write_text(json.dumps(config))
    here("runs", "resume", run.path).refused(3, "gone")
    here("data", "build", "arithmetic", "--max", "9", "--seed", "1", "--out", "other")
    here("runs", "resume", run.path, "--data", "other").refused(3, "other", run.name)
    manifest = json.loads((moved / "manifest.json").read_text())
    (moved / "manifest.json").write_text(json.dumps(manifest | {"built": "another day"}))
    assert here("runs", "resume", run.path, "--data", moved, "--json").data["epochs"] == 3


def test_a_run_can_be_moved_and_its_data_deleted_and_still_be_asked(quick, small, tmp_path, here):
    data = shutil.copytree(small.data, tmp_path / "data")
    run = start(dataclasses.replace(small, data=str(data)), tmp_path / "runs")
    metrics = run.metrics()
    moved = tmp_path / "elsewhere" / "renamed"
    moved.parent.mkdir()
    run.path.rename(moved)
    shutil.rmtree(data)
    found = here("seq2seq", "eval", moved, "--json").data
    assert found["test"] == metrics["test"]
    assert here("runs", "show", moved, "--json").data["status"] == "done"
    for path in moved.rglob("*.json*"):
        if path.name not in ("config.json", "data.json"):  # these say where the data lay
            assert str(tmp_path) not in path.read_text(), path


SETTINGS_EDITS = {
    "out of range": {"units": 0},
    "far out of range": {"epochs": 10**400},
    "text": {"units": "8"},
    "float": {"units": 8.0},
    "switch": {"units": True},
    "null": {"units": None},
    "list": {"units": [8]},
    "no choice": {"mode": "text-texts"},
    "unknown": {"surplus": 1},
    "not finite": {"learning_rate": 1e999},
    "NUL": {"data": "a\0b"},
    "another engine": {"backend": "theano"},
}


@pytest.mark.parametrize("what", SETTINGS_EDITS)
def test_settings_that_somebody_edited_are_exit_3_with_the_file(what, here, trained_run):
    config = json.loads((trained_run / "config.json").read_text())
    config["settings"] |= SETTINGS_EDITS[what]
    text = json.dumps(config).replace("Infinity", "1e999")
    (trained_run / "config.json").write_text(text)
    (trained_run / "metrics.json").unlink()
    here("runs", "resume", trained_run).refused(3, "config.json")
    here("seq2seq", "eval", trained_run).refused(3, "config.json")


@pytest.mark.parametrize(
    "content",
    [
        b"", b"{", b"[]", b"null", b"\xff\xfe", b"{}", b'{"schema": 2}', b'{"schema": 1, "kind": "seq2seq"}',
        b"[" * 10**5, b'{"schema": 1, "kind": 5, "settings": {}}', b'{"schema": 1, "kind": "seq2seq", "settings": []}',
        b'{"schema": 1, "kind": "seq2seq", "settings": {"units": ' + b"9" * 5000 + b"}}",
    ],
)  # fmt: skip
def test_a_config_that_is_broken_is_exit_3_with_the_run(content, here, trained_run):
    (trained_run / "config.json").write_bytes(content)
    (trained_run / "metrics.json").unlink()
    for words in (("runs", "resume"), ("seq2seq", "eval"), ("runs", "show")):
        here(*words, trained_run).refused(3, trained_run.name)


def test_a_checkpoint_that_is_missing_or_cut_off_is_exit_3(here, trained_run):
    last = trained_run / "checkpoints" / "last.safetensors"
    content = last.read_bytes()
    for length in (0, 7, 100, len(content) - 1):
        last.write_bytes(content[:length])
        here("seq2seq", "eval", trained_run).refused(3, "last.safetensors")
    last.unlink()
    here("seq2seq", "eval", trained_run).refused(3, "last.safetensors")
    here("seq2seq", "solve", trained_run, "3+4").refused(3, "last.safetensors")


def test_a_checkpoint_of_another_run_is_exit_3_when_resumed(quick, small, whole, tmp_path, here):
    other = start(dataclasses.replace(small, units=5), tmp_path / "other")
    run = unfinished(whole)
    shutil.copy(other.path / "checkpoints" / "last.safetensors", run.path / "checkpoints" / "last.safetensors")
    here("runs", "resume", run.path).refused(3, "units 5, now 4")


@pytest.mark.parametrize(
    "content",
    [
        "", "{", "[]", "{}", "[200]", "[-1]", "[0.5]", '"abc"', "[[0]]", '{"a": 1}', "[null]", "3", "[true]",
        "[100000000000000000000000000]", "[1e999]",
    ],
)  # fmt: skip
def test_a_split_that_somebody_edited_is_exit_3(content, here, trained_run):
    text = content if content in ("", "{") else f'{{"train": [0], "test": {content}}}'
    (trained_run / "split.json").write_text(text)
    here("seq2seq", "eval", trained_run).refused(3, "split.json")


@pytest.mark.parametrize(
    "change",
    [
        {"max": None}, {"max": "x"}, {"max": 1e999}, {"max": -1}, {"max": 10**30}, {"max": [9]},
        {"ops": ""}, {"ops": "/"}, {"ops": "++"}, {"ops": None}, {"ops": 5},
    ],
    ids=str,
)  # fmt: skip
def test_a_description_of_the_data_that_somebody_edited_is_exit_3(change, here, trained_run):
    data = json.loads((trained_run / "data.json").read_text()) | change
    (trained_run / "data.json").write_text(json.dumps(data).replace("Infinity", "1e999"))
    here("seq2seq", "eval", trained_run).refused(3)


def test_settings_that_changed_since_the_checkpoint_are_named_and_refused_and_a_place_may_change(
    quick, small, whole, tmp_path, here
):
    run = unfinished(whole)
    config = json.loads((run.path / "config.json").read_text())
    edited = config | {"settings": config["settings"] | {"epochs": 4, "learning_rate": 0.5}}
    (run.path / "config.json").write_text(json.dumps(edited))
    line = here("runs", "resume", run.path).refused(3, "epochs 3, now 4", "learning-rate 0.02, now 0.5", "config.json")
    assert "units" not in line
    assert not (run.path / "metrics.json").exists()
    moved = Path(shutil.copytree(small.data, tmp_path / "moved"))
    edited = config | {"settings": config["settings"] | {"data": str(moved)}}
    (run.path / "config.json").write_text(json.dumps(edited))
    assert here("runs", "resume", run.path, "--json").data["epochs"] == 3


def test_a_run_that_goes_on_with_other_libraries_or_cores_says_so(quick, whole, here):
    run = unfinished(whole)
    environment = json.loads((run.path / "environment.json").read_text())
    environment["versions"]["keras"] = "3.0.0"
    environment["cores"] = 999
    environment["processor"] = "Abacus"
    (run.path / "environment.json").write_text(json.dumps(environment))
    done = here("runs", "resume", run.path, "--json")
    assert "keras 3.0.0 is now" in done.err
    assert "keras 3.0.0 is now" in done.data["warnings"][0]
    assert "cores 999 is now" in done.data["warnings"][0]
    assert "processor Abacus is now" in done.data["warnings"][0]
    assert "warnings" not in json.loads((run.path / "metrics.json").read_text())


def test_a_run_in_use_is_not_trained_by_another(whole):
    run = unfinished(whole)
    with hold(run), pytest.raises(RunFailed, match="in use by another process"):
        driver.resume(run=run)


def test_no_run_is_made_when_the_data_or_the_settings_will_not_do(small, tmp_path):
    for change in ({"data": str(tmp_path / "nowhere")}, {"train_fraction": 0.001}):
        with pytest.raises((DataError, UsageError)):
            start(dataclasses.replace(small, **change), tmp_path / "runs")
    with pytest.raises(UsageError):
        start(small, tmp_path / "runs", name="a/b")
    assert not list((tmp_path / "runs").glob("0*"))


@pytest.mark.parametrize("call", ["fsync", pytest.param("replace", marks=pytest.mark.slow)])
def test_a_disk_that_is_full_at_any_write_leaves_whole_files_and_a_run_that_goes_on(
    call, quick, small, tmp_path, monkeypatch
):
    settings = dataclasses.replace(small, epochs=1)
    with monkeypatch.context() as patch:
        disk = Disk(patch, call, fatal=-1)
        whole = start(settings, tmp_path / "whole")
        writes = disk.count
    assert writes >= 8
    for fatal in range(1, writes + 1):
        root = tmp_path / f"full{fatal}"
        with monkeypatch.context() as patch:
            Disk(patch, call, fatal)
            with pytest.raises(RunFailed, match="No space left on device"):
                start(settings, root)
        assert not list(root.rglob("*.tmp")), fatal
        if fatal == 1:
            assert not list(root.glob("0*")), "a directory without its config is no run"
            continue
        (path,) = root.glob("0*")
        run = Run(path)
        for file in path.rglob("*.json"):
            json.loads(file.read_text())
        assert run.status() in ("failed", "stopped")
        driver.resume(run=run)
        same(run, whole)


def test_a_full_disk_is_exit_1_with_the_reason_and_a_hint(here, quick, small, monkeypatch, tmp_path):
    Disk(monkeypatch, "fsync", 2)
    here("seq2seq", "train", "--data", small.data, "--epochs", "1", "--units", "4").refused(
        1, "No space left on device", "Free some space"
    )


def test_every_setting_of_a_training_is_read_by_something():
    """An option that nothing reads would be ignored in silence."""
    import re

    import idlcli
    from idlcli.settings import COMMANDS

    package = Path(str(idlcli.__file__)).parent
    files = list(package.rglob("*.py"))
    code = "\n".join(p.read_text() for p in files if p.parent.name != "settings")
    own = "\n".join(p.read_text() for p in files if p.parent.name == "settings")  # what settings say of themselves
    for kind in COMMANDS.values():
        for name in (field.name for field in dataclasses.fields(kind)):
            read = re.search(rf"settings\.{name}\b", code) or re.search(rf"self\.{name} (==|or|and)", own)
            assert read, f"nothing reads {kind.__name__}.{name}"


def test_an_engine_that_is_not_installed_is_refused_before_anything_is_made(small, tmp_path, monkeypatch):
    import importlib.util

    original = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *a: None if name == "jax" else original(name, *a))
    with pytest.raises(RunFailed, match="jax is not installed") as caught:
        start(dataclasses.replace(small, backend="jax"), tmp_path / "runs")
    assert "pip install" in caught.value.hint
    assert not (tmp_path / "runs").exists()


def test_errors_that_end_a_command_have_codes_of_their_own():
    codes = {kind.code: kind.exit_code for kind in IdlError.__subclasses__() if hasattr(kind, "exit_code")}
    assert codes["usage"] == 2
    assert codes["data"] == 3
    assert codes["diverged"] == 4
    assert codes["threshold"] == 5
    assert np.unique(list(codes.values())).size >= 4


def test_the_processor_is_told_by_its_family_and_model_where_they_are_known(tmp_path, monkeypatch):
    told = tmp_path / "cpuinfo"
    monkeypatch.setattr(engine, "Path", lambda _: told)
    told.write_text("cpu family\t: 26\nmodel\t\t: 2\nmodel name\t: AMD EPYC\n")
    assert engine.processor() == "AMD EPYC (family 26, model 2)"
    told.write_text("model name\t: Cortex\n")
    assert engine.processor() == "Cortex"
