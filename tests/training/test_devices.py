"""One training on several devices or in several processes is the training of one; who is lost is missed."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from idlcli.errors import UsageError
from idlcli.experiments import driver, followers
from idlcli.runs import Run
from idlcli.settings import Seq2seqSettings
from idlcli.settings.resolve import applicable, changed
from idlcli.training import devices

ENGINE = os.environ.get("TEST_ENGINE", "tensorflow")
TRAIN = ("seq2seq", "train", "--backend", "jax", "--dry-run")

REFUSED = [
    (("--hosts", "127.0.0.1:1234"), "--processes"),
    (("--processes", "2"), "--hosts"),
    (("--hosts", "127.0.0.1", "--processes", "2"), "--hosts"),
    (("--hosts", "127.0.0.1:port", "--processes", "2"), "--hosts"),
    (("--hosts", "127.0.0.1:99999", "--processes", "2"), "--hosts"),
    (("--hosts", ":1234", "--processes", "2"), "--hosts"),
    (("--hosts", "a:1,b:2,c:3", "--processes", "2"), "--processes"),
    (("--hosts", "a:1", "--processes", "2", "--process-id", "2"), "--process-id"),
    (("--devices", "3"), "--batch-size"),
    (("--devices", "2", "--hosts", "a:1", "--processes", "3"), "multiple of 6"),
]


@pytest.mark.parametrize(("words", "meant"), REFUSED, ids=lambda value: " ".join(value) if type(value) is tuple else "")
def test_devices_that_cannot_share_a_batch_are_exit_2_and_nothing_is_made(words, meant, here, tmp_path, monkeypatch):
    monkeypatch.setattr(driver.engine, "check", lambda backend: None)
    here("seq2seq", "train", "--backend", "jax", "--batch-size", "32", *words).refused(2, meant)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("backend", ["tensorflow", "torch"])
@pytest.mark.parametrize("words", [("--devices", "2"), ("--hosts", "a:1", "--processes", "2"), ("--process-id", "1")])
def test_engines_that_cannot_be_spread_refuse_with_the_one_that_can(backend, words, here):
    here("seq2seq", "train", "--backend", backend, *words).refused(2, words[0], "--backend jax")


def test_a_run_of_such_an_engine_cannot_be_resumed_on_more_devices(here, trained_run):
    (trained_run / "metrics.json").unlink()
    here("runs", "resume", trained_run, "--devices", "2").refused(2, "--devices", "--backend jax")


def test_settings_that_are_changed_are_checked_as_flags():
    settings = Seq2seqSettings(backend="jax")
    assert changed(settings, {"devices": 4}).devices == 4
    for change in ({"devices": 0}, {"hosts": 3}, {"loss": "mse"}):
        with pytest.raises(UsageError):
            changed(settings, change)


def test_a_process_on_its_own_feeds_all_and_hands_out_nothing():
    alone = devices.current()
    batch = (np.arange(6), {"a": np.arange(12).reshape(6, 2)})
    assert alone.share(batch) is batch
    assert (alone.devices, alone.processes, alone.process) == (1, 1, 0)
    assert alone.lost(RuntimeError("Gloo all-reduce failed")) is None


class Led(devices.Alone):
    """What a process but the first has: the files that the first hands out."""

    processes, process = 2, 1

    def __init__(self, files):
        self.files = files

    def agree(self, files):
        return self.files


@pytest.fixture
def led(monkeypatch):
    def make(settings, fingerprint="same"):
        files = {
            "config.json": {"schema": 1, "kind": "seq2seq", "settings": applicable(settings)},
            "data.json": {"fingerprint": fingerprint},
        }
        named = {f"00007-x/{name}": json.dumps(content).encode() for name, content in files.items()}
        monkeypatch.setattr(devices, "_current", Led({**named, "00007-x/checkpoints/last.safetensors": b"state"}))

    return make


class Experiment:
    """Keeps what it was given."""

    def train(self, prepared, *, run, reporter):
        self.run, self.state = run, (run.path / "checkpoints" / "last.safetensors").read_bytes()
        (run.path / "written.txt").write_text("x")
        return {"epochs": 3}


class Prepared:
    def __init__(self, settings):
        self.settings, self.data = settings, {"fingerprint": "same"}


def settings_of(process=1, **others):
    return Seq2seqSettings(backend="jax", hosts="a:1", processes=2, process_id=process, **others)


def test_a_follower_begins_with_the_first_s_state_and_keeps_nothing(led):
    led(settings_of(0, data="there"))
    experiment = Experiment()
    result = followers.follow(experiment, Prepared(settings_of(1, data="here")))
    assert experiment.state == b"state"
    assert (result["run"], result["epochs"], result["resumed"]) == ("00007-x", 3, True)
    assert not experiment.run.path.exists()


def test_a_follower_that_was_told_otherwise_than_the_first_is_refused(led):
    led(settings_of(0, units=8))
    with pytest.raises(UsageError, match="units 8, now 9"):
        followers.follow(Experiment(), Prepared(settings_of(units=9)))
    led(settings_of(0), fingerprint="other")
    with pytest.raises(UsageError, match="other data"):
        followers.follow(Experiment(), Prepared(settings_of()))


def test_a_run_that_the_first_obtains_is_the_follower_s_too(led, tmp_path):
    led(settings_of(0))
    run = driver.obtain(kind="seq2seq", settings=settings_of(0), root=tmp_path)
    assert run.path == tmp_path / "00007-x"
    assert run.config()["kind"] == "seq2seq"


only_jax = pytest.mark.skipif(ENGINE != "jax", reason="only JAX spreads a training; `make test-engines` runs it")
EPOCHS = 40
WORDS = (
    "--backend", "jax", "--epochs", str(EPOCHS), "--units", "6", "--dropout", "0.2", "--batch-size", "20",
    "--learning-rate", "0.02", "--json",
)  # fmt: skip


class Process:
    """`idl` beside others."""

    def __init__(self, *words, cwd: Path, environment):
        cwd.mkdir(exist_ok=True)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "idlcli", *words],
            cwd=cwd, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip

    def end(self) -> tuple[int, dict, str]:
        out, err = self.process.communicate(timeout=600)
        lines = out.decode().splitlines()
        assert len(lines) == 1, f"stdout is for the result alone:\n{out.decode()}\n{err.decode()[-3000:]}"
        return self.process.returncode, json.loads(lines[0]), err.decode()

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()

    def wait_for_epoch(self, run: Path, epoch: int) -> None:
        until = time.monotonic() + 300
        while not (run / "log.jsonl").exists() or (run / "log.jsonl").read_text().count("\n") < epoch:
            assert self.process.poll() is None, self.end()
            assert time.monotonic() < until
            time.sleep(0.01)


def together() -> tuple[str, ...]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return "--hosts", f"127.0.0.1:{free.getsockname()[1]}", "--processes", "2"


def losses(run: Path) -> np.ndarray:
    return np.array([[row["loss"], row["test_loss"]] for row in Run(run).log()])


@pytest.fixture(scope="module")
def alone(built_arithmetic, tmp_path_factory) -> Path:
    """The run of one process on one device."""
    place = tmp_path_factory.mktemp("alone")
    words = ("seq2seq", "train", "--data", str(built_arithmetic), *WORDS)
    assert Process(*words, cwd=place, environment=dict(os.environ)).end()[0] == 0
    (run,) = (place / "runs").glob("0*")
    return run


@pytest.mark.engine
@only_jax
def test_the_losses_of_two_devices_are_those_of_one(alone, idl, built_arithmetic, tmp_path):
    idl("seq2seq", "train", "--data", built_arithmetic, *WORDS, "--devices", "2").data  # noqa: B018
    (run,) = (tmp_path / "runs").glob("0*")
    assert np.abs(losses(run) - losses(alone)).max() < 1e-5
    assert Run(run).config()["settings"]["devices"] == 2


SMALL = ("--backend", "jax", "--epochs", "2", "--batch-size", "4", "--eval-every", "1", "--json")
FACES = ("--augment", "flip", "--width", "2")
COLUMNS = ("--column-units", "8", "--readout-units", "8", "--steps-per-epoch", "3")
READER = ("--reader-width", "2")
WRITER = ("--writer-width", "2", "--style-size", "2", "--legible-weight", "0")
TRAINERS = {
    "gan": ("gan", "train", *SMALL, *FACES, "--latent", "4", "--discriminator-width", "2"),
    "vae": ("vae", "train", *SMALL, *FACES, "--latent", "4", "--depth", "2"),
    "cae": ("cae", "train", *SMALL, *FACES, "--codes", "4", "--depth", "2"),
    "judge": ("judge", "train", *SMALL, "--width", "2", "--steps-per-epoch", "3"),
    "image-text": ("seq2seq", "train", *SMALL, "--mode", "image-text", "--units", "4", "--steps-per-epoch", "3"),
    "text-image": ("seq2seq", "train", *SMALL, "--mode", "text-image", "--units", "4", "--steps-per-epoch", "3"),
    "text-text-best": ("seq2seq", "train", "--recipe", "best", *SMALL, *COLUMNS),
    "image-text-best": ("seq2seq", "train", "--recipe", "best", *SMALL, *COLUMNS, "--mode", "image-text", *READER),
    "text-image-best": ("seq2seq", "train", "--recipe", "best", *SMALL, *COLUMNS, "--mode", "text-image", *WRITER),
}


@pytest.mark.engine
@only_jax
@pytest.mark.parametrize("trainer", TRAINERS)
def test_every_trainer_is_spread_over_devices(trainer, idl, built_faces, built_arithmetic, written_runs, tmp_path):
    words = TRAINERS[trainer]
    data = built_faces if words[0] in ("gan", "vae", "cae") else built_arithmetic
    if "text-image" in words:
        words = (*words, "--judge", str(next(written_runs.glob("*-judge"))))
    logs = []
    for devices_ in ("1", "2"):
        idl(*words, "--data", data, "--devices", devices_, "--runs", devices_).data  # noqa: B018
        (run,) = (tmp_path / devices_).glob("0*")
        logs.append([[row[key] for key in sorted(row) if key != "seconds"] for row in Run(run).log()])
    assert np.allclose(*logs, rtol=1e-5, atol=1e-5)
    assert np.shape(logs)[1] == 2


@pytest.mark.engine
@only_jax
def test_the_losses_of_two_processes_are_those_of_one_and_only_the_first_writes(
    alone, built_arithmetic, tmp_path, environment
):
    """The second has no disk with the first in common, and its own copy of nothing but the data."""
    words = ("seq2seq", "train", "--data", str(built_arithmetic), *WORDS, *together())
    second = Process(*words, "--process-id", "1", cwd=tmp_path / "second", environment=environment)
    first = Process(*words, cwd=tmp_path / "first", environment=environment)
    (code, found, _), (other_code, other, _) = first.end(), second.end()
    assert (code, other_code) == (0, 0)
    (run,) = (tmp_path / "first" / "runs").glob("0*")
    assert np.abs(losses(run) - losses(alone)).max() < 1e-5
    assert list((tmp_path / "second").iterdir()) == []
    assert found["data"]["test"] == other["data"]["test"]
    assert {path.name for path in run.iterdir()} == {path.name for path in alone.iterdir()}


@pytest.mark.engine
@only_jax
def test_two_processes_diverge_together(built_faces, tmp_path, environment):
    """However long the epoch is: each looks at its loss in its own time."""
    words = (
        "vae", "train", "--data", str(built_faces), "--backend", "jax", "--optimizer", "sgd", "--learning-rate", "10",
        "--latent", "2", "--width", "1", "--depth", "1", "--batch-size", "2", "--steps-per-epoch", "1000", "--json",
        *together(),
    )  # fmt: skip
    second = Process(*words, "--process-id", "1", cwd=tmp_path / "second", environment=environment)
    first = Process(*words, cwd=tmp_path / "first", environment=environment)
    for code, found, _ in (first.end(), second.end()):
        assert (code, found["errors"][0]["code"]) == (4, "diverged")


@pytest.mark.engine
@only_jax
def test_processes_that_are_told_to_end_save_and_say_how_to_go_on(alone, built_arithmetic, tmp_path, environment):
    """As Slurm tells them: all at once, each in its own step."""
    words = ("seq2seq", "train", "--data", str(built_arithmetic), *WORDS, *together())
    run = tmp_path / "first" / "runs" / alone.name
    second = Process(*words, "--process-id", "1", cwd=tmp_path / "second", environment=environment)
    first = Process(*words, cwd=tmp_path / "first", environment=environment)
    first.wait_for_epoch(run, 3)
    for one in (first, second):
        one.process.send_signal(signal.SIGTERM)
    for one, said in ((first, "is saved at epoch"), (second, f"process 0 keeps {alone.name}")):
        code, found, err = one.end()
        assert (code, found["errors"][0]["code"]) == (143, "interrupted"), err
        assert said in found["errors"][0]["message"]
        assert "runs resume" in found["errors"][0]["hint"]
        assert "/tmp/" not in found["errors"][0]["hint"]
    assert Run(run).status() == "stopped"


@pytest.mark.engine
@only_jax
def test_a_lost_process_ends_the_training_with_a_clear_line_and_it_goes_on(
    alone, built_arithmetic, tmp_path, environment
):
    """First the second is killed, then the first; the third time nobody is."""
    words = ("seq2seq", "train", "--data", str(built_arithmetic), *WORDS, *together())
    place = tmp_path / "first"
    run = place / "runs" / alone.name

    def both(*of_first):
        second = Process(*words, "--process-id", "1", cwd=tmp_path / "second", environment=environment)
        return Process(*of_first, cwd=place, environment=environment), second

    def missed(survivor):
        code, found, err = survivor.end()
        assert code == 1, err
        assert "process of the training was lost" in err.splitlines()[-1]
        assert "runs resume" in found["errors"][0]["hint"]
        assert "Traceback" not in err

    first, second = both(*words)
    first.wait_for_epoch(run, 3)
    second.kill()
    missed(first)
    assert Run(run).status() == "failed"
    saved = len(Run(run).log())
    first, second = both("runs", "resume", "1", "--json")
    first.wait_for_epoch(run, saved + 3)
    first.kill()
    missed(second)
    first, second = both("runs", "resume", "1", "--json")
    code, found, err = first.end()
    assert (code, second.end()[0]) == (0, 0), err
    assert found["data"]["resumed"] is True
    assert np.abs(losses(run) - losses(alone)).max() < 1e-5
