"""SIGTERM ends whatever is being done: what takes a stranger's broken bytes for bad data takes no signal for it."""

import os
import signal

import numpy as np
import pytest
from PIL import Image


@pytest.fixture
def signalled(monkeypatch):
    """A function that puts a SIGTERM to this process into the place of a function of a module."""

    def stop(*_, **__):
        os.kill(os.getpid(), signal.SIGTERM)
        for _ in range(1000):  # the signal is heard between two lines of Python
            pass

    return lambda module, name: monkeypatch.setattr(module, name, stop)


@pytest.fixture
def sources(tmp_path):
    """A directory of a picture, an .npy of pictures, and an .npz of digits."""
    (tmp_path / "photos").mkdir()
    Image.new("RGB", (8, 8)).save(tmp_path / "photos" / "a.png")
    np.save(tmp_path / "faces.npy", np.zeros((2, 8, 8, 3), np.uint8))
    np.savez(tmp_path / "mnist.npz", images=np.zeros((1, 28, 28), np.uint8), labels=np.zeros(1, np.uint8))


@pytest.mark.parametrize(
    ("words", "module", "name"),
    [
        (("data", "check", "photos"), Image, "open"),
        (("data", "check", "faces.npy"), np.lib.format, "open_memmap"),
        (("data", "build", "faces", "--source", "faces.npy"), np.lib.format, "open_memmap"),
        (("data", "build", "arithmetic", "--digits", "mnist.npz"), np, "load"),
        (("data", "show", "photos"), Image, "open"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_a_signal_while_something_is_read_ends_the_command(words, module, name, signalled, sources, here, tmp_path):
    signalled(module, name)
    done = here(*words, "--json")
    assert done.code == 143, done
    assert done.envelope["errors"] == [{"code": "interrupted", "message": "Terminated.", "hint": ""}]
    assert not [path for path in (tmp_path / "data").glob("*") if words[:2] == ("data", "build")]


def test_a_signal_while_kept_features_are_read_is_no_reason_to_compute_them_again(signalled, tmp_path):
    from idlcli.cli.app import _on_sigterm
    from idlcli.errors import Interrupted
    from idlcli.evaluation import feature_cache

    before = signal.signal(signal.SIGTERM, _on_sigterm)
    try:
        signalled(np, "load")
        with pytest.raises(Interrupted):
            feature_cache._read(tmp_path / "x.npy")
    finally:
        signal.signal(signal.SIGTERM, before)


def test_a_training_of_a_family_that_is_stopped_is_answered_as_that(monkeypatch):
    from idlcli.errors import Interrupted
    from idlcli.experiments import driver
    from idlcli.workflows import family

    def stopped(**_):
        raise Interrupted("Stopped.", signal_number=15)

    monkeypatch.setattr(driver, "start", stopped)
    asked = {"kind": "seq2seq", "settings": {}, "root": "runs", "name": "x", "run": None}
    assert family._one(asked) == (143, "Stopped.")
