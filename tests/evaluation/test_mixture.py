"""The mixture of Gaussians over codes: it finds what the codes were drawn from, and draws that again."""

import numpy as np

from idlcli.evaluation.mixture import Mixture, fit_mixture
from idlcli.seeds import rng


def two_clouds(count):
    generator = rng(0, "clouds")
    first = generator.normal(size=(count, 2)) @ np.array([[1.0, 0.8], [0.0, 0.3]]) + np.array([4.0, 0.0])
    second = 0.5 * generator.normal(size=(count // 3, 2)) + np.array([-3.0, 1.0])
    return generator.permutation(np.concatenate([first, second]))


def test_it_finds_the_clouds_and_draws_as_they_lie():
    codes = two_clouds(3000)
    mixture = fit_mixture(codes=codes, components=2, seed=0)
    order = np.argsort(mixture.means[:, 0])
    assert np.allclose(mixture.weights[order], [0.25, 0.75], atol=0.02)
    assert np.allclose(mixture.means[order], [[-3, 1], [4, 0]], atol=0.1)
    wide = mixture.factors[order[1]] @ mixture.factors[order[1]].T
    assert np.allclose(wide, [[1.0, 0.8], [0.8, 0.73]], atol=0.1)
    drawn = mixture.draw(count=20_000, generator=rng(1, "draws"))
    assert np.allclose(drawn.mean(axis=0), codes.mean(axis=0), atol=0.1)
    assert np.allclose(np.cov(drawn.T), np.cov(codes.T), atol=0.25)


def test_fewer_draws_are_the_first_of_more_and_none_are_none():
    mixture = fit_mixture(codes=two_clouds(300), components=3, seed=0)
    many = mixture.draw(count=50, generator=rng(0, "x"))
    assert many.dtype == np.float32
    assert np.array_equal(mixture.draw(count=7, generator=rng(0, "x")), many[:7])
    assert mixture.draw(count=0, generator=rng(0, "x")).shape == (0, 2)


def test_few_codes_get_few_gaussians_and_the_same_codes_the_same():
    codes = two_clouds(60)
    mixture = fit_mixture(codes=codes, components=50, seed=0)
    assert len(mixture.weights) == len(codes) // 20
    assert len(fit_mixture(codes=codes[:3], components=5, seed=0).weights) == 1
    again = fit_mixture(codes=codes, components=50, seed=0)
    assert all(np.array_equal(getattr(mixture, part), getattr(again, part)) for part in ("weights", "means", "factors"))


def test_weights_that_round_to_just_under_one_never_choose_beyond_the_last():
    mixture = Mixture(np.array([0.5, 0.5 - 1e-9]), np.zeros((2, 3)), np.zeros((2, 3, 3)))

    class Last:
        random = staticmethod(lambda: 1 - 1e-12)
        standard_normal = staticmethod(lambda size: np.zeros(size))

    assert mixture.draw(count=2, generator=Last()).shape == (2, 3)
