"""That neighbours look alike: found where it is so, not found where it is not, by the definition."""

import numpy as np
import pytest

from idlcli.evaluation.likeness import neighbour_likeness, reduce, same_label


def pictures(shades):
    return np.clip(np.asarray(shades) * 255, 0, 255).astype(np.uint8)[:, None, None, None] * np.ones(
        (1, 20, 24, 3), np.uint8
    )


def test_places_by_looks_make_neighbours_alike_and_places_by_chance_do_not():
    generator = np.random.default_rng(0)
    shades = generator.random(120)
    ordered = neighbour_likeness(positions=np.stack([shades, shades], axis=1), images=pictures(shades))
    assert ordered.alike > 0.95
    assert ordered.ratio < 0.2
    assert ordered.more_than_chance
    dealt = neighbour_likeness(positions=generator.random((120, 2)), images=pictures(shades))
    assert dealt.by_chance[0] < dealt.alike < dealt.by_chance[1]
    assert not dealt.more_than_chance
    assert 0.8 < dealt.ratio < 1.2
    assert dealt.by_chance[0] < 0.5 < dealt.by_chance[1]


def test_the_share_is_that_of_all_pairs_of_pairs():
    generator = np.random.default_rng(1)
    images = generator.integers(0, 256, (12, 16, 16, 3), dtype=np.uint8)
    found = neighbour_likeness(positions=generator.random((12, 2)), images=images, k=3)
    wins = [(near < far) + (near == far) / 2 for near in found.neighbours for far in found.random]
    assert found.alike == pytest.approx(np.mean(wins))
    assert len(found.neighbours) == len(found.random) == 36


def test_equal_pictures_are_alike_by_chance():
    found = neighbour_likeness(positions=np.random.default_rng(0).random((9, 2)), images=np.zeros((9, 4, 4), np.uint8))
    assert (found.alike, found.by_chance, found.ratio) == (0.5, (0.5, 0.5), 1.0)
    assert not found.more_than_chance


def test_the_same_seed_gives_the_same_numbers():
    images = np.random.default_rng(0).integers(0, 256, (30, 8, 8), dtype=np.uint8)
    positions = np.random.default_rng(1).random((30, 2))
    one, two, other = (neighbour_likeness(positions=positions, images=images, seed=seed) for seed in (1, 1, 2))
    assert (one.alike, one.by_chance) == (two.alike, two.by_chance) != (other.alike, other.by_chance)


@pytest.mark.parametrize("shape", [(3, 32, 32, 3), (3, 33, 50, 3), (3, 28, 28), (3, 5, 40, 3), (3, 1, 1, 3)])
def test_reducing_takes_means_of_equal_areas_or_the_pixels_themselves(shape):
    images = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    rows, columns = min(16, shape[1]), min(16, shape[2])
    reduced = reduce(images)
    assert reduced.shape == (3, rows * columns * (3 if len(shape) == 4 else 1))
    tops = [*(int(i * shape[1] / rows) for i in range(rows)), shape[1]]
    lefts = [*(int(i * shape[2] / columns) for i in range(columns)), shape[2]]
    block = images[1, tops[0] : tops[1], lefts[-2] : lefts[-1]].mean(axis=(0, 1)) / 255
    assert reduced.reshape(3, rows, columns, -1)[1, 0, -1] == pytest.approx(np.atleast_1d(block))


@pytest.mark.parametrize(("positions", "count"), [(np.zeros((4, 2)), 5), (np.zeros((2, 2)), 2)])
def test_too_few_or_unequal_is_a_value_error(positions, count):
    with pytest.raises(ValueError, match="as many positions"):
        neighbour_likeness(positions=positions, images=np.zeros((count, 4, 4), np.uint8))


def test_labels_shared_by_neighbours_are_counted_among_the_known():
    positions = np.array([[0, 0], [0, 0.1], [5, 5], [5, 5.1], [9, 9]], float)
    assert same_label(positions=positions, codes=np.array([0, 0, 1, 1, -1]), k=1) == (1.0, pytest.approx(2 / 6))
    assert same_label(positions=positions, codes=np.array([0, 1, 0, 1, -1]), k=1) == (0.0, pytest.approx(2 / 6))
    assert same_label(positions=positions, codes=np.array([0, 0, 0, -1, -1])) is None
    assert same_label(positions=positions, codes=np.array([0, 1, -1, -1, -1])) is None
