"""MSE and PSNR against hand-worked numbers, SSIM against the paper's formula window by window."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from idlcli.evaluation import reconstruction
from idlcli.evaluation.reconstruction import (
    mean_squared_error,
    reconstruction_scores,
    structural_similarity,
)

seeds = st.integers(0, 2**32 - 1)
quick = settings(max_examples=15)


def pair(seed: int, n: int = 3, side: int = 16, noise: int = 40, channels: int = 3) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    images = random.integers(0, 256, size=(n, side, side, channels), dtype=np.uint8)
    noisy = images + random.integers(-noise, noise + 1, size=images.shape)
    return images, np.clip(noisy, 0, 255).astype(np.uint8)


def naive_ssim(first: np.ndarray, second: np.ndarray) -> float:
    """Wang et al. (2004): one image pair (H, W, C) in [0, 1], every whole 11 x 11 window, then the mean."""
    line = np.exp(-(np.arange(-5, 6) ** 2) / (2 * 1.5**2))
    weights = np.outer(line, line) / line.sum() ** 2
    c1, c2 = 0.01**2, 0.03**2
    values = []
    for channel in range(first.shape[2]):
        for row in range(first.shape[0] - 10):
            for column in range(first.shape[1] - 10):
                x = first[row : row + 11, column : column + 11, channel]
                y = second[row : row + 11, column : column + 11, channel]
                mx, my = np.sum(weights * x), np.sum(weights * y)
                vx, vy = np.sum(weights * (x - mx) ** 2), np.sum(weights * (y - my) ** 2)
                vxy = np.sum(weights * (x - mx) * (y - my))
                values.append((2 * mx * my + c1) * (2 * vxy + c2) / ((mx**2 + my**2 + c1) * (vx + vy + c2)))
    return float(np.mean(values))


def test_mse_and_psnr_of_a_constant_difference():
    images = np.full((2, 11, 11, 3), 100, np.uint8)
    other = images.copy()
    other[1] += 51  # a fifth of the scale
    np.testing.assert_allclose(mean_squared_error(images=images, reconstructions=other), [0, 0.04], rtol=1e-12)
    psnr = [reconstruction_scores(images=images[i:][:1], reconstructions=other[i:][:1]).psnr for i in (0, 1)]
    assert psnr == [np.inf, pytest.approx(13.979400, abs=1e-6)]


def test_black_against_white_is_the_largest_error():
    black, white = np.zeros((1, 12, 12, 3), np.uint8), np.full((1, 12, 12, 3), 255, np.uint8)
    found = reconstruction_scores(images=black, reconstructions=white)
    assert (found.mse, found.psnr, found.n, found.exact) == (1.0, 0.0, 1, 0)
    assert found.ssim == pytest.approx(0.01**2 / (1 + 0.01**2), rel=1e-6)


@quick
@given(seed=seeds, channels=st.sampled_from([1, 3]))
def test_ssim_equals_the_papers_formula(seed, channels):
    images, other = pair(seed, n=2, side=13, channels=channels)
    expected = [naive_ssim(x / 255, y / 255) for x, y in zip(images, other, strict=True)]
    np.testing.assert_allclose(structural_similarity(images=images, reconstructions=other), expected, rtol=1e-9)


@quick
@given(seed=seeds)
def test_symmetric_and_falling_with_noise(seed):
    images, little = pair(seed, noise=5)
    _, much = pair(seed, noise=120)
    for measure in (mean_squared_error, structural_similarity):
        np.testing.assert_allclose(
            measure(images=images, reconstructions=little),
            measure(images=little, reconstructions=images),
            rtol=1e-10,
        )
    small, large = (reconstruction_scores(images=images, reconstructions=other) for other in (little, much))
    assert small.mse < large.mse
    assert small.psnr > large.psnr
    assert small.ssim > large.ssim


def test_an_exact_pair_is_perfect_and_counted():
    images, other = pair(1)
    other[1] = images[1]
    assert structural_similarity(images=images, reconstructions=other)[1] == pytest.approx(1, abs=1e-12)
    found = reconstruction_scores(images=images, reconstructions=other)
    assert (found.exact, found.n, found.psnr) == (1, 3, np.inf)


def test_scores_are_the_means_of_the_per_image_numbers():
    images, other = pair(2, n=5)
    found = reconstruction_scores(images=images, reconstructions=other)
    assert found.mse == pytest.approx(np.mean((images / 255 - other / 255) ** 2), rel=1e-12)
    per_image = -10 * np.log10(np.mean((images / 255 - other / 255) ** 2, axis=(1, 2, 3)))
    assert found.psnr == pytest.approx(np.mean(per_image), rel=1e-12)
    assert found.ssim == pytest.approx(
        np.mean([naive_ssim(x / 255, y / 255) for x, y in zip(images, other, strict=True)])
    )


def test_floats_in_the_unit_interval_score_as_their_bytes_do():
    images, other = pair(3)
    for kind in (np.float32, np.float64):
        mixed = reconstruction_scores(images=images, reconstructions=(other / 255).astype(kind))
        whole = reconstruction_scores(images=images, reconstructions=other)
        assert (mixed.mse, mixed.ssim) == pytest.approx((whole.mse, whole.ssim), rel=1e-5)


def test_blocks_change_nothing(monkeypatch):
    images, other = pair(4, n=7)
    whole = mean_squared_error(images=images, reconstructions=other)
    monkeypatch.setattr(reconstruction, "IMAGES_AT_ONCE", 3)
    np.testing.assert_array_equal(mean_squared_error(images=images, reconstructions=other), whole)


@pytest.mark.parametrize(
    ("images", "reconstructions", "message"),
    [
        (pair(1)[0], pair(1)[0][:2], "Shapes differ"),
        (pair(1)[0][0], pair(1)[0][0], r"images must be \(N, H, W, 1 or 3\)"),
        (pair(1)[0][:0], pair(1)[0][:0], "hold pixels"),
        (pair(1)[0][..., :2], pair(1)[0][..., :2], "1 or 3"),
        (pair(1)[0], pair(1)[0].astype(np.float32), r"reconstructions as floats must lie in \[0, 1\].*0 to 255"),
        (pair(1)[0], np.full(pair(1)[0].shape, np.nan), "must lie in"),
        (pair(1)[0].astype(np.int64), pair(1)[0], "dtype=int64"),
        (pair(1)[0].astype(complex), pair(1)[0], "dtype=complex128"),
    ],
)
def test_what_is_no_pair_of_images_is_refused(images, reconstructions, message):
    for measure in (mean_squared_error, structural_similarity, reconstruction_scores):
        with pytest.raises(ValueError, match=message):
            measure(images=images, reconstructions=reconstructions)


def test_images_smaller_than_the_window_have_no_ssim():
    images, other = pair(5, side=10)
    assert mean_squared_error(images=images, reconstructions=other).shape == (3,)
    with pytest.raises(ValueError, match="at least 11 x 11"):
        structural_similarity(images=images, reconstructions=other)
