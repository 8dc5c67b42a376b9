"""The page of a reproduction opened in a browser, where there is one: nothing leaves it, nothing fails or overflows."""

import pytest
import reproduction
from browser import IS_MISSING, Browser

pytestmark = pytest.mark.skipif(IS_MISSING, reason="no Chromium or Chrome is installed: no page was opened")


@pytest.fixture(scope="module")
def page(built_arithmetic, built_faces, tmp_path_factory):
    """The page of every entry, of trainings that take no time, one of which fails."""
    with pytest.MonkeyPatch.context() as patch:
        made = reproduction.prepare(tmp_path_factory.mktemp("made"), built_arithmetic, built_faces, patch)
        _, place = made("", seeds=(0, 1), fail=("text-text-lstm",))
    return place / "index.html"


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    with Browser(home=tmp_path_factory.mktemp("browser")) as one:
        yield one


@pytest.mark.parametrize(("width", "mobile", "dark"), [(390, True, False), (1280, False, False), (390, True, True)])
def test_it_fits_asks_for_nothing_and_fails_at_nothing(width, mobile, dark, browser, page):
    browser.requests.clear()
    browser.errors.clear()
    browser.call("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=mobile)
    browser.open(page, dark=dark)
    assert browser.run("document.documentElement.scrollWidth") <= width
    assert [one for one in browser.requests if not one.startswith(("data:", page.as_uri()))] == []
    assert browser.errors == []
    assert browser.run("[...document.images].every(image => image.naturalWidth > 0)")
    assert browser.run("document.images.length") >= 25


def test_no_row_is_a_tower_of_words(browser, page):
    """A long command in a narrow column once made rows of hundreds of pixels."""
    browser.call("Emulation.setDeviceMetricsOverride", width=1280, height=900, deviceScaleFactor=1, mobile=False)
    browser.open(page)
    browser.run("for (const one of document.querySelectorAll('details')) one.open = true")
    tallest = browser.run("Math.max(...[...document.querySelectorAll('tbody tr')].map(row => row.offsetHeight))")
    assert tallest < 400
