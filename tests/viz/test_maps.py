"""Maps of pictures: where points and pictures lie, and a page that needs nothing else and shows what one points at."""

import json
import re
import xml.etree.ElementTree as ET
from pathlib import Path

import browser
import numpy as np
import pytest
from browser import IS_MISSING, Browser
from PIL import Image

from idlcli.errors import DataError, UsageError
from idlcli.viz import map_page, maps, thumbnails, tsne


@pytest.fixture(scope="module")
def groups() -> tuple[np.ndarray, np.ndarray]:
    """Points of three far groups in ten dimensions, and which group each is of."""
    generator = np.random.default_rng(0)
    codes = np.arange(90) % 3
    return generator.normal(size=(90, 10)) + 20 * np.eye(10)[codes], codes


# The map


def test_groups_stay_together(groups):
    points, codes = groups
    found = tsne.embed(points=points, perplexity=10, seed=0)
    assert found.positions.shape == (90, 2)
    assert found.positions.min() == 0
    assert found.positions.max() == 1
    apart = np.linalg.norm(found.positions[:, None] - found.positions, axis=2) + 9 * np.eye(90)
    assert (codes[apart.argmin(axis=1)] == codes).all()
    again = tsne.embed(points=points, perplexity=10, seed=0)
    assert np.array_equal(found.positions, again.positions)


@pytest.mark.parametrize(("asked", "count", "used"), [(30, 90, 89 / 3), (10, 90, 10), (1000, 5, 4 / 3)])
def test_the_perplexity_is_lowered_to_what_the_points_allow(asked, count, used, groups):
    assert tsne.embed(points=groups[0][:count], perplexity=asked, seed=0).perplexity == pytest.approx(used)


@pytest.mark.parametrize(
    "points",
    [np.zeros((6, 3)), np.zeros((6, 100)), np.arange(6.0)[:, None], np.full((7, 2), 1e30), np.eye(7) * 1e-30],
    ids=lambda points: f"{points.shape}",
)
def test_odd_points_are_mapped_without_a_warning(points):
    assert np.isfinite(tsne.embed(points=points, perplexity=3, seed=0).positions).all()


@pytest.mark.parametrize("points", [np.zeros((4, 3)), np.full((9, 3), np.nan), np.full((9, 3), np.inf), np.zeros(9)])
def test_points_that_have_no_map_are_a_data_error(points):
    with pytest.raises(DataError, match="A map needs"):
        tsne.embed(points=points, perplexity=3, seed=0)


# Pictures on it


def test_pictures_never_overlap_and_none_is_left_out_that_has_room():
    positions = np.random.default_rng(0).random((300, 2))
    taken = thumbnails.place(positions, side=0.1)
    far = np.abs(positions[:, None] - positions[taken]).max(axis=2)
    among = far[taken] + np.eye(len(taken))
    assert among.min() >= 0.1
    assert (far.min(axis=1) < 0.1).all()
    assert 20 < len(taken) < 100


@pytest.mark.parametrize("shape", [(2, 64, 64, 3), (2, 28, 28), (2, 100, 60, 3), (2, 300, 300, 3)])
def test_thumbnails_are_small_squares_of_colours(shape):
    small = thumbnails.shrink(np.full(shape, 77, np.uint8), side=64)
    side = min(64, max(shape[1:3]))
    assert small.shape == (2, side, side, 3)
    assert (small == 77).all()


def test_colours_go_to_the_commonest_labels_and_grey_to_the_rest():
    few = maps.colour_by(title="hair", texts=["b", "a", "b"])
    assert (few.words, few.codes.tolist()) == (("b", "a"), [0, 1, 0])
    assert len(set(few.colours)) == 2
    unknown = maps.colour_by(title="hair", texts=["b", None])
    assert unknown.words == ("b", maps.UNKNOWN)
    assert unknown.colours[-1] == maps.OTHER
    many = maps.colour_by(title="hair", texts=[f"w{n}" for n in range(20)] + ["w7"])
    assert many.words[0] == "w7"
    assert many.words[-1] == "other (13)"
    assert len(many.words) == len(many.colours) == 8
    assert many.codes[7] == many.codes[20] == 0
    none = maps.colour_by(title="hair", texts=[None, None])
    assert (none.words, none.codes.tolist()) == ((maps.UNKNOWN,), [0, 0])


def draw(path: Path, **changes):
    generator = np.random.default_rng(0)
    given = {
        "positions": generator.random((40, 2)), "images": generator.integers(0, 256, (40, 8, 8, 3), dtype=np.uint8),
        "title": "é $x$ <map>", "near": generator.random(50), "random": generator.random(50), "said": "said",
        "colouring": maps.colour_by(title="$hair$", texts=["<a>", "$b$"] * 20),
    }  # fmt: skip
    return maps.draw(path=path, **given | changes)


def test_the_figure_has_the_pictures_that_have_room(tmp_path):
    shown = draw(tmp_path / "a.svg")
    text = (tmp_path / "a.svg").read_text()
    ET.fromstring(text)
    assert text.count("<image") == shown > 30
    assert "neighbours on the map" in text
    draw(tmp_path / "b.svg")
    assert (tmp_path / "b.svg").read_text() == text
    assert draw(tmp_path / "a.png", colouring=None) == shown
    with Image.open(tmp_path / "a.png") as picture:
        assert min(picture.size) > 800
    with pytest.raises(UsageError):
        draw(tmp_path / "a.gif")


# The page


WORDS = ["</script><b>", "&amp; 'q' \"", "{{SHEET}}", "日本語"]


@pytest.fixture(scope="module")
def page(tmp_path_factory) -> Path:
    """A page of forty pictures, each of one shade, in a raster; with labels that could break a careless page."""
    path = tmp_path_factory.mktemp("page") / "map.html"
    shades = np.arange(40, dtype=np.uint8) * 6
    across, down = np.meshgrid(np.arange(8) / 7, np.arange(5) / 4)
    map_page.write(
        path=path, positions=np.stack([across.ravel(), down.ravel()], axis=1),
        images=np.broadcast_to(shades[:, None, None, None], (40, 16, 16, 3)).copy(), title="A <map> & {{DATA}}",
        rows=np.arange(100, 140), labels={"odd <b>": [WORDS[n % 4] for n in range(40)], "half": [None, "x"] * 20},
        coloured="odd <b>", said="Said & done.", facts={"points": 40, "perplexity": "<3>"},
    )  # fmt: skip
    return path


def test_the_page_holds_all_it_needs_and_asks_for_nothing(page):
    text = page.read_text("utf-8")
    assert not re.search(r"https?:|//[a-z]|@import|<link|<iframe|src=[\"']?(?!data:)", text.split("<script>")[0])
    assert not re.search(r"https?:", text)
    assert text.count("<script") == 2
    assert "default-src 'none'" in text
    assert "prefers-color-scheme" in text
    data = json.loads(re.search(r'id="data">(.*?)</script>', text, re.DOTALL)[1])
    assert len(data["x"]) == len(data["y"]) == len(data["rows"]) == 40
    assert data["labels"][0]["words"] == sorted(WORDS)
    assert data["start"] == "odd <b>"
    assert "A &lt;map&gt; &amp; {{DATA}}" in text
    assert re.search(r'sheet\.src = "data:image/webp;base64,[A-Za-z0-9+/=]+"', text)


def test_the_same_map_gives_the_same_page(page, tmp_path):
    given = {"labels": {}, "coloured": None, "said": "", "facts": {}, "title": "", "rows": np.arange(5)}
    positions, images = np.random.default_rng(0).random((5, 2)), np.zeros((5, 8, 8, 3), np.uint8)
    for name in ("a.html", "b.html"):
        map_page.write(path=tmp_path / name, positions=positions, images=images, **given)
    assert (tmp_path / "a.html").read_bytes() == (tmp_path / "b.html").read_bytes()


@pytest.fixture(scope="module")
def shown(page, tmp_path_factory):
    if IS_MISSING:
        pytest.skip("there is no Chromium on this machine")
    with Browser(home=tmp_path_factory.mktemp("browser")) as one:
        one.open(page)
        yield one
        assert one.errors == []
        assert [address for address in one.requests if not address.startswith(("file:", "data:"))] == []


def place_of(shown: "browser.Browser", index: int) -> tuple[float, float]:
    """Where a point of the map lies on the screen."""
    box = "const box = document.getElementById('map').getBoundingClientRect();"
    x, y = shown.run(
        f"(() => {{ {box} return [box.left + spots.shift + screenX({index}), box.top + screenY({index})] }})()"
    )
    return x, y


def shade_at(shown: "browser.Browser", element: str) -> int:
    """The shade in the middle of an element, as a person would see it."""
    from io import BytesIO

    x, y = shown.run(
        f"(() => {{ const b = document.querySelector('{element}').getBoundingClientRect();"
        " return [b.left + b.width / 2, b.top + b.height / 2] })()"
    )
    with Image.open(BytesIO(shown.screenshot())) as picture:
        return int(np.asarray(picture.convert("L"))[int(y), int(x)])


@pytest.mark.parametrize("index", [0, 19, 39])
def test_pointing_at_a_point_shows_its_picture(index, shown):
    shown.move(1, 1)
    assert shown.run("document.getElementById('bubble').hidden")
    shown.move(*place_of(shown, index))
    assert not shown.run("document.getElementById('bubble').hidden")
    assert shown.run("document.getElementById('bubble').innerText.trim()").startswith(str(100 + index))
    assert abs(shade_at(shown, "#bubble .picture") - index * 6) <= 4


def test_the_keys_go_from_picture_to_picture(shown):
    shown.move(1, 1)
    shown.run("document.getElementById('map').focus(); choose(0)")
    went = []
    for key in ("ArrowRight", "ArrowRight", "ArrowUp", "ArrowLeft", "ArrowDown"):
        shown.press(key)
        went.append(shown.run("chosen"))
    assert went == [1, 2, 10, 9, 1]
    assert "101" in shown.run("document.getElementById('details').innerText")
    assert abs(shade_at(shown, "#large") - 6) <= 4
    assert len(shown.run("[...document.querySelectorAll('#near button')].map(b => b.ariaLabel)")) == 5
    shown.press("Escape")
    assert shown.run("chosen") == -1


def test_a_finger_chooses_too(shown):
    shown.call("Emulation.setTouchEmulationEnabled", enabled=True)
    shown.tap(*place_of(shown, 12))
    assert shown.run("chosen") == 12
    shown.call("Emulation.setTouchEmulationEnabled", enabled=False)


def test_zooming_keeps_what_is_under_the_mouse_and_the_legend_hides(shown):
    before = place_of(shown, 19)
    box = shown.run(
        "(() => { const b = document.getElementById('map').getBoundingClientRect(); return [b.left, b.top] })()"
    )
    x, y = before[0] - box[0] - shown.run("spots.shift"), before[1] - box[1]
    shown.run(f"zoomBy(3, {x}, {y})")
    assert place_of(shown, 19) == pytest.approx(before, abs=0.5)
    assert place_of(shown, 0) != pytest.approx(place_of(shown, 1), abs=100)
    shown.run("zoomBy(0); choose(-1)")
    shown.run("document.querySelector('#legend button').click()")
    assert shown.run("[...data.x.keys()].filter(isShown).length") == 30
    shown.run("document.querySelector('#legend button').click()")
    assert shown.run("[...data.x.keys()].filter(isShown).length") == 40


def test_labels_are_text_never_markup(shown):
    assert shown.run("document.querySelectorAll('b').length") == 0
    shown.run("choose(0)")
    for word in ("</script><b>", "odd <b>"):
        assert word in shown.run("document.body.innerText")


def test_the_page_is_dark_where_the_reader_is(page, shown):
    light = shown.run("getComputedStyle(document.body).backgroundColor")
    shown.open(page, dark=True)
    dark = shown.run("getComputedStyle(document.body).backgroundColor")
    shown.open(page)
    brightness = [sum(int(n) for n in re.findall(r"\d+", colour)[:3]) for colour in (light, dark)]
    assert brightness[0] > 600 > 150 > brightness[1]


def test_in_a_frame_a_plain_wheel_scrolls_the_page_around_it(page, shown, tmp_path):
    around = tmp_path / "around.html"
    framed = page.read_text("utf-8").replace("&", "&amp;").replace('"', "&quot;")
    around.write_text(
        f'<iframe srcdoc="{framed}" style="width: 700px; height: 1400px"></iframe><p style="height: 3000px">', "utf-8"
    )
    inside = (
        "(() => { const page = document.querySelector('iframe').contentDocument, asks = page.createElement('script');"
        "asks.textContent = 'document.title = zoom'; page.head.append(asks); return Number(page.title) })()"
    )
    shown.open(around)
    for modifiers, moves in ((0, True), (2, False)):  # 2 is Ctrl
        shown.run("scrollTo(0, 200)")
        shown.move(300, 400)
        for _ in range(3):
            shown.call(
                "Input.dispatchMouseEvent", type="mouseWheel", x=300, y=400, deltaX=0, deltaY=-100, modifiers=modifiers
            )  # fmt: skip
            shown.settle()
        assert (shown.run("scrollY") < 200) == moves
        assert (shown.run(inside) > 1) != moves
    assert "Ctrl" in shown.run("document.querySelector('iframe').contentDocument.getElementById('keys').innerText")
    shown.open(page)
    shown.move(*place_of(shown, 19))
    x, y = place_of(shown, 19)
    shown.call("Input.dispatchMouseEvent", type="mouseWheel", x=x, y=y, deltaX=0, deltaY=-100)
    shown.settle()
    assert shown.run("zoom") > 1
    shown.run("zoomBy(0)")
