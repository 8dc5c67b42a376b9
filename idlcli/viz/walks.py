"""Ways from one latent vector to the next."""

import numpy as np


def walk(codes: np.ndarray, *, steps: int, closed: bool = False) -> np.ndarray:
    """Return the vectors on the way through ``codes`` (N, D): ``steps`` from each to the next, both ends included.

    (N - 1, steps + 1, D); ``closed`` also goes back to the first: (N, steps + 1, D). The way is along the great circle
    (:func:`spherical`), where a Gaussian prior has its mass; a straight one would lead through its thin middle.
    """
    after = np.roll(codes, -1, axis=0)
    pairs = list(zip(codes, after, strict=True))
    shares = np.arange(steps + 1) / steps
    return np.stack([spherical(start, end, shares=shares) for start, end in (pairs if closed else pairs[:-1])])


def spherical(start: np.ndarray, end: np.ndarray, *, shares: np.ndarray) -> np.ndarray:
    """Return the vectors (S, D) at ``shares`` in [0, 1] of the way along the great circle (Shoemake's slerp).

    Where the two point the same way or opposite ways there is no such circle, and the way is straight.
    """
    lengths = np.linalg.norm(start), np.linalg.norm(end)
    cosine = float(np.dot(start, end) / max(lengths[0] * lengths[1], 1e-12))
    angle = np.arccos(np.clip(cosine, -1.0, 1.0))
    if np.sin(angle) < 1e-4:
        weights = 1 - shares, shares
    else:
        weights = np.sin((1 - shares) * angle) / np.sin(angle), np.sin(shares * angle) / np.sin(angle)
    return (weights[0][:, None] * start + weights[1][:, None] * end).astype(start.dtype)
