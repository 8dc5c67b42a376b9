"""A report opened in a browser, where there is one: nothing leaves the page, nothing fails, nothing overflows."""

import io
from pathlib import Path

import numpy as np
import pytest
from browser import IS_MISSING, Browser
from PIL import Image

pytestmark = pytest.mark.skipif(IS_MISSING, reason="no Chromium or Chrome is installed: no page was opened")

FRAMED = "<!doctype html><title>map</title><script>document.documentElement.style.background = '#f00'</script>"


@pytest.fixture(scope="module")
def page(finished_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report on a real run and on a broken copy of it whose name is a tag, with a page framed in it."""
    import shutil

    from idlcli.report.write import report
    from idlcli.runs import Run

    place = tmp_path_factory.mktemp("report")
    broken = Path(shutil.copytree(finished_run, place / "<img src=x onerror=alert(1)>"))
    (broken / "metrics.json").write_text("{")
    (place / "map.html").write_text(FRAMED)
    out = place / "report.html"
    report(runs=[Run(finished_run), Run(broken)], out=out, inserts=[place / "map.html"])
    return out


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory):
    with Browser(home=tmp_path_factory.mktemp("browser")) as one:
        yield one


SIZES = {"phone": (390, 800, True), "tablet": (820, 1100, True), "desktop": (1280, 900, False)}


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
def test_it_fits_asks_for_nothing_and_fails_at_nothing(size, dark, browser, page):
    width, height, mobile = SIZES[size]
    browser.requests.clear()
    browser.errors.clear()
    browser.call(
        "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=mobile
    )  # fmt: skip
    browser.open(page, dark=dark)
    assert browser.run("document.documentElement.scrollWidth") <= width
    assert [one for one in browser.requests if not one.startswith(("data:", page.as_uri(), "about:srcdoc"))] == []
    assert browser.errors == []
    corner = np.asarray(Image.open(io.BytesIO(browser.screenshot())).convert("L"))[2, 2]
    assert (corner < 60) == dark
    assert browser.run("[...document.images].every(image => image.naturalWidth > 0)")


def test_a_click_sorts_a_column_both_ways_and_back(browser, page):
    browser.open(page)
    column = "[...table.tBodies[0].rows].map(row => row.cells[1].dataset.value ?? '')"
    look = "(() => { const table = document.querySelector('#errors table'); %s; return " + column + "; })()"
    click = "table.tHead.rows[0].cells[1].querySelector('button').click()"
    before = browser.run(look % "")
    up, down, back = (browser.run(look % click) for _ in range(3))
    numbers = [float(value) for value in before if value != ""]
    assert [float(value) for value in up if value != ""] == sorted(numbers)
    assert [float(value) for value in down if value != ""] == sorted(numbers, reverse=True)
    assert back == before
    assert before != up or before != down


def test_a_filter_leaves_the_rows_that_hold_its_text(browser, page):
    browser.open(page)
    field, rows = "document.querySelector('#circumstances .filter input')", "tbody tr:not([hidden])"
    browser.run(f"{field}.value = 'Python', {field}.dispatchEvent(new Event('input'))")
    shown = f"[...{field}.closest('.table').querySelectorAll('{rows}')].map(row => row.cells[0].textContent)"
    assert browser.run(shown) == ["python"]


def test_a_picture_opens_and_closes(browser, page):
    browser.open(page)
    assert browser.run("document.querySelector('main img').click(), document.getElementById('zoom').open")
    assert not browser.run("document.getElementById('zoom').click(), document.getElementById('zoom').open")


def test_the_framed_page_runs_its_own_script_and_no_other_is_run(browser, page):
    browser.open(page)
    assert browser.run("document.querySelector('iframe').srcdoc") == FRAMED
    browser.run("document.documentElement.style.scrollBehavior = 'auto'")
    browser.run("document.querySelector('iframe').scrollIntoView({block: 'center'})")
    middle = "(box => [box.left + box.width / 2, box.top + box.height / 2])"
    x, y = map(round, browser.run(f"{middle}(document.querySelector('iframe').getBoundingClientRect())"))
    for _ in range(100):  # a frame is drawn in its own time
        browser.settle()
        seen = Image.open(io.BytesIO(browser.screenshot())).convert("RGB").getpixel((x, y))
        if seen == (255, 0, 0):
            break
    assert seen == (255, 0, 0), "its script has not run"
    browser.run("document.body.insertAdjacentHTML('beforeend', '<b onclick=\"window.ran = 1\">x</b>')")
    browser.run("document.body.lastElementChild.click()")
    assert browser.run("window.ran") is None, "the policy must keep a script out that slipped in"


def test_it_reads_without_its_script(browser, page, tmp_path):
    bare = tmp_path / "bare.html"
    text = page.read_text("utf-8")
    bare.write_text(text[: text.rindex("<script>")] + "</body></html>", "utf-8")
    browser.open(bare)
    assert browser.run("document.querySelectorAll('button').length") == 0
    assert browser.run("document.querySelector('nav details').open")
    assert browser.run("document.querySelectorAll('main tbody tr').length") > 20
