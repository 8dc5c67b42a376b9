"""What ails an installation is said in a line with its remedy, and nothing that fails is hidden."""

import errno
import importlib.metadata
import os
import signal
import subprocess
import sys
from types import SimpleNamespace

import pytest

from idlcli.workflows import doctor, trial
from idlcli.workflows.trial import Trial


def test_everything_that_is_needed_is_checked_here_and_now(here, tmp_path, envelope_schema):
    done = here("doctor", "--json", "--runs", tmp_path / "deep" / "runs")
    envelope_schema.validate(done.envelope)
    names = [check["check"] for check in done.data["checks"]]
    for name in ("python", "keras", "tensorflow", "engine jax", "data directory", "free space", "libraries", "devices"):
        assert name in names
    assert names[-1] == "training step on tensorflow"
    assert done.data["checks"][-1]["found"].startswith("loss 2.5")
    assert list(tmp_path.iterdir()) == [], "it leaves nothing behind"


@pytest.fixture
def healthy(monkeypatch):
    """The slow two checks end well, at once."""
    monkeypatch.setattr(doctor, "check_libraries", lambda: [doctor.Check("libraries", "ok", "")])
    monkeypatch.setattr(doctor, "check_step", lambda backend: [doctor.Check("training step", "ok", "")])


def test_a_failure_is_exit_1_with_all_that_was_found(here, healthy, monkeypatch, envelope_schema):
    monkeypatch.setattr(
        doctor, "check_step", lambda backend: [doctor.Check("training step", "fail", "no AVX", "Buy a new machine.")]
    )
    done = here("doctor", "--json")
    done.refused(1, "1 of", "training step", "Buy a new machine.")
    envelope_schema.validate(done.envelope)
    assert done.envelope["data"]["verdict"] == "fail"
    assert len(done.envelope["data"]["checks"]) > 20
    told = here("doctor")
    told.refused(1, "training step")
    assert "no AVX" in told.out
    assert "Buy a new machine." in told.out


def test_a_warning_is_exit_0(here, healthy, monkeypatch):
    monkeypatch.setattr(doctor, "LITTLE_SPACE", 0)
    monkeypatch.setattr(doctor, "SOME_SPACE", 2**80)
    done = here("doctor")
    assert done.code == 0
    assert "warn  free space" in done.out
    assert "All in all: warn." in done.out


def test_markdown_is_a_table_and_does_not_mix_with_json(here, healthy):
    rows = here("doctor", "--md").out.strip().splitlines()
    assert rows[0] == "**idl doctor: ok**"
    assert all(row.count("|") == 5 for row in rows[2:])
    here("doctor", "--md", "--json").refused(2, "--md", "--json")


def test_a_check_that_fails_in_a_way_nobody_foresaw_is_a_line_of_its_own(healthy, monkeypatch, tmp_path):
    def broken():
        raise RuntimeError("the metadata are gone")

    monkeypatch.setattr(doctor, "check_packages", broken)
    found = doctor.examine(backend="tensorflow", data=tmp_path, runs=tmp_path)
    (line,) = [check for check in found["checks"] if check["check"] == "packages"]
    assert (line["verdict"], line["found"]) == ("fail", "RuntimeError: the metadata are gone")
    assert found["verdict"] == "fail"


@pytest.mark.parametrize(
    ("installed", "needed", "verdict"),
    [
        ("3.15.1", ">=3.15,<4", "ok"), ("3.14.9", ">=3.15,<4", "fail"), ("4.0", ">=3.15,<4", "warn"),
        ("2.13.0+cpu", ">=2.6", "ok"), ("3.15.0rc1", ">=3.15", "fail"), ("0.1.1", "==0.1.0", "fail"),
        (None, ">=1", "fail"),
    ],
)  # fmt: skip
def test_a_package_is_held_against_its_floor_and_its_ceiling(installed, needed, verdict, monkeypatch):
    def version(name):
        if installed is None:
            raise importlib.metadata.PackageNotFoundError(name)
        return installed

    monkeypatch.setattr(importlib.metadata, "version", version)
    check = doctor.check_package("thing", needed)
    assert check.verdict == verdict
    assert (f"pip install 'thing{needed}'" == check.remedy) == (verdict != "ok")


def test_only_the_chosen_engine_has_to_be_there(monkeypatch):
    def version(name):
        if name != "tensorflow":
            raise importlib.metadata.PackageNotFoundError(name)
        return "2.21.0"

    monkeypatch.setattr(importlib.metadata, "version", version)
    assert [check.verdict for check in doctor.check_engines("tensorflow")] == ["ok", "ok", "ok"]
    assert [check.verdict for check in doctor.check_engines("torch")] == ["ok", "ok", "fail"]
    assert doctor.check_engines("torch")[-1].remedy == "pip install 'idlcli[torch]'"


def test_a_place_that_cannot_be_written_to_is_named_with_its_variable(tmp_path, monkeypatch):
    def refuse(dir):
        raise OSError(errno.EROFS, "Read-only file system", dir)

    monkeypatch.setattr(doctor.tempfile, "TemporaryFile", refuse)
    (check,) = doctor.check_place("runs", tmp_path / "runs")
    assert (check.verdict, check.found) == ("fail", f"{tmp_path}: Read-only file system")
    assert "IDL_RUNS_ROOT" in check.remedy


def test_a_file_where_a_directory_should_be_fails(tmp_path):
    (tmp_path / "runs").write_text("")
    (check,) = doctor.check_place("runs", tmp_path / "runs")
    assert check.verdict == "fail"


def test_a_full_disk_fails(tmp_path, monkeypatch):
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda path: SimpleNamespace(free=1000))
    assert doctor.check_space("runs", tmp_path)[0].verdict == "fail"


@pytest.mark.parametrize(
    ("name", "error", "words"),
    [
        ("cv2", "ImportError: libGL.so.1: cannot open shared object file", ("opencv-python-headless", "libGL")),
        ("tensorflow", "The process was ended by SIGILL.", ("processor", "tensorflow")),
        ("PIL.Image", "ModuleNotFoundError: No module named 'PIL'", ("pip install", "pillow")),
    ],
)
def test_a_remedy_fits_its_failure(name, error, words):
    assert all(word in doctor.remedy_for(name, error) for word in words)


def test_a_library_that_cannot_be_loaded_is_named_and_the_others_are_tried(monkeypatch, tmp_path):
    monkeypatch.setattr(trial, "LIBRARIES", ("json", "no_such_library", "csv"))
    trial.load_libraries(tmp_path / "notes.jsonl")
    notes = trial.read_json_lines(tmp_path / "notes.jsonl")
    assert [note.get("trying") for note in notes] == ["json", "no_such_library", None, "csv"]
    monkeypatch.setattr(doctor, "attempt", lambda what: Trial(notes, ""))
    (check,) = doctor.check_libraries()
    assert (check.check, check.verdict) == ("library no_such_library", "fail")
    assert "ModuleNotFoundError" in check.found


def test_a_library_that_ends_its_process_is_the_one_that_was_tried_last(monkeypatch):
    notes = [{"trying": "numpy"}, {"trying": "cv2"}]
    monkeypatch.setattr(doctor, "attempt", lambda what: Trial(notes, "The process was ended by SIGILL."))
    (check,) = doctor.check_libraries()
    assert (check.check, check.verdict) == ("library cv2", "fail")
    assert "processor" in check.remedy


def test_how_a_process_ended_is_said():
    for code, said in (
        ("import os, signal; os.kill(os.getpid(), signal.SIGILL)", "ended by SIGILL"),
        ("raise ValueError('broken build')", "ValueError: broken build"),
        ("import sys; sys.exit(3)", "ended with status 3"),
        ("", ""),
    ):
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
        found = trial._how_it_ended(done.returncode, done.stderr.decode())
        assert said in found if said else found == ""
    assert signal.SIGILL.name == "SIGILL"


def test_a_trial_that_does_not_end_is_ended(monkeypatch):
    monkeypatch.setattr(trial, "PATIENCE", 0.01)
    assert "did not end within" in trial.attempt("load_libraries").error


def test_a_training_that_fails_says_at_which_stage(monkeypatch):
    notes = [{"stage": "loading the engine"}]
    monkeypatch.setattr(doctor, "attempt", lambda *_: Trial(notes, "ImportError: no libstdc++"))
    (check,) = doctor.check_step("tensorflow")
    assert (check.verdict, check.found) == ("fail", "while loading the engine: ImportError: no libstdc++")


def test_what_lies_in_the_working_directory_is_not_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "numpy.py").write_text("open('ran', 'w')")
    monkeypatch.setattr(trial, "PATIENCE", 120)
    done = trial.attempt("load_libraries")
    assert done.error == ""
    assert not os.path.exists("ran")


@pytest.mark.engine
def test_the_step_trains_on_the_engine_of_the_session(keras_engine):
    *lines, step = doctor.check_step(keras_engine)
    assert step.verdict == "ok", step
    assert [line.check for line in lines] == ["devices"]


def test_a_place_below_a_directory_that_may_not_be_entered_is_one_line_with_its_remedy(tmp_path, monkeypatch):
    def refuse(path):
        raise PermissionError(13, "Permission denied", str(path))

    with monkeypatch.context() as patch:
        patch.setattr(doctor.Path, "exists", refuse)
        checks = (doctor.check_place, doctor.check_space)
        (line,) = [line for check in checks for line in check("runs", tmp_path / "runs")]
    assert (line.verdict, line.found) == ("fail", f"{tmp_path / 'runs'}: Permission denied")
    assert "IDL_RUNS_ROOT" in line.remedy
