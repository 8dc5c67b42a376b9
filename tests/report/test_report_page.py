"""One page that needs nothing else: whole, escaped, the same twice, and true to what the runs say."""

import json
import re
import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from reading import Page

from idlcli.errors import DataError, UsageError
from idlcli.report import markdown, pictures
from idlcli.report.markup import Html, clean, tag
from idlcli.report.write import report
from idlcli.runs import Run

HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>&amp;|`**_$\\frac{1}$\0\u202e\nend"
OUTSIDE = re.compile(r"https?:|//|url\(\s*['\"]?(?!#)|@import", re.IGNORECASE)


def page_of(*runs: Run, place: Path, **others) -> Page:
    report(runs=runs, out=place / "report.html", **others)
    return Page((place / "report.html").read_text("utf-8"))


def check_whole(page: Page) -> None:
    """Check that a page is well formed, stays by itself, and that its own links lead somewhere."""
    assert page.wrong == []
    names = [given["id"] for _, given in page.elements if given.get("id")]
    assert len(names) == len(set(names)), "an id is there twice"
    for address in page.addresses:
        assert address.startswith(("#", "data:image/png;base64,", "<")), address[:80]
        if address.startswith("#"):
            assert address[1:] in names, address
    for style in page.styles:
        assert not OUTSIDE.search(re.sub(r"(?m)^\s*//.*|\s// .*$", "", style))
    assert page.all("link") == page.all("base") == page.all("form") == page.all("object") == []
    (policy,) = [given["content"] for given in page.all("meta") if given.get("http-equiv")]
    assert policy.startswith("default-src 'none'; img-src data:;")
    assert "script-src 'sha256-" in policy
    assert not [name for _, given in page.elements for name in given if name.startswith("on")]


def test_a_page_of_one_run_is_whole_and_says_what_there_is_to_say(make_run, tmp_path):
    page = page_of(make_run(), place=tmp_path)
    check_whole(page)
    for said in (
        "97.00%", "93.61 to 98.62", "200 test examples", "4.5 s", "2.00%", "2 of 100", "none asked",
        "2026-01-02 03:04 UTC", "abababababab…", "3.11.7", "Settings that were chosen", "3+4", "-1", "16.67%",
        "Settings left at their defaults",
    ):  # fmt: skip
        assert said in page.text, said
    assert [given["href"] for given in page.all("a")][1:8] == [
        "#headline", "#curves", "#pictures", "#scores", "#errors", "#settings", "#circumstances",
    ]  # fmt: skip


def test_the_wrong_answers_begin_with_the_surest(make_run, tmp_path):
    text = page_of(make_run(), place=tmp_path).text
    told = text[text.index("Wrong answers, the surest first: 2 of 2") :]
    assert told.index("9-9") < told.index("3+4")
    assert "1+1" not in told[: told.index("The same test queries")]


def test_samples_come_in_the_order_of_their_epochs_then_plots(make_run, tmp_path):
    run = make_run()
    page = page_of(run, place=tmp_path)
    assert [given["alt"] for given in page.all("img")][:3] == ["epoch 1", "epoch 2", "epoch 10"]
    assert len(page.all("img")) == 5
    assert all(given["width"] and given["height"] for given in page.all("img"))


def test_a_page_on_many_runs_says_first_in_what_they_differ(make_run, tmp_path):
    other = {"schema": 1, "kind": "seq2seq", "created": "", "settings": {"mode": "text-text", "units": 16, "epochs": 3}}
    runs = [make_run(), make_run("00002-wide", config=other), make_run("00005-vae", kind="vae")]
    page = page_of(*runs, place=tmp_path)
    check_whole(page)
    text = page.text
    differ, same = text.index("Settings in which the runs differ"), text.index("Settings that are the same in all runs")
    assert differ < same
    assert differ < text.index("units") < same
    assert "The runs are of different kinds." in text
    assert {"run-1", "run-2", "run-5"} <= {given["id"] for given in page.all("section")}
    assert len(page.all("svg")) == 4, "loss and share of right answers, of seq2seq and of vae"
    assert text.count("run 1 (train)") == 2, "runs of two kinds share no drawing"


def test_runs_that_were_tested_on_other_data_are_not_set_side_by_side_without_a_word(make_run, tmp_path):
    alike = [make_run(), make_run("00002-again")]
    assert "not strictly comparable" not in page_of(*alike, place=tmp_path).text
    other = make_run("00003-other", data={"fingerprint": "ef" * 32})
    assert "not strictly comparable" in page_of(*alike, other, place=tmp_path).text


def test_the_same_runs_give_the_same_bytes_wherever_they_lie(make_run, tmp_path):
    runs = [make_run(), make_run("00002-other")]
    first = report(runs=runs, out=tmp_path / "a.html", markdown_out=tmp_path / "a.md")
    moved = [Run(Path(shutil.copytree(run.path, tmp_path / "elsewhere" / "runs" / run.name))) for run in runs]
    again = report(runs=moved, out=tmp_path / "b.html", markdown_out=tmp_path / "elsewhere" / "a.md")
    assert (tmp_path / "a.html").read_bytes() == (tmp_path / "b.html").read_bytes()
    assert (tmp_path / "a.md").read_bytes() == (tmp_path / "elsewhere" / "a.md").read_bytes()
    assert first["bytes"] == again["bytes"] == [(tmp_path / name).stat().st_size for name in ("a.html", "a.md")]
    assert str(tmp_path) not in (tmp_path / "a.html").read_text("utf-8")


def test_a_run_given_twice_is_told_once(make_run, tmp_path):
    run = make_run()
    found = report(runs=[run, Run(run.path / ".." / run.name)], out=tmp_path / "a.html")
    assert len(found["runs"]) == 1


def hostile_run(make_run, name="00001-<b>bold</b>"):
    run = make_run(
        name, kind=HOSTILE,
        config={"schema": 1, "kind": HOSTILE, "created": HOSTILE, "settings": {HOSTILE: HOSTILE, "mode": HOSTILE}},
        environment={"backend": HOSTILE, "versions": {HOSTILE: HOSTILE}, HOSTILE: [HOSTILE, {HOSTILE: HOSTILE}]},
        data={HOSTILE: HOSTILE, "fingerprint": HOSTILE, "attribution": {HOSTILE: HOSTILE}},
        log=[{"epoch": 1, "loss": 0.5, HOSTILE: 0.5, "seconds": 1}, {"epoch": 2, "loss": HOSTILE, "$\\x$": 1.0}],
        metrics={
            "test": {HOSTILE: 0.5, "n": 1}, HOSTILE: 1.0, "warnings": [HOSTILE], "nested": {HOSTILE: 1},
            "interval": {"low": 0, "high": 1, "method": HOSTILE}, "errors": {HOSTILE: {"wrong": 1, "n": 2},
            "by_miss": {HOSTILE: 1}},
        },
        failure={"error": HOSTILE, "message": HOSTILE},
    )  # fmt: skip
    (run.path / "plots" / "<svg onload=alert(3)>.png").write_bytes(png_of_plot(run))
    (run.path / "predictions.csv").write_text(
        f'query,answer,predicted,correct,miss,confidence\n"{HOSTILE.replace(chr(34), "")}",<i>,</td>,0,=1+1,nan\n'
    )
    (run.path / "samples" / "epoch-0001.csv").write_text("query,answer,predicted,correct\n<u>,<s>,<a href=//x>,1\n")
    return run


def png_of_plot(run):
    return (run.path / "plots" / "curves.png").read_bytes()


@pytest.mark.parametrize("finished", [True, False])
def test_nothing_that_a_run_says_becomes_markup(finished, make_run, tmp_path):
    run = hostile_run(make_run)
    if not finished:
        (run.path / "metrics.json").unlink()
    page = page_of(run, make_run("00002-plain"), place=tmp_path, markdown_out=tmp_path / "report.md")
    check_whole(page)
    tame = {"b", "i", "u", "s"} & {name for name, _ in page.elements if name != "b"}
    assert tame == set()
    assert len(page.all("b")) == len([name for name, _ in page.elements if name == "dt"])  # only the tiles' own
    assert len(page.all("script")) == 1
    assert "<script>alert(1)</script>" in page.text, "it must be shown, as text"
    raw = (tmp_path / "report.html").read_text("utf-8")
    assert "\0" not in raw
    assert "\u202e" not in raw
    told = (tmp_path / "report.md").read_text("utf-8")
    assert not re.search(r"(?<!\\)[<>]", re.sub(r"(?m)^> ?|^>$", "", told))
    for line in told.splitlines():
        if line.startswith("|"):
            assert len(re.findall(r"(?<!\\)\|", line)) >= 3
    tables = re.findall(r"(?m)(?:^\|.*\n)+", told)
    for table in tables:
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()}) == 1, table


def test_a_name_that_is_not_utf_8_is_shown_and_written(make_run, tmp_path):
    run = make_run(b"00001-\xff\xfe".decode("utf-8", "surrogateescape"))
    check_whole(page_of(run, place=tmp_path, markdown_out=tmp_path / "report.md"))


@given(st.text())
def test_text_in_an_element_comes_back_as_it_was_but_for_what_cannot_be_seen(text):
    page = Page(tag("p", text, title=text))
    assert [name for name, _ in page.elements] == ["p"]
    shown = "".join(c if c.isprintable() else " " if c.isspace() else "\N{REPLACEMENT CHARACTER}" for c in text)
    assert page.all("p") == [{"title": shown}]
    assert "".join(page.texts) == (shown if shown.strip() else "")


@given(st.text())
def test_clean_text_is_one_printable_line_of_bounded_length(text):
    line = clean(text * 10, 50)
    assert line.isprintable()
    assert len(line) <= 54
    assert clean(line, 54) == line


def test_markup_is_only_what_this_package_made():
    assert tag("p", "<b>", Html("<i>x</i>"), [None, "&"], class_=None, hidden=True) == (
        "<p hidden>&lt;b&gt;<i>x</i>&amp;</p>"
    )


@pytest.mark.parametrize(
    "text", ["a|b", "*a* _b_", "[x](http://y)", "`code`", "<b>", "# h", "a\\", "https://x.y", "a@b.c"]
)
def test_markdown_shows_text_as_it_is(text):
    told = markdown.text(text)
    assert not re.search(r"(?<!\\)[|*_`\[\]#<>]", told.replace("&#", ""))
    assert "://" not in told
    assert "@" not in told


def test_a_page_is_framed_without_a_way_out(make_run, tmp_path):
    script = "document.title = 'x' && \"<y>\""
    (tmp_path / "map.html").write_text(f"<!doctype html><title>m</title>\n<p>a &amp; b</p><script>{script}</script>")
    page = page_of(make_run(), place=tmp_path, inserts=[tmp_path / "map.html"])
    check_whole(page)
    (frame,) = page.all("iframe")
    assert frame["srcdoc"] == (tmp_path / "map.html").read_text()
    assert frame["sandbox"] == "allow-scripts"
    (policy,) = [given["content"] for given in page.all("meta") if given.get("http-equiv")]
    assert policy.count("'sha256-") == 2


def test_pictures_have_a_budget_and_what_does_not_fit_is_named(make_run, tmp_path, monkeypatch):
    run = make_run()
    (run.path / "plots" / "large.png").write_bytes(png_of_plot(run)[:33] + b"\0" * 5000 + pictures.END)
    monkeypatch.setattr(pictures, "BUDGET", 4000)
    found = report(runs=[run], out=tmp_path / "a.html")
    assert found["pictures"] == 5
    assert "plots/large.png does not fit into this page" in (tmp_path / "a.html").read_text("utf-8")
    monkeypatch.setattr(pictures, "LARGEST", 3000)
    report(runs=[run], out=tmp_path / "a.html")
    assert "plots/large.png is too large to read" in (tmp_path / "a.html").read_text("utf-8")


def test_every_run_has_its_part_of_the_budget(make_run, tmp_path, monkeypatch):
    runs = [make_run(), make_run("00002-second")]
    size = sum(path.stat().st_size for path in runs[0].path.rglob("*.png"))
    monkeypatch.setattr(pictures, "BUDGET", 2 * size)
    assert report(runs=runs, out=tmp_path / "a.html")["pictures"] == 10
    monkeypatch.setattr(pictures, "BUDGET", 2 * size - 2)
    assert report(runs=runs, out=tmp_path / "a.html")["pictures"] == 8


def test_of_many_epochs_a_few_are_shown_the_first_and_the_last_among_them(make_run, tmp_path):
    run = make_run()
    for epoch in range(1, 100):
        (run.path / "samples" / f"epoch-{epoch:04d}.png").write_bytes(png_of_plot(run))
    shown = [given["alt"] for given in page_of(run, place=tmp_path).all("img") if given["alt"].startswith("epoch")]
    assert len(shown) == 8
    assert (shown[0], shown[-1]) == ("epoch 1", "epoch 99")


def test_a_long_log_is_thinned_and_ends_where_it_ended(make_run, tmp_path):
    log = [{"epoch": n, "loss": 1 / n, "seconds": 1} for n in range(1, 2002)]
    text = page_of(make_run(log=log), place=tmp_path).text
    assert "2,001 epochs" in text
    assert "about 500 epochs are drawn" in text


@pytest.mark.parametrize("name", ["report.txt", "report", "report.htm", "report.md"])
def test_a_page_has_its_ending(name, make_run, tmp_path):
    with pytest.raises(UsageError):
        report(runs=[make_run()], out=tmp_path / name)
    assert not (tmp_path / name).exists()


def test_an_insert_that_is_missing_leaves_nothing(make_run, tmp_path):
    with pytest.raises(DataError):
        report(runs=[make_run()], out=tmp_path / "a.html", inserts=[tmp_path / "nowhere.html"])
    assert not (tmp_path / "a.html").exists()


def test_what_makes_a_run_again_is_what_idl_takes(make_run, tmp_path, here):
    text = page_of(make_run(), place=tmp_path).text
    start = text.index("idl seq2seq train")
    words = text[start : text.index("Time, machine", start)].split()
    planned = here(*words[1:], "--dry-run", "--json").data["settings"]
    assert planned["units"] == 8
    assert planned["commute"] is True
    assert planned["epochs"] == 3


def test_a_real_run_by_the_command_and_its_json(finished_run, here, tmp_path, envelope_schema):
    done = here("report", finished_run, "--out", "deep/page.html", "--md", "page.md", "--json")
    envelope_schema.validate(done.envelope)
    assert done.data["files"] == ["deep/page.html", "page.md"]
    assert done.data["runs"] == [{"run": finished_run.name, "kind": "seq2seq", "status": "done", "notes": []}]
    page = Page((tmp_path / "deep" / "page.html").read_text("utf-8"))
    check_whole(page)
    metrics = json.loads((finished_run / "metrics.json").read_text())
    assert f"{100 * metrics['test']['exact']:.2f}%" in page.text
    links = re.findall(r"!\[[^]]*\]\(([^)]+)\)", (tmp_path / "page.md").read_text())
    assert links
    assert all((tmp_path / link).is_file() for link in links)
    broken = json.loads(json.dumps(done.envelope))
    del broken["data"]["runs"][0]["notes"]
    assert not envelope_schema.is_valid(broken)


def test_quickstart_s_page_lies_in_its_run(here, trained_run, monkeypatch, envelope_schema):
    from idlcli.experiments import driver

    metrics = json.loads((trained_run / "metrics.json").read_text())
    assert here("data", "build", "arithmetic", "--max", "99", "--ops", "+-", "--out", "data/arithmetic").code == 0
    monkeypatch.setattr(driver, "start", lambda **_: {"run": str(trained_run), **metrics})
    monkeypatch.setattr("idlcli.workflows.quickstart.Solver", lambda run: NoSolver())
    done = here("quickstart", "--json", "--runs", "my runs")
    assert all("--runs 'my runs'" in line for line in done.data["next"][:4])
    assert done.data["report"] == str(trained_run / "report.html")
    assert done.data["report"] in done.data["files"]
    check_whole(Page((trained_run / "report.html").read_text("utf-8")))


class NoSolver:
    """Answers nothing, at once."""

    def solve(self, queries):
        return [{"query": query, "answer": "", "correct": False, "confidence": 0.0, "image": None} for query in queries]
