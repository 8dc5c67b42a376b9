"""Pictures of a run: the same bytes twice, whole or not there, and readable in print and without colours."""

import io
import itertools
import subprocess
import sys
import warnings

import numpy as np
import pytest
from PIL import Image

from idlcli.errors import DataError, RunFailed, UsageError
from idlcli.viz import curves, grids
from idlcli.viz.figures import COLOURS, check_suffix, figure

LOG = [
    {"epoch": n, "loss": 2.0 / n, "exact": n / 10, "test_loss": 2.5 / n, "lr": 0.1, "seconds": float(n)}
    for n in range(1, 6)
]


def test_curves_draw_every_metric_of_the_log_the_loss_first(tmp_path):
    assert curves.draw(logs={"one": LOG}, path=tmp_path / "a.png") == ["loss", "exact"]
    with Image.open(tmp_path / "a.png") as picture:
        assert picture.size[0] > picture.size[1] > 200
        assert len(set(picture.convert("RGB").resize((60, 30)).get_flattened_data())) > 5
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]


@pytest.mark.parametrize("name", ["a.png", "a.svg"])
def test_the_same_log_gives_the_same_bytes_in_every_process(name, tmp_path):
    curves.draw(logs={"one": LOG, "two": LOG[:3]}, path=tmp_path / name)
    code = (
        "import sys, json; from pathlib import Path; from idlcli.viz import curves\n"
        "log = json.loads(sys.argv[1]); curves.draw(logs={'one': log, 'two': log[:3]}, path=Path(sys.argv[2]))"
    )
    import json

    again = tmp_path / "again" / name
    subprocess.run(
        [sys.executable, "-W", "error", "-c", code, json.dumps(LOG), str(again)],
        env={"HOME": str(tmp_path), "PYTHONHASHSEED": "5", "MPLBACKEND": "pdf"}, check=True,
    )  # fmt: skip
    assert again.read_bytes() == (tmp_path / name).read_bytes()


def test_a_user_s_own_style_changes_nothing(tmp_path):
    import matplotlib

    curves.draw(logs={"one": LOG}, path=tmp_path / "a.png")
    with matplotlib.rc_context({"lines.linewidth": 9, "savefig.dpi": 30, "axes.facecolor": "red"}):
        curves.draw(logs={"one": LOG}, path=tmp_path / "b.png")
        assert matplotlib.rcParams["lines.linewidth"] == 9
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_runs_and_sides_are_named_and_told_apart_without_colours(tmp_path):
    curves.draw(logs={"first": LOG, "second": LOG}, path=tmp_path / "a.svg")
    drawn = (tmp_path / "a.svg").read_text()
    for words in ("first (train)", "first (test)", "second (train)", "second (test)", "epoch"):
        assert words in drawn
    assert "stroke-dasharray" in drawn
    assert COLOURS[0].lower() in drawn.lower()
    assert COLOURS[1].lower() in drawn.lower()
    assert "<dc:date>" not in drawn


@pytest.mark.parametrize(
    "logs",
    [
        {"one": LOG[:1]},
        {f"run {n}": LOG for n in range(12)},
        {"é 目录 $x_1$ <&> \\frac": LOG},
        {"_hidden": LOG},
        {"sparse": [{"epoch": 1, "loss": 1.0}, {"epoch": 2}, {"epoch": 3, "loss": 0.5, "test_exact": 0.5}]},
        {"flat": [{"epoch": n, "loss": 1.0} for n in range(1, 4)]},
        {"huge": [{"epoch": 1, "loss": 1e300}, {"epoch": 10**6, "loss": -1e300}]},
        {"one": LOG, "none": []},
    ],
    ids=lambda logs: next(iter(logs)),
)
def test_odd_logs_are_drawn_without_a_warning(logs, tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        curves.draw(logs=logs, path=tmp_path / "a.svg")
    assert (tmp_path / "a.svg").stat().st_size > 1000


def test_nothing_logged_is_a_data_error_and_no_file(tmp_path):
    for logs in ({}, {"one": []}, {"one": [{"epoch": 1, "seconds": 1.0}]}):
        with pytest.raises(DataError, match="no epoch was logged"):
            curves.draw(logs=logs, path=tmp_path / "a.png")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["a.pdf", "a", "a.png.txt", "a.jpg", ".png"])
def test_an_ending_that_is_not_drawn_is_a_usage_error(name, tmp_path):
    with pytest.raises(UsageError) as caught:
        check_suffix(tmp_path / name)
    assert ".png or .svg" in caught.value.hint
    with pytest.raises(UsageError):
        curves.draw(logs={"one": LOG}, path=tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_an_error_while_drawing_leaves_the_earlier_file(tmp_path):
    (tmp_path / "a.png").write_text("before")
    with pytest.raises(ZeroDivisionError), figure(tmp_path / "a.png", size=(2, 2)):
        1 / 0  # noqa: B018
    assert (tmp_path / "a.png").read_text() == "before"
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]


def test_a_place_that_cannot_be_written_is_a_failed_run(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RunFailed):
        curves.draw(logs={"one": LOG}, path=tmp_path / "file" / "a.png")
    with pytest.raises(RunFailed):
        grids.write_png(tmp_path / "file" / "a.png", np.zeros((4, 4), np.uint8))


SEEN = {
    "all cones": np.eye(3),
    "no red cones": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "no green cones": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]],
}
"""How linear RGB looks to an eye (Machado, Oliveira and Fernandes 2009)."""


@pytest.mark.parametrize("eye", SEEN)
def test_the_palette_can_be_told_apart_by_every_eye(eye):
    coded = np.array([[int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)] for colour in COLOURS])
    linear = np.where(coded <= 0.04045, coded / 12.92, ((coded + 0.055) / 1.055) ** 2.4)
    seen = np.clip(linear @ np.transpose(SEEN[eye]), 0, 1) ** (1 / 2.2)
    apart = [np.abs(one - other).max() for one, other in itertools.combinations(seen, 2)]
    assert min(apart) > 0.1


@pytest.mark.parametrize("shape", [(7, 4, 5), (7, 4, 5, 3)])
@pytest.mark.parametrize("columns", [1, 3, 7, 9])
def test_a_grid_holds_every_picture_in_reading_order(shape, columns):
    images = np.random.default_rng(0).integers(0, 255, shape, dtype=np.uint8)
    sheet = grids.grid(images, columns=columns, gap=2)
    rows = -(-7 // columns)
    assert sheet.shape == (rows * 6 + 2, columns * 7 + 2, *shape[3:])
    for index, image in enumerate(images):
        top, left = 2 + index // columns * 6, 2 + index % columns * 7
        assert np.array_equal(sheet[top : top + 4, left : left + 5], image)
    assert (sheet[:2] == 255).all()
    assert (sheet[:, :2] == 255).all()
    assert (sheet == 255).sum() >= sheet.size - images.size


def test_enlarging_repeats_pixels_and_invents_none():
    image = np.arange(6, dtype=np.uint8).reshape(2, 3)
    large = grids.enlarge(image, 3)
    assert large.shape == (6, 9)
    assert np.array_equal(large[1::3, 1::3], image)
    assert set(large.ravel()) == set(image.ravel())


@pytest.mark.parametrize("shape", [(5, 7), (5, 7, 3)])
def test_a_png_holds_the_pixels_and_the_same_bytes_twice(shape, tmp_path):
    image = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    for name in ("a.png", "b.PNG"):
        grids.write_png(tmp_path / "new" / name, image)
    contents = [path.read_bytes() for path in (tmp_path / "new").iterdir()]
    assert contents[0] == contents[1]
    with Image.open(io.BytesIO(contents[0])) as picture:
        assert np.array_equal(np.asarray(picture), image)
        assert picture.info == {}


def test_another_ending_than_png_is_a_usage_error(tmp_path):
    for name in ("a.jpg", "a", "a.png.gz"):
        with pytest.raises(UsageError, match="Cannot write pictures"):
            grids.write_png(tmp_path / name, np.zeros((4, 4), np.uint8))


def test_a_confusion_matrix_is_drawn_and_its_bytes_are_its_own(tmp_path):
    from idlcli.viz import confusion

    counts = np.diag([90, 80, 70])
    counts[0, 2] = 7
    for name in ("one.png", "two.png"):
        confusion.draw(counts=counts, classes="0- ", path=tmp_path / name)
    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "two.png").read_bytes()
    confusion.draw(counts=np.zeros((3, 3), int), classes="0- ", path=tmp_path / "empty.png")
    assert (tmp_path / "empty.png").read_bytes() != (tmp_path / "one.png").read_bytes()


@pytest.mark.parametrize("count", [1, 2, 5])
def test_strips_show_every_glyph(count, tmp_path):
    from PIL import Image

    from idlcli.viz import strips

    glyph = np.zeros((3, 28, 28), np.uint8)
    glyph[:, 10:18, 10:18] = 255
    rows = [strips.Row(before="23+45 =", images=glyph, after="(68)", right=i % 2 == 0) for i in range(count)]
    strips.draw(rows, path=tmp_path / "strip.png")
    shown = np.asarray(Image.open(tmp_path / "strip.png").convert("RGB"))
    lit = (shown == 255).all(axis=2)
    black = (shown == 0).all(axis=2)
    assert black.sum() >= count * 3 * (28 * 28 - 64) * 4 * 0.98
    assert lit.any()


@pytest.mark.parametrize(("before", "after"), [("999+998 =", "(1997)"), ("23+45 =", "(998001)"), ("", "= 998001")])
def test_strips_have_room_for_the_longest_words_and_the_cross(before, after, tmp_path):
    from PIL import Image

    from idlcli.viz import strips

    def drawn(before, after, right):
        glyphs = np.zeros((2, 28, 28), np.uint8)
        rows = [strips.Row(before=before, images=glyphs, after=after, right=right)]
        rows.append(strips.Row(before=before and "1+1 =", images=glyphs, after="(2)", right=True))
        strips.draw(rows, path=tmp_path / "strip.png", columns=1)
        with Image.open(tmp_path / "strip.png") as sheet:
            return np.asarray(sheet)

    shown, edge = drawn(before, after, False), strips.MARGIN // 2
    assert (shown[:, :edge] == 255).all()
    assert (shown[:, -edge:] == 255).all(), "nothing runs into an edge"
    other = drawn(before.replace("9", "8", 1), after, False)
    assert ("9" in before) == (shown.shape != other.shape or not np.array_equal(shown, other))
    assert not np.array_equal(shown[:, : other.shape[1]], drawn(before, after, True)[:, : shown.shape[1]])
