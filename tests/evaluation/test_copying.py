"""Copies against counting: pairs, every order of the rows, every parting into training and held-out ones."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from idlcli.evaluation.copying import copying, near_copies_chance

seeds = st.integers(0, 2**32 - 1)
quick = settings(max_examples=25)


def features(seed: int, n: int, d: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, d))


def on_a_grid(seed: int, n: int, d: int) -> np.ndarray:
    """Small whole numbers: many equal rows and equal distances."""
    return np.random.default_rng(seed).integers(0, 3, size=(n, d)).astype(float)


def far(x: np.ndarray, y: np.ndarray) -> float:
    return float(np.sqrt(np.sum((x - y) ** 2)))


def test_copies_are_found_and_fresh_samples_are_not():
    train, held_out = features(8, 400, 4), features(9, 300, 4)
    copies = copying(samples=train[:200] + 1e-6, train=train, held_out=held_out)
    fresh = copying(samples=features(10, 200, 4), train=train, held_out=held_out)
    assert copies.nearer > 0.99
    assert copies.z < -15
    assert copies.near_copies == 1.0
    assert fresh.nearer == pytest.approx(0.5, abs=0.08)
    assert abs(fresh.z) < 3
    assert fresh.near_copies < 0.05


def test_a_few_copies_among_far_samples_show_in_near_copies_alone():
    train, held_out = features(11, 400, 4), features(12, 300, 4)
    found = copying(samples=np.vstack([train[:20], features(13, 180, 4) + 20]), train=train, held_out=held_out)
    assert found.nearer < 0.2
    assert found.z > 3
    assert found.near_copies == pytest.approx(0.1)


@quick
@given(seed=seeds, ties=st.booleans())
def test_statistic_equals_counting_pairs_and_scipys_test(seed, ties):
    make = on_a_grid if ties else features
    samples, train, held_out = make(seed, 14, 3), make(seed + 1, 25, 3), make(seed + 2, 11, 3)
    ours = [min(far(s, t) for t in train) for s in samples]
    theirs = [min(far(h, t) for t in train) for h in held_out]
    nearer = np.mean([[(a < b) + (a == b) / 2 for b in theirs] for a in ours])
    found = copying(samples=samples, train=train, held_out=held_out, near_quantile=0.5)
    assert found.nearer == pytest.approx(nearer, abs=1e-12)
    assert found.near_copies == pytest.approx(np.mean(np.array(ours) <= np.median(theirs)), abs=1e-12)
    assert found.distances == pytest.approx(ours)
    assert found.held_out_distances == pytest.approx(theirs)
    few = near_copies_chance(samples=np.array(ours), held_out=np.array(theirs), near_quantile=0.5)
    assert found.near_copies_chance == pytest.approx(few)
    if len(set(ours + theirs)) > 1:
        test = stats.mannwhitneyu(ours, theirs, alternative="less", method="asymptotic", use_continuity=False)
        assert stats.norm.cdf(found.z) == pytest.approx(test.pvalue, rel=1e-9)


def test_no_difference_at_all_is_no_evidence():
    rows = features(14, 10, 3)
    found = copying(samples=rows[:5], train=rows, held_out=rows[5:])
    assert (found.nearer, found.z) == (0.5, 0.0)


def test_copies_are_nearest_to_no_held_out_row_and_typical_rows_to_as_many_as_chance_has():
    train, held_out, others = features(15, 800, 6), features(16, 200, 6), features(17, 2000, 6)
    typical = others[np.argsort(np.sum(others**2, axis=1))[:200]]
    found = copying(samples=typical, train=train, held_out=held_out)
    assert found.z < -5
    assert found.nearest_held_out_expected == 0.2
    assert found.nearest_held_out == pytest.approx(0.2, abs=0.1)
    assert found.nearest_held_out_chance > 0.05
    copies = train[:200] + 0.3 * features(18, 200, 6)
    assert copying(samples=copies, train=train, held_out=held_out).nearest_held_out_chance < 0.001


def test_the_chance_of_a_share_is_that_of_all_partings():
    rows = np.arange(6.0)[:, None] * 10
    samples = np.array([[1.0], [2], [11], [31], [51], [52]])  # nearest to rows 0, 0, 1, 3, 5, 5
    found = copying(samples=samples, train=rows[:4], held_out=rows[4:])
    near = {0, 1, 3, 5}
    partings = [len(near & set(held_out)) for held_out in itertools.combinations(range(6), 2)]
    assert (found.nearest_held_out, found.nearest_held_out_expected) == (1 / 4, 2 / 6)
    assert found.nearest_held_out_chance == pytest.approx(np.mean(np.array(partings) <= 1))


@pytest.mark.parametrize("quantile", [0.0, 1.0, float("nan")])
def test_quantiles_outside_their_range_are_refused(quantile):
    rows = features(1, 9, 2)
    with pytest.raises(ValueError, match="near_quantile"):
        copying(samples=rows, train=rows, held_out=rows, near_quantile=quantile)


def test_one_held_out_row_is_not_enough_for_a_test():
    rows = features(1, 9, 2)
    with pytest.raises(ValueError, match="held_out must have at least 2 rows"):
        copying(samples=rows, train=rows, held_out=rows[:1])


def test_the_chance_of_near_copies_is_that_of_all_orders():
    """Against every order of 3 samples and 4 held-out rows."""
    places = list(itertools.combinations(range(7), 3))
    for quantile, k in ((0.01, 1), (0.5, 2)):
        before = []
        for mine in places:
            theirs = [place for place in range(7) if place not in mine]
            before.append(sum(place < theirs[k - 1] for place in mine))
        for mine, x in zip(places, before, strict=True):
            samples = np.array(mine, float)
            held_out = np.array([place for place in range(7) if place not in mine], float)
            chance = near_copies_chance(samples=samples, held_out=held_out, near_quantile=quantile)
            assert chance == pytest.approx(np.mean([other >= x for other in before]))


def test_equal_distances_are_no_evidence():
    assert near_copies_chance(samples=np.zeros(5), held_out=np.zeros(4)) == 1
