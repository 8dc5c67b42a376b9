"""The trainings on faces: the same on every engine, resumed to the bit, nothing held out is fed, a face a code."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from idlcli.data import face_set
from idlcli.errors import DataError, UsageError
from idlcli.experiments import cae, collapse, driver, face_task, gan, provenance, vae
from idlcli.runs import Run
from idlcli.seeds import rng
from idlcli.settings import CaeSettings, GanSettings, VaeSettings
from idlcli.viz import grids

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

SIZE = 16
COMMON = {"batch_size": 16, "jit": "off"}
MODELS = {
    "vae": VaeSettings(latent=5, width=3, depth=2, blocks=1, residual=True, batch_norm=True, mixture=2, **COMMON),
    "vae sigma": VaeSettings(latent=5, width=3, depth=2, reconstruction="sigma", upsampling="nearest", **COMMON),
    "vae adversary": VaeSettings(
        latent=5,
        width=3,
        depth=2,
        batch_norm=True,
        reconstruction="sigma",
        reconstruction_side=8,
        mixture=2,
        ema=0.9,
        adversary="discriminator",
        adversary_weight=3.0,
        prior="mixture",
        discriminator_width=3,
        head_width=3,
        self_modulation=4,
        **COMMON,
    ),
    "cae": CaeSettings(codes=5, width=3, depth=2, upsampling="subpixel", linear=True, **COMMON),
    "gan": GanSettings(latent=5, width=2, discriminator_width=3, ema=0.9, **COMMON),
    "gan head": GanSettings(
        latent=5,
        width=2,
        discriminator_width=3,
        head_width=3,
        self_modulation=4,
        discriminator_head_width=2,
        upsampling="nearest",
        **COMMON,
    ),
    "gan spectral": GanSettings(
        latent=5, width=2, discriminator_width=3, discriminator_norm="spectral", r1=2.0, ema=0.9, **COMMON
    ),
}
EXPERIMENTS = {"vae": vae, "cae": cae, "gan": gan}
LOSSES = Path(__file__).with_name("first_face_losses.json")


def kind_of(name):
    return name.split()[0]


def built(name, settings):
    return EXPERIMENTS[kind_of(name)].build(settings, size=SIZE, **({} if kind_of(name) == "cae" else {"classes": 0}))


def draw_the_same(patch):
    """Make Keras draw noise that NumPy drew: the same each time, and on every engine."""
    import keras

    def normal(shape, seed=None):
        return keras.ops.convert_to_tensor(rng(0, "noise").standard_normal(tuple(map(int, shape))).astype("float32"))

    patch.setattr(keras.random, "normal", normal)


def first_steps(name, patch):
    """The losses of three steps from weights, noise and faces that NumPy drew: the same on every engine."""
    import keras

    from idlcli.training.optimizer import make_adversarial_optimizer

    draw_the_same(patch)
    model = built(name, MODELS[name])
    for variable in model.weights:
        if len(variable.shape) > 1:  # kernels; scales, biases and averages stay as they start
            drawn = rng(0, variable.path.replace("averaged_", "")).normal(0, 0.2, tuple(variable.shape))
            variable.assign(drawn.astype("float32"))
        elif variable.path.endswith("singular"):
            variable.assign(rng(0, variable.path).normal(size=tuple(variable.shape)).astype("float32"))
    optimizer = keras.optimizers.SGD(0.05, global_clipnorm=1.0)
    if getattr(model, "discriminator", None) is not None:
        sgd = dataclasses.replace(MODELS[name], optimizer="sgd", learning_rate=0.05, clip_norm=1.0)
        optimizer = make_adversarial_optimizer(sgd, steps=3)
    model.compile(optimizer=optimizer, jit_compile=False)
    losses = []
    for step in range(3):
        faces = rng(0, "faces", step).integers(0, 256, (8, SIZE, SIZE, 3)).astype(np.uint8)
        model.reset_metrics()
        losses.append(float(np.asarray(model.train_on_batch(faces, return_dict=True)["loss"])))
    return losses


@pytest.mark.engine
@pytest.mark.parametrize("name", MODELS)
def test_from_the_same_weights_every_engine_has_the_same_losses(name, keras_engine, monkeypatch):
    """Forward and backward: the losses that TensorFlow had are stored (made by this file's `first_steps`)."""
    found = first_steps(name, monkeypatch)
    assert found[0] != found[2]
    assert found == pytest.approx(json.loads(LOSSES.read_text())[name], rel=1e-4)


@pytest.mark.parametrize(
    ("name", "where", "blind"),
    [
        *((name, "augment", {"loss"}) for name in ("vae", "cae", "gan")),
        *((name, "disturb", {"d_loss", "g_loss"}) for name in ("gan", "vae adversary")),
    ],
)
def test_faces_are_seen_as_they_were_augmented_and_judged_as_they_were_disturbed(
    name, where, blind, keras_engine, monkeypatch
):
    """Where that leaves nothing of them, other faces, and whatever else is made, have the same losses."""
    import keras

    draw_the_same(monkeypatch)
    settings = dataclasses.replace(MODELS[name], **({"adversary_start": 0.0} if name == "vae adversary" else {}))

    def losses(faces, made):
        model = built(name, settings)
        if where:
            setattr(model, where, lambda pictures, training=True: 0.0 * pictures)
        if made and where == "disturb":
            network = model.generator if name == "gan" else model.decoder
            for variable in network.trainable_variables:
                variable.assign(variable + 0.1)
        loss = model.compute_loss(keras.ops.convert_to_tensor(rng(0, faces).integers(0, 256, (8, SIZE, SIZE, 3))))
        found = {"loss": loss, **{key: mean.result() for key, mean in model.means.items()}}
        return {key: float(keras.ops.convert_to_numpy(value)) for key, value in found.items() if key in blind}

    first = losses("one", made=False)
    assert set(first) == blind
    assert losses("other", made=True) == first
    where = ""
    assert losses("one", made=False) != first


def small(name, data, engine, **changes):
    changes = {"epochs": 2, "augment": "paper", "eval_every": 1, "learning_rate": 0.003, **changes}
    return dataclasses.replace(MODELS[name], data=str(data), backend=engine, **changes)


class Breaking:
    start = step = finish = warn = lambda self, *_, **__: None

    def epoch(self, *, epoch, row):
        if epoch == 1:
            raise ZeroDivisionError


def files_of(run):
    found = {str(p.relative_to(run.path)): p.read_bytes() for p in run.path.rglob("*") if p.is_file()}
    return {name: content for name, content in found.items() if name not in (".lock", "log.jsonl")}


def log_of(run):
    return [{**row, "seconds": 0} for row in run.log()]


CHANGES = {
    "vae sigma": {"dropout": 0.2, "kl_annealing": 1.5, "mixture": 2},
    "vae adversary": {"diff_augment": "shift", "condition": "hair-color", "adversary_start": 0.5},
    "cae": {"dropout": 0.2, "optimizer": "adamw", "weight_decay": 0.1, "schedule": "cosine"},
    "gan": {"diff_augment": "shift-cutout-colour", "condition": "hair-color", "discriminator_rate": 2.0},
    "gan spectral": {"diff_augment": "shift"},
}


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=[pytest.mark.engine] if name in ("vae sigma", "gan") else []) for name in CHANGES],
)
def test_a_training_broken_off_and_resumed_is_the_same_to_the_bit(
    name, keras_engine, built_faces, tmp_path, monkeypatch
):
    """Average, augmentation of both kinds, dropout and drawn codes included: the whole directory, byte for byte."""
    from idlcli.training import fit

    monkeypatch.setattr(fit, "SAVE_SECONDS", 0.0)
    settings = small(name, built_faces, keras_engine, **CHANGES[name])
    result = driver.start(kind=kind_of(name), settings=settings, root=tmp_path / "whole", name=None)
    whole = Run(Path(result["run"]))
    rates = [0.003, 0.003] if settings.schedule == "constant" else [0.0015, 0]  # not a discriminator's
    assert [row["lr"] for row in whole.log()] == pytest.approx(rates, abs=1e-9)
    with pytest.raises(ZeroDivisionError):
        driver.start(kind=kind_of(name), settings=settings, root=tmp_path / "runs", name=None, reporter=Breaking())
    (path,) = (tmp_path / "runs").glob("0*")
    run = Run(path)
    driver.resume(run=run)
    assert log_of(run) == log_of(whole)
    ours, theirs = files_of(run), files_of(whole)
    assert sorted(ours) == sorted(theirs)
    for file in set(ours) - {"config.json"}:
        assert ours[file] == theirs[file], file


@pytest.mark.parametrize("name", ["vae", "vae sigma", "cae"])
def test_the_loss_falls_and_held_out_faces_come_out_better(name, keras_engine, built_faces, tmp_path):
    settings = small(name, built_faces, keras_engine, epochs=12, augment="flip", eval_every=11)
    result = driver.start(kind=kind_of(name), settings=settings, root=tmp_path, name=None)
    run = Run(Path(result["run"]))
    log = run.log()
    loss = "mse" if name == "cae" else "loss"
    assert log[-1][loss] < log[0][loss]
    images = face_set.load(path=built_faces).images
    assert result["test"]["mse"] < 0.8 * np.square(images / 255 - 0.5).mean()
    assert result["train"]["n"] == 48
    assert result["test"]["n"] == 12


def test_a_generator_learns_the_colours_of_the_faces(keras_engine, built_faces, tmp_path):
    """From grey noise towards the faces' mean: a training that leaves the generator where it was fails."""
    settings = small(
        "gan", built_faces, keras_engine, epochs=30, augment="off", eval_every=30, width=4, discriminator_width=4
    )  # fmt: skip
    result = driver.start(kind="gan", settings=settings, root=tmp_path, name=None)
    faces = face_set.load(path=built_faces).images.astype(float)
    made = gan.open_run(Run(Path(result["run"]))).sample(64, seed=0)
    grey = np.square(127.5 - faces.mean(axis=0)).mean()
    assert np.square(made.mean(axis=0) - faces.mean(axis=0)).mean() < 0.6 * grey
    assert set(result["test"]) == {"n", "d_loss", "g_loss", "spread"}


def test_no_held_out_face_is_ever_fed(built_faces):
    prepared = face_task.prepare(GanSettings(data=str(built_faces), batch_size=5), depth=None)
    batches = face_task.batches(prepared)
    fed = set()
    for epoch in range(2):
        order = batches.order(epoch)
        for step in range(batches.steps):
            fed |= {face.tobytes() for face in batches.batch(order, step, epoch)}
    held = {face.tobytes() for face in prepared.faces.images[prepared.test]}
    train = {face.tobytes() for face in prepared.faces.images[prepared.train]}
    assert fed == train
    assert not fed & held


def test_a_limit_takes_the_first_training_images_and_leaves_the_test_part_alone(built_faces):
    whole = face_task.prepare(CaeSettings(data=str(built_faces)), depth=2)
    part = face_task.prepare(CaeSettings(data=str(built_faces), limit=7), depth=2)
    assert np.array_equal(part.train, whole.train[:7])
    assert np.array_equal(part.test, whole.test)
    more = face_task.prepare(CaeSettings(data=str(built_faces), limit=10**6), depth=2)
    assert np.array_equal(more.train, whole.train)
    assert (part.data["train"], part.data["test"]) == (7, 12)


def test_labels_count_where_they_train(built_faces):
    settings = GanSettings(data=str(built_faces), condition="hair-color", limit=5)
    prepared = face_task.prepare(settings, depth=None)
    counts = np.bincount(prepared.labels[prepared.train], minlength=prepared.classes)
    assert prepared.data["condition"]["counts"] == counts.tolist()
    assert sum(prepared.data["condition"]["counts"]) == 5


def relabelled(built_faces, tmp_path, code):
    """A copy of the faces in which every second hair colour is ``code``."""
    import shutil

    place = Path(shutil.copytree(built_faces, tmp_path / "faces"))
    faces = face_set.load(path=place)
    labels = np.load(place / "labels.npy", allow_pickle=False)
    labels[::2, list(faces.labels).index("hair-color")] = code
    np.save(place / "labels.npy", labels)
    return place


def test_faces_whose_label_is_not_known_neither_train_nor_test_a_model_that_is_told_it(built_faces, tmp_path):
    place = relabelled(built_faces, tmp_path, -1)
    prepared = face_task.prepare(GanSettings(data=str(place), condition="hair-color"), depth=None)
    assert set(prepared.train) | set(prepared.test) == set(range(1, 60, 2))
    assert sum(prepared.data["condition"]["counts"]) == len(prepared.train)
    _, labels = face_task.batches(prepared).batch(np.arange(len(prepared.train)), 0, 0)
    assert np.array_equal(labels, prepared.labels[prepared.train])
    plain = face_task.prepare(GanSettings(data=str(place)), depth=None)
    assert len(plain.train) == 48


@pytest.mark.parametrize(
    ("settings", "depth", "said"),
    [
        (GanSettings(condition="hair-colour"), None, "hair-color"),
        (GanSettings(condition="x" * 500), None, "no label"),
        (VaeSettings(), 5, "halved 5 times"),
        (VaeSettings(residual=True), 3, "Give --blocks 1"),
        (CaeSettings(residual=True), 3, "Give --blocks 1"),
    ],
)
def test_what_the_faces_do_not_have_is_a_usage_error(settings, depth, said, built_faces):
    with pytest.raises(UsageError) as caught:
        face_task.prepare(dataclasses.replace(settings, data=str(built_faces)), depth=depth)
    assert said in caught.value.message + caught.value.hint


def test_a_gan_needs_a_side_that_can_be_halved_down_to_four(here):
    here("data", "build", "faces", "--count", "10", "--size", "24", "--out", "odd")
    with pytest.raises(UsageError, match="24 x 24"):
        gan.prepare(GanSettings(data="odd"))
    assert vae.prepare(VaeSettings(data="odd", depth=3)).faces.size == 24
    with pytest.raises(UsageError, match="24 x 24"):
        vae.prepare(VaeSettings(data="odd", depth=3, adversary="discriminator"))


def test_a_side_to_compare_at_must_divide_that_of_the_images(built_faces):
    settings = VaeSettings(data=str(built_faces), depth=2, reconstruction="sigma")
    assert vae.prepare(dataclasses.replace(settings, reconstruction_side=SIZE // 2)).faces.size == SIZE
    with pytest.raises(UsageError, match="cannot be averaged to 5 x 5") as caught:
        vae.prepare(dataclasses.replace(settings, reconstruction_side=5))
    assert f"divides {SIZE}" in caught.value.hint


@pytest.mark.parametrize("side", [0, 4])
def test_the_score_of_a_gaussian_is_its_density_at_the_side_that_was_asked_for(side, built_faces, keras_engine):
    """From one drawn code each, of the networks that are used: the averages."""
    from scipy import stats

    settings = dataclasses.replace(MODELS["vae adversary"], data=str(built_faces), reconstruction_side=side)
    prepared = vae.prepare(settings)
    model = vae.build(settings, size=SIZE, classes=0)
    for network in model.averaged:
        for weight in network.weights:
            if "variance" not in weight.path:
                weight.assign(rng(0, weight.path).normal(0, 0.3, tuple(weight.shape)).astype("float32"))
    model.variance.assign(0.04)
    found = vae.score(model, prepared, "test")
    images = prepared.faces.images[prepared.scored("test")].astype("float32") / 255
    mean, log_variance = (np.asarray(part) for part in model.averaged[0].predict(images, verbose=0))
    codes = mean + np.exp(log_variance / 2) * rng(settings.seed, "test codes").standard_normal(mean.shape, np.float32)
    decoded = 1 / (1 + np.exp(-np.asarray(model.averaged[1].predict(codes, verbose=0), np.float64)))
    size = side or SIZE
    real, made = (
        faces.reshape(-1, size, SIZE // size, size, SIZE // size, 3).mean(axis=(2, 4)) for faces in (images, decoded)
    )
    nats = -stats.norm.logpdf(real, made, 0.2).mean()
    assert found["reconstruction"] == pytest.approx(nats, rel=1e-4)
    assert found["loss"] == pytest.approx(nats + found["kl"] / (3 * size**2), rel=1e-4)


def test_the_score_of_a_vae_is_the_entropy_of_pixels_and_the_divergence_of_codes(built_faces, keras_engine):
    """From one drawn code each, of weights that do something."""
    settings = dataclasses.replace(MODELS["vae"], data=str(built_faces))
    prepared = vae.prepare(settings)
    model = vae.build(settings, size=SIZE, classes=0)
    for weight in model.trainable_variables:
        weight.assign(rng(0, weight.path).normal(0, 0.3, tuple(weight.shape)).astype("float32"))
    found = vae.score(model, prepared, "test")
    images = prepared.faces.images[prepared.scored("test")].astype("float32") / 255
    mean, log_variance = (np.asarray(part, np.float64) for part in model.encoder.predict(images, verbose=0))
    codes = mean + np.exp(log_variance / 2) * rng(settings.seed, "test codes").standard_normal(mean.shape, np.float32)
    decoded = 1 / (1 + np.exp(-np.asarray(model.decoder.predict(codes.astype("float32"), verbose=0), np.float64)))
    entropy = -(images * np.log(decoded) + (1 - images) * np.log(1 - decoded)).mean()
    kl = (np.exp(log_variance) + mean**2 - 1 - log_variance).sum(axis=1).mean() / 2
    assert found["reconstruction"] == pytest.approx(entropy, rel=1e-4)
    assert found["kl"] == pytest.approx(kl, rel=1e-4)
    assert found["loss"] == pytest.approx(entropy + kl / (3 * SIZE**2), rel=1e-4)


@pytest.mark.parametrize("loss", ["non-saturating", "hinge"])
def test_the_score_of_a_gan_is_of_held_out_faces_as_the_real_ones(loss, built_faces, keras_engine):
    settings = dataclasses.replace(MODELS["gan"], data=str(built_faces), loss=loss)
    prepared = gan.prepare(settings)
    model = gan.build(settings, size=SIZE, classes=0)
    for weight in model.discriminator.trainable_variables:
        weight.assign(rng(0, weight.path).normal(0, 0.3, tuple(weight.shape)).astype("float32"))
    found = gan.score(model, prepared)
    real = prepared.faces.images[prepared.scored("test")]
    codes = gan.latents(count=len(real), size=settings.latent, seed=settings.seed, purpose="score")
    made = gan.pictures(model, codes, None)
    on_real, on_made = (
        np.asarray(model.discriminator.predict(faces.astype("float32") / 127.5 - 1, verbose=0), np.float64)
        for faces in (real, made)
    )
    if loss == "hinge":
        d_loss = (np.maximum(0, 1 - on_real).mean() + np.maximum(0, 1 + on_made).mean()) / 2
        g_loss = -on_made.mean()
    else:
        d_loss = (np.log1p(np.exp(-on_real)).mean() + np.log1p(np.exp(on_made)).mean()) / 2
        g_loss = np.log1p(np.exp(-on_made)).mean()
    assert abs(on_real.mean() - on_made.mean()) > 0.01
    assert found["n"] == 12
    assert found["d_loss"] == pytest.approx(d_loss, rel=1e-4)
    assert found["g_loss"] == pytest.approx(g_loss, rel=1e-4, abs=1e-5)


def test_made_faces_differ_by_a_share_of_what_real_ones_do():
    real = 2 * rng(0, "faces").integers(0, 128, (50, 4, 4, 3)).astype(np.uint8)
    assert collapse.spread(real, real=real) == pytest.approx(1)
    assert collapse.spread(real // 2, real=real) == pytest.approx(0.5)
    assert collapse.spread(real[:1].repeat(50, axis=0), real=real) == 0


def test_a_set_without_held_out_faces_is_refused(here):
    here("data", "build", "faces", "--count", "4", "--size", "16", "--out", "few")
    with pytest.raises(DataError, match="out of training"):
        cae.prepare(CaeSettings(data="few", depth=2))


@pytest.fixture(scope="module")
def opened(face_runs, keras_engine):
    return {kind: EXPERIMENTS[kind].open_run(Run(path)) for kind, path in face_runs.items()}


@pytest.fixture(scope="module")
def faces(built_faces):
    return np.asarray(face_set.load(path=built_faces).images)


@pytest.mark.parametrize("kind", ["vae", "gan"])
def test_samples_are_pictures_and_fewer_of_a_seed_are_the_first_of_more(kind, opened):
    many = opened[kind].sample(70, seed=3)
    assert (many.dtype, many.shape) == (np.uint8, (70, SIZE, SIZE, 3))
    assert np.array_equal(opened[kind].sample(5, seed=3), many[:5])
    assert not np.array_equal(opened[kind].sample(5, seed=4), many[:5])
    assert len({picture.tobytes() for picture in many}) == 70


@pytest.mark.parametrize("kind", ["vae", "cae"])
def test_a_reconstruction_does_not_depend_on_what_else_is_asked(kind, opened, faces):
    model = opened[kind]
    together, codes = model.reconstruct(faces), model.encode(faces)
    assert codes.shape == (60, 6 if kind == "vae" else 5)
    assert codes.dtype == np.float32
    assert np.array_equal(model.decode(codes), together)
    for index in (0, 31, 59):
        assert np.array_equal(model.encode(faces[index : index + 1])[0], codes[index])
        assert np.array_equal(model.reconstruct(faces[index : index + 1])[0], together[index])


def test_more_pictures_than_are_float_at_a_time_come_out_the_same(opened, faces, monkeypatch):
    from idlcli.experiments import face_model

    whole = opened["vae"].reconstruct(faces)
    monkeypatch.setattr(face_model, "CHUNK", 7)
    assert np.array_equal(opened["vae"].reconstruct(faces), whole)


def test_a_model_that_is_told_labels_draws_by_them(opened):
    model = opened["gan"]
    codes = model.draw(1, seed=0).repeat(len(model.words), axis=0)
    drawn = model.decode(codes, np.arange(len(model.words)))
    assert len({picture.tobytes() for picture in drawn}) > 1
    for index, word in enumerate(model.words):
        assert np.array_equal(model.sample(1, seed=0, label=word)[0], drawn[index])
    with pytest.raises(UsageError, match="knows no"):
        model.sample(1, seed=0, label="tartan")


def test_labels_are_drawn_as_often_as_they_trained(opened):
    model = opened["gan"]
    counts = np.array(model.data["condition"]["counts"])
    drawn = np.bincount(model.labels(count=20_000, seed=0, label=None), minlength=len(counts))
    assert np.abs(drawn / 20_000 - counts / counts.sum()).max() < 0.02
    assert not drawn[counts == 0].any()


def test_a_label_that_nothing_trained_is_not_drawn(trained_faces):
    path = trained_faces["gan"] / "data.json"
    about = json.loads(path.read_text())
    about["condition"]["counts"][0] = 0
    path.write_text(json.dumps(about))
    model = gan.open_run(Run(trained_faces["gan"]))
    with pytest.raises(UsageError, match="knows no"):
        model.labels(count=1, seed=0, label=model.words[0])
    assert 0 not in model.labels(count=1000, seed=0, label=None)


def test_a_vae_that_is_told_labels_reconstructs_by_the_one_that_fits(keras_engine, built_faces, faces, tmp_path):
    settings = small("vae", built_faces, keras_engine, condition="hair-color", epochs=1, augment="off")
    result = driver.start(kind="vae", settings=settings, root=tmp_path, name=None)
    model = vae.open_run(Run(Path(result["run"])))
    found = model.reconstruct(faces).astype(float)
    codes = model.encode(faces)
    for label in range(len(model.words)):
        other = model.decode(codes, np.full(len(codes), label)).astype(float)
        errors = [np.square(pictures - faces).mean(axis=(1, 2, 3)) for pictures in (found, other)]
        assert (errors[0] <= errors[1]).all()
    assert model.sample(3, seed=0, label=model.words[0]).shape == (3, SIZE, SIZE, 3)
    only = len(model.words) - 1
    about = json.loads((model.run.path / "data.json").read_text())
    about["condition"]["counts"] = [0] * only + [5]
    (model.run.path / "data.json").write_text(json.dumps(about))
    again = vae.open_run(model.run)
    assert np.array_equal(again.reconstruct(faces), model.decode(codes, np.full(len(codes), only)))


def test_the_mixture_of_a_run_is_that_of_its_codes(opened):
    model = opened["vae"]
    codes = model.draw(5000, seed=1, prior="mixture")
    assert np.array_equal(model.draw(3, seed=1, prior="mixture"), codes[:3])
    mixture = model.mixture
    mean = (mixture.weights[:, None] * mixture.means).sum(axis=0)
    assert np.abs(codes.mean(axis=0) - mean).max() < 0.15
    assert np.array_equal(model.draw(3, seed=1), model.draw(3, seed=1, prior="normal"))
    assert not np.array_equal(model.draw(3, seed=1), codes[:3])


def test_a_run_told_to_draws_from_its_mixture(keras_engine, built_faces, tmp_path):
    """While it trains, in its metrics, and whoever asks it for faces afterwards."""
    settings = small("vae adversary", built_faces, keras_engine, epochs=1)
    result = driver.start(kind="vae", settings=settings, root=tmp_path, name=None)
    model = vae.open_run(Run(Path(result["run"])))
    assert np.array_equal(model.draw(5, seed=1), model.draw(5, seed=1, prior="mixture"))
    assert np.array_equal(model.sample(5, seed=1), model.decode(model.draw(5, seed=1, prior="mixture")))
    shown, scored = (
        model.decode(model.mixture.draw(count=count, generator=rng(settings.seed, purpose)))
        for count, purpose in ((face_task.SHOWN, "samples"), (12, "score"))
    )
    with Image.open(model.run.path / "samples" / "epoch-0001.png") as sheet:
        assert np.array_equal(np.asarray(sheet), grids.grid(shown, columns=face_task.STRIP))
    faces = face_set.load(path=built_faces)
    held_out = np.asarray(faces.images[faces.test_indices])
    assert result["test"]["spread"] == pytest.approx(collapse.spread(scored, real=held_out))


@pytest.mark.parametrize("kind", EXPERIMENTS)
def test_a_run_leaves_its_pictures_and_curves(kind, face_runs):
    path = face_runs[kind]
    names = {str(p.relative_to(path)) for p in path.rglob("*") if p.is_file() and p.name != ".lock"}
    assert names == {
        "config.json", "environment.json", "data.json", "log.jsonl", "metrics.json", "checkpoints/last.safetensors",
        "samples/epoch-0001.png", "samples/epoch-0002.png", "plots/curves.png", "plots/strip.png",
    } | ({"prior.safetensors"} if kind == "vae" else set())  # fmt: skip
    logged = {"vae": {"loss", "reconstruction", "kl"}, "cae": {"mse"}, "gan": {"d_loss", "g_loss", "test_spread"}}[kind]
    for row in Run(path).log():
        assert {"epoch", "loss", "lr", "seconds"} | logged <= set(row)
    from PIL import Image

    with Image.open(path / "plots" / "strip.png") as strip:
        assert strip.size == (8 * (SIZE + 2) + 2, 2 * (SIZE + 2) + 2)


def test_the_last_look_at_the_held_out_faces_is_what_the_metrics_say(face_runs):
    for kind, names in (("vae", ("loss", "kl", "mse")), ("cae", ("mse",)), ("gan", ("d_loss", "g_loss"))):
        run = Run(face_runs[kind])
        for name in names:
            assert run.log()[-1][f"test_{name}"] == run.metrics()["test"][name]


@pytest.mark.parametrize(("d_loss", "spread", "count"), [(0.3, 0.9, 0), (0.005, 0.9, 1), (0.3, 0.1, 1), (0.0, 0.0, 2)])
def test_a_collapse_is_said(d_loss, spread, count):
    assert len(collapse.warnings(d_loss=d_loss, spread=spread)) == count


class Listening:
    start = step = finish = epoch = lambda self, **_: None

    def __init__(self):
        self.told = []

    def warn(self, text):
        self.told.append(text)


@pytest.mark.parametrize("name", ["gan", "vae"])
def test_a_collapse_is_said_while_hours_are_still_to_come(name, built_faces, keras_engine, tmp_path, monkeypatch):
    monkeypatch.setattr(collapse, "ALIKE", 1e9)
    settings = small(name, built_faces, keras_engine, epochs=4, eval_every=2, steps_per_epoch=1)
    listening = Listening()
    result = driver.start(kind=name, settings=settings, root=tmp_path, name=None, reporter=listening)
    (text,) = listening.told
    assert text.startswith("Epoch 2: The samples differ by")
    said = [text for text in result["warnings"] if "samples" in text]
    assert len(said) == 1, "of the last epoch the result speaks"


@pytest.mark.parametrize(("start", "epochs"), [(0.0, [1, 2]), (1.0, [2])])
def test_an_adversary_that_has_not_begun_to_teach_may_win(
    start, epochs, built_faces, keras_engine, tmp_path, monkeypatch
):
    monkeypatch.setattr(collapse, "LOST", 1e9)
    settings = small("vae adversary", built_faces, keras_engine, epochs=3, steps_per_epoch=1, adversary_start=start)
    listening = Listening()
    result = driver.start(kind="vae", settings=settings, root=tmp_path, name=None, reporter=listening)
    said = [text for text in listening.told if "has won" in text]
    assert [text.split(":")[0] for text in said] == [f"Epoch {epoch}" for epoch in epochs]
    assert any("has won" in text for text in result["warnings"])


@pytest.mark.slow
def test_a_large_set_trains_in_bounded_memory(tmp_path):
    """60,000 faces are 703 MiB as bytes and 2.7 GiB as floats; a training may not hold either."""
    import subprocess
    import sys

    import numpy as np

    place = tmp_path / "faces"
    place.mkdir()
    count = 60_000
    with open(place / "images.npy", "wb") as file:
        np.lib.format.write_array_header_1_0(
            file, {"descr": "|u1", "fortran_order": False, "shape": (count, 64, 64, 3)}
        )
        block = rng(0, "block").integers(0, 256, (600, 64, 64, 3)).astype(np.uint8).tobytes()
        for _ in range(count // 600):
            file.write(block)
    manifest = {
        "schema": 1, "kind": "faces", "count": count, "size": 64, "test_count": 60, "labels": None,
        "test": {"indices": list(range(0, count, 1000))},
    }  # fmt: skip
    (place / "manifest.json").write_text(json.dumps(manifest))
    code = (
        "import resource, sys; from idlcli.cli.app import main;"
        "status = main(sys.argv[1:]);"
        "rows = dict(line.split(':') for line in open('/proc/self/status') if line.startswith('RssAnon'));"
        "print(int(rows['RssAnon'].split()[0]) // 1024); sys.exit(status)"
    )
    words = ("cae", "train", "--data", place, "--runs", tmp_path / "runs", "--width", "2", "--epochs", "1", "--quiet")
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, words), "--batch-size", "256"], capture_output=True, check=True
    )
    assert int(done.stdout.split()[-1]) < 1000, "MiB that are the process's own"


@pytest.mark.parametrize("name", ["vae sigma", "gan"])
def test_one_that_starts_from_another_has_its_weights_and_counts_on(name, keras_engine, built_faces, tmp_path):
    """The counter of steps goes on; weights that hardly move end where they started."""
    from safetensors.numpy import load_file

    settings = small(name, built_faces, keras_engine, epochs=1, augment="off")
    common = {"kind": kind_of(name), "root": tmp_path, "name": None}
    first = Run(Path(driver.start(settings=settings, **common)["run"]))
    onward = dataclasses.replace(settings, init="latest", learning_rate=1e-12)
    second = Run(Path(driver.start(settings=onward, **common)["run"]))
    before, after = load_file(first.weights), load_file(second.weights)
    (steps,) = (key for key in before if key.endswith("/steps"))
    assert after[steps] == 2 * before[steps] > 0
    kernels = [key for key in before if key.startswith("model/") and key.endswith("/kernel") and "averaged" not in key]
    assert kernels
    assert all(np.allclose(before[key], after[key], atol=1e-6) for key in kernels)


def test_the_weight_of_the_divergence_rises_anew_where_another_training_starts(keras_engine, built_faces, tmp_path):
    settings = small("vae", built_faces, keras_engine, kl_annealing=1.0, kl_weight=20.0, epochs=1, augment="off")
    common = {"kind": "vae", "root": tmp_path, "name": None}

    def weight(run):
        (row,) = run.log()
        return (row["objective"] - 3 * SIZE**2 * row["reconstruction"]) / row["kl"] / settings.kl_weight

    first = Run(Path(driver.start(settings=settings, **common)["run"]))
    second = Run(Path(driver.start(settings=dataclasses.replace(settings, init="latest"), **common)["run"]))
    assert weight(second) == pytest.approx((1 / 3 + 2 / 3 + 1) / 3, abs=0.15)
    for name in ("metrics.json", "checkpoints/last.safetensors"):
        (second.path / name).unlink()
    before = log_of(second)
    driver.resume(run=second)
    assert log_of(second) == before
    assert log_of(first) != before


@pytest.mark.parametrize(
    ("changes", "said"), [({"ema": 0.0}, "ema True, now False"), ({"condition": ""}, "condition 'hair-color', now ''")]
)
def test_one_of_other_weights_is_refused_before_a_run_is_made(changes, said, face_runs, tmp_path):
    """Told no label, or without an average, a model of the same layers has other weights."""
    settings = dataclasses.replace(provenance.settings_of(Run(face_runs["gan"])), init=str(face_runs["gan"]), **changes)
    with pytest.raises(UsageError, match=said):
        driver.start(kind="gan", settings=settings, root=tmp_path, name=None)
    assert not list(tmp_path.iterdir())
