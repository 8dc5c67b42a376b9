"""The three scenarios: the same arithmetic on every engine, the sides of the split kept apart, one model a seed."""

import dataclasses
import json
import os
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from idlcli.data import glyphs
from idlcli.data.glyphs import Bank
from idlcli.data.queries import make_queries
from idlcli.errors import UsageError
from idlcli.evaluation.intervals import of_share
from idlcli.experiments import driver, scenarios, seq2seq, solver
from idlcli.experiments.handwriting import Hand
from idlcli.experiments.inference import predict
from idlcli.experiments.scenarios import scenario_of
from idlcli.runs import Run
from idlcli.seeds import rng
from idlcli.settings import JudgeSettings, Seq2seqSettings
from idlcli.settings.judge import TEACHER_WIDTH

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

QUERIES = make_queries(ops="+-", maximum=9)
PLAIN = Seq2seqSettings(units=5, batch_size=25, jit="off")
COLUMNS = dataclasses.replace(PLAIN, architecture="columns", column_units=6, readout_units=7, state_noise=0.0)
READS = {"mode": "image-text", "reader_width": 2}
WRITES = {"mode": "text-image", "writer_width": 4}
SHAPES = {
    "one layer": PLAIN,
    "two layers": dataclasses.replace(PLAIN, encoder_layers=2),
    "columns": COLUMNS,
    "columns, two layers": dataclasses.replace(COLUMNS, encoder_layers=2),
    "image-text": dataclasses.replace(PLAIN, **READS),
    "image-text columns": dataclasses.replace(COLUMNS, **READS),
    "text-image": dataclasses.replace(PLAIN, **WRITES, activation="leaky_relu", initializer="he_normal"),
    "text-image columns": dataclasses.replace(COLUMNS, **WRITES, style_size=0),
}


class Literate:
    """A judge that reads a glyph of :func:`hand` without fail."""

    alphabet = QUERIES.alphabet

    def __init__(self):
        self.score = {"accuracy": 1.0}

    def read(self, images):
        glyphs = hand().bank.images.reshape(len(self.alphabet), -1) / 255.0
        flat = np.asarray(images, np.float64).reshape(*images.shape[:-2], -1)
        return -np.square(flat[..., None, :] - glyphs).sum(axis=-1)


def hand():
    """One picture a character, NumPy's: the same for training and test."""
    images = rng(0, "glyphs").integers(0, 256, (len(QUERIES.alphabet), 28, 28)).astype(np.uint8)
    everything = np.ones(len(images), bool)
    return Hand(Bank(images, np.arange(len(images), dtype=np.uint8), QUERIES.alphabet), everything, everything, 0)


def scenario(settings):
    return scenario_of(settings, QUERIES, hand=hand(), judge=Literate())


def fill(model):
    """Give a model weights that NumPy drew: the same on every engine."""
    for variable in model.weights:
        drawn = rng(0, variable.path).normal(0, 0.5, tuple(variable.shape))
        if not variable.name.startswith(("moving", "seed")):
            variable.assign(drawn.astype("float32"))
    return model


def filled(settings):
    return fill(scenario(settings).build())


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def lstm(inputs, kernel, recurrent, bias):
    """The states (N, T, units) of an LSTM after each step of (N, T, features), from its definition, in float64."""
    units = recurrent.shape[0]
    state = memory = np.zeros((len(inputs), units))
    states = []
    for step in range(inputs.shape[1]):
        gates = inputs[:, step] @ kernel + state @ recurrent + bias
        write, forget, candidate, out = (gates[:, i * units : (i + 1) * units] for i in range(4))
        memory = sigmoid(forget) * memory + sigmoid(write) * np.tanh(candidate)
        state = sigmoid(out) * np.tanh(memory)
        states.append(state)
    return np.stack(states, axis=1)


@pytest.mark.engine
@pytest.mark.parametrize("depth", [1, 2])
def test_the_model_computes_what_the_report_describes(keras_engine, depth):
    """LSTM encoder, its last state repeated, LSTM decoder, one layer a character: from the definitions, in NumPy."""
    model = filled(dataclasses.replace(PLAIN, encoder_layers=depth))
    weights = {variable.path: np.array(variable.numpy(), dtype=np.float64) for variable in model.weights}

    def cell(name):
        return [weights[f"{name}/cell/{part}"] for part in ("kernel", "recurrent_kernel", "bias")]

    hidden = np.eye(len(QUERIES.alphabet))[QUERIES.queries]
    for layer in range(1, depth + 1):
        hidden = lstm(hidden, *cell(f"encoder_{layer}"))
    repeated = np.repeat(hidden[:, -1:], QUERIES.answers.shape[1], axis=1)
    expected = lstm(repeated, *cell("decoder")) @ weights["characters/kernel"] + weights["characters/bias"]
    assert np.abs(predict(model, QUERIES.queries.astype(np.int32), batch=1000) - expected).max() < 1e-5


def test_dropout_of_a_sequence_takes_the_same_features_of_every_step(keras_engine):
    import keras

    model = scenario(dataclasses.replace(PLAIN, encoder_layers=2, dropout=0.5)).build()
    for name in ("dropout_1", "dropout_2"):
        kept = np.asarray(
            keras.ops.convert_to_numpy(model.get_layer(name)(np.ones((4, 5, 50), "float32"), training=True))
        )
        assert 0 < (kept > 0).mean() < 1
        assert np.array_equal(kept, np.broadcast_to(kept[:, :1], kept.shape))


def first_steps(settings):
    """The losses of six steps of plain gradient descent from NumPy's weights, in one order of the queries."""
    import keras

    asked = scenario(settings)
    model = fill(seq2seq.compiled(asked, keras.optimizers.SGD(0.2)))
    losses = []
    for step in range(6):
        rows = rng(0, "rows", step).permutation(len(QUERIES.queries))[:50]
        model.reset_metrics()
        given, wanted = asked.batch(rows, 0, step)
        losses.append(float(np.asarray(model.train_on_batch(given, wanted, return_dict=True)["loss"])))
    return losses


LOSSES = Path(__file__).with_name("first_losses.json")


@pytest.mark.engine
@pytest.mark.parametrize("shape", SHAPES)
def test_from_the_same_weights_every_engine_has_the_same_losses(keras_engine, shape):
    """Forward and backward: the losses that TensorFlow had are stored (made by this test's `first_steps`)."""
    expected = json.loads(LOSSES.read_text())[shape]
    assert first_steps(SHAPES[shape]) == pytest.approx(expected, rel=1e-5)


@pytest.mark.engine
@pytest.mark.parametrize("shape", SHAPES)
def test_a_model_built_twice_in_one_process_has_the_same_names_and_weights(keras_engine, shape):
    one, other = (scenario(SHAPES[shape]).build() for _ in range(2))
    assert [v.path for v in one.weights] == [v.path for v in other.weights]
    assert len({v.path for v in one.weights}) == len(one.weights)
    for mine, theirs in zip(one.weights, other.weights, strict=True):
        assert np.array_equal(mine.numpy(), theirs.numpy())
    different = scenario(dataclasses.replace(SHAPES[shape], seed=1)).build()
    assert any(
        not np.array_equal(mine.numpy(), theirs.numpy())
        for mine, theirs in zip(one.weights, different.weights, strict=True)
    )


def judge_of(data, folder):
    """A judge that was hardly trained: what a written answer is scored with."""
    settings = JudgeSettings(
        data=str(data), epochs=1, steps_per_epoch=2, width=2, jit="off", backend=os.environ["KERAS_BACKEND"]
    )
    return driver.start(kind="judge", settings=settings, root=folder / "judges", name=None)["run"]


@pytest.mark.engine
@pytest.mark.parametrize("shape", ["one layer", "columns", "image-text columns", "text-image columns"])
def test_a_short_training_learns_and_resumes_to_the_bit(keras_engine, quick, shape, built_arithmetic, tmp_path):
    """Two epochs: the loss falls; broken off after the first, the second is the same, dropout and noise included."""
    noise = {"state_noise": 0.3} if "columns" in shape else {}
    if "image" in shape:
        read = {"distortion": 1.0, "reader_dropout": 0.2, "reader_ema": 0.9}
        noise |= {"style_size": 2} if "text-image" in shape else read
        noise |= {"judge": judge_of(built_arithmetic, tmp_path)} if "text-image" in shape else {}
    settings = dataclasses.replace(
        SHAPES[shape], data=str(built_arithmetic), epochs=2, dropout=0.2, learning_rate=0.02, backend=keras_engine,
        commute=True, **noise,
    )  # fmt: skip

    class Breaking:
        start = step = finish = lambda self, **_: None

        def epoch(self, *, epoch, row):
            if epoch == 1:
                raise ZeroDivisionError

    result = driver.start(kind="seq2seq", settings=settings, root=tmp_path / "whole", name=None)
    assert np.isfinite(result["test"]["loss"])
    whole = Run(Path(result["run"]))
    log = whole.log()
    total = "objective" if "columns" in shape else "loss"
    assert log[1][total] < log[0][total]
    assert ("loss" in log[0]) == (shape != "text-image columns"), "there train and test write in other hands"
    if shape in ("columns", "image-text columns"):
        assert log[1]["loss"] == pytest.approx(log[1]["test_loss"], rel=0.5), "of the answers alone, as the test's"
        assert log[1]["objective"] > 1.1 * log[1]["loss"]
    if shape == "text-image columns":
        assert result["train"]["loss"] == pytest.approx(log[1]["image_loss"], rel=0.3), "cross-entropy, no MSE"
    with pytest.raises(ZeroDivisionError):
        driver.start(kind="seq2seq", settings=settings, root=tmp_path / "runs", name=None, reporter=Breaking())
    (path,) = (tmp_path / "runs").glob("0*")
    run = Run(path)
    driver.resume(run=run)
    for mine, theirs in zip(run.log(), log, strict=True):
        assert {**mine, "seconds": 0} == {**theirs, "seconds": 0}
    assert run.metrics() == whole.metrics()
    for name in ("checkpoints/last.safetensors", "predictions.csv", "split.json"):
        assert (run.path / name).read_bytes() == (whole.path / name).read_bytes(), name


@pytest.mark.parametrize("validation", [0.0, 0.25])
def test_the_epoch_that_counts_is_the_best_where_that_is_asked_for(keras_engine, quick, small, validation, tmp_path):
    """By the validation part, or without one by the training accuracy: never by the test queries."""
    settings = dataclasses.replace(small, keep="best", validation_fraction=validation, epochs=4, learning_rate=0.2)
    result = driver.start(kind="seq2seq", settings=settings, root=tmp_path, name=None)
    log = Run(Path(result["run"])).log()
    scores = [row["validation_exact" if validation else "exact"] for row in log]
    assert result["best_epoch"] == 1 + int(np.argmax(scores))
    test = [row["test_exact"] for row in log]
    assert result["test"]["exact"] == pytest.approx(test[result["best_epoch"] - 1], abs=1e-9)
    right, n = round(result["test"]["exact"] * result["test"]["n"]), result["test"]["n"]
    assert (result["interval"]["low"], result["interval"]["high"]) == of_share(right, n)
    assert n != result["train"]["n"] or not validation


def test_a_training_that_does_not_say_what_is_right_cannot_keep_its_best(small):
    with pytest.raises(UsageError, match="validation-fraction"):
        seq2seq.prepare(dataclasses.replace(small, mode="text-image", keep="best"), root=Path("runs"))


def sides_of(**changes):
    def prepare(path):
        prepared = seq2seq.prepare(Seq2seqSettings(data=str(path), **changes), root=Path("runs"))
        return [set(getattr(prepared, name).tolist()) for name in ("train", "validation", "test")]

    return prepare


@pytest.mark.parametrize("split", ["twin-free", "random"])
@pytest.mark.parametrize("validation", [0.0, 0.25])
@pytest.mark.parametrize("commute", [False, True])
@pytest.mark.parametrize("seed", [0, 1])
def test_no_query_trains_and_tests_whatever_is_made_of_the_training_queries(
    split, validation, commute, seed, built_arithmetic
):
    about = {"split": split, "seed": seed, "train_fraction": 0.3}
    train, held, test = sides_of(validation_fraction=validation, commute=commute, **about)(built_arithmetic)
    assert not train & test
    assert not train & held
    assert not held & test
    assert train | held | test == set(range(200))
    plain = sides_of(**about)(built_arithmetic)
    assert test == plain[2], "the test queries are the same whatever else is asked for"
    assert held <= plain[0]
    assert train | held >= plain[0]


def test_a_validation_part_of_a_tiny_training_part_never_empties_it(here):
    here("data", "build", "arithmetic", "--max", "1", "--ops", "+", "--out", "tiny")
    parted = 0
    for seed in range(20):
        try:
            train, held, test = sides_of(seed=seed, train_fraction=0.5, validation_fraction=0.5)("tiny")
        except UsageError:
            continue
        assert train
        assert held
        assert test
        parted += 1
    assert parted > 3


def trained_by(settings, monkeypatch):
    """The task of a training, what it is fed from, and the optimizer, without its model."""
    optimizers, fed = [], []
    monkeypatch.setattr(seq2seq, "compiled", lambda scenario, optimizer: optimizers.append(optimizer))
    prepared = seq2seq.prepare(settings, root=Path("runs"))
    asked = scenario_of(settings, prepared.arithmetic.queries, hand=prepared.hand, judge=Literate())
    monkeypatch.setattr(type(asked), "batch", lambda scenario, rows, epoch, step: fed.extend(rows.tolist()))
    return prepared, seq2seq._task(asked, prepared, Run(Path("run"))), fed, optimizers[0]


@pytest.mark.parametrize("mode", ["text-text", "image-text", "text-image"])
def test_only_training_queries_are_ever_fed(mode, small, keras_engine, monkeypatch):
    settings = dataclasses.replace(small, mode=mode, train_fraction=0.4, validation_fraction=0.25)
    prepared, task, fed, _ = trained_by(settings, monkeypatch)
    for epoch in range(2):
        order = task.batches.order(epoch)
        for step in range(task.batches.steps):
            task.batches.batch(order, step, epoch)
    assert set(fed) == set(prepared.train.tolist())
    assert len(prepared.test) == 120


def test_a_schedule_ends_with_the_last_epoch(small, keras_engine, monkeypatch):
    settings = dataclasses.replace(small, schedule="cosine", epochs=3)
    _, task, _, optimizer = trained_by(settings, monkeypatch)
    rates = optimizer._learning_rate
    assert float(rates(3 * task.batches.steps)) == pytest.approx(0, abs=1e-9)
    assert float(rates(3 * task.batches.steps - 1)) > 1e-4 * settings.learning_rate


@pytest.mark.parametrize("pools", ["disjoint", "shared"])
def test_the_hand_of_a_run_is_parted_by_the_seed_of_the_run_as_the_data_say(pools, arithmetic_data):
    path = arithmetic_data / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"pools": pools}))
    found = seq2seq.prepare(Seq2seqSettings(mode="image-text", seed=3, data=str(arithmetic_data)), root=Path("runs"))
    train, test = glyphs.pools(found.hand.bank, kind=pools, test_share=0.2, seed=3)
    assert np.array_equal(found.hand.train, train)
    assert np.array_equal(found.hand.test, test)
    assert found.hand.seed == 3
    assert (found.data["train_glyphs"], found.data["test_glyphs"]) == (train.sum(), test.sum())
    inked = found.hand.bank.labels != found.hand.blank
    sides = [{image.tobytes() for image in found.hand.bank.images[side & inked]} for side in (train, test)]
    assert bool(sides[0] & sides[1]) == (pools == "shared")


def test_who_taught_to_write_is_not_taken_for_a_judge(small, written_runs, monkeypatch):
    writer = dataclasses.replace(
        small, mode="text-image", architecture="columns", style_size=2, legible_weight=1.0, judge="judge"
    )
    assert seq2seq.prepare(writer, root=written_runs).judge.run.name.endswith("judge")
    monkeypatch.setattr(scenarios, "TEACHER_WIDTH", 2)  # that of the judge
    with pytest.raises(UsageError, match="its own pupil"):
        seq2seq.prepare(writer, root=written_runs)


def test_a_writer_learns_to_be_read_by_the_weights_of_its_teacher(keras_engine):
    from idlcli.models import glyph_writer

    settings = dataclasses.replace(SHAPES["text-image columns"], style_size=2, legible_weight=1.0)
    model = scenario(settings).build()
    reader = glyph_writer.reader_of(model)
    weights = [rng(0, "teacher", at).normal(size=weight.shape) for at, weight in enumerate(reader.get_weights())]
    widths = []

    def obtain(*, width):
        widths.append(width)
        return SimpleNamespace(model=SimpleNamespace(get_weights=lambda: weights))

    seq2seq._teach_to_read(model, obtain)
    assert widths == [TEACHER_WIDTH]
    for mine, theirs in zip(reader.get_weights(), weights, strict=True):
        assert np.array_equal(mine, theirs.astype("float32"))


@pytest.fixture
def asked(keras_engine, trained_run):
    return solver.Solver(Run(trained_run))


def test_an_answer_does_not_depend_on_what_else_is_asked(asked):
    texts = [f"{a}{op}{b}" for op in "+-" for a in range(10) for b in range(10)]
    together = asked.solve(texts)
    assert [answer["query"] for answer in together] == texts
    for index in (0, 57, 199):
        (alone,) = asked.solve([texts[index]])
        assert {k: alone[k] for k in ("query", "answer", "correct", "image")} == {
            k: together[index][k] for k in ("query", "answer", "correct", "image")
        }
        assert alone["confidence"] == pytest.approx(together[index]["confidence"], abs=2e-6)


def test_the_handwriting_of_a_query_does_not_depend_on_what_else_is_asked(keras_engine, written_runs, monkeypatch):
    reader, shown = solver.Solver(Run(next(written_runs.glob("0*-reader")))), []
    show = Hand.show
    monkeypatch.setattr(Hand, "show", lambda hand, chosen: shown.append(chosen) or show(hand, chosen))
    reader.solve(["5-2"])
    reader.solve(["3+4", "5-2", "5-5"])
    reader.solve(["5-2"], seed=1)
    assert np.array_equal(shown[1][1:2], shown[0])
    assert not np.array_equal(shown[2], shown[0])


def test_an_answer_is_correct_if_it_is_what_a_calculator_says(asked):
    for answer in asked.solve(["3+4", "3-4", "9 + 9", " 0-0 "]):
        truth = str(eval(answer["query"]))
        assert answer["correct"] == (answer["answer"] == truth)
        assert 0 <= answer["confidence"] <= 1
        assert answer["image"] is None


def test_the_same_queries_are_shown_at_every_sample_epoch(trained_run):
    shown = {}
    for path in sorted((trained_run / "samples").glob("epoch-*.csv")):
        shown[path.name] = sorted(line.split(",")[0] for line in path.read_text().splitlines()[1:])
    assert list(shown) == ["epoch-0001.csv", "epoch-0002.csv", "epoch-0004.csv"]
    assert len({tuple(queries) for queries in shown.values()}) == 1
    test = json.loads((trained_run / "split.json").read_text())["test"]
    assert set(shown["epoch-0001.csv"]) <= set(QUERIES.text(QUERIES.queries[test]))
