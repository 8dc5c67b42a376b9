"""Queries and answers in handwriting, at the shell: what is read, what is written, who judges it, in whose hand."""

import gzip
import json
import re
import shutil
import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from idlcli.data import digits
from idlcli.report.pictures import caption_of

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


@pytest.fixture
def runs(written_runs: Path, tmp_path: Path) -> Path:
    """A copy of the small runs, at runs/ of the working directory."""
    return Path(shutil.copytree(written_runs, tmp_path / "runs"))


def pixels(path: Path | str) -> np.ndarray:
    with Image.open(path) as picture:
        return np.asarray(picture)


def write_idx(folder: Path, images: np.ndarray, labels: np.ndarray) -> None:
    folder.mkdir()
    header = struct.pack(">4I", 0x803, len(images), 28, 28)
    (folder / "t10k-images-idx3-ubyte.gz").write_bytes(gzip.compress(header + images.tobytes()))
    (folder / "t10k-labels-idx1-ubyte.gz").write_bytes(
        gzip.compress(struct.pack(">2I", 0x801, len(labels)) + labels.tobytes())
    )


def test_a_training_says_who_judged_and_how_the_writing_compares(written_runs):
    (writer,) = written_runs.glob("*-writer")
    metrics = json.loads((writer / "metrics.json").read_text())
    assert metrics["judge"]["run"].endswith("-judge")
    assert 0 <= metrics["judge"]["accuracy"] <= 1
    assert set(metrics["diversity"]) == {"n", "spread", "sharpness", "nearest", "kid", "kid_std"}
    assert set(metrics["test"]) == {"n", "exact", "character", "loss"}
    assert metrics["conditions"]["pools"] == "disjoint"
    for picture in ("samples/epoch-0001.png", "plots/curves.png", "plots/confusion.png"):
        assert pixels(writer / picture).shape[1] > 100


def test_a_written_answer_is_a_picture_in_the_hand_of_the_seed(runs, here, tmp_path):
    first = here("seq2seq", "solve", "writer", "3+4", "--json").data
    assert Path(first["image"]).parent == Path("runs/00003-writer/answers")
    strip = pixels(first["image"])
    assert strip.shape == (28 * 4, 2 * 28 * 4)
    here("seq2seq", "solve", "writer", "3+4", "--out", "same.png")
    here("seq2seq", "solve", "writer", "3+4", "--seed", "1", "--out", "other.png")
    assert Path("same.png").read_bytes() == Path(first["image"]).read_bytes()
    assert Path("other.png").read_bytes() != Path("same.png").read_bytes()
    said = here("seq2seq", "solve", "writer", "3+4").out
    assert said.startswith((first["answer"], "(no answer)"))
    assert re.search(
        r"The judge is 00001-judge, which reads \S+% \(95% interval \S+% to \S+%\) of [0-9,]+ digits", said
    )


def test_a_query_is_read_in_handwriting_or_from_a_picture(runs, here, built_arithmetic):
    asked = here("seq2seq", "solve", "reader", "3+4", "--json").data
    assert asked["query"] == "3+4"
    assert asked["image"] is None
    glyphs = np.load(built_arithmetic / "glyphs.npy")[[0, 1, 2]]
    strip = glyphs.transpose(1, 0, 2).reshape(28, -1)
    Image.fromarray(strip).save("strip.png")
    Image.fromarray(255 - strip).resize((strip.shape[1] * 4, 28 * 4), Image.Resampling.NEAREST).save("large-dark.png")
    one = here("seq2seq", "solve", "reader", "strip.png", "--json").data
    other = here("seq2seq", "solve", "reader", "large-dark.png", "--json").data
    assert one["query"] is None
    assert one["correct"] is None
    assert other["answer"] == one["answer"]
    assert other["confidence"] == pytest.approx(one["confidence"], abs=1e-5)


def test_what_cannot_be_read_or_written_is_refused(runs, here, tmp_path):
    Image.new("L", (28, 28)).save("square.png")
    Path("text.png").write_text("no picture")
    here("seq2seq", "solve", "reader", "square.png").refused(3, "square.png", "84 x 28")
    here("seq2seq", "solve", "reader", "text.png").refused(3, "text.png")
    here("seq2seq", "solve", "writer", "square.png").refused(2, "writer")
    here("seq2seq", "solve", "reader", "nowhere.png").refused(2, "nowhere.png")
    here("seq2seq", "solve", "reader", "3+4", "--out", "x.png").refused(2, "--out")
    here("seq2seq", "solve", "writer", "3+4", "--out", "x.gif").refused(2, "x.gif")
    here("seq2seq", "solve", "writer", "3+4", "--judge", "reader").refused(3, "judge")
    here("seq2seq", "solve", "reader", "3+4", "--data", "nowhere").refused(3, "nowhere")
    assert not Path("x.png").exists()


def test_wrong_answers_are_told_apart_by_what_the_judge_misreads(runs, here):
    found = here("seq2seq", "eval", "reader", "--judge", "judge", "--json").data
    causes = found["causes"]
    assert causes["misread"]["n"] + causes["wrong_sum"]["n"] == found["test"]["n"]
    wrong = round((1 - found["test"]["exact"]) * found["test"]["n"])
    assert causes["misread"]["wrong"] + causes["wrong_sum"]["wrong"] == wrong
    assert found["interval"]["method"] == "bootstrap over digit images"
    said = here("seq2seq", "eval", "reader", "--judge", "judge").out
    assert f"a glyph that the judge misreads {causes['misread']['wrong']}" in re.sub(" +", " ", said)
    assert "Read by 00001-judge, which reads" in said
    for name in ("confusion.png", "misreadings.png", "answers.png"):
        assert f"runs/00002-reader/plots/{name}" in found["files"]
        assert pixels(runs / "00002-reader" / "plots" / name).shape[1] > 100


def test_an_examination_of_a_run_is_what_the_run_says_of_itself(runs, here):
    """Its seed is not the default one: it parts queries and glyphs, and says in whose hand each is read."""
    path = runs / "00002-reader"
    assert json.loads((path / "config.json").read_text())["settings"]["seed"] == 3
    said = (path / "predictions.csv").read_bytes()
    (path / "predictions.csv").unlink()
    found = here("seq2seq", "eval", "reader", "--judge", "judge", "--json").data
    metrics = json.loads((path / "metrics.json").read_text())
    assert {key: found[key] for key in ("test", "interval", "errors")} == {
        key: metrics[key] for key in ("test", "interval", "errors")
    }
    assert (path / "predictions.csv").read_bytes() == said


@pytest.mark.parametrize(("words", "suffix"), [
    (("--style-scale", "0.5"), "-other-styles"), (("--judge", "other"), "-other-judge"), (("--judge", "judge"), ""),
])  # fmt: skip
def test_an_examination_with_something_else_leaves_what_the_run_says_of_itself(words, suffix, runs, here):
    path = runs / "00003-writer"
    shutil.copytree(runs / "00001-judge", runs / "00004-other")
    before = {file: file.read_bytes() for file in path.rglob("*") if file.is_file()}
    found = here("seq2seq", "eval", "writer", *words, "--json").data
    names = (f"plots/confusion{suffix}.png", f"predictions{suffix}.csv", f"plots/answers{suffix}.png")
    assert set(found["files"]) == {f"runs/00003-writer/{name}" for name in names}
    kept = {file: file.read_bytes() for file in before if file.name != ".lock"}
    assert kept == {file: content for file, content in before.items() if file.name != ".lock"}


def test_what_is_called_after_other_styles_says_so_in_a_report():
    assert caption_of("confusion-other-styles-other-digits").startswith("With other styles, digits: which character")
    assert caption_of("strange_plot") == "strange plot"


@pytest.mark.parametrize("run", ["reader", "writer"])
def test_other_digits_write_the_test_queries_and_test_the_judge(run, runs, here, tmp_path):
    known = digits.load("mnist-5k")
    new = np.roll(known.images[::100], 2, axis=2)
    new[:, :, :2] = 0
    write_idx(
        tmp_path / "other",
        np.concatenate([new, known.images[:10]]),
        np.concatenate([known.labels[::100], known.labels[:10]]),
    )
    found = here("seq2seq", "eval", run, "--judge", "judge", "--digits", "other", "--json").data
    assert found["handwriting"] == {"digits": "other", "glyphs": len(new)}, "digits that are known do not count"
    assert (runs / f"0000{2 if run == 'reader' else 3}-{run}" / "plots" / "confusion-other-digits.png").exists()
    assert found["judge"]["digits"] == len(new)
    write_idx(tmp_path / "known", known.images[:50], known.labels[:50])
    here("seq2seq", "eval", run, "--judge", "judge", "--digits", "known").refused(3, "known")


def test_other_digits_do_not_test_a_judge_that_was_trained_on_them(runs, here, tmp_path):
    known = digits.load("mnist-5k")
    new = np.roll(known.images[::100], 2, axis=2)
    new[:, :, :2] = 0
    write_idx(tmp_path / "other", new, known.labels[::100])
    here("data", "build", "arithmetic", "--max", "9", "--digits", "other", "--test-share", "0.5", "--out", "taught")
    few = ("--width", "2", "--epochs", "1", "--steps-per-epoch", "2", "--jit", "off")
    pupil = here("judge", "train", "--data", "taught", "--name", "pupil", *few, "--json").data
    doubt = pupil["test"]["digit_interval"]
    assert doubt["low"] <= pupil["test"]["digit_accuracy"] <= doubt["high"] < doubt["low"] + 0.5
    found = here("seq2seq", "eval", "reader", "--judge", "pupil", "--digits", "other", "--json").data
    assert found["handwriting"]["glyphs"] == found["judge"]["digits"] == pupil["test"]["digits"] < len(new)
    shutil.rmtree("taught")
    here("seq2seq", "eval", "reader", "--judge", "pupil", "--digits", "other").refused(3, "taught")


def test_one_hand_writes_every_answer_alike_and_many_hands_do_not(runs, here):
    def spread(scale):
        found = here("seq2seq", "eval", "writer", "--judge", "judge", "--style-scale", scale, "--json").data
        return found["diversity"]["spread"]

    assert spread("0") < spread("1") < spread("3")


def test_options_of_one_scenario_do_not_fit_another(here, trained_run):
    here("seq2seq", "eval", trained_run, "--digits", "somewhere").refused(2, "--digits")
    for verb in (("eval", trained_run), ("solve", trained_run, "1+2")):
        here("seq2seq", *verb, "--style-scale", "1").refused(2, "--style-scale", "no styles")
    train = ("seq2seq", "train", "--data", "nowhere")
    here(*train, "--judge", "3").refused(2, "--judge", "text-image")
    here(*train, "--mode", "image-text", "--loss", "mse").refused(2, "--loss")
    here(*train, "--mode", "text-image", "--distortion", "1").refused(2, "--distortion")
    here(*train, "--mode", "text-image", "--leak", "0.3").refused(2, "--leak", "leaky_relu")
    here(*train, "--mode", "text-image", "--style-size", "3").refused(2, "--style-size", "columns")


def test_multiplication_takes_the_same_commands(idl, here):
    """Queries with a third sign, in text and in handwriting: built, trained on, examined, answered."""
    assert idl("data", "build", "arithmetic", "--max", "9", "--ops", "+-*", "--json").data["count"] == 300
    common = ("--epochs", "1", "--steps-per-epoch", "2", "--jit", "off", "--json")
    small = ("--architecture", "columns", "--units", "4", "--column-units", "4", "--readout-units", "4", *common)
    idl("judge", "train", "--name", "judge", "--width", "2", *common)
    idl("seq2seq", "train", "--name", "reader", "--mode", "text-text", *small)
    words = ("--mode", "text-image", "--judge", "judge", "--writer-width", "4", "--style-size", "2", *small)
    idl("seq2seq", "train", "--name", "writer", *words)
    for run in ("reader", "writer"):
        errors = here("seq2seq", "eval", run, "--json").data["errors"]
        kinds = [errors[kind]["n"] for kind in ("addition", "subtraction", "multiplication")]
        assert min(kinds) > 20, "each sign tests"
        found = here("seq2seq", "solve", run, "3*4", "--json").data
        assert (found["query"], found["correct"]) == ("3*4", found["answer"] == "12")
    assert "*" not in Path(found["image"]).name
    assert pixels(found["image"]).shape == (28 * 4, 2 * 28 * 4)
