"""The VAE's bound: its divergence by Monte Carlo, its likelihoods against NumPy, what the settings do to it."""

import dataclasses

import numpy as np
import pytest
from scipy import stats

from idlcli.seeds import rng
from idlcli.settings import VaeSettings

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

SMALL = VaeSettings(latent=4, width=2, depth=2)
FACES = rng(0, "faces").integers(0, 256, (8, 8, 8, 3)).astype(np.uint8)


def array(tensor):
    import keras

    return np.array(keras.ops.convert_to_numpy(tensor))


@pytest.mark.engine
def test_the_divergence_is_that_of_a_million_draws(keras_engine):
    from keras import ops

    from idlcli.models.vae import kl_divergence

    mean = np.array([[0.0, 1.5, -0.7]], "float32")
    log_variance = np.array([[0.0, -2.0, 0.8]], "float32")
    deviation = np.exp(log_variance / 2)
    draws = mean + deviation * rng(0, "draws").standard_normal((1_000_000, 3))
    sampled = (stats.norm.logpdf(draws, mean, deviation) - stats.norm.logpdf(draws)).mean(axis=0)
    found = array(kl_divergence(ops.convert_to_tensor(mean), ops.convert_to_tensor(log_variance)))
    assert np.abs(found[0] - sampled).max() < 0.005


def test_the_scores_of_a_pixel_are_their_densities(keras_engine):
    from idlcli.models.vae import cross_entropy, gaussian_nats

    pictures = rng(0, "pictures").uniform(0, 1, (3, 4, 4, 3)).astype("float32")
    logits = rng(0, "logits").normal(0, 3, pictures.shape).astype("float32")
    sure = 1 / (1 + np.exp(-logits.astype(float)))
    expected = -(pictures * np.log(sure) + (1 - pictures) * np.log(1 - sure)).mean()
    assert float(array(cross_entropy(pictures, logits))) == pytest.approx(expected, rel=1e-5)
    squared = np.square(pictures - sure).mean()
    density = -stats.norm.logpdf(pictures, sure, 0.3).mean()
    assert float(array(gaussian_nats(np.float32(squared), np.float32(0.09)))) == pytest.approx(density, rel=1e-5)


def trained(settings, *, steps=1, steps_per_epoch=1, rate=0.0):
    """The objective and the metrics of the last of some steps."""
    import keras

    from idlcli.models.vae import Vae

    keras.utils.set_random_seed(0)
    model = Vae(settings, size=8, classes=0, steps_per_epoch=steps_per_epoch)
    for variable in model.trainable_variables:
        variable.assign(rng(0, variable.path).normal(0, 0.3, tuple(variable.shape)).astype("float32"))
    model.draw_code.call = lambda mean, log_variance, training=False: mean
    model.compile(optimizer=keras.optimizers.SGD(rate), jit_compile=False)
    for _ in range(steps):
        model.reset_metrics()
        found = model.train_on_batch(FACES, return_dict=True)
    return {name: float(np.asarray(value)) for name, value in found.items()}, model


@pytest.mark.parametrize("kind", ["bce", "sigma"])
def test_the_objective_is_the_bound_in_nats_a_face(kind, keras_engine):
    found, _ = trained(dataclasses.replace(SMALL, reconstruction=kind))
    assert found["loss"] == pytest.approx(192 * found["bound"], rel=1e-5)
    assert found["bound"] == pytest.approx(found["reconstruction"] + found["kl"] / 192, rel=1e-5)
    assert found["kl"] > 0


def test_the_weight_of_the_divergence_rises_along_a_line(keras_engine):
    settings = dataclasses.replace(SMALL, kl_weight=3.0, kl_annealing=2.0)
    for step in (1, 2, 4, 6):
        found, _ = trained(settings, steps=step, steps_per_epoch=2)
        weight = 3 * min(1, step / 4)
        assert found["loss"] == pytest.approx(192 * found["reconstruction"] + weight * found["kl"], rel=1e-5)


def test_free_bits_cost_nothing_until_they_are_spent(keras_engine):
    found, model = trained(SMALL)
    from idlcli.models.vae import kl_divergence

    each = array(kl_divergence(*model.encoder(FACES.astype("float32") / 255))).mean(axis=0)
    for bits in (float(each.min()) * 1.5, 100.0):
        free, _ = trained(dataclasses.replace(SMALL, free_bits=bits))
        expected = 192 * free["reconstruction"] + np.maximum(each, bits).sum()
        assert free["loss"] == pytest.approx(expected, rel=1e-5)
        assert free["kl"] == pytest.approx(found["kl"], rel=1e-6), "what is logged is the divergence itself"


def test_the_kept_variance_is_an_average_of_the_errors(keras_engine):
    _, model = trained(dataclasses.replace(SMALL, reconstruction="sigma"), steps=3)

    def squared(faces):
        pictures = faces.astype("float32") / 255
        mean, _ = model.encoder(pictures)
        found = 1 / (1 + np.exp(-array(model.decoder(mean)).astype(float)))
        return np.square(pictures - found).mean()

    assert float(array(model.variance)) == pytest.approx(squared(FACES), rel=1e-4)
    model.train_on_batch(255 - FACES)
    expected = (3 * squared(FACES) + squared(255 - FACES)) / 4
    assert float(array(model.variance)) == pytest.approx(expected, rel=1e-4)


@pytest.mark.engine
def test_a_drawn_code_has_the_mean_and_the_variance_it_was_given(keras_engine):
    from idlcli.models.vae import DrawCode

    mean = np.full((20_000, 2), (1.0, -2.0), "float32")
    log_variance = np.full((20_000, 2), (0.0, -1.0), "float32")
    drawn = array(DrawCode()(mean, log_variance, training=True))
    assert np.abs(drawn.mean(axis=0) - mean[0]).max() < 0.04
    assert np.abs(drawn.var(axis=0) / np.exp(log_variance[0]) - 1).max() < 0.05
    assert np.array_equal(array(DrawCode()(mean, log_variance, training=False)), mean)


ADVERSARIAL = dataclasses.replace(
    SMALL, adversary="discriminator", discriminator_width=2, adversary_weight=1.0, reconstruction="sigma"
)


def moved(settings, monkeypatch, scales):
    """How far one step moves each trainable weight, with each loss of the adversary's ``scales`` times as large."""
    import keras

    from idlcli.models import vae
    from idlcli.training.optimizer import make_adversarial_optimizer

    with monkeypatch.context() as patch:
        for name, scale in scales.items():
            real = getattr(vae, name)
            patch.setattr(vae, name, lambda *given, real=real, by=scale: by * real(*given))
        keras.utils.set_random_seed(0)
        model = vae.Vae(settings, size=8, classes=0)
        for variable in model.trainable_variables:
            variable.assign(rng(0, variable.path).normal(0, 0.3, tuple(variable.shape)).astype("float32"))
        sgd = dataclasses.replace(settings, optimizer="sgd", learning_rate=0.01)
        model.compile(optimizer=make_adversarial_optimizer(sgd, steps=1), jit_compile=False)
        before = {v.path: array(v) for v in model.trainable_variables}
        model.train_on_batch(FACES)
        return {v.path: array(v) - before[v.path] for v in model.trainable_variables}


@pytest.mark.engine
def test_the_adversary_teaches_both_networks_and_nothing_teaches_it_but_its_own_loss(keras_engine, monkeypatch):
    plain = moved(ADVERSARIAL, monkeypatch, {})
    own = moved(ADVERSARIAL, monkeypatch, {"discriminator_loss": 10.0})
    taught = moved(ADVERSARIAL, monkeypatch, {"generator_loss": 10.0})
    for path, step in plain.items():
        part = path.partition("_")[0]
        assert alike(own[path], (10 if part == "discriminator" else 1) * step), path
        assert alike(taught[path], step) == (part == "discriminator"), path
    weighed = moved(dataclasses.replace(ADVERSARIAL, adversary_weight=10.0), monkeypatch, {})
    assert all(alike(weighed[path], taught[path]) for path in plain)


@pytest.mark.parametrize(("steps", "share"), [(1, 0), (4, 0), (5, 0.5), (6, 1), (9, 1)])
def test_the_adversary_s_weight_rises_over_the_epoch_after_its_start(steps, share, keras_engine):
    """Of two steps an epoch, two epochs pass without it."""
    settings = dataclasses.replace(ADVERSARIAL, adversary_weight=7.0, adversary_start=2.0)
    found, _ = trained(settings, steps=steps, steps_per_epoch=2)
    rest = found["loss"] - 192 * found["bound"] - found["d_loss"]
    assert found["g_loss"] > 0.1
    assert rest == pytest.approx(7 * share * found["g_loss"], abs=1e-3)


def alike(found, expected):
    return np.allclose(found, expected, rtol=1e-2, atol=1e-2 * np.abs(expected).max())


@pytest.mark.parametrize("batch_norm", [False, True])
@pytest.mark.parametrize("upsampling", ["transpose", "nearest", "subpixel"])
@pytest.mark.parametrize("head_width", [0, 4])
def test_the_networks_fit_together(head_width, upsampling, batch_norm, keras_engine):
    from idlcli.models.vae import Vae

    settings = dataclasses.replace(SMALL, head_width=head_width, upsampling=upsampling, batch_norm=batch_norm, blocks=1)
    model = Vae(settings, size=16, classes=0)
    assert model.decoder(np.zeros((2, 4), "float32")).shape == (2, 16, 16, 3)
    if head_width:
        assert model.decoder.layers[-1].input.shape[1:] == (16, 16, head_width)
    assert len({variable.path for variable in model.weights}) == len(model.weights)


def test_pictures_are_compared_at_the_side_that_was_asked_for(keras_engine):
    """Means of 4x4 pixels: two values a row and column of 8 pixels, a Gaussian over those alone."""
    settings = dataclasses.replace(SMALL, reconstruction="sigma", reconstruction_side=2)
    found, model = trained(settings)
    blocks = FACES.astype(float).reshape(8, 2, 4, 2, 4, 3).mean(axis=(2, 4)) / 255
    codes = model.encoder(FACES.astype("float32") / 255)[0]
    decoded = 1 / (1 + np.exp(-array(model.decoder(codes)).astype(float)))
    squared = np.square(decoded.reshape(8, 2, 4, 2, 4, 3).mean(axis=(2, 4)) - blocks).mean()
    assert found["reconstruction"] == pytest.approx(0.5 * (np.log(2 * np.pi * squared) + 1), rel=1e-4)
    assert found["bound"] == pytest.approx(found["reconstruction"] + found["kl"] / 12, rel=1e-5)


def test_both_networks_are_averaged_and_the_averages_are_what_is_used(keras_engine):
    """Each by the law of the GAN's average, from the weights that a step begins with."""
    import keras

    from idlcli.models.vae import Vae

    plain = Vae(SMALL, size=8, classes=0)
    assert (plain.inference_encoder, plain.inference_decoder) == (plain.encoder, plain.decoder)
    model = Vae(dataclasses.replace(SMALL, ema=0.5), size=8, classes=0)
    assert len({variable.path for variable in model.weights}) == len(model.weights)
    model.compile(optimizer=keras.optimizers.SGD(1e-3), jit_compile=False)
    pairs = [
        (mean, weight)
        for used, network in ((model.inference_encoder, model.encoder), (model.inference_decoder, model.decoder))
        for mean, weight in zip(used.weights, network.weights, strict=True)
    ]
    trained_too = {id(variable) for variable in model.trainable_variables}
    assert not any(id(mean) in trained_too for mean, _ in pairs)
    expected = [array(mean) for mean, _ in pairs]
    for step in range(1, 4):
        share = np.float32(1 - min(0.5, step / (step + 9)))
        expected = [one + share * (array(weight) - one) for one, (_, weight) in zip(expected, pairs, strict=True)]
        model.train_on_batch(FACES)
        for one, (mean, _) in zip(expected, pairs, strict=True):
            assert np.allclose(array(mean), one, rtol=1e-4, atol=1e-7), (step, mean.path)
    assert max(np.abs(array(weight) - array(mean)).max() for mean, weight in pairs) > 1e-4, "nothing was trained"
