import contextlib
import os
import signal
import subprocess
import sys
import time

import cv2
import numpy as np
import pytest

from idlcli.data import faces, parallel
from idlcli.data.parallel import on_all_cores
from idlcli.errors import RunFailed
from idlcli.files import read_json_object
from idlcli.settings.data import FacesSettings


def where(index, seconds=0.002):
    """A function of a module, as helpers take it: what it was asked, and by whom it was done."""
    time.sleep(seconds)
    return index, os.getpid()


def dies_elsewhere(home):
    time.sleep(0.002)
    if os.getpid() != home:
        os.kill(os.getpid(), signal.SIGKILL)


def refuses_elsewhere(home):
    time.sleep(0.002)
    if os.getpid() != home:
        raise ValueError("not here")


def ends(pid):
    """Whether a process is gone within ten seconds."""
    deadline = time.monotonic() + 10
    with contextlib.suppress(ProcessLookupError):
        while time.monotonic() < deadline:
            os.kill(pid, 0)
            time.sleep(0.05)
        return False
    return True


@pytest.fixture
def three_cores(monkeypatch):
    monkeypatch.setattr(parallel, "cores", lambda: 3)


def test_others_help_and_what_they_do_comes_in_order(three_cores):
    found = list(on_all_cores(where, ((index,) for index in range(1000)), total=1000))
    assert [index for index, _ in found] == list(range(1000))
    workers = {pid for _, pid in found}
    assert os.getpid() in workers
    assert len(workers) == 3
    assert all(ends(pid) for pid in workers - {os.getpid()})


def test_little_is_done_alone(three_cores):
    assert {pid for _, pid in on_all_cores(where, ((index,) for index in range(100)), total=100)} == {os.getpid()}


def test_one_core_works_alone(monkeypatch):
    monkeypatch.setattr(parallel, "cores", lambda: 1)
    assert {pid for _, pid in on_all_cores(where, ((index,) for index in range(400)), total=400)} == {os.getpid()}


def test_where_none_can_be_started_it_is_done_alone(three_cores, monkeypatch):
    def refuse(*_, **__):
        raise BlockingIOError("no more processes")

    monkeypatch.setattr(subprocess, "Popen", refuse)
    found = list(on_all_cores(where, ((index,) for index in range(400)), total=400))
    assert found == [(index, os.getpid()) for index in range(400)]


def test_helpers_that_cannot_begin_are_not_asked(three_cores, monkeypatch):
    monkeypatch.setattr(sys, "executable", "/bin/false")
    found = list(on_all_cores(where, ((index,) for index in range(400)), total=400))
    assert found == [(index, os.getpid()) for index in range(400)]


def test_what_is_left_early_leaves_no_helper(three_cores):
    stream, seen = on_all_cores(where, ((index,) for index in range(10**6)), total=10**6), set()
    while len(seen) < 2:
        seen.add(next(stream)[1])
    stream.close()
    assert all(ends(pid) for pid in seen - {os.getpid()})


def test_a_helper_that_is_killed_is_told_of(three_cores):
    with pytest.raises(RunFailed, match="was killed"):
        list(on_all_cores(dies_elsewhere, ((os.getpid(),) for _ in range(2000)), total=2000))


def test_what_work_raises_elsewhere_is_raised_here(three_cores):
    with pytest.raises(ValueError, match="not here"):
        list(on_all_cores(refuses_elsewhere, ((os.getpid(),) for _ in range(2000)), total=2000))


def test_helpers_end_with_a_process_that_is_killed():
    program = (
        "import test_parallel as t; t.parallel.cores = lambda: 2; many = 10**6\n"
        "for _, pid in t.on_all_cores(t.where, ((index,) for index in range(many)), total=many): print(pid, flush=True)"
    )
    path = os.pathsep.join([os.path.dirname(__file__), *filter(None, [os.environ.get("PYTHONPATH")])])
    with subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": path}
    ) as home:
        helper = next(int(line) for line in home.stdout if int(line) != home.pid)
        home.kill()
    assert ends(helper)


@pytest.mark.parametrize("source", ["cartoon", "tree"])
def test_faces_are_the_same_however_many_work(source, monkeypatch, tmp_path):
    given, own, several = {"count": 400}, [], parallel._several
    if source == "tree":
        (tmp_path / "tree").mkdir()
        chance = np.random.default_rng(0)
        for index in range(500):
            content = cv2.imencode(".png", chance.integers(0, 256, (9, 9, 3), np.uint8))[1].tobytes()
            (tmp_path / "tree" / f"{index:03d}.png").write_bytes(content if index % 7 else b"no picture")
        given |= {"source": str(tmp_path / "tree")}

    def slowly(work, batch):
        own.append(len(batch))
        time.sleep(0.02)
        return several(work, batch)

    manifests = []
    for cores in (1, 3):
        monkeypatch.setattr(parallel, "cores", lambda cores=cores: cores)
        faces.build(settings=FacesSettings(out=str(tmp_path / f"{cores}"), size=16, **given))
        manifests.append(read_json_object(tmp_path / f"{cores}" / "manifest.json"))
        for key in ("created", "seconds"):
            del manifests[-1][key]
        monkeypatch.setattr(parallel, "_several", slowly)
    assert 0 < sum(own) < 380  # of 400 and what is read ahead: the helpers did the rest
    assert manifests[0] == manifests[1]
    assert np.array_equal(np.load(tmp_path / "1" / "images.npy"), np.load(tmp_path / "3" / "images.npy"))
