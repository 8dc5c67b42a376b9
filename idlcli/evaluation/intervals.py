"""Intervals of a share: of independent answers, and of answers that share the digit images they were read from."""

import numpy as np

from idlcli.seeds import rng

RESAMPLES = 1000


def of_share(right: int, n: int) -> tuple[float, float]:
    """Return Wilson's 95% interval (1927) of the share that ``right`` of ``n`` independent trials are."""
    from scipy.stats import binomtest

    found = binomtest(right, n).proportion_ci(method="wilson")
    return float(found.low), float(found.high)


def by_glyph(right: np.ndarray, *, glyphs: np.ndarray, seed: int) -> tuple[float, float]:
    """Return a 95% interval of the share of ``right``, bool (N,), that allows for glyphs read more than once.

    ``glyphs`` int (N, T) says which glyphs each answer was read from, -1 where there was nothing to read. Each
    resample draws the distinct glyphs with replacement and weighs an answer by the product of how often its glyphs
    were drawn (the pigeonhole bootstrap, Owen 2007): an illegible digit image spoils many answers, and counts once.
    Never narrower than :func:`of_share`: where all answers are right, resamples know of no doubt.
    """
    distinct, places = np.unique(glyphs, return_inverse=True)
    places, read = places.reshape(glyphs.shape), glyphs >= 0
    generator = rng(seed, "bootstrap over glyphs")
    shares = []
    for _ in range(RESAMPLES):
        drawn = np.bincount(generator.integers(len(distinct), size=len(distinct)), minlength=len(distinct))
        weights = np.where(read, drawn[places], 1.0).prod(axis=1)
        if weights.sum():
            shares.append(float((weights * right).sum() / weights.sum()))
    drawn_low, drawn_high = np.quantile(shares, [0.025, 0.975])
    low, high = of_share(int(right.sum()), len(right))
    return min(low, float(drawn_low)), max(high, float(drawn_high))
