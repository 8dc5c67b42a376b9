"""Intervals of a share: against printed tables, and against what they are made for."""

import math
from collections import Counter

import numpy as np
import pytest

from idlcli.evaluation.intervals import RESAMPLES, by_glyph, of_share
from idlcli.seeds import rng


@pytest.mark.parametrize(
    ("right", "n", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilsons_interval_is_that_of_the_tables(right, n, low, high):
    """Newcombe, "Two-sided confidence intervals for the single proportion" (1998), table I, method 3."""
    assert of_share(right, n) == pytest.approx((low, high), abs=5e-5)


def answers_read(glyph_count, queries, seed):
    """Answers that are right exactly if all of their glyphs are legible; one glyph in fifty is not."""
    generator = rng(seed, "made up")
    glyphs = generator.integers(glyph_count, size=(queries, 4))
    legible = generator.random(glyph_count) > 0.02
    return legible[glyphs].all(axis=1), glyphs


def test_few_glyphs_read_often_leave_more_doubt_than_as_many_independent_answers():
    right, glyphs = answers_read(300, 5000, seed=1)
    independent, clustered = of_share(int(right.sum()), len(right)), by_glyph(right, glyphs=glyphs, seed=0)
    assert clustered[0] < right.mean() < clustered[1]
    assert clustered[1] - clustered[0] > 2 * (independent[1] - independent[0])


def test_the_interval_holds_the_truth_about_as_often_as_it_says():
    """The truth is 0.98^4; of 40 made-up experiments a 95% interval misses few, an independent one most."""
    truth = 0.98**4
    held = {"clustered": 0, "independent": 0}
    for seed in range(40):
        right, glyphs = answers_read(300, 4000, seed=seed)
        both = by_glyph(right, glyphs=glyphs, seed=seed), of_share(int(right.sum()), len(right))
        for name, (low, high) in zip(held, both, strict=True):
            held[name] += low <= truth <= high
    assert held["clustered"] >= 34
    assert held["independent"] < held["clustered"]


def test_the_interval_is_the_middle_of_what_resampled_glyphs_say_and_what_was_not_read_does_not_count():
    """From the definition, an answer at a time; queries of two, three and four glyphs."""
    right, glyphs = answers_read(40, 60, seed=2)
    glyphs[::3, 3] = glyphs[::5, 2] = -1
    distinct = np.unique(glyphs)
    generator, shares = rng(3, "bootstrap over glyphs"), []
    for _ in range(RESAMPLES):
        times = Counter(distinct[generator.integers(len(distinct), size=len(distinct))].tolist())
        weights = [math.prod(times[glyph] for glyph in row if glyph >= 0) for row in glyphs.tolist()]
        if sum(weights):
            shares.append(sum(w for w, is_right in zip(weights, right, strict=True) if is_right) / sum(weights))
    shares.sort()
    at = [0.025 * (len(shares) - 1), 0.975 * (len(shares) - 1)]
    low, high = (shares[int(x)] + (x % 1) * (shares[int(x) + 1] - shares[int(x)]) for x in at)
    assert by_glyph(right, glyphs=glyphs, seed=3) == pytest.approx((low, high))
    assert (low, high) != of_share(int(right.sum()), len(right))


@pytest.mark.parametrize("right", [True, False])
def test_fifty_of_fifty_is_not_certainty(right):
    everything = np.full(50, right)
    found = by_glyph(everything, glyphs=np.arange(200).reshape(50, 4), seed=0)
    assert found == of_share(int(everything.sum()), 50)
    assert 0.05 < found[1] - found[0] < 0.1
