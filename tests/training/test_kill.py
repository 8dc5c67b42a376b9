"""The real command, stopped by each signal and gone on with, ends in the same files as one that ran through."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import filelock
import pytest
from stoppable import Training, assert_same_files

from idlcli.runs import Run, is_locked

EPOCHS = 10


def test_a_training_stopped_by_term_by_int_and_by_kill_ends_in_the_same_files(
    built_arithmetic, tmp_path, environment, envelope_schema, here
):
    """Also: it is listed as running while it runs, nobody else may touch it, and it is free once it is dead."""
    moments = random.Random(20261123)
    words = (
        "seq2seq", "train", "--data", str(built_arithmetic), "--epochs", str(EPOCHS), "--units", "6", "--dropout", ".2",
        "--validation-fraction", "0.2", "--keep", "best", "--batch-size", "16", "--learning-rate", "0.02", "--jit",
        "off", "--json",
    )  # fmt: skip

    def start(place: str) -> Path:
        (tmp_path / place).mkdir()
        return tmp_path / place

    whole = Training(*words, cwd=start("whole"), environment=environment)
    assert whole.end()[0] == 0
    (expected,) = (tmp_path / "whole" / "runs").glob("0*")

    place = start("stopped")
    training = Training(*words, cwd=place, environment=environment, slowly=0.7)
    run = place / "runs" / expected.name
    training.wait_for_epoch(run, 2)
    assert Run(run).status() == "running"
    here("runs", "resume", run).refused(1, "in use by another process")
    here("runs", "rm", run).refused(1, "is running")
    code, out, err = training.stop(signal.SIGTERM)
    assert code == 143, err
    envelope = json.loads(out)
    envelope_schema.validate(envelope)
    assert envelope["errors"][0]["code"] == "interrupted"
    assert "SIGTERM" in err
    assert f"runs resume runs/{run.name}" in err
    assert "Traceback" not in err
    assert Run(run).status() == "stopped"
    assert not (run / "failure.json").exists()

    resume = ("runs", "resume", "1", "--json")
    training = Training(*resume, cwd=place, environment=environment, slowly=0.7)
    training.wait_for_epoch(run, 4)
    code, out, err = training.stop(signal.SIGINT)
    assert code == 130, err
    assert "Traceback" not in err
    assert json.loads(out)["errors"][0]["code"] == "interrupted"

    training = Training(*resume, cwd=place, environment=environment, slowly=0.7)
    training.wait_for_epoch(run, 6)
    time.sleep(moments.random() * 0.3)
    assert is_locked(Run(run))
    assert training.stop(signal.SIGKILL)[0] == -signal.SIGKILL
    assert not is_locked(Run(run))
    assert Run(run).status() == "stopped"

    training = Training(*resume, cwd=place, environment=environment, tear=2)
    assert training.end()[0] == -signal.SIGKILL
    assert list((run / "checkpoints").glob(".*.tmp")), "it was killed within a checkpoint"

    code, out, err = Training(*resume, cwd=place, environment=environment).end()
    assert code == 0, err
    assert json.loads(out)["data"]["resumed"] is True
    assert json.loads(out)["data"]["epochs"] == EPOCHS
    assert "resumed after epoch" in err

    assert_same_files(run, expected)


def test_a_run_is_refused_while_another_process_holds_it_and_free_when_that_one_is_killed(
    here, trained_run, environment
):
    holder = subprocess.Popen(
        [sys.executable, "-c", "import sys, time; from pathlib import Path; from idlcli.runs import Run, hold\n"
         "with hold(Run(Path(sys.argv[1]))):\n    print(flush=True); time.sleep(600)", str(trained_run)],
        stdout=subprocess.PIPE, env=environment,
    )  # fmt: skip
    try:
        assert holder.stdout is not None
        holder.stdout.readline()
        here("runs", "resume", trained_run).refused(1, "in use by another process")
        here("runs", "rm", trained_run).refused(1, "running")
        assert trained_run.exists()
        assert here("runs", "list", "--json").data[0]["status"] == "running"
    finally:
        holder.kill()
        holder.communicate()
    assert here("runs", "list", "--json").data[0]["status"] == "done"
    assert here("runs", "resume", trained_run).code == 0
    assert here("runs", "rm", trained_run).code == 0


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_outside_of_training_is_one_line_and_its_exit_code(
    number, code, tmp_path, environment, envelope_schema
):
    """While it waits for a lock, say: there is nothing to save, and no traceback to show."""
    (tmp_path / "runs").mkdir()
    waiting = (
        "import os, signal, sys, threading; import idlcli.runs\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored, where the tests run in the background\n"
        "def wait(*_):\n    print('here', file=sys.stderr, flush=True)\n    import time; time.sleep(600)\n"
        "idlcli.runs.list_runs = wait\n"
        "from idlcli.cli.app import main\nsys.exit(main(sys.argv[1:]))"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", waiting, "runs", "list", "--json"],
        cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert process.stderr is not None
    process.stderr.readline()
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert process.returncode == code
    assert err.decode().startswith("error: ")
    assert err.count(b"\n") == 1
    envelope = json.loads(out)
    envelope_schema.validate(envelope)
    assert envelope["errors"][0]["code"] == "interrupted"


def test_the_lock_is_the_system_s_and_not_the_file(trained_run):
    """A lock file that a dead process left behind locks nothing."""
    (trained_run / ".lock").touch()
    assert not is_locked(Run(trained_run))
    with filelock.FileLock(trained_run / ".lock"):
        assert is_locked(Run(trained_run))
    assert not is_locked(Run(trained_run))
    assert os.path.exists(trained_run / ".lock")


def test_one_whose_next_batches_are_in_the_making_ends_when_it_is_told_to(idl, tmp_path, environment):
    """A thread of TensorFlow calls Python for them: it must have ended before the interpreter does."""
    assert idl("data", "build", "arithmetic").code == 0
    words = (
        "seq2seq", "train", "--mode", "image-text", "--recipe", "best", "--units", "2", "--column-units", "4",
        "--reader-width", "2", "--distortion", "2", "--steps-per-epoch", "32",
    )  # fmt: skip
    process = subprocess.Popen(
        [sys.executable, "-m", "idlcli", *words], cwd=tmp_path, env=environment, stderr=subprocess.PIPE, text=True
    )
    os.sched_setaffinity(process.pid, {min(os.sched_getaffinity(0))})  # where threads get in each other's way
    try:
        assert process.stderr
        assert any(line.startswith("epoch 1/") for line in process.stderr)
        time.sleep(0.5)
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 143, err
    assert "Stopped by SIGTERM" in err
