"""The report as data: every entry resolves to trainings, metrics and a rule; what is wrong in the data is said."""

import json
import shlex
import shutil
from importlib.resources import files
from pathlib import Path

import pytest

from idlcli.errors import UsageError
from idlcli.runs import Run
from idlcli.settings.resolve import applicable
from idlcli.workflows.reproduce import data_sets, instruments, reading
from idlcli.workflows.reproduce.book import SIDES, Cell, Claim, Figure, needed
from idlcli.workflows.reproduce.plan import Order, by_hand, families, plan, planned

BOOK = reading.load()
PLACES = {name: Path("data") / folder for name, folder in data_sets.FOLDERS.items()}


def order(scale="full", seeds=(0,), **others):
    return Order(scale=scale, seeds=seeds, places=PLACES, root=Path("runs/reproduce"), **others)


def test_every_table_and_figure_of_the_report_is_there():
    ids = set(BOOK.entries)
    figures = {id.split("-")[0] for id in ids if id.startswith("figure")}
    assert figures == {f"figure{number}" for number in range(1, 26)}, "Figure 1 to Figure 25"
    counts = {f"table{n}": len([id for id in ids if id.startswith(f"table{n}-")]) for n in range(1, 8)}
    assert counts == {"table1": 5, "table2": 12, "table3": 17, "table4": 4, "table5": 8, "table6": 15, "table7": 12}


REPORT = {
    "table2-50-train": 98.79, "table2-10-test-loss": 0.9134, "table3-borrow-total": 3253, "table3-carry-rate": 0.83,
    "table3-all-wrong": 194, "table3-borrow-carry-rate": 44.85, "table4-test": 92.54, "table5-units": 256,
    "table6-wrong-change": 68.6, "table6-test-with": 99.81, "table7-train-loss-change": 37.33,
    "vae-loss-first": 0.561, "gan-g-last": 4.39, "cae-mse": 0.022, "vae-fid": "1989424.07 - 0.003j",
}  # fmt: skip


def test_the_report_s_numbers_are_the_report_s():
    assert {id: BOOK.entries[id].report for id in REPORT} == REPORT


def sides_of(scale):
    return [(name, side, scale) for name, training in BOOK.trainings.items() for side in training.sides]


@pytest.mark.parametrize(("name", "side", "scale"), [*sides_of("quick"), *sides_of("full")])
def test_the_line_to_type_by_hand_means_the_settings_of_the_training(name, side, scale, here):
    wanted = planned(BOOK, name, side, 3, order(scale, (3,)))
    words = shlex.split(by_hand(BOOK, wanted, order(scale, (3,))))
    said = here(*words[1:], "--dry-run", "--json").data["settings"]
    assert said == applicable(wanted.settings)
    assert wanted.seconds > 0


def test_two_trainings_of_one_scale_are_never_the_same():
    full = plan(BOOK, BOOK.entries.values(), order())
    assert len({one.settings for one in full}) == len(full)


def exists(metrics, key) -> bool:
    for part in key.split(".") if "by_miss" not in key else [*key.split(".")[:2], key.split(".", 2)[2]]:
        if not isinstance(metrics, dict) or part not in metrics:
            return False
        metrics = metrics[part]
    return not isinstance(metrics, dict)


def test_every_metric_is_one_that_a_run_of_its_kind_has(finished_run, written_runs, face_runs):
    runs = {kind: Run(path) for kind, path in face_runs.items()}
    runs |= {
        "text-text": Run(finished_run), "image-text": Run(next(written_runs.glob("*-reader"))),
        "text-image": Run(next(written_runs.glob("*-writer"))),
    }  # fmt: skip
    checked = set()
    for entry in BOOK.entries.values():
        for told in () if isinstance(entry, Figure) else (entry.quantity, *getattr(entry, "than", ())):
            if not told.training:
                continue
            settings = planned(BOOK, told.training, "paper", 0, order()).settings
            kind = getattr(settings, "mode", BOOK.trainings[told.training].sides["paper"].command.split()[0])
            for _, key in told.terms:
                checked.add((kind, key))
    for kind, key in sorted(checked):
        source, _, rest = key.partition(".")
        if source == "settings":
            assert rest in {
                field for one in sides_of("full") for field in vars(planned(BOOK, *one[:2], 0, order()).settings)
            }
        elif source == "log":
            assert rest.split(".")[1] in runs[kind].log()[0], (kind, key)
        elif not instruments.is_instrument(source):
            assert exists(runs[kind].metrics(), key), (kind, key)
    assert len(checked) > 30


def test_a_quick_reproduction_shares_processes_and_a_full_one_does_not():
    for scale in ("quick", "full"):
        plans = plan(BOOK, BOOK.entries.values(), order(scale, (0, 1)))
        groups = families(plans, scale)
        assert sorted(id(one) for group in groups for one in group) == sorted(map(id, plans))
        assert (len(groups) < 10) == (scale == "quick")
    written = next(group for group in groups if "text-image" in group[0].training)
    assert len(written) == 1


def test_a_judge_comes_before_what_it_reads_and_only_where_it_is_made_smaller():
    entries = BOOK.select(["figure18"]).values()
    quick = plan(BOOK, entries, order("quick"))
    assert [one.training for one in quick] == ["judge", "text-image-batch-16"]
    assert quick[1].settings.judge == "judge-paper-s0"
    assert [one.training for one in plan(BOOK, entries, order("full"))] == ["text-image-batch-16"]


def test_what_needs_no_training_has_none():
    facts = BOOK.select(["table1", "obs-npy", "table5-units"])
    assert plan(BOOK, facts.values(), order()) == []


def test_entries_are_chosen_by_id_by_beginning_and_by_section():
    assert set(BOOK.select(["table2-50"])) == {
        "table2-50-train", "table2-50-train-loss", "table2-50-test", "table2-50-test-loss"
    }  # fmt: skip
    assert list(BOOK.select(["figure1"])) == ["figure1"]
    assert {"table4-test", "figure14", "obs-image-text-below"} <= set(BOOK.select(["image-text"]))
    assert BOOK.select([]) == BOOK.entries
    with pytest.raises(UsageError, match="tabel2") as caught:
        BOOK.select(["tabel2"])
    assert "table2" in caught.value.hint


def test_every_contradiction_the_report_has_is_noted_at_its_entries():
    noted = {id for section in BOOK.sections for one in section.contradictions for id in one.cells}
    assert {"image-text-train-said", "table4-test", "table2-50-train", "table6-test-with", "gan-g-last"} <= noted


WRONG = [
    ("trainings.toml", 'recipe = "vae-best" }', 'recipe = "vae-bets" }', "vae-bets", "vae-best"),
    ("trainings.toml", "encoder-layers = 2", "encoder-layer = 2", "encoder-layer", "encoder-layers"),
    ("trainings.toml", 'command = "vae train"', 'command = "vae"', "command", ""),
    ("rules.toml", 'better = "higher"', 'better = "more"', "better", "higher"),
    ("rules.toml", "tolerance = 0.5", "tolerance = -1", "tolerance", ""),
    ("rules.toml", "because = ", "since = ", "since", ""),
    ("sections/2-vae.toml", 'rule = "pixels"', 'rule = "pixel"', "pixel", "pixels"),
    ("sections/2-vae.toml", 'metric = "log.first.loss"', 'metric = "lgo.first.loss"', "lgo", "log"),
    ("sections/2-vae.toml", 'draw = "map"', 'draw = "mop"', "mop", "map"),
    ("sections/2-vae.toml", 'is = "lower"', 'is = "fewer"', "fewer", ""),
    ("sections/2-vae.toml", 'training = "vae"', 'training = "vea"', "vea", "vae"),
    ("sections/2-vae.toml", 'id = "figure2"', 'id = "figure1"', "figure1", ""),
    ("sections/2-vae.toml", 'cells = ["vae-loss-first"', 'cells = ["vae-loss-frist"', "frist", "vae-loss-first"),
    ("sections/5-text-text.toml", 'unit = "%"\nis = "higher"\nthan', 'is = "higher"\nthan', "points", "%"),
    ("sections/5-text-text.toml", 'unit = "%"\nrule = "answers"', 'rule = "answers"', "points", "%"),
    ("sections/5-text-text.toml", 'unit = ["% wrong", ""]', 'unit = ["‰", ""]', "unit", ""),
]  # fmt: skip


@pytest.mark.parametrize(("file", "right", "wrong", "said", "hint"), WRONG)
def test_what_is_wrong_in_the_data_is_said(file, right, wrong, said, hint, tmp_path):
    folder = Path(shutil.copytree(str(files("idlcli").joinpath("reproduction")), tmp_path / "report"))
    text = (folder / file).read_text("utf-8")
    assert right in text, "the data are written otherwise now"
    (folder / file).write_text(text.replace(right, wrong, 1), "utf-8")
    with pytest.raises(UsageError) as caught:
        reading.read(folder)
    assert said in caught.value.message
    assert hint in caught.value.hint


def test_a_claim_needs_only_the_paper_side_and_a_figure_its_sides():
    claim, figure = BOOK.entries["obs-batch-16"], BOOK.entries["figure11"]
    assert isinstance(claim, Claim)
    assert [bool(needed(claim, side)) for side in SIDES] == [True, False]
    assert [needed(figure, side) for side in SIDES] == [("gan",), ("gan",)]
    assert all(isinstance(entry, Cell | Claim | Figure) for entry in BOOK.entries.values())


def test_the_dry_run_lists_entries_trainings_and_time_and_makes_nothing(here, tmp_path):
    found = here("reproduce", "--dry-run", "--scale", "full", "--only", "table2", "--seeds", "0-1", "--json").data
    assert len(found["cells"]) == 12
    assert len(found["trainings"]) == 12
    assert found["seconds"] == pytest.approx(sum(one["seconds"] for one in found["trainings"]))
    assert {(one["status"], one["epochs"]) for one in found["trainings"]} == {("none", 0)}
    assert list(tmp_path.iterdir()) == []
    assert json.dumps(found)
