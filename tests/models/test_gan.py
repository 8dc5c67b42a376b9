"""The GAN's one loss: each network is moved by its own part, the average follows its law, the penalty is a slope."""

import dataclasses

import numpy as np
import pytest

from idlcli.seeds import rng
from idlcli.settings import GanSettings

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

SMALL = GanSettings(latent=5, width=3, discriminator_width=4)
FACES = rng(0, "faces").integers(0, 256, (8, 8, 8, 3)).astype(np.uint8)


def array(variable):
    import keras

    return np.array(keras.ops.convert_to_numpy(variable))


def compiled(settings, *, generator=0.1, discriminator=0.1):
    import keras

    from idlcli.models import gan
    from idlcli.training.optimizer import make_adversarial_optimizer

    keras.utils.set_random_seed(0)
    model = gan.Gan(settings, size=8, classes=0)
    for variable in model.trainable_variables:
        variable.assign(rng(0, variable.path).normal(0, 0.2, tuple(variable.shape)).astype("float32"))
    sgd = dataclasses.replace(
        settings, optimizer="sgd", learning_rate=generator, discriminator_rate=discriminator / generator
    )
    model.compile(optimizer=make_adversarial_optimizer(sgd, steps=1), jit_compile=False)
    return model


def moved(model):
    """How far one step on the faces moves each trainable weight, by network."""
    before = {v.path: array(v) for v in model.trainable_variables}
    model.train_on_batch(FACES)
    after = {v.path: array(v) for v in model.trainable_variables}
    return {
        name: np.concatenate([(after[path] - before[path]).ravel() for path in before if path.startswith(name)])
        for name in ("generator", "discriminator")
    }


@pytest.mark.engine
@pytest.mark.parametrize("norm", ["batch", "spectral"])
def test_neither_loss_moves_the_other_network(norm, keras_engine, monkeypatch):
    """A loss a thousand times as large moves its own network a thousand times as far, and the other as before."""
    from idlcli.models import gan

    settings = dataclasses.replace(SMALL, discriminator_norm=norm)
    plain = moved(compiled(settings))
    for name, other in (("generator", "discriminator"), ("discriminator", "generator")):
        with monkeypatch.context() as patch:
            original = getattr(gan, f"{name}_loss")
            patch.setattr(gan, f"{name}_loss", lambda *given, original=original: 1000.0 * original(*given))
            found = moved(compiled(settings))
        assert np.abs(plain[name]).max() > 1e-4
        assert np.allclose(found[name], 1000 * plain[name], rtol=1e-2, atol=1e-2 * np.abs(found[name]).max())
        assert np.allclose(found[other], plain[other], rtol=1e-3, atol=1e-6)


def test_one_stage_moves_both_as_two_passes_do_within_the_margin(keras_engine):
    """Where no logit is beyond the hinge's margin both have the same slopes, so both networks move alike."""
    hinge = dataclasses.replace(SMALL, loss="hinge", discriminator_norm="none")
    models = [compiled(dataclasses.replace(hinge, one_stage=one_stage)) for one_stage in (False, True)]
    for model in models:
        for variable in model.discriminator.trainable_variables:
            variable.assign(0.3 * array(variable))
    two, one = (moved(model) for model in models)
    for name in two:
        assert np.abs(two[name]).max() > 1e-7
        assert np.allclose(one[name], two[name], rtol=1e-3, atol=1e-3 * np.abs(two[name]).max())


def test_two_learning_rates_are_those_that_were_asked_for(keras_engine):
    plain = moved(compiled(SMALL))
    found = moved(compiled(SMALL, generator=0.1, discriminator=0.3))
    assert np.allclose(found["generator"], plain["generator"], atol=1e-7)
    assert np.allclose(found["discriminator"], 3 * plain["discriminator"], rtol=1e-3, atol=1e-6)
    still = moved(compiled(SMALL, discriminator=0.0))
    assert not still["discriminator"].any()


@pytest.mark.engine
def test_the_average_of_the_generator_follows_its_law(keras_engine):
    """mean += (1 - d) (weight - mean), d = min(ema, t / (t + 9)) in step t; it is never trained itself."""
    model = compiled(dataclasses.replace(SMALL, ema=0.5))
    assert not model.averaged.trainable_variables
    expected = [array(weight) for weight in model.averaged.weights]
    for step in range(1, 14):
        share = 1 - min(0.5, step / (step + 9))
        for mean, weight in zip(expected, model.generator.weights, strict=True):
            mean += np.float32(share) * (array(weight) - mean)
        model.train_on_batch(FACES)
        for mean, found in zip(expected, model.averaged.weights, strict=True):
            assert np.allclose(array(found), mean, rtol=1e-4, atol=1e-6), step
    assert model.sampler is model.averaged
    plain = compiled(SMALL)
    assert plain.sampler is plain.generator


@pytest.mark.parametrize("norm", ["none", "spectral"])
def test_the_penalty_is_the_squared_slope_at_real_faces(norm, keras_engine):
    """The mean over many draws of noise, against the gradient by a difference in each of the 192 directions.

    From the first step on: what a pass learns of the singular values is no slope.
    """
    from keras import ops

    settings = dataclasses.replace(SMALL, discriminator_norm=norm, r1=1.0, r1_every=1)
    model = compiled(settings)
    real = (FACES[:2] / 127.5 - 1).astype("float32")
    logits, slope = model._judge_real(ops.convert_to_tensor(np.repeat(real, 1000, axis=0)), None)
    assert np.allclose(array(logits), np.repeat(array(model.discriminator(real)), 1000), atol=1e-4)
    h = 0.01
    steps = np.eye(192, dtype="float32").reshape(-1, 8, 8, 3) * h
    squared = []
    for face in real:
        there, here = (array(model.discriminator(pictures)) for pictures in (face + steps, face - steps))
        squared.append(np.square((there - here) / (2 * h)).sum())
    assert float(array(slope)) == pytest.approx(np.mean(squared), rel=0.15)


@pytest.mark.parametrize("upsampling", ["transpose", "nearest", "subpixel"])
@pytest.mark.parametrize("size", [8, 32])
@pytest.mark.parametrize("head_width", [0, 4])
def test_the_networks_fit_together_at_any_size(head_width, size, upsampling, keras_engine):
    from keras import ops

    from idlcli.models import gan

    heads = {"head_width": head_width, "discriminator_head_width": head_width}
    settings = dataclasses.replace(SMALL, upsampling=upsampling, **heads)
    model = gan.Gan(settings, size=size, classes=3)
    labels = ops.convert_to_tensor([0, 2])
    pictures = model.generator([ops.zeros((2, 5)), labels])
    assert tuple(pictures.shape) == (2, size, size, 3)
    assert np.abs(array(pictures)).max() <= 1
    assert tuple(model.discriminator([pictures, labels]).shape) == (2,)
    maps = [layer.output.shape[1:] for layer in model.discriminator.layers if "relu" in layer.name]
    assert ((size, size, head_width) in maps) == bool(head_width)
    unnormalised = [layer.name for layer in model.discriminator.layers if getattr(layer, "use_bias", False)]
    assert unnormalised == [f"discriminator_{size if head_width else size // 2}", "discriminator_logit"]
    assert len({variable.path for variable in model.weights}) == len(model.weights)
    assert {"generator", "discriminator"} == {v.path.split("_")[0] for v in model.trainable_variables}


def test_the_losses_are_those_of_their_papers(keras_engine):
    from idlcli.models import discriminator

    real, made = rng(0, "real").normal(size=50).astype("float32"), rng(0, "made").normal(size=50).astype("float32")
    found = float(array(discriminator.discriminator_loss("non-saturating", real, made)))
    sure = [1 / (1 + np.exp(-logits.astype(float))) for logits in (real, made)]
    assert found == pytest.approx((-np.log(sure[0]).mean() - np.log(1 - sure[1]).mean()) / 2, rel=1e-5)
    assert float(array(discriminator.generator_loss("non-saturating", made))) == pytest.approx(
        -np.log(sure[1]).mean(), rel=1e-5
    )
    hinged = (np.maximum(0, 1 - real).mean() + np.maximum(0, 1 + made).mean()) / 2
    assert float(array(discriminator.discriminator_loss("hinge", real, made))) == pytest.approx(hinged, rel=1e-5)
    assert float(array(discriminator.generator_loss("hinge", made))) == pytest.approx(-made.mean(), rel=1e-4)
