"""The ways between latent vectors, and pictures to files."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from idlcli.errors import UsageError
from idlcli.seeds import rng
from idlcli.viz import pictures
from idlcli.viz.walks import spherical, walk

CODES = rng(0, "codes").standard_normal((4, 7)).astype(np.float32)


@given(st.integers(0, 10_000), st.integers(2, 64), st.integers(1, 12))
def test_between_vectors_of_one_length_the_length_and_the_speed_stay(seed, size, steps):
    """The great circle: every step has the same angle, and no vector on the way is shorter than its ends."""
    start, end = rng(seed, "ends").standard_normal((2, size))
    end *= np.linalg.norm(start) / np.linalg.norm(end)
    way = spherical(start, end, shares=np.arange(steps + 1) / steps)
    length = np.linalg.norm(start)
    assert np.allclose(way[0], start)
    assert np.allclose(way[-1], end)
    whole = np.arccos(np.clip(start @ end / length**2, -1, 1))
    if np.sin(whole) < 1e-3:
        return
    assert np.allclose(np.linalg.norm(way, axis=1), length)
    angles = np.arccos(np.clip((way[1:] * way[:-1]).sum(axis=1) / length**2, -1, 1))
    assert np.allclose(angles, whole / steps, atol=1e-5)


def test_between_the_same_or_opposite_vectors_the_way_is_straight():
    shares = np.array([0.0, 0.5, 1.0])
    assert np.allclose(spherical(CODES[0], CODES[0], shares=shares), CODES[0])
    assert np.allclose(spherical(CODES[0], -CODES[0], shares=shares)[1], 0, atol=1e-6)


def test_a_walk_has_both_ends_of_every_part_and_may_close():
    way = walk(CODES, steps=5)
    assert way.shape == (3, 6, 7)
    assert np.allclose(way[:, 0], CODES[:-1], atol=1e-6)
    assert np.allclose(way[:, -1], CODES[1:], atol=1e-6)
    closed = walk(CODES, steps=5, closed=True)
    assert np.array_equal(closed[:3], way)
    assert np.allclose(closed[3, -1], CODES[0], atol=1e-6)
    assert way.dtype == np.float32


IMAGES = rng(0, "images").integers(0, 256, (5, 8, 8, 3)).astype(np.uint8)


@pytest.mark.parametrize("name", ["a.png", "a.svg", "a.npy", "a.gif", "deep/er/a.PNG", "a.SVG"])
def test_the_same_pictures_give_the_same_file(name, tmp_path):
    for folder in ("one", "two"):
        pictures.write(tmp_path / folder / name, IMAGES, columns=2)
    assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_an_array_is_the_pictures(tmp_path):
    pictures.write(tmp_path / "a.npy", IMAGES, columns=2)
    assert np.array_equal(np.load(tmp_path / "a.npy", allow_pickle=False), IMAGES)


def test_another_ending_is_refused_and_nothing_is_written(tmp_path):
    for name in ("a.jpg", "a", "png", "a.png "):
        with pytest.raises(UsageError, match="Cannot write pictures"):
            pictures.write(tmp_path / name, IMAGES, columns=2)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("count", "columns"), [(1, 1), (2, 1), (4, 2), (7, 3), (64, 8), (100, 10)])
def test_a_sheet_is_about_square(count, columns):
    assert pictures.square(count) == columns
