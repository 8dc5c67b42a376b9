"""Every kind of training, killed at random moments until it is done, ends in the same files as one that ran through."""

import json
import random
import shutil
import signal
import time
from pathlib import Path

import pytest
from command_line import run_idl
from stoppable import Training, assert_same_files

from idlcli.runs import Run, list_runs
from idlcli.training import checkpoint

pytestmark = pytest.mark.torture

EPOCHS = 36
SMALL = ("--epochs", str(EPOCHS), "--batch-size", "16", "--jit", "off", "--json")
FACES = (*SMALL, "--augment", "paper", "--eval-every", "3")
WRITTEN = (*SMALL, "--architecture", "columns", "--units", "4", "--column-units", "4", "--readout-units", "4",
           "--steps-per-epoch", "3")  # fmt: skip
MODELS = {
    "text-text": ("seq2seq", "train", *SMALL, "--units", "6", "--dropout", ".2", "--keep", "best",
                  "--validation-fraction", ".2", "--schedule", "cosine"),
    "image-text": ("seq2seq", "train", "--mode", "image-text", *WRITTEN, "--reader-width", "2"),
    "text-image": ("seq2seq", "train", "--mode", "text-image", *WRITTEN, "--writer-width", "4", "--style-size", "2",
                   "--judge", "judge"),
    "vae": ("vae", "train", *FACES, "--latent", "6", "--width", "4", "--depth", "2", "--dropout", ".1",
            "--adversary", "discriminator", "--discriminator-width", "2", "--ema", ".9"),
    "cae": ("cae", "train", *FACES, "--codes", "5", "--width", "4", "--depth", "2", "--batch-norm"),
    "gan": ("gan", "train", *FACES, "--latent", "6", "--width", "2", "--discriminator-width", "2", "--ema", ".9",
            "--diff-augment", "shift-cutout-colour", "--condition", "hair-color"),
}  # fmt: skip
CASES = [(model, "tensorflow", 8) for model in MODELS] + [("text-text", "jax", 4), ("vae", "jax", 4)]
"""What is trained, on which engine, and how often it is killed."""


class Ordeal:
    """A training in a directory of its own, stopped again and again."""

    def __init__(self, words: tuple[str, ...], *, place: Path, environment: dict[str, str], moments: random.Random):
        self.words, self.place, self.environment, self.moments = words, place, environment, moments
        self.kills = self.torn = 0

    @property
    def run(self) -> Path | None:
        """The run, once it is there."""
        found = [run.path for run in list_runs(self.place / "runs") if run.name.split("-", 1)[1] != "judge"]
        return found[-1] if found else None

    def start(self, **how: float) -> Training:
        words = ("runs", "resume", str(self.run), "--json") if self.run else self.words
        return Training(*words, cwd=self.place, environment=self.environment, **how)

    def wait_for_checkpoint(self, training: Training) -> None:
        """Return when the process has saved an epoch."""

        def saved() -> int:
            last = self.run and self.run / "checkpoints" / "last.safetensors"
            return last.stat().st_mtime_ns if last and last.exists() else 0

        before = saved()
        while saved() == before and training.process.poll() is None:
            time.sleep(0.01)

    def kill_within_a_checkpoint(self) -> None:
        code, _, err = self.start(tear=self.moments.randint(1, 3)).end()
        assert code == -signal.SIGKILL, err[-3000:]
        self.torn += 1
        self.after_a_kill()

    def kill_in_an_epoch(self) -> None:
        training = self.start(slowly=0.5)
        self.wait_for_checkpoint(training)
        time.sleep(self.moments.random() / 2)
        code, _, err = training.stop(signal.SIGKILL)
        assert code == -signal.SIGKILL, err[-3000:]
        self.after_a_kill()

    def kill_at_any_moment(self, span: float) -> None:
        """While it loads, too."""
        training = self.start(slowly=0.5)
        time.sleep(self.moments.random() * span)
        code, _, err = training.stop(signal.SIGKILL)
        assert code == -signal.SIGKILL, err[-3000:]
        self.after_a_kill()

    def signal_in_an_epoch(self, number: int) -> None:
        training = self.start(slowly=0.5)
        self.wait_for_checkpoint(training)
        time.sleep(self.moments.random() / 2)
        code, out, err = training.stop(number)
        assert code == 128 + number, err[-3000:]
        assert json.loads(out)["errors"][0]["code"] == "interrupted"
        assert "Traceback" not in err
        self.whole()

    def after_a_kill(self) -> None:
        self.kills += 1
        if self.run:
            assert Run(self.run).status() == "stopped"
            self.whole()

    def whole(self) -> None:
        """Whatever is there is whole."""
        assert self.run
        for path in self.run.rglob("*.json"):
            json.loads(path.read_text())
        for path in self.run.glob("checkpoints/[!.]*"):
            assert checkpoint.settings_of(path)


@pytest.mark.parametrize(("model", "backend", "kills"), CASES, ids=lambda value: str(value))
def test_a_training_that_is_killed_again_and_again_ends_in_the_same_files(
    model, backend, kills, built_arithmetic, built_faces, written_runs, tmp_path, environment
):
    data = built_faces if model in ("vae", "cae", "gan") else built_arithmetic
    words = (*MODELS[model], "--data", str(data), "--backend", backend)
    environment = environment | {"KERAS_BACKEND": backend}
    for place in ("whole", "killed"):
        shutil.copytree(next(written_runs.glob("*-judge")), tmp_path / place / "runs" / "00001-judge")
    moments = random.Random(f"{model} {backend}")
    unbroken = Ordeal(words, place=tmp_path / "whole", environment=environment, moments=moments)
    began = time.monotonic()
    code, _, err = unbroken.start().end()
    span = time.monotonic() - began
    assert code == 0, err[-3000:]

    ordeal = Ordeal(words, place=tmp_path / "killed", environment=environment, moments=moments)
    ordeal.kill_at_any_moment(span)
    for number in (signal.SIGTERM, signal.SIGINT):
        ordeal.signal_in_an_epoch(number)
    while ordeal.kills < kills:
        ordeal.kill_within_a_checkpoint() if ordeal.kills % 3 == 1 else ordeal.kill_in_an_epoch()
    code, out, err = ordeal.start().end()
    assert code == 0, err[-3000:]
    assert json.loads(out)["data"]["resumed"] is True
    assert_same_files(ordeal.run, unbroken.run)
    assert not list((tmp_path / "killed").rglob("*.tmp"))
    done = run_idl("runs", "resume", str(ordeal.run), home=tmp_path, cwd=tmp_path)
    assert (done.code, "done already" in done.out) == (0, True)
    print(f"{model} on {backend}: {ordeal.kills} kills, {ordeal.torn} of them within a checkpoint; SIGTERM and SIGINT")
