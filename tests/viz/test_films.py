"""Pictures as SVG, films, and curves that are smoothed."""

import io

import numpy as np
import pytest
from PIL import Image

from idlcli.viz import curves, grids, pictures


def test_a_film_shows_each_picture_and_goes_on_forever(tmp_path):
    shades = np.arange(5, dtype=np.uint8) * 40
    pictures.write(tmp_path / "a.gif", np.broadcast_to(shades[:, None, None, None], (5, 8, 8, 3)).copy(), columns=2)
    with Image.open(tmp_path / "a.gif") as film:
        assert film.n_frames == 5
        assert film.info["loop"] == 0
        found = []
        for frame in range(5):
            film.seek(frame)
            found.append(film.convert("RGB").getpixel((5, 5))[0])
    assert found == shades.tolist()


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
