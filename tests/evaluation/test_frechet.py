"""The Frechet distance against closed forms, against scipy's matrix square root, and against its own laws."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import linalg

from idlcli.evaluation import frechet
from idlcli.evaluation.frechet import check_features, fit_gaussian, frechet_distance, frechet_interval

seeds = st.integers(0, 2**32 - 1)
quick = settings(max_examples=25)


def features(seed: int, n: int, d: int, shift: float = 0.0) -> np.ndarray:
    """Correlated, not Gaussian, never negative: like a pooled layer's."""
    random = np.random.default_rng(seed)
    mix = np.random.default_rng(7).normal(size=(d, d)) / np.sqrt(d)
    return np.maximum(random.normal(size=(n, d)) @ mix * (1 + shift) + 0.3 + shift, 0)


def rows_of(mean: list[float] | np.ndarray, covariance: list[list[float]] | np.ndarray, n: int = 200) -> np.ndarray:
    """Rows that have just this mean and this covariance."""
    rows = np.random.default_rng(5).normal(size=(n, len(mean)))
    rows -= rows.mean(0)
    white = linalg.solve_triangular(np.linalg.cholesky(rows.T @ rows / (n - 1)), rows.T, lower=True)
    return (linalg.sqrtm(np.asarray(covariance, float)).real @ white).T + mean


def covariance(rows: np.ndarray) -> np.ndarray:
    factor = fit_gaussian(features=rows).factor
    return factor.T @ factor


def by_sqrtm(first: np.ndarray, second: np.ndarray) -> float:
    """The textbook: means, np.cov and scipy.linalg.sqrtm of the product."""
    a, b = np.cov(first, rowvar=False), np.cov(second, rowvar=False)
    shift = first.mean(0) - second.mean(0)
    return float(shift @ shift + np.trace(a) + np.trace(b) - 2 * np.trace(linalg.sqrtm(a @ b)).real)


def by_nuclear_norm(first: np.ndarray, second: np.ndarray) -> float:
    x = (first - first.mean(0)) / np.sqrt(len(first) - 1)
    y = (second - second.mean(0)) / np.sqrt(len(second) - 1)
    shift = first.mean(0) - second.mean(0)
    return float(shift @ shift + np.sum(x**2) + np.sum(y**2) - 2 * np.linalg.norm(x @ y.T, "nuc"))


def distance(first: np.ndarray, second: np.ndarray) -> float:
    value = frechet_interval(samples=first, reference=second).value
    fitted = fit_gaussian(features=first), fit_gaussian(features=second)
    alone = frechet_distance(samples=fitted[0], reference=fitted[1])
    scale = sum(float(np.sum(gaussian.factor**2)) for gaussian in fitted)
    assert alone == pytest.approx(value, rel=1e-9, abs=1e-9 * scale)
    return alone


# -- closed forms --


def test_one_dimension_is_the_difference_of_means_and_of_deviations():
    value = distance(rows_of([1.0], [[4.0]]), rows_of([3.0], [[25.0]]))
    assert value == pytest.approx((1 - 3) ** 2 + (2 - 5) ** 2, rel=1e-12)


def test_commuting_covariances_have_the_closed_form():
    random = np.random.default_rng(0)
    turn = np.linalg.qr(random.normal(size=(20, 20)))[0]
    a, b = random.uniform(0.1, 4, 20), random.uniform(0.1, 4, 20)
    means = random.normal(size=(2, 20))
    value = distance(rows_of(means[0], turn * a @ turn.T), rows_of(means[1], turn * b @ turn.T))
    assert value == pytest.approx(
        np.sum((means[0] - means[1]) ** 2) + np.sum((np.sqrt(a) - np.sqrt(b)) ** 2), rel=1e-11
    )


def test_a_shift_alone_gives_its_squared_length():
    x = features(1, 200, 12)
    assert distance(x, x + np.arange(12)) == pytest.approx(np.sum(np.arange(12) ** 2), rel=1e-9)


def test_two_point_clouds_in_the_plane_by_the_two_by_two_trace_formula():
    # tr (A B)^(1/2) = sqrt(tr AB + 2 sqrt(det AB)) for 2 x 2.
    a, b = np.array([[2.0, 0.7], [0.7, 1.0]]), np.array([[1.0, -0.4], [-0.4, 3.0]])
    root = np.sqrt(np.trace(a @ b) + 2 * np.sqrt(np.linalg.det(a @ b)))
    value = distance(rows_of([0, 0], a), rows_of([0, 0], b))
    assert value == pytest.approx(np.trace(a) + np.trace(b) - 2 * root, rel=1e-12)


# -- independent computations --


@quick
@given(seed=seeds, d=st.integers(1, 24), shift=st.floats(0, 2))
def test_equals_scipy_sqrtm(seed, d, shift):
    x, y = features(seed, 5 * d + 10, d + 1, shift), features(seed + 1, 4 * d + 10, d + 1)
    assert distance(x, y) == pytest.approx(by_sqrtm(x, y), rel=1e-8, abs=1e-8)


@pytest.mark.parametrize(("n", "m"), [(10, 400), (400, 10), (10, 25), (40, 40), (41, 40), (2, 2)])
def test_fewer_rows_than_features_equals_the_nuclear_norm(n, m):
    x, y = features(3, n, 40, 0.2), features(4, m, 40)
    assert distance(x, y) == pytest.approx(by_nuclear_norm(x, y), rel=1e-9)


@pytest.mark.parametrize("spoil", ["constant", "copied", "nearly copied", "constant and shifted"])
def test_singular_covariances_of_many_rows_are_still_exact(spoil):
    x, y = features(8, 300, 20, 0.3), features(9, 300, 20)
    if spoil == "constant":
        x[:, 4] = 0.1
    elif spoil == "constant and shifted":
        x[:, 4], y[:, 4] = 0.1, 0.7
    else:
        for rows in (x, y):
            rows[:, 5] = rows[:, 4] + (1e-9 * rows[:, 6] if spoil == "nearly copied" else 0)
    assert distance(x, y) == pytest.approx(by_nuclear_norm(x, y), rel=1e-10)


def no_slow_form(monkeypatch):
    def svd(*args, **kwargs):
        raise AssertionError("the slow form")

    monkeypatch.setattr(np.linalg, "svd", svd)


def test_constant_features_do_not_cost_the_fast_form(monkeypatch):
    x, y = features(8, 300, 20, 0.3), features(9, 300, 20)
    x[:, 4], y[:, 9], y[:, 10] = 0.1, 1 / 3, 0.7
    assert x[:, 4].mean() != 0.1  # a rounded mean must not pass for spread
    assert fit_gaussian(features=x).factor.shape == (19, 20)
    expected = by_nuclear_norm(x, y)
    no_slow_form(monkeypatch)
    assert distance(x, y) == pytest.approx(expected, rel=1e-10)
    assert distance(y, x) == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize("n", [21, 300])
def test_features_that_follow_from_others_are_none_of_their_own(n):
    mix = np.random.default_rng(3).normal(size=(10, 20))
    x, y = features(8, n, 10, 0.3) @ mix, features(9, n, 10) @ mix
    assert len(fit_gaussian(features=x).factor) == 10
    assert distance(x, y) == pytest.approx(by_nuclear_norm(x, y), rel=1e-11)


def test_the_fast_form_is_refused_only_where_it_would_lose_digits(monkeypatch):
    well, ill = features(8, 300, 20), features(9, 300, 12) * 10.0 ** -np.arange(12)
    assert distance(ill, ill) < 1e-12
    no_slow_form(monkeypatch)
    assert distance(well, well) < 1e-12
    with pytest.raises(AssertionError, match="the slow form"):
        distance(ill, ill)
    with pytest.raises(AssertionError, match="the slow form"):
        frechet_distance(samples=fit_gaussian(features=ill), reference=fit_gaussian(features=ill))


def test_both_forms_decompose_alike(monkeypatch):
    x, y = features(8, 300, 20, 0.3), features(9, 250, 20)
    x[:, 4] = 0.1
    pairs = [(fit_gaussian(features=a), fit_gaussian(features=b)) for a, b in ((x, y), (y, x))]
    fast = [frechet._decomposed(*pair) for pair in pairs]
    monkeypatch.setattr(np.linalg, "eigh", lambda square: (np.zeros(len(square)), np.eye(len(square))))
    monkeypatch.setattr(frechet, "_trace", lambda gaussian: -1.0)
    for pair, (left, singular, right) in zip(pairs, fast, strict=True):
        slow = frechet._decomposed(*pair)
        np.testing.assert_allclose(singular, slow[1], rtol=1e-8)
        np.testing.assert_allclose((left * singular) @ right.T, (slow[0] * slow[1]) @ slow[2].T, atol=1e-10)


# -- laws --


@quick
@given(seed=seeds, n=st.integers(2, 60), d=st.integers(1, 20), scale=st.sampled_from([1e-6, 1.0, 1e4]))
def test_a_set_is_at_distance_zero_from_itself_and_never_below(seed, n, d, scale):
    x = features(seed, n, d) * scale
    value = distance(x, x.copy())
    assert 0 <= value <= 1e-6 * max(1, scale**2)
    assert type(value) is float


@quick
@given(seed=seeds, n=st.integers(2, 60), m=st.integers(2, 60), d=st.integers(1, 20))
def test_symmetric_and_unmoved_by_rotation_and_by_the_order_of_rows(seed, n, m, d):
    x, y = features(seed, n, d, 0.5), features(seed + 1, m, d)
    value = distance(x, y)
    assert distance(y, x) == pytest.approx(value, rel=1e-7, abs=1e-9)
    turn = np.linalg.qr(np.random.default_rng(seed).normal(size=(d, d)))[0]
    assert distance(x @ turn + 3, y @ turn + 3) == pytest.approx(value, rel=1e-6, abs=1e-8)
    assert distance(x[::-1], y) == pytest.approx(value, rel=1e-7, abs=1e-9)


@quick
@given(seed=seeds, factor=st.floats(0.01, 100))
def test_scales_with_the_square_of_the_features(seed, factor):
    x, y = features(seed, 50, 8, 0.5), features(seed + 1, 60, 8)
    assert distance(factor * x, factor * y) == pytest.approx(factor**2 * distance(x, y), rel=1e-8)


def test_all_constant_features_leave_the_distance_of_the_means():
    x, y = np.full((5, 3), 1.5), np.full((9, 3), 2.5)
    assert distance(x, y) == pytest.approx(3.0)
    assert distance(x, features(1, 50, 3)) == pytest.approx(by_nuclear_norm(x, features(1, 50, 3)), rel=1e-12)


# -- the Gaussian --


@pytest.mark.parametrize("n", [333, 9, 5])
def test_the_gaussian_is_numpys_mean_and_covariance(n):
    x = features(11, n, 9).astype(np.float32)
    found = fit_gaussian(features=x)
    assert found.n == n
    assert len(found.factor) <= min(n, 9)
    np.testing.assert_allclose(found.mean, x.astype(float).mean(0), rtol=1e-12)
    np.testing.assert_allclose(covariance(x), np.cov(x.astype(float), rowvar=False), rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize("offset", [0.0, 1e5])
def test_blocks_inside_one_array_change_nothing(monkeypatch, offset):
    x = features(12, 100, 6) + offset
    whole, found = covariance(x), frechet_interval(samples=x, reference=x[:60])
    monkeypatch.setattr(frechet, "ROWS_AT_ONCE", 7)
    np.testing.assert_allclose(covariance(x), whole, rtol=1e-8, atol=1e-12)
    again = frechet_interval(samples=x, reference=x[:60])
    assert (again.value, again.standard_error) == pytest.approx((found.value, found.standard_error), rel=1e-6)


def test_the_rows_themselves_are_not_touched():
    x, y = features(12, 100, 6), features(13, 100, 6)
    before = x.copy(), y.copy()
    frechet_interval(samples=x, reference=y)
    np.testing.assert_array_equal((x, y), before)


def test_float16_and_integer_features_are_summed_in_float64():
    x = (np.arange(6000).reshape(2000, 3) % 251).astype(np.uint8)
    expected = np.cov(x.astype(float), rowvar=False)
    for kind in (np.uint8, np.float16):
        np.testing.assert_allclose(covariance(x.astype(kind)), expected, rtol=1e-9)


def test_known_gaussians_give_the_same():
    x, y = features(12, 100, 6, 0.2), features(13, 90, 6)
    known = fit_gaussian(features=x), fit_gaussian(features=y)
    assert frechet_interval(samples=x, reference=y, fitted=known) == frechet_interval(samples=x, reference=y)


# -- the interval --


def test_standard_error_equals_the_brute_force_jackknife():
    x, y = features(15, 150, 4, 0.3), features(16, 200, 4)

    def jackknife(rows, value_without):
        values = np.array([value_without(np.delete(rows, i, axis=0)) for i in range(len(rows))])
        return (len(rows) - 1) / len(rows) * np.sum((values - values.mean()) ** 2)

    of_samples = jackknife(x, lambda rest: distance(rest, y))
    of_reference = jackknife(y, lambda rest: distance(x, rest))
    both = frechet_interval(samples=x, reference=y)
    fixed = frechet_interval(samples=x, reference=y, fixed_reference=True)
    assert both.value == pytest.approx(distance(x, y), rel=1e-12)  # the sums may be taken in another order
    assert fixed.standard_error == pytest.approx(np.sqrt(of_samples), rel=0.03)
    assert both.standard_error == pytest.approx(np.sqrt(of_samples + of_reference), rel=0.03)


def test_interval_holds_the_mean_of_repeated_draws_as_often_as_it_says():
    draws = [
        frechet_interval(samples=features(s, 120, 5, 0.4), reference=features(s + 999, 150, 5)) for s in range(200)
    ]
    mean = np.mean([draw.value for draw in draws])
    held = np.mean([draw.low <= mean <= draw.high for draw in draws])
    assert 0.90 <= held <= 0.995
    errors = np.array([draw.standard_error for draw in draws])
    assert errors.mean() == pytest.approx(np.std([draw.value for draw in draws]), rel=0.2)


def test_interval_works_with_fewer_rows_than_features_and_widens_with_confidence():
    x, y = features(17, 30, 40, 0.5), features(18, 100, 40)
    wide, narrow = (frechet_interval(samples=x, reference=y, confidence=c) for c in (0.99, 0.5))
    assert wide.value == narrow.value == pytest.approx(distance(x, y), rel=1e-12)
    assert wide.low < narrow.low < wide.value < narrow.high < wide.high
    assert narrow.high - narrow.value == pytest.approx(0.67448975 * narrow.standard_error)


def test_interval_of_constant_features_is_that_of_the_others():
    x, y = features(22, 60, 5, 0.5), features(23, 80, 5)
    expected = frechet_interval(samples=x, reference=y)
    padded = [np.hstack([rows, np.full((len(rows), 2), 0.1)]) for rows in (x, y)]
    found = frechet_interval(samples=padded[0], reference=padded[1])
    assert found.value == pytest.approx(expected.value, rel=1e-9)
    assert found.standard_error == pytest.approx(expected.standard_error, rel=1e-7)  # in single precision
    alone = frechet_interval(samples=padded[0][:, -2:], reference=padded[1][:, -2:] + 1)
    assert (alone.value, alone.standard_error) == pytest.approx((2, 0))


@pytest.mark.parametrize("power", [29, -25, 15, -15])
def test_interval_scales_with_the_features(power):
    x, y = features(22, 60, 5, 0.5), features(23, 80, 5)
    expected = frechet_interval(samples=x, reference=y)
    found = frechet_interval(samples=x * 10.0**power, reference=y * 10.0**power)
    assert found.value == pytest.approx(expected.value * 10.0 ** (2 * power), rel=1e-9)
    assert found.standard_error == pytest.approx(expected.standard_error * 10.0 ** (2 * power), rel=1e-5)


def test_interval_never_reaches_below_zero():
    x = features(19, 40, 4)
    assert frechet_interval(samples=x, reference=x + 1e-4 * features(20, 40, 4), confidence=0.999).low >= 0


# -- refusals --


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e31, -1e31])
def test_one_value_that_is_no_feature_is_found(value):
    x = np.zeros((40, 3))
    x[31, 2] = value
    with pytest.raises(ValueError, match="in 1 of 40 rows; the first are rows 31"):
        fit_gaussian(features=x)


def test_non_finite_features_are_named_and_counted():
    x = features(21, 50, 4)
    x[[3, 7, 9], [0, 1, 2]] = np.nan, np.inf, 1e200
    with pytest.raises(ValueError, match=r"^reference .* in 3 of 50 rows; the first are rows 3, 7, 9$"):
        distance(features(1, 50, 4), x)


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (np.zeros(5), "must be real numbers"),
        (np.zeros((5, 0)), "must be real numbers"),
        (np.zeros((2, 3, 4)), "must be real numbers"),
        (np.zeros((5, 4), complex), "dtype=complex128"),
        (np.zeros((5, 4), bool), "dtype=bool"),
        (np.array([["a"] * 4] * 5), "must be real numbers"),
        (np.zeros((1, 4)), "at least 2 rows"),
        (np.zeros((0, 4)), "at least 2 rows"),
        (np.zeros((5, 3)), "differ in width"),
    ],
)
def test_arrays_without_a_distance_are_refused(bad, message):
    with pytest.raises(ValueError, match=message):
        distance(bad, features(1, 10, 4))
    with pytest.raises(ValueError, match=message):
        distance(features(1, 10, 4), bad)


def test_gaussians_of_different_widths_are_refused():
    one, other = (fit_gaussian(features=features(1, 10, d)) for d in (2, 3))
    with pytest.raises(ValueError, match="Gaussians differ in width"):
        frechet_distance(samples=one, reference=other)


@pytest.mark.parametrize("confidence", [0.0, 1.0, -0.5, float("nan")])
def test_confidence_outside_its_range_is_refused(confidence):
    with pytest.raises(ValueError, match="between 0 and 1"):
        frechet_interval(samples=features(1, 10, 2), reference=features(2, 10, 2), confidence=confidence)


def test_check_features_does_not_copy():
    x = features(1, 10, 2)
    assert check_features(features=x) is x
