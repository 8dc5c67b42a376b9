"""The glyph bank: no picture twice, each class in both pools, and no picture in both."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from idlcli.data import digits, glyphs

ALPHABET = "0123456789+- "


def made_up(count=40, seed=0):
    """Digits that are noise: enough of each class, no two alike."""
    generator = np.random.default_rng(seed)
    images = generator.integers(1, 256, (count, 28, 28), dtype=np.uint8)
    return digits.Digits(images, np.arange(count, dtype=np.uint8) % 10, {"name": "made up"})


@pytest.fixture(scope="module")
def bank():
    return glyphs.make_bank(digits=made_up(), alphabet=ALPHABET, seed=0)


def test_every_character_has_glyphs_and_the_blank_has_one(bank):
    counts = np.bincount(bank.labels, minlength=len(ALPHABET))
    assert counts.min() >= 1
    assert counts[ALPHABET.index(" ")] == 1
    assert not bank.images[bank.labels == ALPHABET.index(" ")].any()
    assert counts[10:12].min() > glyphs.VARIANTS * 0.95
    assert bank.images.dtype == np.uint8
    assert bank.images.shape == (len(bank.labels), 28, 28)


def test_no_picture_is_in_the_bank_twice():
    doubled = made_up()
    doubled = digits.Digits(
        np.concatenate([doubled.images] * 2), np.concatenate([doubled.labels] * 2), doubled.source
    )  # fmt: skip
    bank = glyphs.make_bank(digits=doubled, alphabet=ALPHABET, seed=0)
    assert len({image.tobytes() for image in bank.images}) == len(bank.images)
    plain = glyphs.make_bank(digits=made_up(), alphabet=ALPHABET, seed=0)
    assert np.array_equal(bank.images, plain.images)
    assert np.array_equal(bank.labels, plain.labels)


def test_the_bank_is_the_seed_s(bank):
    again = glyphs.make_bank(digits=made_up(), alphabet=ALPHABET, seed=0)
    assert np.array_equal(again.images, bank.images)
    other = glyphs.make_bank(digits=made_up(), alphabet=ALPHABET, seed=1)
    assert np.array_equal(other.images[:40], bank.images[:40]), "digits are not the seed's"
    assert not np.array_equal(other.images[40:80], bank.images[40:80])


@pytest.mark.parametrize("character", "+-*")
def test_operators_are_drawn_white_on_black_inside_the_frame(character):
    drawn = glyphs.draw_operator(character, count=50, generator=np.random.default_rng(0))
    assert drawn.shape == (50, 28, 28)
    assert drawn.max(axis=(1, 2)).min() > 128
    assert np.median(drawn) == 0
    edge = np.concatenate([drawn[:, 0], drawn[:, -1], drawn[:, :, 0], drawn[:, :, -1]])
    assert edge.mean() < 2
    assert len({image.tobytes() for image in drawn}) == 50


def test_operators_can_be_told_apart():
    """A minus has one stroke, a plus two, a star three: more and more ink."""
    inks = [
        glyphs.draw_operator(character, count=50, generator=np.random.default_rng(0)).astype(float).mean()
        for character in "-+*"
    ]
    assert inks == sorted(inks)
    assert inks[2] > 1.2 * inks[1] > 1.2 * 1.2 * inks[0]


@settings(max_examples=40)
@given(st.floats(0.01, 0.9), st.integers(0, 2**32 - 1))
def test_pools_have_no_picture_in_common_and_each_class_on_both_sides(bank, share, seed):
    train, test = glyphs.pools(bank, kind="disjoint", test_share=share, seed=seed)
    blank = bank.labels == ALPHABET.index(" ")
    assert (train | test).all()
    assert np.array_equal(train & test, blank)
    pictures = [{bank.images[i].tobytes() for i in np.flatnonzero(side & ~blank)} for side in (train, test)]
    assert not pictures[0] & pictures[1]
    for label in range(len(ALPHABET)):
        assert train[bank.labels == label].any()
        assert test[bank.labels == label].any()
    again = glyphs.pools(bank, kind="disjoint", test_share=share, seed=seed)
    assert np.array_equal(again[0], train)
    assert np.array_equal(again[1], test)


def test_a_pool_has_about_the_share_that_was_asked_for(bank):
    operators = np.isin(bank.labels, [10, 11])
    for share in (0.1, 0.5, 0.8):
        _, test = glyphs.pools(bank, kind="disjoint", test_share=share, seed=0)
        assert abs(test[operators].mean() - share) < 0.06


def test_a_glyph_s_side_is_its_pixels_and_the_seed_s_not_its_place(bank):
    """More glyphs, or another order, send none of the old ones to the other side."""
    more = glyphs.make_bank(digits=made_up(count=60), alphabet=ALPHABET, seed=0)
    order = np.random.default_rng(0).permutation(len(more.labels))
    shuffled = glyphs.Bank(more.images[order], more.labels[order], ALPHABET)
    _, test = glyphs.pools(more, kind="disjoint", test_share=0.4, seed=5)
    _, again = glyphs.pools(shuffled, kind="disjoint", test_share=0.4, seed=5)
    assert np.array_equal(test[order], again)


def test_another_seed_parts_otherwise(bank):
    one, other = (glyphs.pools(bank, kind="disjoint", test_share=0.5, seed=seed)[1] for seed in (0, 1))
    assert 0.2 < (one != other).mean() < 0.8


def test_shared_pools_hold_everything(bank):
    train, test = glyphs.pools(bank, kind="shared", test_share=0.2, seed=0)
    assert train.all()
    assert test.all()
    assert train is not test


def test_a_digit_that_is_an_empty_picture_does_not_take_the_blank_s_place():
    """A scan with nothing on it: the blank and every digit are still there."""
    source = made_up()
    images = source.images.copy()
    images[3] = 0
    bank = glyphs.make_bank(digits=digits.Digits(images, source.labels, {}), alphabet=ALPHABET, seed=0)
    assert np.bincount(bank.labels, minlength=len(ALPHABET)).min() >= 1


def test_a_digit_whose_pictures_are_all_another_s_is_not_lost():
    """Mislabelled copies: every character still has a glyph."""
    source = made_up()
    images = source.images.copy()
    images[source.labels == 7] = images[source.labels == 1]
    bank = glyphs.make_bank(digits=digits.Digits(images, source.labels, {}), alphabet=ALPHABET, seed=0)
    assert np.bincount(bank.labels, minlength=len(ALPHABET)).min() >= 1
