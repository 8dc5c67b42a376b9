"""Seeds that were reproduced elsewhere are joined: their numbers count as if their runs were here."""

import json
import shutil
from pathlib import Path

import pytest
import reproduction

from idlcli.errors import DataError, UsageError

KEPT = {"why": "", "command": "", "files": [], "captions": [], "pages": []}
ENTRIES = "table2,table3,table6,obs-carry,obs-vae-slows,vae-fid,figure13"


@pytest.fixture
def made(tmp_path, built_arithmetic, built_faces, monkeypatch):
    """A function that reproduces some entries with trainings that take no time."""
    return reproduction.prepare(tmp_path, built_arithmetic, built_faces, monkeypatch)


@pytest.fixture
def outcome(made, tmp_path):
    """What another reproduction wrote, of seed 1; its runs are gone."""

    def make(only=ENTRIES, **how):
        _, place = made(only, seeds=(1,), **how)
        kept = tmp_path / "one.json"
        shutil.copy(place / "reproduce.json", kept)
        shutil.rmtree(tmp_path / "runs")
        return kept

    return make


def test_two_reproductions_joined_say_what_one_of_both_seeds_says(made, outcome, tmp_path):
    one = outcome()
    joined, place = made(ENTRIES, seeds=(0,), others=[one])
    page = reproduction.read_page(place / "index.html")
    assert "seeds 0, 1" in page.text
    assert "that of seed 1" in page.text
    shutil.rmtree(tmp_path / "runs")
    whole, _ = made(ENTRIES, seeds=(0, 1))
    assert joined["cells"] == whole["cells"]
    assert (joined["seeds"], joined["seconds"]) == (whole["seeds"], pytest.approx(whole["seconds"]))
    assert {row["name"] for row in joined["trainings"]} == {row["name"] for row in whole["trainings"]}


def test_what_was_joined_can_be_joined_again(made, outcome, tmp_path):
    _, place = made(ENTRIES, seeds=(0,), others=[outcome()])
    both = tmp_path / "both.json"
    shutil.copy(place / "reproduce.json", both)
    shutil.rmtree(tmp_path / "runs")
    three, _ = made(ENTRIES, seeds=(2,), others=[both])
    assert three["seeds"] == [2, 0, 1]
    assert {cell["paper"]["n"] for cell in three["cells"] if cell["id"].startswith("table2-50-test")} == {3}
    assert [one["seeds"] for one in three["elsewhere"]] == [[0, 1]], "both on this machine"


def test_only_the_trainings_that_are_needed_are_taken_and_a_seed_made_here_counts(made, outcome):
    one = outcome()
    found, _ = made("table2-50", seeds=(1, 2), others=[one], metrics={"text-text-50": {"character": 0.5}})
    cell = next(cell for cell in found["cells"] if cell["id"] == "table2-50-test")
    assert (cell["paper"]["mean"], cell["paper"]["n"]) == (pytest.approx(50.0), 2)
    assert all(row["training"] == "text-text-50" for row in found["trainings"])
    assert found["elsewhere"] == []


def test_of_two_outcomes_of_a_training_the_first_counts(made, outcome, tmp_path):
    one = outcome("table2-50")
    other = change(
        Path(shutil.copy(one, tmp_path / "other.json")),
        lambda data: data["trainings"][0]["readings"].update({"test.character": 0.5}),
    )
    for others, mean in (([one, other], 99.1), ([other, one], 50.0)):
        found, _ = made("table2-50-test", seeds=(), others=others)
        assert found["cells"][0]["paper"]["mean"] == pytest.approx(mean)


def test_a_training_that_failed_elsewhere_is_not_taken(made, outcome):
    found, _ = made("table2", seeds=(0,), others=[outcome("table2", fail=("text-text-25",))])
    counts = {cell["id"]: cell["paper"]["n"] for cell in found["cells"] if cell["paper"]}
    assert (counts["table2-50-test"], counts["table2-25-test"]) == (2, 1)


def test_parts_are_joined_without_training_anything_and_figures_are_kept(made, tmp_path):
    entries, kept = "table2,table6,vae-fid,figure10,figure8", []
    for number, (only, seed) in enumerate([("table2,figure10,figure8", 1), ("table6,vae-fid", 1), (entries, 2)]):
        _, place = made(only, seeds=(seed,))
        kept.append(Path(shutil.copytree(place, tmp_path / f"part-{number}")) / "reproduce.json")
        shutil.rmtree(place)
        shutil.rmtree(tmp_path / "runs")
    joined, place = made(entries, seeds=(), others=kept)
    assert not list((tmp_path / "runs" / "reproduce").glob("0*"))
    assert reproduction.read_page(place / "index.html").text.count("Figure 10") >= 2
    assert (joined["trained"], joined["failed"], joined["seeds"]) == (0, 0, [1, 2])
    shutil.rmtree(place)
    whole, _ = made(entries, seeds=(1, 2))
    assert joined["cells"] == whole["cells"]
    for cell in whole["cells"]:
        for file in (*cell.get("files", ()), *cell.get("pages", ())):
            assert (place / file).is_file(), file


def test_a_figure_whose_picture_is_gone_says_so(made, outcome, tmp_path):
    one = outcome("table2,figure10")
    shutil.rmtree(tmp_path / "page")
    found, place = made("table2,figure10", seeds=(), others=[one])
    cell = next(cell for cell in found["cells"] if cell["id"] == "figure10")
    assert cell["verdict"] == "not judged"
    assert "figure10-paper.png" in cell["why"]
    assert "figure10-paper.png" in reproduction.read_page(place / "index.html").text


def test_nothing_to_train_and_nothing_to_join(made, outcome):
    with pytest.raises(UsageError, match="Nothing to train and nothing to join"):
        made("table2", seeds=())
    with pytest.raises(DataError, match="no training of these entries is done there"):
        made("vae-fid", seeds=(), others=[outcome("table2")])


def change(path, what):
    data = json.loads(path.read_text())
    what(data)
    path.write_text(json.dumps(data))
    return path


@pytest.mark.parametrize(
    ("what", "said"),
    [
        (lambda data: data["trainings"][0]["settings"].update(units=7), "other settings: units 7, now"),
        (lambda data: data["trainings"][0].update(data="0" * 64), "other data than"),
        (lambda data: data["trainings"][0].pop("readings"), "not what a reproduction writes"),
        (lambda data: data["trainings"][0].update(readings={"test.exact": [1]}), "not what a reproduction writes"),
        (lambda data: data["trainings"][0].update(settings=[1]), "not what a reproduction writes"),
        (lambda data: data["trainings"][0].update(training=["text-text-50"]), "not what a reproduction writes"),
        (lambda data: data["trainings"][0].update(seconds="long"), "not what a reproduction writes"),
        (
            lambda data: data["cells"][0].update(KEPT | {"files": [3], "captions": ["x"]}),
            "not what a reproduction writes",
        ),
        (lambda data: data["cells"][0].update(KEPT | {"files": ["a.png"]}), "not what a reproduction writes"),
        (lambda data: data.update(cells=[3]), "not what a reproduction writes"),
        (lambda data: data.pop("elsewhere"), "not what a reproduction writes"),
        (lambda data: data.update(seeds="01"), "not what a reproduction writes"),
        (lambda data: data.update(machine={}), "not what a reproduction writes"),
        (lambda data: data.update(scale="quick"), "is a quick reproduction, this is a full one"),
    ],
)
def test_an_outcome_that_does_not_fit_is_refused_before_anything_is_trained(made, outcome, tmp_path, what, said):
    one = change(outcome("table2-50"), what)
    with pytest.raises(DataError, match=said) as caught:
        made("table2-50", seeds=(0,), others=[one])
    assert str(one) in caught.value.message
    assert not (tmp_path / "runs").exists() or not list((tmp_path / "runs" / "reproduce").glob("0*"))


def test_a_setting_that_there_was_not_yet_had_its_default(made, outcome):
    one = change(outcome("table2-50"), lambda data: data["trainings"][0]["settings"].pop("clip_norm"))
    found, _ = made("table2-50", seeds=(0,), others=[one])
    assert found["seeds"] == [0, 1]
