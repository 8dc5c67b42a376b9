"""A cell ends in an outcome whatever its process does; the process here is a stand-in that does as it is told."""

import dataclasses
import json
import os
import signal
import stat
import sys
import textwrap
import threading
from pathlib import Path

import pytest

from idlcli.errors import RunFailed
from idlcli.experiments import driver
from idlcli.runs import Run, create, hold
from idlcli.settings import Seq2seqSettings
from idlcli.settings.resolve import applicable
from idlcli.workflows import cells
from idlcli.workflows.cells import Job, run_cell
from idlcli.workflows.sweep_file import Cell

STAND_IN = """\
#!{python}
# Says what it was asked, and does the next thing of its list: done, an exit status, a signal, or wait.
import json, os, signal, sys, time
from pathlib import Path
place = Path({place!r})
words = sys.argv[4:]
with open(place / "asked.jsonl", "a") as file:
    file.write(json.dumps(words) + "\\n")
todo = json.loads((place / "todo.json").read_text())
doing = todo.pop(0)
(place / "todo.json").write_text(json.dumps(todo))
from idlcli.files import write_json
from idlcli.runs import Run, create
if words[0] == "runs":
    run = Run(Path(words[2]))
else:
    given = json.loads((place / "settings.json").read_text())
    (root,) = [word.removeprefix("--runs=") for word in words if word.startswith("--runs=")]
    (name,) = [word.removeprefix("--name=") for word in words if word.startswith("--name=")]
    run = create(root=Path(root), slug="x", name=name, kind="seq2seq", settings=given)
if doing == "done":
    (run.path / "log.jsonl").write_text('{{"epoch": 1, "seconds": 2.5}}\\n')
    write_json(run.path / "metrics.json", {{"test": {{"exact": 0.5}}}})
    sys.exit(0)
if doing == "wait":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    (place / "waiting").touch()
    time.sleep(600)
if doing < 0:
    os.kill(os.getpid(), -doing)
print(json.dumps({{"errors": [{{"message": f"It ended with {{doing}}."}}]}}))
sys.exit(doing)
"""


@pytest.fixture
def job(tmp_path, monkeypatch):
    """A function that returns a job whose processes do what is listed, and one that says what they were asked."""
    settings = Seq2seqSettings(data="there", epochs=3, commute=True, learning_rate=0.1, seed=7)
    script = tmp_path / "python"
    script.write_text(textwrap.dedent(STAND_IN.format(python=sys.executable, place=str(tmp_path))))
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    (tmp_path / "settings.json").write_text(json.dumps(applicable(settings)))
    monkeypatch.setattr(cells.sys, "executable", str(script))
    (tmp_path / "sweep").mkdir()

    def make(*todo) -> Job:
        (tmp_path / "todo.json").write_text(json.dumps(todo))
        return Job(Cell("seq2seq train", {"commute": True}, settings), tmp_path / "sweep", "mark")

    return make


def asked(job: Job) -> list[list[str]]:
    path = job.root.parent / "asked.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def test_a_cell_is_trained_with_every_setting_said(job):
    given = job("done")
    outcome = run_cell(given)
    assert (outcome.status, outcome.metrics, outcome.seconds, outcome.new) == (
        "done",
        {"test": {"exact": 0.5}},
        2.5,
        True,
    )
    assert outcome.run == "00001-commute-true-s7"
    (words,) = asked(given)
    assert words[:2] == ["seq2seq", "train"]
    assert {"--data=there", "--epochs=3", "--commute", "--no-deterministic", "--learning-rate=0.1", "--seed=7"} <= set(
        words
    )
    assert not any(word.startswith("--loss") for word in words), "what does not apply is not said"


def test_a_cell_that_is_done_is_not_trained_again(job):
    assert run_cell(job("done")).new
    again = job()
    outcome = run_cell(again)
    assert (outcome.status, outcome.new, len(asked(again))) == ("done", False, 1)


def test_how_far_a_cell_is_can_be_told_without_training(job):
    given = job("done")
    assert given.so_far() == ("none", 0)
    run = create(root=given.root, slug="x", name=None, kind="seq2seq", settings=applicable(given.cell.settings))
    assert given.so_far() == ("stopped", 0)
    (run.path / "log.jsonl").write_text('{"epoch": 1}\n{"epoch": 2}\n')
    with hold(run):
        assert given.so_far() == ("running", 2)
    (run.path / "metrics.json").write_text("{}")
    assert given.so_far() == ("done", 2)
    assert dataclasses.replace(given, mark="other").so_far() == ("done", 2), "what it was made of is not said yet"
    (run.path / "data.json").write_text('{"fingerprint": "mark"}')
    assert dataclasses.replace(given, mark="other").so_far() == ("none", 0)
    assert asked(given) == []


def test_a_run_of_other_settings_or_of_other_data_is_not_the_cell_s(job):
    given = job("done")
    settings = applicable(given.cell.settings)
    other = create(root=given.root, slug="x", name=None, kind="seq2seq", settings={**settings, "units": 3})
    moved = create(root=given.root, slug="x", name=None, kind="seq2seq", settings=settings)
    (moved.path / "data.json").write_text('{"fingerprint": "other"}')
    for run in (other, moved):
        (run.path / "metrics.json").write_text("{}")
    assert run_cell(given).run == "00003-commute-true-s7"


def test_a_cell_that_was_stopped_goes_on_where_the_data_lie_now(job):
    given = job("done")
    stopped = create(
        root=given.root, slug="x", name=None, kind="seq2seq",
        settings={**applicable(given.cell.settings), "data": "elsewhere"},
    )  # fmt: skip
    (stopped.path / "data.json").write_text('{"fingerprint": "mark"}')
    assert run_cell(given).run == stopped.name
    assert asked(given) == [["runs", "resume", str(stopped.path), "--data=there", "--json"]]


def test_a_cell_that_fails_once_is_tried_again_in_its_run(job):
    given = job(1, "done")
    assert run_cell(given).status == "done"
    assert [words[:2] for words in asked(given)] == [["seq2seq", "train"], ["runs", "resume"]]
    assert len(list(given.root.glob("0*"))) == 1


@pytest.mark.parametrize(("ends", "said"), [(1, "It ended with 1."), (-signal.SIGKILL, "signal 9")])
def test_a_cell_that_fails_twice_has_failed_and_says_why(ends, said, job):
    given = job(ends, ends, "done")
    outcome = run_cell(given)
    assert (outcome.status, len(asked(given))) == ("failed", 2)
    assert said in outcome.error
    assert outcome.run == "00001-commute-true-s7"


def test_a_cell_that_diverged_would_diverge_again(job):
    given = job(4, "done")
    assert (run_cell(given).status, len(asked(given))) == ("failed", 1)


def test_a_cell_that_is_told_to_stop_is_asked_to_save_and_starts_nothing_more(job, tmp_path):
    given, stop = job("wait", "done"), threading.Event()
    found = []
    thread = threading.Thread(target=lambda: found.append(run_cell(given, stop=stop)))
    thread.start()
    while not (tmp_path / "waiting").exists():
        assert thread.is_alive()
        thread.join(0.05)
    stop.set()
    thread.join(60)
    assert [outcome.status for outcome in found] == ["stopped"]
    assert len(asked(given)) == 1
    assert run_cell(given, stop=stop).status == "stopped"
    assert len(asked(given)) == 1


def test_a_run_that_another_process_is_at_is_waited_for(job, monkeypatch):
    """A sweep that was killed leaves trainings behind that go on: the next sweep takes what they make."""
    given = job()
    run = create(root=given.root, slug="x", name=None, kind="seq2seq", settings=applicable(given.cell.settings))
    looks = []

    def look(seconds):
        looks.append(seconds)
        if len(looks) == 3:
            (run.path / "metrics.json").write_text('{"test": {"exact": 1}}')
            held.__exit__(None, None, None)

    monkeypatch.setattr(cells.time, "sleep", look)
    held = hold(run)
    held.__enter__()
    outcome = run_cell(given)
    assert (outcome.status, outcome.metrics["test"]["exact"]) == ("done", 1)
    assert len(looks) == 3
    assert asked(given) == []


def test_a_machine_that_does_not_see_the_directory_says_so(job):
    given = job("done")
    given.root.rmdir()
    with pytest.raises(RunFailed, match="does not see") as caught:
        run_cell(given)
    assert "--runs" in caught.value.hint


def test_a_run_killed_before_it_was_described_is_gone_on_with(job):
    given = job("done")
    bare = create(root=given.root, slug="x", name=None, kind="seq2seq", settings=applicable(given.cell.settings))
    assert driver.matching(kind="seq2seq", settings=given.cell.settings, root=given.root, mark="mark") == Run(bare.path)
    assert run_cell(given).run == bare.name
    assert Path(asked(given)[0][2]) == bare.path


def test_a_run_made_before_there_was_a_setting_has_its_default(job):
    given = job("done")
    settings = given.cell.settings
    kept = applicable(settings)
    del kept["eval_every"]
    old = create(root=given.root, slug="x", name=None, kind="seq2seq", settings=kept)

    def found(wanted):
        return driver.matching(kind="seq2seq", settings=wanted, root=given.root, mark="mark")

    assert found(settings) == Run(old.path)
    assert found(dataclasses.replace(settings, eval_every=2)) is None


@pytest.mark.parametrize("words", [("sweep", "vae-proposals"), ("reproduce", "--scale", "full")], ids=lambda w: w[0])
def test_a_setting_of_the_environment_is_not_handed_on(words, here, monkeypatch, tmp_path):
    """Every setting is said to a training; one more would be refused where it does not apply."""
    from idlcli.workflows import sweep
    from idlcli.workflows.reproduce import run as reproduction

    left = {}

    def start(*_, **__):
        left.update(os.environ)
        raise RunFailed("enough")

    for module in (sweep, reproduction):
        monkeypatch.setattr(module, "run", start)
    here(*words, env={"IDL_JIT": "off", "IDL_RUNS_ROOT": str(tmp_path)}).refused(1, "enough")
    assert "IDL_JIT" not in left
    assert left["IDL_RUNS_ROOT"] == str(tmp_path)


def test_what_lies_in_the_working_directory_is_not_imported(tmp_path, monkeypatch):
    (tmp_path / "typer.py").write_text("raise SystemExit(77)")
    monkeypatch.chdir(tmp_path)
    given = Job(Cell("seq2seq train", {}, Seq2seqSettings(data="nowhere")), tmp_path / "sweep", "mark")
    code, error = cells._train(given, None, threading.Event())
    assert (code, error) == (3, "There is no arithmetic data set at nowhere.")
