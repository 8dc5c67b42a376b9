"""Precision, recall, density, coverage and neighbours against loops over exact distances."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from idlcli.evaluation import manifold
from idlcli.evaluation.manifold import manifold_scores, nearest_neighbours

seeds = st.integers(0, 2**32 - 1)
quick = settings(max_examples=25)
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
