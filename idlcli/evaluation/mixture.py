"""A mixture of Gaussians fitted to a model's codes: a prior that knows where the codes really lie."""

import dataclasses

import numpy as np

ROWS_EACH = 20
"""Codes that a Gaussian of the mixture must have at least, on average."""


@dataclasses.dataclass(frozen=True)
class Mixture:
    """``weights`` (K,) sum to 1; ``means`` (K, D); ``factors`` (K, D, D), lower triangular: covariance = F F'."""

    weights: np.ndarray
    means: np.ndarray
    factors: np.ndarray

    def draw(self, *, count: int, generator: np.random.Generator) -> np.ndarray:
        """Return float32 (count, D); fewer of an equal generator are the first of more."""
        rows = []
        for _ in range(count):
            which = min(int(np.searchsorted(self.weights.cumsum(), generator.random())), len(self.weights) - 1)
            rows.append(self.means[which] + self.factors[which] @ generator.standard_normal(self.means.shape[1]))
        return np.array(rows, np.float32).reshape(count, self.means.shape[1])


def fit_mixture(*, codes: np.ndarray, components: int, seed: int) -> Mixture:
    """Fit a mixture of up to ``components`` full Gaussians to codes float (N, D) by expectation-maximisation."""
    from sklearn.mixture import GaussianMixture

    rows = codes.astype(np.float64)
    fitted = GaussianMixture(
        n_components=max(1, min(components, len(rows) // ROWS_EACH)), reg_covar=1e-3, random_state=seed, max_iter=200,
        tol=1e-2,
    ).fit(rows)  # fmt: skip
    return Mixture(fitted.weights_, fitted.means_, np.linalg.cholesky(fitted.covariances_))
