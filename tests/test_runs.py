"""The run directory: numbers that no two runs share, locks that die with their holder, and only runs removed."""

import json
import os
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from idlcli import runs
from idlcli.errors import DataError, IdlError, RunFailed, UsageError
from idlcli.report.compare import compare
from idlcli.runs import Run


def make(root: Path, slug: str = "thing", *, name: str | None = None, kind: str = "seq2seq", **about) -> Run:
    return runs.create(root=root, slug=slug, name=name, kind=kind, settings=about)


def finish(run: Run, **metrics) -> Run:
    (run.path / "metrics.json").write_text(json.dumps({"epochs": 1, "train": {}, "test": metrics}))
    return run


def test_runs_are_numbered_in_the_order_they_are_made(tmp_path):
    assert [make(tmp_path, slug).name for slug in ("a", "b-c", "a")] == ["00001-a", "00002-b-c", "00003-a"]
    assert [run.name for run in runs.list_runs(tmp_path)] == ["00001-a", "00002-b-c", "00003-a"]


def test_a_number_is_not_used_again_while_a_later_run_stands(tmp_path):
    first, second = make(tmp_path), make(tmp_path)
    runs.remove(first)
    assert make(tmp_path).name == "00003-thing"
    assert second.path.exists()


def test_numbers_go_on_past_five_digits(tmp_path):
    (tmp_path / "99999-x").mkdir()
    assert make(tmp_path).name == "100000-thing"
    assert runs.find("100000", root=tmp_path).name == "100000-thing"
    assert make(tmp_path).name == "100001-thing"


def test_runs_made_by_many_processes_at_once_have_numbers_of_their_own(tmp_path):
    """Names that differ would let `mkdir` succeed twice with one number."""
    code = (
        "import sys; from pathlib import Path; from idlcli.runs import create\n"
        "for i in range(12):\n"
        "    create(root=Path(sys.argv[1]), slug=f'{sys.argv[2]}-{i}', name=None, kind='gan', settings={})"
    )
    makers = [subprocess.Popen([sys.executable, "-c", code, str(tmp_path), str(maker)]) for maker in range(4)]
    assert [maker.wait(120) for maker in makers] == [0] * 4
    found = [run.name for run in runs.list_runs(tmp_path)]
    assert [name.split("-")[0] for name in found] == [f"{n:05d}" for n in range(1, 49)]


def test_the_config_is_what_was_asked_for(tmp_path):
    config = make(tmp_path, kind="judge", units=8, data="каталог").config()
    assert config["kind"] == "judge"
    assert config["settings"] == {"units": 8, "data": "каталог"}
    assert config["schema"] == 1
    assert config["created"].endswith("+00:00")


@pytest.mark.parametrize("name", ["ok", "A.b_c-9", "a" * 80, "0x", "latest2"])
def test_a_name_stands_after_the_number(name, tmp_path):
    assert make(tmp_path, name=name).name == f"00001-{name}"
    assert runs.find(name, root=tmp_path).name == f"00001-{name}"


@pytest.mark.parametrize(
    "name", ["", "/", "a/b", "..", ".a", "-a", "a b", "a\n", "é", "a" * 81, "latest", "12", "00012"]
)
def test_a_name_that_would_not_be_found_or_would_leave_the_root_is_refused(name, tmp_path):
    with pytest.raises(UsageError, match="--name"):
        make(tmp_path, name=name)
    assert runs.list_runs(tmp_path) == []


@given(st.text(max_size=100))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
def test_whatever_is_asked_for_is_found_or_a_data_error(tmp_path, reference):
    if not runs.list_runs(tmp_path):
        make(tmp_path)
    try:
        found = runs.find(reference, root=tmp_path)
    except IdlError as error:
        assert isinstance(error, DataError)  # noqa: PT017
    else:
        assert found.name == "00001-thing"


def test_a_run_is_found_by_path_by_name_by_number_and_as_the_latest(tmp_path):
    first, second = make(tmp_path, "one", kind="vae"), make(tmp_path, "two", kind="gan")
    for reference in (str(first.path), "00001-one", "one", "1", "00001", "0000001"):
        assert runs.find(reference, root=tmp_path) == first, reference
    assert runs.find("latest", root=tmp_path) == second
    assert runs.find("latest", root=tmp_path, kinds=("vae",)) == first
    assert runs.find(str(first.path), root=tmp_path / "elsewhere") == first


def test_the_latest_is_none_that_was_obtained_unless_its_kind_is_asked_for(tmp_path):
    first = make(tmp_path, "one", kind="vae")
    judge = runs.create(root=tmp_path, slug="judge", name=None, kind="judge", settings={}, obtained=True)
    assert runs.find("latest", root=tmp_path) == first
    assert runs.find("latest", root=tmp_path, kinds=("judge", "vae")) == judge
    assert runs.find("judge", root=tmp_path) == judge
    by_hand = make(tmp_path, "by-hand", kind="judge")
    assert runs.find("latest", root=tmp_path) == by_hand


@pytest.mark.parametrize(
    "reference", ["", "3", "three", "00001", "1", "latest", "-1", "..", "/", "\0", "a" * 5000, "²"]
)
def test_a_run_that_is_not_there_is_a_data_error_with_a_hint(reference, tmp_path):
    with pytest.raises(DataError) as caught:
        runs.find(reference, root=tmp_path / "runs")
    assert len(caught.value.message) < 300 + len(str(tmp_path))
    assert caught.value.hint


def test_a_run_of_another_kind_is_refused_unless_the_latest_was_asked_for(tmp_path):
    make(tmp_path, kind="vae")
    with pytest.raises(DataError, match=r"vae run.*takes gan or cae"):
        runs.find("1", root=tmp_path, kinds=("gan", "cae"))
    with pytest.raises(DataError, match="no gan or cae run"):
        runs.find("latest", root=tmp_path, kinds=("gan", "cae"))


def test_a_broken_run_is_never_the_latest_and_is_listed_as_failed(tmp_path):
    good, bad = make(tmp_path, "good"), make(tmp_path, "bad")
    (bad.path / "config.json").write_text("{")
    assert runs.find("latest", root=tmp_path, kinds=("seq2seq",)) == runs.find("latest", root=tmp_path) == good
    assert [runs.summary(run)["status"] for run in runs.list_runs(tmp_path)] == ["stopped", "failed"]
    assert runs.summary(bad)["kind"] == "unknown"


def test_a_run_that_was_asked_for_by_its_name_is_the_newest_of_that_name(tmp_path):
    make(tmp_path, name="mine")
    newer = make(tmp_path, name="mine")
    assert runs.find("mine", root=tmp_path) == newer


def test_a_directory_s_name_means_that_directory_whatever_a_newer_one_is_called(tmp_path):
    first = make(tmp_path, name="foo")
    newer = make(tmp_path, name=first.name)
    assert newer.name == "00002-00001-foo"
    assert runs.find("00001-foo", root=tmp_path) == first
    assert runs.find("foo", root=tmp_path) == first


def test_a_number_means_the_run_of_that_number_whatever_others_are_called(tmp_path):
    other = Run(tmp_path / "00001-2")
    make(tmp_path).path.rename(other.path)
    second = make(tmp_path)
    assert runs.find("2", root=tmp_path) == second


def test_a_run_of_a_layout_to_come_is_refused(tmp_path):
    run = make(tmp_path)
    (run.path / "config.json").write_text(json.dumps(run.config() | {"schema": 2}))
    with pytest.raises(DataError, match="schema 2") as caught:
        run.config()
    assert caught.value.hint


def test_the_status_is_what_the_files_say_unless_a_process_holds_the_run(tmp_path):
    run = make(tmp_path)
    assert run.status() == "stopped"
    (run.path / "failure.json").write_text("{}")
    assert run.status() == "failed"
    finish(run)
    assert run.status() == "done"
    with runs.hold(run):
        assert run.status() == "running"
    assert run.status() == "done"


def test_looking_changes_nothing(tmp_path):
    run = finish(make(tmp_path))
    before = sorted(tmp_path.rglob("*"))
    runs.list_runs(tmp_path)
    runs.summary(run)
    runs.find("latest", root=tmp_path)
    assert not runs.is_locked(run)
    assert sorted(tmp_path.rglob("*")) == before
    runs.list_runs(tmp_path / "nowhere")
    assert not (tmp_path / "nowhere").exists()


def test_a_run_is_held_by_one_at_a_time(tmp_path):
    run = make(tmp_path)
    with runs.hold(run), pytest.raises(RunFailed, match="in use"), runs.hold(run):
        pass
    with runs.hold(run):
        pass


def test_a_run_is_free_after_an_error(tmp_path):
    run = make(tmp_path)
    with pytest.raises(ZeroDivisionError), runs.hold(run):
        1 / 0  # noqa: B018
    assert not runs.is_locked(run)


def test_a_look_at_a_run_does_not_keep_its_holder_out(tmp_path):
    """`runs list` takes the lock for a moment to see whether it is free; a resume just then must not be refused."""
    run = make(tmp_path)
    with runs.hold(run):
        pass
    until = time.monotonic() + 1.0

    def look():
        while time.monotonic() < until:
            runs.is_locked(run)

    looker = threading.Thread(target=look)
    looker.start()
    held = 0
    while looker.is_alive():
        with runs.hold(run):
            held += 1
    looker.join()
    assert held > 0


def test_a_holder_sweeps_what_a_killed_one_left(tmp_path):
    run = make(tmp_path)
    run.folder("checkpoints")
    strays = [run.path / ".metrics.json.123.tmp", run.path / "checkpoints" / ".last.safetensors.9.tmp"]
    strays += [run.folder(name) / ".epoch.png.9.tmp" for name in ("samples", "plots")]
    for stray in strays:
        stray.write_text("half")
    with runs.hold(run):
        assert not any(stray.exists() for stray in strays)


def test_a_run_is_removed_and_a_running_one_is_not(tmp_path):
    run, other = make(tmp_path), make(tmp_path)
    with runs.hold(run), pytest.raises(RunFailed, match="running"):
        runs.remove(run)
    runs.remove(run)
    assert [path.name for path in tmp_path.iterdir() if not path.name.startswith(".lock")] == [other.name]


def test_where_one_is_running_none_is_removed(tmp_path, here):
    one, other = make(tmp_path / "runs"), make(tmp_path / "runs")
    with runs.hold(other):
        here("runs", "rm", "1", "2").refused(1, other.name)
    assert one.path.exists()
    assert here("runs", "rm", "1", "2").code == 0


def test_a_run_of_another_user_is_seen_to_run(tmp_path, monkeypatch):
    """Its lock may be read and not be written to."""
    run, original = make(tmp_path), os.open

    def refuse(path, flags, *rest, **named):
        if flags & (os.O_WRONLY | os.O_RDWR):
            raise PermissionError(13, "Permission denied", str(path))
        return original(path, flags, *rest, **named)

    with runs.hold(run), monkeypatch.context() as patch:
        patch.setattr(os, "open", refuse)
        assert run.status() == "running"
    monkeypatch.setattr(os, "open", refuse)
    assert run.status() == "stopped"


@pytest.mark.parametrize("content", ['{"model_type": "bert"}', "{}", "[]", "not json"])
def test_a_directory_of_somebody_else_s_is_never_removed(content, tmp_path, here):
    """Other programs too call a file config.json."""
    theirs = tmp_path / "my-model"
    theirs.mkdir()
    (theirs / "config.json").write_text(content)
    (theirs / "weights.bin").write_text("precious")
    here("runs", "rm", theirs).refused(3)
    here("runs", "rm", "my-model").refused(3)
    assert (theirs / "weights.bin").read_text() == "precious"


def test_a_run_whose_config_is_broken_can_still_be_removed(tmp_path):
    run = make(tmp_path)
    with runs.hold(run):
        pass
    (run.path / "config.json").write_text("{")
    runs.remove(run)
    assert runs.list_runs(tmp_path) == []


def test_a_moved_and_renamed_run_can_be_removed_by_its_path(tmp_path, here):
    run = make(tmp_path / "runs")
    moved = tmp_path / "theirs"
    run.path.rename(moved)
    assert here("runs", "rm", moved).code == 0
    assert not moved.exists()


def test_all_are_found_before_any_is_removed(tmp_path, here):
    run = make(tmp_path / "runs")
    here("runs", "rm", "1", "nowhere").refused(3)
    assert run.path.exists()
    assert here("runs", "rm", "1", "1", run.path).code == 0


def test_comparing_shows_what_differs_and_warns_of_other_data(tmp_path):
    one, other = (
        finish(make(tmp_path, units=units, seed=0), exact=exact, n=7) for units, exact in ((8, 0.5), (16, 0.75))
    )
    for run, fingerprint in ((one, "a"), (other, "a")):
        (run.path / "data.json").write_text(json.dumps({"fingerprint": fingerprint, "test_sha256": "t"}))
    found = compare([one, other])
    assert found["settings"] == {"units": [8, 16]}
    assert found["metrics"]["test.exact"] == [0.5, 0.75]
    assert found["warnings"] == []
    (other.path / "data.json").write_text(json.dumps({"fingerprint": "a", "test_sha256": "another"}))
    assert "not strictly comparable" in compare([one, other])["warnings"][0]


def test_comparing_runs_of_different_kinds_or_without_metrics_says_so(tmp_path):
    one, other = make(tmp_path, kind="vae"), make(tmp_path, kind="gan", latent=3)
    found = compare([one, other])
    assert found["settings"] == {"latent": [None, 3]}
    assert found["metrics"] == {}
    assert any("different kinds" in warning for warning in found["warnings"])


def test_a_run_copied_elsewhere_is_a_run(tmp_path):
    run = finish(make(tmp_path / "a"), exact=1.0)
    copy = Run(Path(shutil.copytree(run.path, tmp_path / "b" / "copy")))
    assert copy.metrics() == run.metrics()
    assert runs.find(str(copy.path), root=tmp_path).status() == "done"
