"""The judge: trained on the train pool, scored on a pool that trains nothing, and resumed to the bit."""

import contextlib
import dataclasses
import json
import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from idlcli import runs
from idlcli.errors import DataError, UsageError
from idlcli.experiments import driver, judge
from idlcli.experiments.scenarios import check_judge
from idlcli.runs import Run, marks
from idlcli.settings import JudgeSettings, Seq2seqSettings
from idlcli.settings.judge import TEACHER_WIDTH
from idlcli.settings.resolve import applicable, resolve
from idlcli.training.reporter import Silent

pytestmark = [pytest.mark.engine, pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")]


@pytest.fixture
def settings(built_arithmetic, keras_engine, monkeypatch):
    from idlcli.training import fit

    monkeypatch.setattr(fit, "SAVE_SECONDS", 0.0)
    return JudgeSettings(
        data=str(built_arithmetic), epochs=2, steps_per_epoch=3, batch_size=20, width=2, jit="off", eval_every=1,
        backend=keras_engine,
    )  # fmt: skip


@pytest.mark.parametrize("pools", ["disjoint", "shared"])
def test_what_tests_trains_nothing(pools, arithmetic_data):
    path = arithmetic_data / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"pools": pools}))
    prepared = judge.prepare(JudgeSettings(data=str(arithmetic_data)))
    train = {prepared.bank.images[i].tobytes() for i in prepared.train if prepared.bank.labels[i] != 12}
    test = {prepared.bank.images[i].tobytes() for i in prepared.test if prepared.bank.labels[i] != 12}
    assert train
    assert test
    assert not train & test
    assert set(judge.balanced(prepared.bank.labels, prepared.train)) == set(prepared.train.tolist())


def test_no_test_glyph_is_ever_fed(settings, monkeypatch):
    from idlcli.training import fit

    class Begun(Exception):
        """The training would begin here, with this task."""

    def begin(task, **_):
        raise Begun(task)

    monkeypatch.setattr(fit, "fit", begin)
    prepared = judge.prepare(dataclasses.replace(settings, steps_per_epoch=0, batch_size=500, distortion=0.0, seed=1))
    with pytest.raises(Begun) as begun:
        judge.train(prepared, run=Run(Path("run")), reporter=None)
    bank, (task,), fed = prepared.bank, begun.value.args, {}
    for step in range(task.batches.steps):
        images, labels = task.batches.batch(task.batches.order(0), step, 0)
        fed |= {np.round(255 * image).astype(np.uint8).tobytes(): int(label) for image, label in
                zip(images, labels, strict=True)}  # fmt: skip
    assert fed == {bank.images[row].tobytes(): int(bank.labels[row]) for row in prepared.train}
    assert not set(fed) & {bank.images[row].tobytes() for row in prepared.test if bank.labels[row] != 12}


def test_another_seed_parts_the_glyphs_otherwise_and_the_data_say_so(built_arithmetic):
    first, second = (judge.prepare(JudgeSettings(data=str(built_arithmetic), seed=seed)) for seed in (0, 1))
    assert marks(first.data) == marks(judge.prepare(JudgeSettings(data=str(built_arithmetic), width=3)).data)
    assert first.data["test_sha256"] != second.data["test_sha256"]


def test_who_taught_to_write_does_not_judge(built_arithmetic):
    writer = Seq2seqSettings(mode="text-image", architecture="columns", legible_weight=1.0)
    pupil_of_none = dataclasses.replace(writer, legible_weight=0.0)
    for width, settings, refused in (
        (TEACHER_WIDTH, writer, True), (TEACHER_WIDTH, pupil_of_none, False), (TEACHER_WIDTH + 1, writer, False),
    ):  # fmt: skip
        one = SimpleNamespace(run=Run(Path("00001-judge")), settings=JudgeSettings(width=width))
        with pytest.raises(UsageError, match="its own pupil") if refused else contextlib.nullcontext():
            check_judge(one, settings)
    recipe = resolve(JudgeSettings, command="judge train", flags={}, environ={}, recipe="best").settings
    assert recipe.width != TEACHER_WIDTH, "who judges unless another is named"


def test_a_judge_broken_off_and_resumed_is_the_same_to_the_bit(settings, tmp_path):
    class Breaking:
        start = step = finish = lambda self, **_: None

        def epoch(self, *, epoch, row):
            if epoch == 1:
                raise ZeroDivisionError

    result = driver.start(kind="judge", settings=settings, root=tmp_path / "whole", name=None)
    whole = Run(Path(result["run"]))
    with pytest.raises(ZeroDivisionError):
        driver.start(kind="judge", settings=settings, root=tmp_path / "runs", name=None, reporter=Breaking())
    (path,) = (tmp_path / "runs").glob("0*")
    run = Run(path)
    driver.resume(run=run)
    for mine, theirs in zip(run.log(), whole.log(), strict=True):
        assert {**mine, "seconds": 0} == {**theirs, "seconds": 0}
    assert run.metrics() == whole.metrics()
    last = Path("checkpoints", "last.safetensors")
    assert (run.path / last).read_bytes() == (whole.path / last).read_bytes()
    prepared = judge.prepare(settings)
    assert (result["train"]["n"], result["test"]["n"]) == (len(prepared.train), len(prepared.test))
    assert np.isfinite(result["test"]["loss"])


def test_a_judge_is_trained_once_for_its_settings_and_its_data(settings, built_arithmetic, arithmetic_data, tmp_path):
    """One that is there is taken, one that stopped goes on, and another seed or other data have their own."""

    def obtain(**changes):
        return driver.obtain(kind="judge", settings=dataclasses.replace(settings, **changes), root=tmp_path / "runs")

    first = obtain()
    assert first.obtained
    stopped = runs.create(
        root=tmp_path / "runs", slug="stopped", name=None, kind="judge", settings=applicable(settings)
    )  # fmt: skip
    assert obtain().path == first.path, "one that is done goes before one that is newer"
    shutil.rmtree(stopped.path)
    assert obtain(data=str(arithmetic_data)).path == first.path, "the same data, wherever they lie"
    assert obtain(seed=1).path != first.path
    assert obtain(epochs=1).path not in (first.path, obtain(seed=1).path)
    kept = (first.path / "metrics.json").read_bytes()
    (first.path / "metrics.json").unlink()  # as if it had been stopped after its last epoch
    assert obtain().path == first.path
    assert (first.path / "metrics.json").read_bytes() == kept
    manifest = arithmetic_data / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"seed": 0', '"seed": 7'))
    assert obtain(data=str(arithmetic_data)).path != first.path


def test_a_judge_that_another_process_trains_is_waited_for(settings, tmp_path, monkeypatch):
    said, looks = [], []

    class Telling(Silent):
        def warn(self, text):
            said.append(text)

    run = runs.create(root=tmp_path, slug="judge", name=None, kind="judge", settings=applicable(settings))
    other = runs.hold(run)

    def look(seconds):
        looks.append(seconds)
        if len(looks) == 3:
            (run.path / "metrics.json").write_text('{"epochs": 1}')
            other.__exit__(None, None, None)

    monkeypatch.setattr(driver.time, "sleep", look)
    other.__enter__()
    assert driver.obtain(kind="judge", settings=settings, root=tmp_path, reporter=Telling()).path == run.path
    assert len(looks) == 3
    assert said == ["00001-judge is being trained by another process; it is waited for."]


def test_how_well_a_judge_reads_is_told_with_its_doubt():
    told = judge.told(Run(Path("00001-judge")), {"n": 50, "accuracy": 0.9, "digits": 40, "digit_accuracy": 0.95})
    assert told["run"] == "00001-judge"
    assert told["digit_interval"] == pytest.approx({"low": 0.8350, "high": 0.9862, "method": "wilson"}, abs=1e-4)


def test_a_judge_reads_whatever_else_is_read_beside_it(settings, built_arithmetic, tmp_path):
    reader = judge.Judge(driver.obtain(kind="judge", settings=settings, root=tmp_path / "runs"))
    images = np.load(built_arithmetic / "glyphs.npy")[:40].reshape(20, 2, 28, 28).astype(np.float32) / 255
    together = reader.read(images)
    assert together.shape == (20, 2, len(reader.alphabet))
    assert np.allclose(reader.read(images[3, 1]), together[3, 1], atol=1e-5)
    assert reader.features(images[:, 0]).shape[0] == 20
    assert reader.score["digits"] < reader.score["n"]


def test_the_latest_judge_is_the_one_there_was_when_the_training_began(keras_engine, small, tmp_path, monkeypatch):
    """A judge made later reads neither for the run when it goes on nor for whoever asks for the same again."""

    def prepare(settings, *, root):
        return SimpleNamespace(settings=settings, data={"fingerprint": "mark"})

    stand_in = SimpleNamespace(prepare=prepare, slug=lambda settings: "x", train=lambda prepared, **_: {})
    monkeypatch.setattr(driver, "_module", lambda kind: stand_in)
    judges = [runs.create(root=tmp_path, slug="judge", name=None, kind="judge", settings={})]
    settings = dataclasses.replace(small, mode="text-image", judge="latest")
    run = Run(Path(driver.start(kind="seq2seq", settings=settings, root=tmp_path, name=None)["run"]))
    assert run.config()["settings"]["judge"] == judges[0].name
    assert driver.matching(kind="seq2seq", settings=settings, root=tmp_path, mark="mark") == run
    judges.append(runs.create(root=tmp_path, slug="judge", name=None, kind="judge", settings={}))
    for reader, found in ((judges[0], run), (judges[1], None)):
        for named in (reader.name, str(reader.path)):
            wanted = dataclasses.replace(settings, judge=named)
            assert driver.matching(kind="seq2seq", settings=wanted, root=tmp_path, mark="mark") == found


def test_what_taught_a_judge_is_found_where_its_data_lie_now(settings, built_arithmetic, tmp_path):
    place = Path(shutil.copytree(built_arithmetic, tmp_path / "before"))
    mine = dataclasses.replace(settings, data=str(place), epochs=1)
    run = Run(Path(driver.start(kind="judge", settings=mine, root=tmp_path, name=None)["run"]))
    one = judge.Judge(run)
    taught = one.taught(near=tmp_path / "nowhere")
    place.rename(tmp_path / "now")
    assert (one.taught(near=tmp_path / "now") == taught).all()
    assert len(taught) == json.loads((run.path / "data.json").read_text())["train"]
    with pytest.raises(DataError):
        one.taught(near=tmp_path / "nowhere")
