"""The table of trained arithmetic in the documentation is made of the landed scores, by the script that trains them."""

import json
from pathlib import Path

import pytest

from idlcli.settings.resolve import applicable
from idlcli.workflows import sweep_file

ABOUT = {"n": 10_000, "low": 0.95, "high": 0.97, "minutes": 10.0, "engine": "tensorflow", "cores": 1}
ROWS = [
    {"what": "text-image 50/50, encoder layers: 1, styles of 1", "split": "twin-free", "seed": 0, "exact": 0.98,
     "spread": 0.89, "judge": 0.992, **ABOUT},
    {"what": "image-text 50/50", "split": "twin-free", "seed": 0, "exact": 0.96, **ABOUT},
    {"what": "image-text 50/50", "split": "twin-free", "seed": 1, "exact": 0.97, **ABOUT},
    {"what": "image-text 50/50", "split": "random", "seed": 0, "exact": 0.965, **ABOUT},
    {"what": "text-text 10/90", "split": "twin-free", "seed": 0, "exact": 1.0, **ABOUT},
    {"what": "text-text 50/50", "split": "twin-free", "seed": 0, "exact": 0.9999, **ABOUT},
]  # fmt: skip


@pytest.fixture
def arithmetic(benchmark):
    return benchmark("arithmetic", "arithmetic")


def test_landed_scores_are_of_the_recipes_as_they_are(benchmark):
    arithmetic = benchmark("arithmetic")
    rows = json.loads(arithmetic.RESULTS.read_text("utf-8"))
    now = set()
    for sweep, engine in arithmetic.SWEEPS.values():
        found = sweep_file.read(
            sweep_file.packaged()[sweep],
            data="here",
            seeds=[0],
            environ={"IDL_BACKEND": engine},
            data_root=Path("data"),
        )
        now |= {arithmetic.digest(applicable(cell.settings), kind="seq2seq") for cell in found.cells}
    assert rows
    assert {row["recipe"] for row in rows} <= now, "make arithmetic"


def test_page_and_results_say_the_same(benchmark):
    arithmetic = benchmark("arithmetic")
    results = json.loads(arithmetic.RESULTS.read_text("utf-8"))
    made = arithmetic.inserted(arithmetic.PAGE, {arithmetic.MARK: arithmetic.table(results)})
    assert arithmetic.PAGE.read_text("utf-8") == made, "make it again: make arithmetic"


def test_a_line_a_task_with_its_splits_side_by_side(arithmetic):
    half, tenth, images, written = (line.strip("| ").split(" | ") for line in arithmetic.table(ROWS).splitlines()[2:])
    assert half[0] == "text-text 50/50"
    assert half[2] == "99.99 (1 of 10,000 wrong)"
    assert tenth[:2] == ["text-text 10/90", "72.94 of characters"]
    assert images[2] == "96.50 ± 0.71 (300 to 400 of 10,000 wrong)"
    assert images[3:5] == ["96.50 (350 of 10,000 wrong)", "95.00 to 97.00"]
    assert images[7:] == ["2 + 1", "10.0 ± 0.0", "tensorflow, cores: 1"]
    assert written[5:7] == ["0.89", "99.20"]


@pytest.mark.parametrize(
    ("settings", "digits", "style", "said"),
    [
        ({"mode": "text-text", "train_fraction": 0.05}, "mnist-5k", 0, "text-text 5/95"),
        ({"mode": "image-text", "train_fraction": 0.5}, "mnist-5k", 0, "image-text 50/50"),
        ({"mode": "image-text", "train_fraction": 0.5}, "data", 0, "image-text 50/50, all of MNIST's digits"),
        ({"mode": "text-image", "train_fraction": 0.5, "encoder_layers": 2}, "mnist-5k", 1,
         "text-image 50/50, encoder layers: 2, styles of 1"),
    ],
)  # fmt: skip
def test_what_a_run_is_called(arithmetic, settings, digits, style, said):
    assert arithmetic.label(settings, {"conditions": {"digits": digits}}, style=style) == said


def test_a_score_takes_the_place_of_the_same_task_split_and_seed(arithmetic):
    for row in (*ROWS, {**ROWS[1], "exact": 0.5}):
        arithmetic.keep(row)
    kept = json.loads(arithmetic.RESULTS.read_text())
    assert len(kept) == len(ROWS)
    found = {(row["split"], row["seed"]): row["exact"] for row in kept if row["what"] == "image-text 50/50"}
    assert found == {("twin-free", 0): 0.5, ("twin-free", 1): 0.97, ("random", 0): 0.965}
    assert "73.50 ± 33.23 (300 to 5000 of 10,000 wrong)" in arithmetic.PAGE.read_text()
    assert arithmetic.PAGE.read_text().startswith("before\n")
    assert arithmetic.PAGE.read_text().endswith("after\n")


def test_a_text_image_run_is_scored_in_both_styles(arithmetic, monkeypatch, tmp_path):
    run = tmp_path / "00001-x"
    run.mkdir()
    settings = {"mode": "text-image", "train_fraction": 0.5, "split": "twin-free", "encoder_layers": 2}
    (run / "config.json").write_text(json.dumps({"settings": settings}))
    (run / "environment.json").write_text(json.dumps({"backend": "tensorflow", "cores": 2}))
    (run / "log.jsonl").write_text('{"epoch": 1, "seconds": 30.0}\n{"epoch": 2, "seconds": 60.0}\n')
    measured = {
        "test": {"exact": 0.99, "character": 0.995, "n": 10_000}, "interval": {"low": 0.98, "high": 0.995},
        "diversity": {"spread": 0.7, "sharpness": 0.9, "nearest": 1.0, "kid": 0.1},
        "judge": {"digit_accuracy": 0.993}, "conditions": {},
    }  # fmt: skip
    (run / "metrics.json").write_text(json.dumps(measured))
    said = []

    def idl(*words, engine):
        said.append((words, engine))
        if words[0] == "sweep":
            return {"path": str(tmp_path), "cells": [{"runs": [{"run": run.name}]}]}
        return {**measured, "test": {**measured["test"], "exact": 0.98}}

    monkeypatch.setattr(arithmetic, "idl", idl)
    narrow, wide = arithmetic.score("text-image", tmp_path / "data", 3)
    assert narrow["what"].endswith("encoder layers: 2, styles of 0.7")
    assert wide["what"].endswith("encoder layers: 2, styles of 1")
    assert (narrow["exact"], wide["exact"]) == (0.99, 0.98)
    assert (narrow["seed"], narrow["minutes"], narrow["engine"], narrow["cores"]) == (3, 1.5, "tensorflow", 2)
    (trained, engine), (read, _) = said
    assert trained[:2] == ("sweep", "text-image-layers")
    assert trained[trained.index("--seeds") + 1] == 3
    assert read[read.index("--style-scale") + 1] == 1
    assert engine == "tensorflow"


def test_rows_that_cannot_be_made_are_refused_before_any_training(arithmetic, monkeypatch, capsys):
    for rows, said in (("image-txt", "no rows are called image-txt"), ("image-text-mnist", "needs --mnist")):
        monkeypatch.setattr("sys.argv", ["arithmetic.py", "--data", "data", "--rows", rows])
        with pytest.raises(SystemExit, match="2"):
            arithmetic.main()
        assert said in capsys.readouterr().err


def test_the_last_sheet_of_a_run_is_the_one_that_is_shown(arithmetic, monkeypatch, tmp_path):
    monkeypatch.setattr(arithmetic, "PICTURES", tmp_path / "pictures")
    run = tmp_path / "run"
    for name in ("samples/epoch-0001.png", "samples/epoch-0030.png", "plots/confusion.png"):
        (run / name).parent.mkdir(parents=True, exist_ok=True)
        (run / name).write_text(name)
    arithmetic.draw(run, "image-text", confusion=run / "plots" / "confusion.png")
    kept = {path.name: path.read_text() for path in arithmetic.PICTURES.iterdir()}
    assert kept == {
        "image-text-answers.png": "samples/epoch-0030.png",
        "image-text-confusion.png": "plots/confusion.png",
    }
