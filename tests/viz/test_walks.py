"""From code to code, along a sphere or straight, in even steps with both ends; grids and curves beside them."""

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from idlcli.errors import UsageError
from idlcli.viz import curves, grids, walks
from idlcli.viz.walks import path_between


@given(seed=st.integers(0, 2**32 - 1), dimensions=st.integers(2, 50), steps=st.integers(2, 9))
def test_a_spherical_way_turns_evenly_and_keeps_between_the_lengths(seed, dimensions, steps):
    stops = np.random.default_rng(seed).normal(size=(2, dimensions))
    (leg,) = path_between(stops, steps=steps, spherical=True)
    assert leg[[0, -1]] == pytest.approx(stops)
    lengths = np.linalg.norm(leg, axis=1)
    assert lengths == pytest.approx(np.linspace(lengths[0], lengths[-1], steps))
    unit = leg / lengths[:, None]
    turns = np.arccos(np.clip((unit[:-1] * unit[1:]).sum(axis=1), -1, 1))
    assert turns == pytest.approx(np.full(steps - 1, turns.mean()), abs=1e-5)


def test_a_straight_way_is_straight():
    legs = path_between(np.array([[0.0, 0], [4, 8], [4, 0]]), steps=5, spherical=False)
    assert legs.shape == (2, 5, 2)
    assert legs[0].tolist() == [[0, 0], [1, 2], [2, 4], [3, 6], [4, 8]]
    assert legs[1, 0].tolist() == legs[0, -1].tolist()


@pytest.mark.parametrize("stops", [[[1, 0], [2, 0]], [[1, 0], [-1, 0]], [[0, 0], [1, 1]], [[0, 0], [0, 0]]])
def test_where_no_great_circle_is_the_one_it_is_straight(stops):
    stops = np.array(stops, float)
    legs = path_between(stops, steps=3, spherical=True)
    assert legs[0, 1] == pytest.approx(stops.mean(axis=0))


@pytest.mark.parametrize(("stops", "steps"), [(1, 5), (2, 1)])
def test_too_few_is_a_value_error(stops, steps):
    with pytest.raises(ValueError, match="2 stops and 2 steps"):
        path_between(np.ones((stops, 3)), steps=steps, spherical=True)


def walk():
    shades = np.arange(6, dtype=np.uint8).reshape(2, 3) * 40
    return np.broadcast_to(shades[..., None, None, None], (2, 3, 8, 8, 3)).copy()


def test_a_strip_has_a_row_for_each_way(tmp_path):
    walks.write(tmp_path / "a.png", walk())
    with Image.open(tmp_path / "a.png") as picture:
        assert picture.size == (3 * 10 + 2, 2 * 10 + 2)
        assert np.asarray(picture)[6::10, 6::10, 0].tolist() == [[0, 40, 80], [120, 160, 200]]


def test_a_film_shows_each_picture_once_and_goes_on_forever(tmp_path):
    images = walk()
    images[1, 0] = images[0, 2]  # where one way ends the next begins
    walks.write(tmp_path / "a.gif", images)
    with Image.open(tmp_path / "a.gif") as film:
        assert film.n_frames == 5
        assert film.info["loop"] == 0
        assert film.size == (256, 256)
        shades = []
        for frame in range(5):
            film.seek(frame)
            shades.append(film.convert("RGB").getpixel((100, 100))[0])
    assert shades == [0, 40, 80, 160, 200]
    walks.write(tmp_path / "b.gif", images)
    assert (tmp_path / "a.gif").read_bytes() == (tmp_path / "b.gif").read_bytes()


@pytest.mark.parametrize("name", ["a.jpg", "a", "a.GIF", ".gif"])
def test_another_ending_is_a_usage_error(name, tmp_path):
    with pytest.raises(UsageError, match="Cannot draw"):
        walks.write(tmp_path / name, walk())
    assert list(tmp_path.iterdir()) == []


def test_an_svg_of_pictures_holds_them_unblurred(tmp_path):
    import base64
    import re
    import xml.etree.ElementTree as ET

    image = np.random.default_rng(0).integers(0, 256, (6, 9, 3), dtype=np.uint8)
    grids.write_picture(tmp_path / "a.svg", image)
    text = (tmp_path / "a.svg").read_text()
    assert ET.fromstring(text).attrib["viewBox"] == "0 0 9 6"
    assert "pixelated" in text
    content = base64.b64decode(re.search(r"base64,([^\"]+)", text)[1])
    with Image.open(io.BytesIO(content)) as held:
        assert np.array_equal(np.asarray(held), image)


def test_smoothing_is_the_weighted_mean_of_what_came_before():
    values = [3.0, 1.0, 4.0, 1.0, 5.0]
    for weight in (0.0, 0.5, 0.9):
        found = curves.smoothed(values, weight=weight)
        for n, value in enumerate(found, start=1):
            weights = weight ** np.arange(n)[::-1] if weight else np.eye(n)[-1]
            assert value == pytest.approx(np.average(values[:n], weights=weights))
    assert curves.smoothed([2.0] * 9, weight=0.9) == pytest.approx([2.0] * 9)
    assert curves.smoothed([], weight=0.5) == []


def test_smoothed_curves_are_drawn_over_the_raw_ones(tmp_path):
    log = [{"epoch": n, "loss": float(n % 3), "validation_loss": 1.0, "test_loss": 2.0} for n in range(1, 9)]
    assert curves.draw(logs={"one": log}, path=tmp_path / "raw.svg") == ["loss"]
    curves.draw(logs={"one": log}, path=tmp_path / "smooth.svg", smooth=0.6)
    raw, smooth = ((tmp_path / f"{name}.svg").read_text() for name in ("raw", "smooth"))
    assert smooth.count("stroke-opacity: 0.25") == raw.count("stroke-opacity: 0.25") + 3
    for word in ("train", "validation", "test"):
        assert f">{word}<" in smooth


def test_one_legend_serves_all_panels_of_many_runs(tmp_path):
    log = [{"epoch": n, "loss": 1.0, "exact": 0.5, "test_exact": 0.4} for n in range(1, 4)]
    curves.draw(logs={"first": log, "_second": log}, path=tmp_path / "a.svg")
    text = (tmp_path / "a.svg").read_text()
    for words in ("first (train)", "first (test)", "second (train)", "second (test)"):
        assert text.count(f">{words}<") == 1
