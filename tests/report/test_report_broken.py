"""A run that is not done, or not whole, has a page too, and the page says what is missing."""

import json

import pytest
from reading import Page

from idlcli.report.story import gather
from idlcli.report.words import duration, moment, number, plain, spelt
from idlcli.report.write import report

FILES = ("config.json", "environment.json", "data.json", "metrics.json", "log.jsonl", "predictions.csv")
BROKEN = (b"", b"{", b"[]", b"null", b"{}", b"\xff\xfe\0", b'{"a": NaN}', b"[" * 100_000, b'"text"\n', b"1\n2\n")


def page_of(run, place):
    found = report(runs=[run], out=place / "report.html", markdown_out=place / "report.md")
    page = Page((place / "report.html").read_text("utf-8"))
    assert page.wrong == []
    return page, found["runs"][0]["notes"]


@pytest.mark.parametrize("content", BROKEN, ids=lambda content: repr(content[:8]))
@pytest.mark.parametrize("name", FILES)
def test_a_broken_file_costs_what_it_holds_and_no_more(name, content, make_run, tmp_path):
    run = make_run()
    (run.path / name).write_bytes(content)
    page, notes = page_of(run, tmp_path)
    if content in (b"", b"{", b"\xff\xfe\0") and name.endswith(".json"):
        assert any(name in note for note in notes), notes
    assert all(str(tmp_path) not in note for note in notes)
    if name not in ("metrics.json", "config.json"):
        assert "97.00%" in page.text


@pytest.mark.parametrize("name", FILES[1:])
def test_a_missing_file_is_named_where_it_is_missed(name, make_run, tmp_path):
    run = make_run()
    (run.path / name).unlink()
    _, notes = page_of(run, tmp_path)
    wanted = {"metrics.json": "stopped after epoch 3 of 3", "log.jsonl": "No epoch is logged", "predictions.csv": ""}
    assert wanted.get(name, name) in " ".join(notes)


@pytest.mark.parametrize("name", ["plots", "samples", "log.jsonl", "metrics.json"])
def test_a_directory_or_a_file_where_the_other_should_be(name, make_run, tmp_path):
    import shutil

    run = make_run()
    place = run.path / name
    if place.is_dir():
        shutil.rmtree(place)
        place.write_text("not a directory")
    else:
        place.unlink()
        place.mkdir()
    page_of(run, tmp_path)


def test_a_run_that_failed_says_why_and_how_to_go_on(make_run, tmp_path):
    run = make_run(metrics=None, failure={"error": "Diverged", "message": "loss became nan in epoch 4."})
    page, notes = page_of(run, tmp_path)
    assert notes[0] == (
        "The run failed after epoch 3 of 3: Diverged: loss became nan in epoch 4. "
        f"Go on with: idl runs resume {run.name} (and --runs, unless it lies in ./runs)"
    )
    assert notes[0] in page.text
    assert "Curves" in page.text


def test_a_run_that_was_stopped_before_its_first_epoch(make_run, tmp_path):
    _, notes = page_of(make_run(metrics=None, log=None), tmp_path)
    assert notes[0].startswith("The run was stopped before its first epoch was done")


def test_a_run_of_a_newer_idl_is_not_guessed_at(make_run, tmp_path):
    page, notes = page_of(make_run(config={"schema": 2, "kind": "seq2seq", "settings": {"units": 8}}), tmp_path)
    assert "it has run schema 2, this idl reads 1." in notes[0]
    assert "units" not in page.text


@pytest.mark.parametrize(
    "metrics",
    [
        {"test": "text", "train": [1], "errors": [], "interval": 3, "warnings": "no list"},
        {"test": {"exact": "0.5", "n": None, "loss": 10**400}, "errors": {"carry": {"wrong": "1", "n": 2}}},
        {"test": {"exact": 1e308, "n": -1}, "errors": {"by_miss": [1, 2], "carry": {"wrong": 1, "n": 0}}},
        {"test": {}, "errors": {"by_miss": {"1": "many"}, "carry_or_borrow_share": "all"}},
        {"test": {"exact": True}, "judge": {"deep": {"deeper": {"deepest": 1}}}},
    ],
)  # fmt: skip
def test_metrics_of_wrong_types_are_left_out(metrics, make_run, tmp_path):
    page_of(make_run(metrics=metrics), tmp_path)


@pytest.mark.parametrize(
    "log",
    [
        [{"loss": 1}], [{"epoch": "1", "loss": 1}], [{"epoch": -1, "loss": 1}], [{"epoch": 10**30, "loss": 1}],
        [{"epoch": 1, "loss": "x", "seconds": "y"}], [{"epoch": 1, "loss": 10**400}], [{"epoch": 1}],
        [{"epoch": True, "loss": 1}], [{"epoch": 2, "loss": 1}, {"epoch": 1, "loss": [1]}],
    ],
)  # fmt: skip
def test_a_log_of_wrong_types_draws_what_can_be_drawn(log, make_run, tmp_path):
    page_of(make_run(log=log), tmp_path)


@pytest.mark.parametrize(
    "content",
    [b"", b"\x89PNG\r\n\x1a\n", b"<svg onload=alert(1)>", b"GIF89a" + b"\0" * 40, "cut", "wide", "large", "empty"],
    ids=repr,
)
def test_a_picture_that_is_none_is_named_and_left_out(content, make_run, tmp_path):
    run = make_run()
    path = run.path / "plots" / "confusion.png"
    whole = path.read_bytes()
    sizes = {"wide": b"\0\1\0\0\0\0\0\1", "large": b"\0\0\x1f\0" * 2, "empty": b"\0\0\0\0\0\0\0\1"}
    if content == "cut":
        content = whole[:-5]
    elif isinstance(content, str):
        content = whole[:16] + sizes[content] + whole[24:]
    path.write_bytes(content)
    page, (note,) = page_of(run, tmp_path)
    assert note.startswith("plots/confusion.png ")
    assert note in page.text
    assert len(page.all("img")) == 4


def test_a_picture_that_leads_out_of_the_run_is_not_shown(make_run, tmp_path):
    run = make_run()
    secret = tmp_path / "secret.png"
    secret.write_bytes((run.path / "plots" / "curves.png").read_bytes())
    (run.path / "plots" / "confusion.png").unlink()
    (run.path / "plots" / "confusion.png").symlink_to(secret)
    page, _ = page_of(run, tmp_path)
    assert "plots/confusion.png leads out of the run's directory." in page.text
    assert len(page.all("img")) == 4


def test_runs_of_one_number_from_two_places_have_two_names(make_run):
    stories = gather([make_run("00001-a"), make_run("00001-b"), make_run("elsewhere")])
    assert [story.tag for story in stories] == ["1", "1-2", "R3"]


def test_a_broken_run_among_others_costs_the_others_nothing(make_run, here, tmp_path, envelope_schema):
    good, bad = make_run(), make_run("00002-bad")
    (bad.path / "config.json").write_text("{")
    done = here("report", "1", bad.path, "--json")
    envelope_schema.validate(done.envelope)
    assert [one["kind"] for one in done.data["runs"]] == ["seq2seq", "unknown"]
    assert "97.00%" in (tmp_path / "report.html").read_text("utf-8")
    assert json.loads((good.path / "config.json").read_text())["schema"] == 1


@pytest.mark.parametrize(
    "words",
    [("1", "--out", "page.pdf"), ("1", "--md", "page.txt"), ("1", "--insert", "nowhere.html"), ("latest", "9"), ()],
)
def test_a_mistake_is_one_line_and_writes_nothing(words, make_run, here, tmp_path):
    make_run()
    before = sorted(tmp_path.rglob("*"))
    done = here("report", *words)
    assert done.code in (2, 3)
    done.refused(done.code)
    assert sorted(tmp_path.rglob("*")) == before


def test_numbers_as_a_person_reads_them():
    assert [number(v) for v in (1, 2.5, True, "1", None, float("nan"), float("inf"), 10**400)] == [1, 2.5, *[None] * 6]
    assert [spelt(v) for v in (20000, 0.123456, 1e-9, -3.0, 123456.78)] == [
        "20,000",
        "0.1235",
        "1e-09",
        "-3",
        "123,456.8",
    ]
    assert spelt(0.98061, "exact") == "98.06%"
    assert [duration(s) for s in (0.04, 59.94, 200, 7500)] == ["0.0 s", "59.9 s", "3 min 20 s", "2 h 05 min"]
    assert plain({"a": [1, None, True], "b": ""}) == "a 1, –, yes, b –"
    assert moment("2026-01-02T03:04:05+02:00") == "2026-01-02 01:04 UTC"
    assert moment("yesterday") == "yesterday"
