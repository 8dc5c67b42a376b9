"""KID against a double loop over pairs, against plain subset averaging, and against what unbiased means."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from idlcli.evaluation import kernel
from idlcli.evaluation.kernel import kernel_distance, squared_mmd

seeds = st.integers(0, 2**32 - 1)
quick = settings(max_examples=25)


def features(seed: int, n: int, d: int, shift: float = 0.0) -> np.ndarray:
    return np.random.default_rng(seed).normal(shift, 1 + shift, size=(n, d))


def naive_mmd(first: np.ndarray, second: np.ndarray, degree: int = 3, gamma: float | None = None, coef0: float = 1.0):
    """Lemma 6 of Gretton et al. (2012), pair by pair."""
    gamma = 1 / first.shape[1] if gamma is None else gamma

    def k(x, y):
        return (gamma * float(np.dot(x, y)) + coef0) ** degree

    def within(rows):
        pairs = [k(rows[i], rows[j]) for i in range(len(rows)) for j in range(len(rows)) if i != j]
        return sum(pairs) / len(pairs)

    return within(first) + within(second) - 2 * float(np.mean([k(x, y) for x in first for y in second]))


def naive_subsets(first: np.ndarray, second: np.ndarray, subsets: int, size: int, seed: int) -> list[float]:
    random = np.random.RandomState(seed)
    return [
        naive_mmd(
            first[random.choice(len(first), size, replace=False)],
            second[random.choice(len(second), size, replace=False)],
        )
        for _ in range(subsets)
    ]


@quick
@given(seed=seeds, n=st.integers(2, 9), m=st.integers(2, 9), d=st.integers(1, 6), degree=st.integers(1, 4))
def test_squared_mmd_equals_the_double_loop(seed, n, m, d, degree):
    x, y = features(seed, n, d, 0.5), features(seed + 1, m, d)
    settings_ = {"degree": degree, "gamma": 0.3, "coef0": 0.5}
    assert squared_mmd(samples=x, reference=y, **settings_) == pytest.approx(
        naive_mmd(x, y, **settings_), rel=1e-9, abs=1e-9
    )
    assert squared_mmd(samples=x, reference=y) == pytest.approx(naive_mmd(x, y), rel=1e-9, abs=1e-9)


@pytest.mark.parametrize(("subsets", "size"), [(7, 5), (1, 12), (40, 3)])
def test_mean_and_deviation_over_the_subsets_of_the_peer(subsets, size):
    x, y = features(1, 12, 4, 0.3), features(2, 17, 4)
    values = naive_subsets(x, y, subsets, size, seed=11)
    ours = kernel_distance(samples=x, reference=y, subsets=subsets, subset_size=size, seed=11)
    assert ours.mean == pytest.approx(np.mean(values), rel=1e-9)
    assert ours.std == pytest.approx(np.std(values), rel=1e-9, abs=1e-12)
    assert (ours.subsets, ours.subset_size) == (subsets, size)


def test_whole_kernels_and_subset_kernels_give_the_same_number(monkeypatch):
    x, y = features(3, 60, 5, 0.2), features(4, 90, 5)
    monkeypatch.setattr(kernel, "ROWS_AT_ONCE", 13)
    ways = []

    def watched(*arguments):
        ways.append("whole")
        return whole(*arguments)

    whole = kernel._mmd_by_whole_kernels
    monkeypatch.setattr(kernel, "_mmd_by_whole_kernels", watched)
    for subsets, size, expected in [(60, 50, ["whole"]), (3, 10, [])]:
        ways.clear()
        ours = kernel_distance(samples=x, reference=y, subsets=subsets, subset_size=size, seed=5)
        assert ways == expected
        random = np.random.RandomState(5)
        plain = [
            squared_mmd(
                samples=x[random.choice(60, size, replace=False)], reference=y[random.choice(90, size, replace=False)]
            )
            for _ in range(subsets)
        ]
        assert (ours.mean, ours.std) == pytest.approx((np.mean(plain), np.std(plain)), rel=1e-9)


def test_unbiased_on_equal_distributions_and_positive_on_others():
    # Unbiased: over many draws of few rows the mean is 0 within its error, not 1/n above it.
    values = [squared_mmd(samples=features(s, 8, 3), reference=features(s + 5000, 8, 3)) for s in range(800)]
    error = np.std(values) / np.sqrt(len(values))
    assert abs(np.mean(values)) < 4 * error
    assert min(values) < 0 < 10 * error < squared_mmd(samples=features(1, 300, 3, 1.0), reference=features(2, 300, 3))


@quick
@given(seed=seeds, n=st.integers(2, 20))
def test_symmetric_and_unmoved_by_the_order_of_rows(seed, n):
    x, y = features(seed, n, 4, 0.5), features(seed + 1, n + 3, 4)
    value = squared_mmd(samples=x, reference=y)
    assert squared_mmd(samples=y, reference=x) == pytest.approx(value, rel=1e-9, abs=1e-10)
    assert squared_mmd(samples=x[::-1], reference=y) == pytest.approx(value, rel=1e-9, abs=1e-10)


def test_the_seed_makes_the_subsets():
    x, y = features(6, 40, 4, 0.3), features(7, 40, 4)
    first, again, other = (
        kernel_distance(samples=x, reference=y, subsets=5, subset_size=10, seed=seed) for seed in (1, 1, 2)
    )
    assert first == again
    assert first.mean != other.mean


def test_float32_features_are_taken_to_float64_first():
    x, y = features(8, 50, 4, 0.01).astype(np.float32), features(9, 50, 4).astype(np.float32)
    assert squared_mmd(samples=x, reference=y) == squared_mmd(samples=x.astype(float), reference=y.astype(float))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"subset_size": 41}, r"samples 40, reference 50.*at most 40"),
        ({"subset_size": 1}, "1 subset of 2 rows"),
        ({"subsets": 0}, "1 subset of 2 rows"),
        ({"degree": 0}, "degree must be >= 1"),
        ({"gamma": -1.0}, "gamma > 0"),
        ({"gamma": float("nan")}, "gamma > 0"),
        ({"reference": np.zeros((50, 3))}, "differ in width"),
        ({"samples": np.full((40, 4), np.nan)}, "samples has values .* 40 of 40 rows"),
        ({"samples": np.zeros((1, 4))}, "at least 2 rows"),
    ],
)
def test_what_has_no_distance_is_refused(change, message):
    arguments = {"samples": features(1, 40, 4), "reference": features(2, 50, 4), "subset_size": 10}
    with pytest.raises(ValueError, match=message):
        kernel_distance(**(arguments | change))


def test_the_standard_error_is_the_jackknife_s():
    """Leaving out every row in turn, by the definition."""
    x, y = np.random.default_rng(0).normal(size=(7, 4)), np.random.default_rng(1).normal(0.3, 1, size=(9, 4))
    variance = 0.0
    for rows, at in ((x, 0), (y, 1)):
        left_out = []
        for i in range(len(rows)):
            pair = [x, y]
            pair[at] = np.delete(rows, i, axis=0)
            left_out.append(kernel.squared_mmd(samples=pair[0], reference=pair[1]))
        variance += (len(rows) - 1) * np.var(left_out)
    assert kernel.kernel_standard_error(samples=x, reference=y) == pytest.approx(np.sqrt(variance))


@pytest.mark.parametrize("shift", [0.0, 0.4])
def test_the_standard_error_is_that_of_repeated_draws(shift):
    generator = np.random.default_rng(0)

    def draw():
        return generator.normal(size=(60, 5)), generator.normal(shift, 1, size=(80, 5))

    values = [kernel.squared_mmd(samples=x, reference=y) for x, y in (draw() for _ in range(300))]
    errors = [kernel.kernel_standard_error(samples=x, reference=y) for x, y in (draw() for _ in range(20))]
    # It errs upwards, by up to the root of two where the two are one distribution.
    assert 0.85 * np.std(values) < np.mean(errors) < 1.6 * np.std(values)
