"""Bring images to the size that a network was trained on: two matrix products, the same numbers on every engine.

TensorFlow, JAX and PyTorch differ in what they call bicubic (Keys' a is -0.5 or -0.75, antialiased or not), and a
Frechet distance sees the difference. Here each rule is a matrix of weights, said once.
"""

from functools import lru_cache
from typing import Literal

import numpy as np

Rule = Literal["bicubic", "bilinear", "bilinear-tf1"]


def resize(*, images: np.ndarray, size: int, rule: Rule) -> np.ndarray:
    """Resize float images (N, height, width, C) to (N, size, size, C), float32.

    "bicubic": Keys' kernel with a = -0.5 at half-pixel centres, widened where the image shrinks (antialiased), weights
    normalised at the border: what Pillow does in floating point, without its rounding to bytes and its clipping.
    "bilinear": half-pixel centres, never widened: `torch.nn.functional.interpolate(align_corners=False)`.
    "bilinear-tf1": output pixel i looks at i * length / size, as TensorFlow 1 did in the graph of the first FID.
    """
    images = np.ascontiguousarray(images, np.float32)
    count, height, width, channels = images.shape
    down = _matrix(height, size, rule)
    # Along a row the channels are interleaved; this matrix does each for itself, and no transposition is needed.
    across = np.kron(_matrix(width, size, rule).T, np.eye(channels, dtype=np.float32))
    if height > size:  # the product that shrinks the data most goes first
        rows = np.matmul(down, images.reshape(count, height, width * channels))
        return np.matmul(rows, across).reshape(count, size, size, channels)
    rows = (images.reshape(count * height, width * channels) @ across).reshape(count, height, size * channels)
    return np.matmul(down, rows).reshape(count, size, size, channels)


@lru_cache(maxsize=16)
def _matrix(length: int, size: int, rule: Rule) -> np.ndarray:
    """Return the weights (size, length) that each output pixel gives to the input pixels of a line."""
    scale = length / size
    if rule == "bilinear-tf1":
        centres = np.minimum(np.arange(size) * scale, length - 1)
    else:
        centres = (np.arange(size) + 0.5) * scale - 0.5
    if rule != "bicubic":
        centres = np.clip(centres, 0, length - 1)  # beyond the border the outermost pixel goes on
    widening = max(scale, 1.0) if rule == "bicubic" else 1.0
    distance = np.abs(np.arange(length) - centres[:, None]) / widening
    weights = _cubic(distance) if rule == "bicubic" else np.maximum(1 - distance, 0)
    return (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)


def _cubic(distance: np.ndarray) -> np.ndarray:
    """Keys 1981, equation 4 with a = -0.5."""
    near = (1.5 * distance - 2.5) * distance**2 + 1
    far = ((-0.5 * distance + 2.5) * distance - 4) * distance + 2
    return np.where(distance < 1, near, np.where(distance < 2, far, 0))
