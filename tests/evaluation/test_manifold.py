"""Precision, recall, density, coverage, neighbours and the copying test against loops over exact distances."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from idlcli.evaluation import manifold
from idlcli.evaluation.manifold import manifold_scores, memorisation, nearest_held_out, nearest_neighbours

seeds = st.integers(0, 2**32 - 1)
quick = settings(max_examples=25, deadline=None)
two_ks = st.tuples(st.integers(1, 4), st.integers(1, 5))


def features(seed: int, n: int, d: int, shift: float = 0.0) -> np.ndarray:
    return np.random.default_rng(seed).normal(shift, 1 + shift, size=(n, d))


def on_a_grid(seed: int, n: int, d: int) -> np.ndarray:
    """Small whole numbers: many equal rows and equal distances."""
    return np.random.default_rng(seed).integers(0, 3, size=(n, d)).astype(float)


def far(x: np.ndarray, y: np.ndarray) -> float:
    return float(np.sqrt(np.sum((x - y) ** 2)))


def naive_scores(samples: np.ndarray, reference: np.ndarray, k_precision: int, k_density: int) -> tuple[float, ...]:
    """The definitions of the two papers, ball by ball."""

    def radii(rows, k):
        return [sorted(far(x, y) for j, y in enumerate(rows) if j != i)[k - 1] for i, x in enumerate(rows)]

    def share_inside(points, centres, reach):
        return np.mean([any(far(p, c) <= r for c, r in zip(centres, reach, strict=True)) for p in points])

    dense = radii(reference, k_density)
    held = [[far(s, c) < r for s in samples] for c, r in zip(reference, dense, strict=True)]
    return (
        share_inside(samples, reference, radii(reference, k_precision)),
        share_inside(reference, samples, radii(samples, k_precision)),
        np.sum(held) / (k_density * len(samples)),
        np.mean([any(row) for row in held]),
    )


def scores(samples, reference, k_precision=3, k_density=5):
    found = manifold_scores(samples=samples, reference=reference, k_precision=k_precision, k_density=k_density)
    return found.precision, found.recall, found.density, found.coverage


@quick
@given(seed=seeds, n=st.integers(5, 15), m=st.integers(6, 15), ks=two_ks, shift=st.floats(0, 1))
def test_scores_equal_the_definitions(seed, n, m, ks, shift):
    samples, reference = features(seed, n, 3, shift), features(seed + 1, m, 3)
    assert scores(samples, reference, *ks) == pytest.approx(naive_scores(samples, reference, *ks), abs=1e-12)


@quick
@given(seed=seeds, n=st.integers(5, 15), m=st.integers(6, 15), d=st.integers(1, 4), ks=two_ks)
def test_scores_equal_the_definitions_where_rows_and_distances_tie(seed, n, m, d, ks):
    samples, reference = on_a_grid(seed, n, d), on_a_grid(seed + 1, m, d)
    assert scores(samples, reference, *ks) == pytest.approx(naive_scores(samples, reference, *ks), abs=1e-12)


def test_scores_do_not_depend_on_the_blocks(monkeypatch):
    samples, reference = features(1, 50, 6, 0.2), features(2, 70, 6)
    whole = scores(samples, reference)
    monkeypatch.setattr(manifold, "ROWS_AT_ONCE", 11)
    monkeypatch.setattr(manifold, "DISTANCES_AT_ONCE", 300)
    assert scores(samples, reference) == pytest.approx(whole, abs=1e-12)
    assert len(list(manifold._distance_blocks(samples, reference))) == 13


def test_scores_of_the_same_of_collapsed_and_of_distant_samples():
    reference = features(3, 80, 4)
    assert scores(reference.copy(), reference)[:2] == (1.0, 1.0)
    assert scores(reference.copy(), reference)[3] == 1.0
    centre = reference.mean(axis=0) + 1e-3 * features(4, 80, 4)
    precision, recall, _, coverage = scores(centre, reference)
    assert precision == 1.0
    assert max(recall, coverage) < 0.3
    assert scores(reference + 1000, reference) == (0.0, 0.0, 0.0, 0.0)


def test_density_is_about_one_for_equal_distributions():
    samples, reference = features(5, 900, 2), features(6, 900, 2)
    assert manifold_scores(samples=samples, reference=reference).density == pytest.approx(1, abs=0.08)


@quick
@given(seed=seeds, n=st.integers(4, 20), offset=st.sampled_from([0.0, 1e6]))
def test_swapping_the_sets_swaps_precision_and_recall_and_an_offset_changes_nothing(seed, n, offset):
    samples, reference = features(seed, n, 5, 0.3), features(seed + 1, 20, 5)
    there = manifold_scores(samples=samples + offset, reference=reference + offset, k_density=1)
    back = manifold_scores(samples=reference, reference=samples, k_density=1)
    assert (there.precision, there.recall) == (back.recall, back.precision)


@quick
@given(seed=seeds, n=st.integers(1, 12), m=st.integers(5, 30), k=st.integers(1, 5))
def test_neighbours_equal_sorting_exact_distances(seed, n, m, k):
    queries, reference = features(seed, n, 4), features(seed + 1, m, 4)
    found = nearest_neighbours(queries=queries, reference=reference, k=k)
    exact = np.array([[far(q, r) for r in reference] for q in queries])
    np.testing.assert_array_equal(found.indices, np.argsort(exact, axis=1)[:, :k])
    np.testing.assert_allclose(found.distances, np.sort(exact, axis=1)[:, :k], rtol=1e-10)


def test_of_equally_near_rows_the_first_comes_first_whatever_the_blocks(monkeypatch):
    monkeypatch.setattr(manifold, "ROWS_AT_ONCE", 2)
    reference = np.array([[5.0], [1.0], [-1.0], [1.0], [0.0]])
    found = nearest_neighbours(queries=np.array([[0.0], [5.0]]), reference=reference, k=4)
    assert found.indices.tolist() == [[4, 1, 2, 3], [0, 1, 3, 4]]
    assert found.distances.tolist() == [[0, 1, 1, 1], [0, 4, 4, 5]]


def test_a_row_is_not_its_own_neighbour_but_its_double_is():
    rows = np.array([[0.1, 0.2], [0.7, 0.1], [0.1, 0.2]]) + 1000
    found = nearest_neighbours(queries=rows, reference=rows, k=2, exclude_self=True)
    assert found.indices.tolist() == [[2, 1], [0, 2], [0, 1]]
    assert found.distances[0, 0] == found.distances[2, 0] == 0.0


def test_equal_rows_are_at_distance_zero_exactly():
    reference = features(7, 300, 500).astype(np.float32) + np.float32(3)
    found = nearest_neighbours(queries=reference[::-1], reference=reference)
    assert found.indices[:, 0].tolist() == list(range(299, -1, -1))
    assert not found.distances.any()


# -- memorisation --


def test_copies_are_found_and_fresh_samples_are_not():
    train, held_out = features(8, 400, 4), features(9, 300, 4)
    copies = memorisation(samples=train[:200] + 1e-6, train=train, held_out=held_out)
    fresh = memorisation(samples=features(10, 200, 4), train=train, held_out=held_out)
    assert copies.nearer > 0.99
    assert copies.z < -15
    assert copies.near_copies == 1.0
    assert fresh.nearer == pytest.approx(0.5, abs=0.08)
    assert abs(fresh.z) < 3
    assert fresh.near_copies < 0.05


def test_a_few_copies_among_far_samples_show_in_near_copies_alone():
    train, held_out = features(11, 400, 4), features(12, 300, 4)
    found = memorisation(samples=np.vstack([train[:20], features(13, 180, 4) + 20]), train=train, held_out=held_out)
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
    found = memorisation(samples=samples, train=train, held_out=held_out, near_quantile=0.5)
    assert found.nearer == pytest.approx(nearer, abs=1e-12)
    assert found.near_copies == pytest.approx(np.mean(np.array(ours) <= np.median(theirs)), abs=1e-12)
    if len(set(ours + theirs)) > 1:
        test = stats.mannwhitneyu(ours, theirs, alternative="less", method="asymptotic", use_continuity=False)
        assert stats.norm.cdf(found.z) == pytest.approx(test.pvalue, rel=1e-9)


def test_no_difference_at_all_is_no_evidence():
    rows = features(14, 10, 3)
    found = memorisation(samples=rows[:5], train=rows, held_out=rows[5:])
    assert (found.nearer, found.z) == (0.5, 0.0)


def test_copies_are_nearest_to_no_held_out_row_and_typical_rows_to_as_many_as_chance_has():
    train, held_out, others = features(15, 800, 6), features(16, 200, 6), features(17, 2000, 6)
    typical = others[np.argsort(np.sum(others**2, axis=1))[:200]]
    assert memorisation(samples=typical, train=train, held_out=held_out).z < -5
    share, expected, chance = nearest_held_out(samples=typical, train=train, held_out=held_out)
    assert expected == 0.2
    assert share == pytest.approx(0.2, abs=0.1)
    assert chance > 0.05
    copies = train[:200] + 0.3 * features(18, 200, 6)
    assert nearest_held_out(samples=copies, train=train, held_out=held_out)[2] < 0.001


def test_the_chance_of_a_share_is_that_of_all_partings():
    rows = np.arange(6.0)[:, None] * 10
    samples = np.array([[1.0], [2], [11], [31], [51], [52]])  # nearest to rows 0, 0, 1, 3, 5, 5
    share, expected, chance = nearest_held_out(samples=samples, train=rows[:4], held_out=rows[4:])
    near = {0, 1, 3, 5}
    partings = [len(near & set(held_out)) for held_out in itertools.combinations(range(6), 2)]
    assert (share, expected) == (1 / 4, 2 / 6)
    assert chance == pytest.approx(np.mean(np.array(partings) <= 1))


# -- refusals --


@pytest.mark.parametrize(
    ("samples", "reference", "ks", "message"),
    [
        (features(1, 3, 2), features(2, 9, 2), (3, 5), "less than the number of rows"),
        (features(1, 9, 2), features(2, 5, 2), (3, 5), "less than the number of rows"),
        (features(1, 9, 2), features(2, 9, 2), (0, 5), "k must be at least 1"),
        (features(1, 9, 2), features(2, 9, 2), (3, 0), "k must be at least 1"),
        (features(1, 1, 2), features(2, 9, 2), (1, 1), "samples must have at least 2 rows"),
        (features(1, 9, 2), features(2, 9, 3), (3, 5), "differ in width"),
        (np.full((9, 2), np.inf), features(2, 9, 2), (3, 5), "samples has values .* 9 of 9 rows"),
    ],
)
def test_sets_without_a_manifold_are_refused(samples, reference, ks, message):
    with pytest.raises(ValueError, match=message):
        scores(samples, reference, *ks)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"k": 10}, "between 1 and 9"),
        ({"k": 0}, "between 1 and 9"),
        ({"k": 9, "exclude_self": True}, "between 1 and 8"),
        ({"queries": np.ones((4, 2)), "exclude_self": True}, "Shapes do not fit"),
        ({"queries": np.ones((4, 3))}, "Shapes do not fit"),
        ({"queries": np.ones((0, 2))}, "queries must have at least 1"),
        ({"reference": np.ones((0, 2))}, "reference must have at least 1"),
    ],
)
def test_neighbours_that_are_not_there_are_refused(arguments, message):
    rows = features(1, 9, 2)
    with pytest.raises(ValueError, match=message):
        nearest_neighbours(**({"queries": rows, "reference": rows} | arguments))


@pytest.mark.parametrize("quantile", [0.0, 1.0, float("nan")])
def test_quantiles_outside_their_range_are_refused(quantile):
    rows = features(1, 9, 2)
    with pytest.raises(ValueError, match="near_quantile"):
        memorisation(samples=rows, train=rows, held_out=rows, near_quantile=quantile)


def test_one_held_out_row_is_not_enough_for_a_test():
    rows = features(1, 9, 2)
    with pytest.raises(ValueError, match="held_out must have at least 2 rows"):
        memorisation(samples=rows, train=rows, held_out=rows[:1])


def test_the_chance_of_near_copies_is_that_of_all_orders():
    """Against every order of 3 samples and 4 held-out rows."""
    from itertools import combinations

    places = list(combinations(range(7), 3))
    for quantile, k in ((0.01, 1), (0.5, 2)):
        before = []
        for mine in places:
            theirs = [place for place in range(7) if place not in mine]
            before.append(sum(place < theirs[k - 1] for place in mine))
        for mine, x in zip(places, before, strict=True):
            samples = np.array(mine, float)
            held_out = np.array([place for place in range(7) if place not in mine], float)
            chance = manifold.near_copies_chance(samples=samples, held_out=held_out, near_quantile=quantile)
            assert chance == pytest.approx(np.mean([other >= x for other in before]))


def test_equal_distances_are_no_evidence():
    assert manifold.near_copies_chance(samples=np.zeros(5), held_out=np.zeros(4)) == 1
