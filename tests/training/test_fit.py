"""The one `fit`: wherever it is broken off, going on ends with the same bytes; NaN and full disks leave good files."""

import dataclasses
import itertools
import math
import os
import signal
import time
import types
from pathlib import Path

import numpy as np
import pytest

from idlcli.data.batches import Batches
from idlcli.errors import DataError, Diverged, Interrupted, RunFailed
from idlcli.runs import Run
from idlcli.seeds import rng

# Keras 3.15 asks its variables (and PyTorch's tensors) for an array in a way that NumPy 2.4 complains about.
pytestmark = [pytest.mark.engine, pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")]

EPOCHS = 5
EXAMPLES, WIDTH = 70, 6  # five steps of 16, the last one filled up


class Broken(Exception):
    """What happens in the middle of a training."""


@pytest.fixture(scope="module")
def task_of(keras_engine):
    """A function that returns the task, its model as on the first day: dropout, normalisation, AdamW, a schedule."""
    import keras

    from idlcli.settings import Seq2seqSettings
    from idlcli.training.fit import Task
    from idlcli.training.optimizer import make_optimizer

    generator = rng(0, "test")
    inputs = generator.normal(size=(EXAMPLES, WIDTH)).astype("float32")
    targets = inputs[:, :1] * inputs[:, 1:2] + 0.1 * inputs[:, 2:3]
    keras.utils.set_random_seed(7)
    numbers = keras.Input((WIDTH,), name="numbers")
    hidden = keras.layers.Dense(12, activation="relu", name="first")(numbers)
    hidden = keras.layers.BatchNormalization(name="normal")(hidden)
    hidden = keras.layers.Dropout(0.3, name="dropped")(hidden)
    hidden = keras.layers.GaussianNoise(0.1, name="noisy")(hidden)
    model = keras.Model(numbers, keras.layers.Dense(1, name="last")(hidden), name="small")
    settings = Seq2seqSettings(optimizer="adamw", weight_decay=0.01, schedule="cosine", warmup=0.2, learning_rate=0.05)

    def fetch(chosen, *when):
        return inputs[chosen], targets[chosen]

    batches = Batches(count=EXAMPLES, batch_size=16, seed=3, fetch=fetch)
    optimizer = make_optimizer(settings, steps=EPOCHS * batches.steps)
    model.compile(optimizer=optimizer, loss="mse", metrics=["mae"], jit_compile=False)
    optimizer.build(model.trainable_variables)
    first = [(variable, np.array(variable.numpy())) for variable in (*model.weights, *optimizer.variables)]

    def make(**changes):
        for variable, value in first:
            variable.assign(value)
        about = {"model": model, "batches": batches, "epochs": EPOCHS, "seed": 3, **changes}
        return Task(**about)

    return make


def a_run(path: Path) -> Run:
    """A directory that says what is trained in it, and no more."""
    path.mkdir(exist_ok=True)
    (path / "config.json").write_text('{"schema": 1, "kind": "small", "settings": {"units": 3}}')
    return Run(path)


@pytest.fixture
def run_of(tmp_path):
    return lambda name: a_run(tmp_path / name)


@pytest.fixture(autouse=True)
def every_epoch_is_saved(keras_engine, monkeypatch):
    from idlcli.training import fit

    monkeypatch.setattr(fit, "SAVE_SECONDS", 0.0)


def fit(task, run):
    from idlcli.training.fit import fit as library

    return library(task, run=run)


def last_of(run: Run) -> Path:
    return run.path / "checkpoints" / "last.safetensors"


def tensors(run: Run, name: str = "last") -> dict[str, bytes]:
    import safetensors.numpy

    loaded = safetensors.numpy.load_file(run.path / "checkpoints" / f"{name}.safetensors")
    return {key: value.tobytes() for key, value in loaded.items()}


def log_of(run: Run) -> list[dict]:
    return [{k: v for k, v in row.items() if k != "seconds"} for row in run.log()]


def same(one: Run, other: Run) -> None:
    """Every weight, every slot of the optimizer and every line of the log is the same, bit for bit."""
    assert log_of(one) == log_of(other)
    assert tensors(one) == tensors(other)


@pytest.fixture(scope="module")
def unbroken(task_of, tmp_path_factory):
    """The training that nothing happened to."""
    from idlcli.training import fit as module

    run = a_run(tmp_path_factory.mktemp("unbroken"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "SAVE_SECONDS", 0.0)
        progress = fit(task_of(), run)
    assert progress.epoch == EPOCHS
    return run


def test_the_loss_falls_and_every_epoch_is_logged(unbroken):
    log = log_of(unbroken)
    assert [row["epoch"] for row in log] == list(range(1, EPOCHS + 1))
    assert log[-1]["loss"] < log[0]["loss"]
    assert set(log[0]) == {"epoch", "loss", "mae", "lr"}
    assert log[-1]["lr"] < log[0]["lr"]


@pytest.mark.parametrize("most", [1, 2, 3])
def test_steps_that_are_made_in_one_call_compute_what_single_ones_do(task_of, unbroken, run_of, monkeypatch, most):
    """Five steps an epoch: all in one call (the unbroken training), or each alone, or a last call that is not full."""
    from idlcli.training import feed

    monkeypatch.setattr(feed, "MOST", most)
    some = run_of("some")
    fit(task_of(), some)
    same(some, unbroken)


def test_no_epoch_waits_at_its_end_for_a_thread_that_tunes_its_feed(task_of, keras_engine):
    from idlcli.training import devices
    from idlcli.training.feed import Feed

    if keras_engine != "tensorflow":
        pytest.skip("only TensorFlow is fed by a pipeline of its own")
    task = task_of()
    feed = Feed(task.batches, first_epoch=0, group=devices.current())
    assert feed.steps_together > 1
    assert feed.source(task.model).options().autotune.enabled is False


def test_the_same_training_twice_is_the_same_to_the_bit(task_of, unbroken, run_of):
    again = run_of("again")
    fit(task_of(), again)
    same(again, unbroken)
    assert last_of(again).read_bytes() == last_of(unbroken).read_bytes()


@pytest.mark.parametrize("epoch", range(1, EPOCHS + 1))
def test_a_training_that_breaks_in_any_epoch_ends_as_if_it_had_not(epoch, task_of, unbroken, run_of):
    """It breaks after the epoch's line was logged and before its checkpoint was written."""

    def sample(done: int) -> None:
        if done == epoch:
            raise Broken

    run = run_of("broken")
    everywhere = frozenset(range(1, EPOCHS + 1))
    with pytest.raises(Broken):
        fit(task_of(sample=sample, sample_epochs=everywhere), run)
    assert len(run.log()) == epoch
    assert last_of(run).exists() == (epoch > 1)
    assert fit(task_of(), run).epoch == EPOCHS
    same(run, unbroken)


def test_a_training_that_breaks_in_every_epoch_ends_as_if_it_had_not(task_of, unbroken, run_of):
    run = run_of("broken")
    seen = []

    def sample(done: int) -> None:
        if done not in seen:
            seen.append(done)
            raise Broken

    for _ in range(EPOCHS):
        with pytest.raises(Broken):
            fit(task_of(sample=sample, sample_epochs=frozenset(range(1, EPOCHS + 1))), run)
    assert seen == [1, 2, 3, 4, 5]
    fit(task_of(), run)
    same(run, unbroken)


def test_a_training_that_breaks_inside_an_epoch_ends_as_if_it_had_not(task_of, unbroken, run_of):
    run = run_of("broken")
    task = task_of()
    calls = []

    def fetch(chosen, epoch, *step):
        calls.append(epoch)
        if epoch == 2 and calls.count(2) == 3:
            raise Broken
        return task.batches.fetch(chosen, epoch, *step)

    broken = dataclasses.replace(task, batches=dataclasses.replace(task.batches, fetch=fetch))
    with pytest.raises(Exception, match=r".*"):  # each engine wraps it in its own
        fit(broken, run)
    assert (calls[-1], calls.count(2)) == (2, 3), "it broke where it was to break, and nowhere else"
    assert len(run.log()) == 2
    fit(task_of(), run)
    same(run, unbroken)


def test_each_layer_draws_from_a_stream_of_its_own_and_anew_in_each_epoch(task_of, run_of):
    """Each state is a seed and a count of what was drawn; dropout and noise have one each."""
    states = [v for v in task_of().model.variables if v.name == "seed_generator_state"]
    assert len(states) == 2
    seen = []

    def look(epoch):
        seen.extend(int(np.asarray(state.numpy())[0]) for state in states)
        return {}

    fit(task_of(epochs=3, evaluate=look), run_of("streams"))
    assert len(seen) == len(set(seen)) == 2 * 3


def test_an_epoch_feeds_the_batches_in_their_order(task_of, run_of):
    """The order is the seed's and the epoch's, not Keras's."""
    task = task_of(epochs=2)
    fed = []

    def fetch(chosen, epoch, *step):
        fed.append((epoch, tuple(chosen.tolist())))
        return task.batches.fetch(chosen, epoch, *step)

    fit(dataclasses.replace(task, batches=dataclasses.replace(task.batches, fetch=fetch)), run_of("fed"))
    for epoch in (0, 1):
        expected = task.batches.order(epoch).reshape(task.batches.steps, -1).tolist()
        seen = [list(chosen) for which, chosen in fed if which == epoch]
        assert seen[-len(expected) :] == expected


def test_one_random_stream_an_epoch_whatever_was_drawn_before(task_of, unbroken, run_of):
    """Dropout and noise of an epoch come from (seed, epoch): what is drawn between two epochs changes nothing."""
    import random

    task = task_of()

    def sample(done: int) -> None:
        random.seed(done)
        np.random.seed(done)  # noqa: NPY002 - the global one is what must not matter
        for name in ("dropped", "noisy"):
            task.model.get_layer(name)(np.ones((2, 12), "float32"), training=True)

    run = run_of("disturbed")
    fit(dataclasses.replace(task, sample=sample, sample_epochs=frozenset({1, 3})), run)
    same(run, unbroken)


def test_another_seed_is_another_training(task_of, unbroken, run_of):
    run = run_of("other")
    fit(task_of(seed=4), run)
    assert tensors(run) != tensors(unbroken)


def test_a_line_torn_by_a_crash_and_lines_after_the_checkpoint_are_cut_off(task_of, unbroken, run_of):
    run = run_of("torn")
    with pytest.raises(Broken):
        fit(task_of(sample=_break_at(3), sample_epochs=frozenset({3})), run)
    with open(run.log_path, "a") as file:
        file.write('{"epoch": 4, "loss": 1.0}\n{"epoch": 5, "lo')
    fit(task_of(), run)
    same(run, unbroken)


def _break_at(epoch):
    def sample(done):
        if done == epoch:
            raise Broken

    return sample


def test_a_training_that_is_done_is_not_trained_again(task_of, unbroken, run_of, tmp_path):
    import shutil

    copy = Run(Path(shutil.copytree(unbroken.path, tmp_path / "copy")))
    before = last_of(copy).read_bytes()
    assert fit(task_of(), copy).epoch == EPOCHS
    assert last_of(copy).read_bytes() == before
    same(copy, unbroken)


def test_evaluation_is_logged_when_it_is_due_and_after_the_last_epoch(task_of, run_of):
    run = run_of("evaluated")
    counts = iter(range(100))
    fit(
        task_of(evaluate=lambda epoch: {} if epoch % 2 and epoch != EPOCHS else {"test_loss": float(next(counts))}), run
    )
    assert [row.get("test_loss") for row in run.log()] == [None, 0.0, None, 1.0, 2.0]


def test_the_best_epoch_is_kept_and_remembered_through_a_stop(task_of, run_of):
    scores = {1: 0.1, 2: 0.9, 3: 0.5, 4: 0.9, 5: 0.2}

    def evaluate(epoch):
        evaluate.epoch += 1
        return {"score": scores[evaluate.epoch]}

    runs = []
    for stop in (None, 3):
        run = run_of(f"best{stop}")
        runs.append(run)
        evaluate.epoch = 0
        if stop:
            with pytest.raises(Broken):
                fit(
                    task_of(evaluate=evaluate, best="score", sample=_break_at(stop), sample_epochs=frozenset({stop})),
                    run,
                )
            evaluate.epoch = stop - 1
        progress = fit(task_of(evaluate=evaluate, best="score"), run)
        assert (progress.epoch, progress.best_epoch, progress.best_score) == (EPOCHS, 2, 0.9)
    same(*runs)
    assert tensors(runs[0], "best") == tensors(runs[1], "best")
    assert tensors(runs[0], "best") != tensors(runs[0], "last")


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_metric_that_is_not_finite_ends_the_training_and_keeps_the_last_good_checkpoint(bad, task_of, run_of):
    def evaluate(epoch):
        evaluate.epoch += 1
        return {"test_loss": bad if evaluate.epoch == 3 else 1.0}

    evaluate.epoch = 0
    run = run_of("diverged")
    with pytest.raises(Diverged, match=r"epoch 3: test_loss is (nan|inf); the checkpoint of epoch 2 is kept"):
        fit(task_of(evaluate=evaluate), run)
    assert [row["epoch"] for row in run.log()] == [1, 2]
    evaluate.epoch = -100
    assert fit(task_of(epochs=2), run).epoch == 2


@pytest.mark.parametrize(("processes", "last_step"), [(1, 0), (2, 5)])
def test_several_processes_look_at_their_loss_when_the_epoch_ends(processes, last_step, task_of, run_of, monkeypatch):
    """All at the same numbers, so that none stops in the middle and leaves the others waiting."""
    from idlcli.training import devices
    from idlcli.training import fit as module
    from idlcli.training.reporter import Silent

    class Told(Silent):
        last = 0

        def step(self, *, epoch, step, loss):
            self.last = step

    group, told = devices.Alone(), Told()
    group.processes = processes
    monkeypatch.setattr(devices, "current", lambda: group)
    clock = types.SimpleNamespace(monotonic=itertools.count().__next__, perf_counter=time.perf_counter)
    monkeypatch.setattr(module, "time", clock)  # every step is told
    task = task_of()
    bad = dataclasses.replace(task.batches, fetch=lambda *when: (np.ones((16, WIDTH)), np.full((16, 1), np.nan)))
    with pytest.raises(Diverged, match="epoch 1: loss is nan"):
        module.fit(dataclasses.replace(task, batches=bad), run=run_of("diverged"), reporter=told)
    assert told.last == last_step


def test_the_last_whole_epoch_is_kept_when_a_training_of_short_epochs_diverges(task_of, run_of, monkeypatch):
    """Short epochs are not all saved: the one before the NaN must be, or there is nothing to go on from."""
    from idlcli.training import fit as module

    monkeypatch.setattr(module, "SAVE_SECONDS", 1e9)

    def evaluate(epoch):
        evaluate.epoch += 1
        return {"test_loss": math.nan if evaluate.epoch == 3 else 1.0}

    evaluate.epoch = 0
    run = run_of("diverged")
    with pytest.raises(Diverged) as caught:
        fit(task_of(evaluate=evaluate), run)
    assert "no epoch was whole" not in caught.value.message
    assert last_of(run).exists()


def test_weights_that_are_not_finite_are_never_the_kept_checkpoint(task_of, run_of):
    """The last step of an epoch can ruin the weights after the last finite loss was counted."""
    task = task_of()

    def evaluate(done: int) -> dict[str, float]:
        if done == 2:
            task.model.get_layer("last").kernel.assign(np.full((12, 1), np.nan, "float32"))
        return {}

    run = run_of("ruined")
    with pytest.raises(Diverged):
        fit(dataclasses.replace(task, evaluate=evaluate), run)
    assert [row["epoch"] for row in run.log()] == [1], "the log has no epoch that the checkpoint has not"
    assert np.isfinite(np.frombuffer(tensors(run)["model/last/kernel"], "float32")).all()


def test_weights_that_are_not_finite_are_not_looked_at(task_of, run_of, monkeypatch):
    """What scores a model may fail on NaN, and the training has diverged all the same."""
    from idlcli.training import devices

    task, looked, group = task_of(), [], devices.Alone()

    def gather(model):
        if looked:
            model.get_layer("last").kernel.assign(np.full((12, 1), np.nan, "float32"))

    monkeypatch.setattr(group, "gather", gather)
    monkeypatch.setattr(devices, "current", lambda: group)
    evaluate = lambda done: looked.append(done) or {}  # noqa: E731
    with pytest.raises(Diverged, match=r"epoch 2: model/last/kernel is not finite; the checkpoint of epoch 1 is kept"):
        fit(dataclasses.replace(task, evaluate=evaluate), run_of("ruined"))
    assert looked == [1]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("seconds", [0.0, 1e9])
def test_a_signal_saves_the_whole_epoch_and_the_rest_is_the_same(
    number, seconds, task_of, unbroken, run_of, monkeypatch
):
    from idlcli.training import fit as module

    def sample(done: int) -> None:
        if done == 2:
            os.kill(os.getpid(), number)

    monkeypatch.setattr(module, "SAVE_SECONDS", seconds)
    before = signal.getsignal(number)
    run = run_of("stopped")
    with pytest.raises(Interrupted, match=signal.Signals(number).name) as caught:
        fit(task_of(sample=sample, sample_epochs=frozenset({2})), run)
    assert caught.value.exit_code == 128 + number
    assert "epoch 2" in caught.value.message
    assert signal.getsignal(number) is before
    fit(task_of(), run)
    same(run, unbroken)


@pytest.mark.parametrize("signalled", [True, False])
def test_who_misses_another_process_after_a_signal_was_stopped_and_else_lost_it(
    signalled, task_of, unbroken, run_of, monkeypatch
):
    """Told to end at once, the first to leave is missed by the others in the step that they are in."""
    from idlcli.training import devices

    def evaluate(done: int) -> dict[str, float]:
        if done == 3:
            if signalled:
                os.kill(os.getpid(), signal.SIGTERM)
            raise Broken("connection closed by peer")
        return {}

    monkeypatch.setattr(devices.Alone, "lost", lambda self, error: RunFailed("lost"))
    run = run_of("missed")
    with pytest.raises(Interrupted if signalled else RunFailed) as caught:
        fit(task_of(evaluate=evaluate), run)
    assert caught.value.exit_code == (143 if signalled else 1)
    monkeypatch.undo()
    fit(task_of(), run)
    same(run, unbroken)


def test_a_second_signal_does_not_wait_for_the_epoch(task_of, unbroken, run_of, monkeypatch):
    from idlcli.training import fit as module

    monkeypatch.setattr(module, "SAVE_SECONDS", 1e9)
    reached = []

    def sample(done: int) -> None:
        if done == 2:
            os.kill(os.getpid(), signal.SIGINT)
            os.kill(os.getpid(), signal.SIGINT)
            reached.append(done)

    run = run_of("stopped")
    with pytest.raises(Interrupted):
        fit(task_of(sample=sample, sample_epochs=frozenset({2})), run)
    assert reached == []
    fit(task_of(), run)
    same(run, unbroken)


def test_watching_a_training_tells_every_epoch_and_its_end_however_it_ends(task_of, run_of):
    class Watcher:
        def __init__(self):
            self.told = []

        def start(self, **about):
            self.told.append(("start", about["epochs"], about["done"], about["steps"], about["examples"]))

        def step(self, **about):
            pass

        def epoch(self, *, epoch, row):
            self.told.append(("epoch", epoch, "loss" in row))

        def finish(self):
            self.told.append(("finish",))

    from idlcli.training.fit import fit as library

    watcher = Watcher()
    with pytest.raises(Broken):
        library(task_of(sample=_break_at(2), sample_epochs=frozenset({2})), run=run_of("watched"), reporter=watcher)
    assert watcher.told == [("start", EPOCHS, 0, 5, 80), ("epoch", 1, True), ("finish",)]


def test_a_log_that_somebody_edited_is_a_data_error(task_of, unbroken, run_of, tmp_path):
    import shutil

    for content in (b"not json\n", b"[1]\n", b'{"epoch": "three"}\n', b"\xff\n", b'{"epoch": null}\n'):
        copy = Run(Path(shutil.copytree(unbroken.path, tmp_path / "copy", dirs_exist_ok=True)))
        copy.log_path.write_bytes(content)
        with pytest.raises(DataError):
            fit(task_of(), copy)


class Disk:
    """A disk that refuses its ``fatal``-th write."""

    def __init__(self, patch, call, fatal):
        self.count, self.fatal, self.original = 0, fatal, getattr(os, call)
        patch.setattr(os, call, self)

    def __call__(self, *args, **kwargs):
        if os.path.isdir(f"/proc/self/fd/{args[0]}" if isinstance(args[0], int) else "/nonexistent"):
            return self.original(*args, **kwargs)  # a directory's own sync is best effort
        self.count += 1
        if self.count == self.fatal:
            raise OSError(28, "No space left on device")
        return self.original(*args, **kwargs)


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_disk_that_is_full_at_any_write_leaves_whole_files_and_the_rest_is_the_same(
    call, task_of, run_of, monkeypatch
):
    whole = run_of("whole")
    with monkeypatch.context() as patch:
        disk = Disk(patch, call, fatal=-1)
        fit(task_of(epochs=2), whole)
        writes = disk.count
    assert writes >= 3
    for fatal in range(1, writes + 1):
        run = run_of(f"full{fatal}")
        with monkeypatch.context() as patch:
            Disk(patch, call, fatal)
            with pytest.raises(RunFailed, match="No space left on device"):
                fit(task_of(epochs=2), run)
        assert not [path for path in run.path.rglob("*") if path.name.endswith(".tmp")]
        if last_of(run).exists():
            tensors(run)  # whole, or this raises
        fit(task_of(epochs=2), run)
        same(run, whole)
