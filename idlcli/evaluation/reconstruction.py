"""How near are reconstructions to their images? Mean squared error, PSNR and SSIM, one number an image.

Pairs of images (N, H, W, C), C 1 or 3, either uint8 (0 to 255) or floats in [0, 1]; every figure is on the [0, 1]
scale, computed in float64, a pair at a time or in small blocks, so memory-mapped arrays stay on disk.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

IMAGES_AT_ONCE = 256
WINDOW = 11
"""Side of the SSIM window in pixels: a Gaussian of sigma 1.5 cut at 3.5 sigma, as in the paper."""

PerImage = NDArray[np.float64]


@dataclass(frozen=True)
class ReconstructionScores:
    """Means over ``n`` pairs. ``psnr`` is in dB, and infinite as soon as any pair is equal: ``exact`` counts those."""

    mse: float
    psnr: float
    ssim: float
    n: int
    exact: int


def reconstruction_scores(*, images: NDArray[Any], reconstructions: NDArray[Any]) -> ReconstructionScores:
    """Mean MSE, PSNR and SSIM over all pairs. Raises ValueError as :func:`structural_similarity` does."""
    ssim = structural_similarity(images=images, reconstructions=reconstructions)
    mse = mean_squared_error(images=images, reconstructions=reconstructions)
    return ReconstructionScores(
        mse=float(mse.mean()),
        psnr=float(_decibels(mse).mean()),
        ssim=float(ssim.mean()),
        n=len(mse),
        exact=int(np.sum(mse == 0)),
    )


def mean_squared_error(*, images: NDArray[Any], reconstructions: NDArray[Any]) -> PerImage:
    """Mean over pixels and channels of the squared difference on the [0, 1] scale: (N,), each in [0, 1].

    Raises ValueError if the arrays differ in shape, hold no images, are not (N, H, W, 1 or 3), or are neither uint8 nor
    floats in [0, 1].
    """
    _check_pair(images, reconstructions)
    errors = []
    for start in range(0, len(images), IMAGES_AT_ONCE):
        block = slice(start, start + IMAGES_AT_ONCE)
        difference = _unit_scale(images[block]) - _unit_scale(reconstructions[block])
        errors.append(np.mean(difference**2, axis=(1, 2, 3)))
    return np.concatenate(errors)


def structural_similarity(*, images: NDArray[Any], reconstructions: NDArray[Any]) -> PerImage:
    """SSIM, (N,), each in [-1, 1] and 1 for an exact pair: Wang et al. (2004), averaged over the channels.

    By scikit-image with the paper's settings: Gaussian window of sigma 1.5 over 11 x 11 pixels, population covariances,
    K1 0.01, K2 0.03, windows that lie wholly inside. Raises ValueError as :func:`mean_squared_error` does, and for
    images smaller than the window.
    """
    _check_pair(images, reconstructions)
    if min(images.shape[1:3]) < WINDOW:
        raise ValueError(f"SSIM needs images of at least {WINDOW} x {WINDOW} pixels. Received: shape={images.shape}")
    from skimage import metrics

    values = [
        metrics.structural_similarity(
            _unit_scale(image),
            _unit_scale(reconstruction),
            channel_axis=-1,
            data_range=1.0,
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
        )
        for image, reconstruction in zip(images, reconstructions, strict=True)
    ]
    return np.array(values, dtype=np.float64)


def _check_pair(images: NDArray[Any], reconstructions: NDArray[Any]) -> None:
    _check_images(images, "images")
    _check_images(reconstructions, "reconstructions")
    if images.shape != reconstructions.shape:
        raise ValueError(f"Shapes differ. Received: images {images.shape}, reconstructions {reconstructions.shape}")


def _check_images(images: NDArray[Any], name: str) -> None:
    if images.ndim != 4 or images.shape[-1] not in (1, 3) or not images.size:
        raise ValueError(f"{name} must be (N, H, W, 1 or 3) and hold pixels. Received: shape={images.shape}")
    if images.dtype == np.uint8:
        return
    if images.dtype.kind != "f":
        raise ValueError(f"{name} must be uint8, or floats in [0, 1]. Received: dtype={images.dtype}")
    for start in range(0, len(images), IMAGES_AT_ONCE):
        block = images[start : start + IMAGES_AT_ONCE]
        if not ((block >= 0) & (block <= 1)).all():
            raise ValueError(
                f"{name} as floats must lie in [0, 1]. Received: values from {block.min():g} to {block.max():g}"
            )


def _unit_scale(images: NDArray[Any]) -> NDArray[np.float64]:
    values = np.asarray(images, dtype=np.float64)
    return values / 255 if images.dtype == np.uint8 else values


def _decibels(mse: PerImage) -> PerImage:
    with np.errstate(divide="ignore"):
        decibels: PerImage = -10 * np.log10(mse)
    return decibels
