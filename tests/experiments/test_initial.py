"""A training that starts from another run's weights: from just those, on the same parts of the same data."""

import dataclasses
import json
import shutil
from pathlib import Path

import pytest

from idlcli import runs
from idlcli.errors import DataError, UsageError
from idlcli.experiments import driver, provenance
from idlcli.files import sha256_of_file
from idlcli.runs import Run
from idlcli.settings.resolve import applicable

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
STANDSTILL = 1e-12
"""A learning rate at which float32 weights stay where they are."""


def start(settings, root) -> Run:
    return Run(Path(driver.start(kind="seq2seq", settings=settings, root=root, name=None)["run"]))


@pytest.fixture
def first(quick, small, tmp_path) -> Run:
    return start(small, tmp_path)


@pytest.fixture
def onward(first, small):
    return dataclasses.replace(small, init=first.name, epochs=1, learning_rate=STANDSTILL)


@pytest.mark.engine
def test_it_starts_where_the_other_run_ended(first, onward, tmp_path):
    second = start(onward, tmp_path)
    assert (second.path / "predictions.csv").read_bytes() == (first.path / "predictions.csv").read_bytes()
    assert second.metrics()["test"] == first.metrics()["test"]
    about = json.loads((second.path / "data.json").read_text())["init"]
    assert about == {"run": first.name, "epochs": 3, "sha256": sha256_of_file(first.weights)}
    assert [row["epoch"] for row in second.log()] == [1], "it is a new run, not more epochs of the first"


def test_the_other_run_is_not_touched_and_not_needed_any_more(first, onward, tmp_path):
    before = {path: path.read_bytes() for path in first.path.rglob("*") if path.is_file()}
    second = start(onward, tmp_path)
    assert {path: path.read_bytes() for path in first.path.rglob("*") if path.is_file()} == before
    whole = (second.path / "predictions.csv").read_bytes()
    shutil.rmtree(first.path)
    for name in ("metrics.json", "predictions.csv", "log.jsonl", "checkpoints/last.safetensors"):
        (second.path / name).unlink()
    driver.resume(run=second)
    assert (second.path / "predictions.csv").read_bytes() == whole


def test_one_stopped_before_anything_was_written_still_starts_there(first, onward, tmp_path):
    second = runs.create(root=tmp_path, slug="stopped", name=None, kind="seq2seq", settings=applicable(onward))
    driver.resume(run=second)
    assert second.metrics()["test"] == first.metrics()["test"]


def test_the_newest_run_may_be_meant(first, onward, tmp_path):
    second = start(dataclasses.replace(onward, init="latest"), tmp_path)
    assert second.config()["settings"]["init"] == first.name
    third = start(dataclasses.replace(onward, init=str(first.path)), tmp_path / "elsewhere")
    assert Path(third.config()["settings"]["init"]) == first.path


@pytest.mark.parametrize("absolute", [True, False])
def test_it_is_found_again_however_the_other_run_is_named(absolute, first, onward, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = first.path if absolute else first.path.relative_to(tmp_path)
    mark = driver.data_mark(kind="seq2seq", settings=onward, root=tmp_path)
    for root, kept in ((tmp_path, first.name), (tmp_path / "elsewhere", str(first.path))):
        settings = dataclasses.replace(onward, init=str(path))
        run = start(settings, root)
        assert run.config()["settings"]["init"] == kept
        assert driver.matching(kind="seq2seq", settings=settings, root=root, mark=mark) == run
        again = dataclasses.replace(onward, init=kept)
        assert driver.matching(kind="seq2seq", settings=again, root=root, mark=mark) == run
    other = dataclasses.replace(onward, init=str(run.path))
    assert driver.matching(kind="seq2seq", settings=other, root=root, mark=mark) is None


@pytest.mark.parametrize(
    ("changes", "error", "said"),
    [
        ({"init": "nowhere"}, DataError, "No run 'nowhere'"),
        ({"seed": 1}, DataError, "other parts"),
        ({"train_fraction": 0.4}, DataError, "other parts"),
        ({"validation_fraction": 0.2, "keep": "best"}, DataError, "would validate"),
        ({"units": 5}, UsageError, "units 4, now 5"),
    ],
)
def test_what_would_be_tested_on_what_it_was_taught_or_does_not_fit_is_refused(
    first, onward, tmp_path, changes, error, said
):
    with pytest.raises(error, match=said):
        start(dataclasses.replace(onward, **changes), tmp_path)
    assert [run.name for run in runs.list_runs(tmp_path)] == [first.name], "nothing was begun"


def test_one_that_a_user_fine_tunes_may_drop_and_shake_less(first, onward, tmp_path):
    """No weight depends on it."""
    second = start(dataclasses.replace(onward, dropout=0.0), tmp_path)
    assert second.metrics()["test"] == first.metrics()["test"]


def test_one_that_validated_by_the_same_queries_may_go_on_and_by_others_not(quick, small, tmp_path):
    parted = dataclasses.replace(small, validation_fraction=0.2, epochs=1)
    first = start(parted, tmp_path)
    start(dataclasses.replace(parted, init=first.name), tmp_path)
    second = start(dataclasses.replace(small, epochs=1, init=first.name), tmp_path)
    with pytest.raises(DataError, match="would validate"):
        start(dataclasses.replace(parted, init=second.name), tmp_path)
    with pytest.raises(DataError, match="would validate"):
        start(dataclasses.replace(parted, init=first.name, validation_fraction=0.3), tmp_path)


def test_of_a_run_that_keeps_no_hash_of_what_validated_it_the_settings_say_so(quick, small, tmp_path):
    parted = dataclasses.replace(small, validation_fraction=0.2, epochs=1)
    first = start(parted, tmp_path)
    about = json.loads((first.path / "data.json").read_text())
    del about["validation_sha256"]
    (first.path / "data.json").write_text(json.dumps(about))
    start(dataclasses.replace(parted, init=first.name), tmp_path)
    with pytest.raises(DataError, match="would validate"):
        start(dataclasses.replace(parted, init=first.name, validation_fraction=0.3), tmp_path)


def test_a_setting_that_a_run_was_made_without_has_its_default(first, onward, tmp_path):
    config = json.loads((first.path / "config.json").read_text())
    assert config["settings"].pop("encoder_layers") == onward.encoder_layers
    (first.path / "config.json").write_text(json.dumps(config))
    start(onward, tmp_path)
    with pytest.raises(UsageError, match="encoder-layers"):
        start(dataclasses.replace(onward, encoder_layers=onward.encoder_layers + 1), tmp_path)


def test_a_run_without_a_checkpoint_is_refused(first, onward, tmp_path):
    first.last.unlink()
    with pytest.raises(DataError, match="no checkpoint"):
        start(onward, tmp_path)


def test_a_reader_over_the_shoulder_is_a_part_of_the_model(written_runs):
    before = {path.name for path in written_runs.iterdir()}
    settings = provenance.settings_of(runs.find("writer", root=written_runs))
    with pytest.raises(UsageError, match="legible-weight False, now True"):
        start(dataclasses.replace(settings, init="writer", legible_weight=1.0), written_runs)
    assert {path.name for path in written_runs.iterdir()} == before
