"""What a run makes as pictures: maps of its codes, grids, walks and architectures, whatever kind of run it is."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import stand_in
from PIL import Image

from idlcli.data import face_set
from idlcli.errors import DataError, UsageError
from idlcli.evaluation import features as registry
from idlcli.evaluation.features import Extractor
from idlcli.experiments import architecture, maps, show
from idlcli.experiments.evaluate import Conditions
from idlcli.runs import Run

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


@pytest.fixture
def conditions(tmp_path: Path) -> Conditions:
    return Conditions(root=tmp_path / "runs")


@pytest.fixture
def draw(conditions, tmp_path):
    def run(reference, **changes):
        given = {
            "data": None, "space": None, "out": tmp_path / "map.png", "html": None, "perplexity": 5.0, "label": None,
        } | changes  # fmt: skip
        changed = dataclasses.replace(conditions, **given.pop("conditions", {}))
        silent = lambda what: lambda done, total: None  # noqa: E731
        return maps.draw(reference=str(reference), conditions=changed, progress=silent, **given)

    return run


@pytest.mark.parametrize("kind", ["vae", "cae"])
def test_a_coder_s_map_is_of_the_codes_of_its_held_out_pictures(kind, draw, face_runs, tmp_path):
    found = draw(face_runs[kind], html=tmp_path / "map.html", label="hair-color")
    assert (found["space"], found["n"], found["dimensions"]) == ("latent", 12, 12)
    assert found["conditions"]["part"] == "test"
    assert found["files"] == [str(tmp_path / "map.png"), str(tmp_path / "map.html")]
    assert all(Path(file).stat().st_size > 5000 for file in found["files"])
    assert found["perplexity"] == pytest.approx(11 / 3)
    assert found["perplexity_asked"] == 5
    assert found["label"] == "hair-color"
    assert 0 <= found["likeness"]["same_label"]["neighbours"] <= 1
    assert 1 <= found["thumbnails"] <= 12


def test_a_gan_s_map_is_of_its_prior_with_what_it_makes_of_it(draw, face_runs):
    found = draw(face_runs["gan"], conditions={"count": 40, "seed": 3})
    assert (found["n"], found["dimensions"], found["label"]) == (40, 12, None)
    assert found["conditions"]["what"] == "gan run"
    again = draw(face_runs["gan"], conditions={"count": 40, "seed": 3})
    assert again["likeness"] == found["likeness"]
    assert draw(face_runs["gan"], conditions={"count": 40, "seed": 4})["likeness"] != found["likeness"]


def test_pictures_are_mapped_by_their_features(draw, built_faces, monkeypatch):
    def means(images, progress):
        return images.reshape(len(images), -1)[:, ::50].astype(np.float32)

    monkeypatch.setattr(registry, "network", lambda name, weights=None: Extractor(name, "images", "a", "none", means))
    found = draw(built_faces, conditions={"part": "train"})
    assert (found["space"], found["n"]) == ("features", 48)
    assert found["label"] == next(iter(face_set.load(path=built_faces).labels))
    assert draw(built_faces, conditions={"part": "all", "count": 20})["n"] == 20
    assert "Neighbours look" in found["said"]


def test_at_most_a_thousand_pictures_are_mapped_unless_more_are_asked_for(draw, face_runs, monkeypatch, tmp_path):
    monkeypatch.setattr(maps, "COUNT", 7)
    assert draw(face_runs["vae"])["n"] == 7
    assert draw(face_runs["gan"])["n"] == 7
    assert draw(face_runs["vae"], conditions={"count": 9})["n"] == 9


def test_what_cannot_be_mapped_is_said(draw, face_runs, built_faces, tmp_path):
    np.save(tmp_path / "features.npy", np.zeros((9, 4), np.float32))
    np.save(tmp_path / "few.npy", np.zeros((3, 32, 32, 3), np.uint8))
    with pytest.raises(UsageError, match="no latent space"):
        draw(built_faces, space="latent")
    with pytest.raises(UsageError, match="no label"):
        draw(face_runs["vae"], label="hare-color")
    with pytest.raises(UsageError, match="write a page"):
        draw(face_runs["vae"], html=tmp_path / "map.pdf")
    with pytest.raises(UsageError, match=r"map\.pdf"):
        draw(face_runs["vae"], out=tmp_path / "map.pdf")
    with pytest.raises(DataError, match="A map needs"):
        draw(face_runs["vae"], data=str(tmp_path / "few.npy"))
    with pytest.raises(DataError, match="holds features"):
        draw(tmp_path / "features.npy")
    with pytest.raises(DataError, match="cannot sample"):
        draw(face_runs["cae"], space="features")
    assert not list(tmp_path.glob("map*"))


# Grids


def pixels(path):
    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGB"))


def grid(reference, conditions, tmp_path, *, under=None, **changes):
    given = {"data": None, "columns": 0} | changes
    changed = dataclasses.replace(conditions, **under or {})
    return show.draw_grid(reference=str(reference), out=tmp_path / "grid.png", conditions=changed, **given)


def test_a_grid_of_a_run_that_samples_is_of_its_samples(face_runs, conditions, tmp_path):
    found = grid(face_runs["gan"], conditions, tmp_path, under={"count": 9, "seed": 4})
    assert (found["count"], found["columns"]) == (9, 3)
    sample = stand_in.Sampler(Run(face_runs["gan"])).sample(9, 4)
    assert np.array_equal(pixels(tmp_path / "grid.png")[2:34, 36:68], sample[1])


def test_a_grid_of_a_run_that_does_not_sample_shows_pictures_over_their_reconstructions(
    face_runs, built_faces, conditions, tmp_path
):
    found = grid(face_runs["cae"], conditions, tmp_path, columns=5)
    assert (found["count"], found["columns"]) == (30, 5)  # 12 pictures: three rows of five, twice
    faces = face_set.load(path=built_faces)
    images = np.asarray(faces.images[faces.test_indices])
    again = stand_in.Coder(None).reconstruct(images)
    drawn = pixels(tmp_path / "grid.png")

    def cell(row, column):
        return drawn[2 + 34 * row : 34 + 34 * row, 2 + 34 * column : 34 + 34 * column]

    for index in range(12):
        row, column = divmod(index, 5)
        assert np.array_equal(cell(2 * row, column), images[index])
        assert np.array_equal(cell(2 * row + 1, column), again[index])
    assert (cell(4, 3) == 255).all()


def test_a_grid_of_pictures_is_of_those(built_faces, conditions, tmp_path):
    assert grid(built_faces, conditions, tmp_path, under={"part": "all"})["count"] == 60
    assert grid(built_faces, conditions, tmp_path, under={"part": "train", "count": 5})["count"] == 5
    np.save(tmp_path / "features.npy", np.zeros((9, 4), np.float32))
    with pytest.raises(DataError, match="not pictures"):
        grid(tmp_path / "features.npy", conditions, tmp_path)


# Walks


def walk(reference, conditions, tmp_path, *, under=None, **changes):
    given = {"data": None, "stops": 3, "steps": 4, "out": tmp_path / "walk.png"} | changes
    changed = dataclasses.replace(conditions, **under or {})
    return show.draw_walk(reference=str(reference), conditions=changed, **given)


def test_a_walk_goes_round_a_sphere_where_codes_are_gaussian_and_straight_between_pictures(
    face_runs, built_faces, conditions, tmp_path
):
    assert walk(face_runs["gan"], conditions, tmp_path)["spherical"] is True
    assert walk(face_runs["vae"], conditions, tmp_path)["spherical"] is True
    found = walk(face_runs["cae"], conditions, tmp_path, steps=3)
    assert found["spherical"] is False
    drawn = pixels(tmp_path / "walk.png")
    assert drawn.shape == (2 * 34 + 2, 3 * 34 + 2, 3)
    first, middle, last = (drawn[10, 10 + 34 * step].astype(int) for step in range(3))
    assert np.abs(middle - (first + last) / 2).max() <= 1
    assert walk(face_runs["gan"], conditions, tmp_path, out=tmp_path / "walk.gif")["files"] == [
        str(tmp_path / "walk.gif")
    ]


def test_the_seed_chooses_the_way(face_runs, conditions, tmp_path):
    drawn = []
    for seed in (1, 1, 2):
        walk(face_runs["gan"], conditions, tmp_path, under={"seed": seed})
        drawn.append((tmp_path / "walk.png").read_bytes())
    assert drawn[0] == drawn[1] != drawn[2]


# Architectures


def test_every_kind_of_run_is_drawn(finished_run, finished_judge, keras_engine, conditions, tmp_path):
    for run, name in ((finished_run, "seq2seq_text_text"), (finished_judge, "glyph_classifier")):
        found = architecture.draw(reference=str(run), out=tmp_path / "model.svg", root=conditions.root)
        assert [network["name"] for network in found["networks"]] == [name]
        assert f"{found['networks'][0]['weights']:,} weights" in (tmp_path / "model.svg").read_text()


def test_the_networks_that_a_model_is_made_of_are_drawn_once(
    face_runs, keras_engine, conditions, monkeypatch, tmp_path
):
    import keras

    class Gan(keras.Model):
        """A model written by hand: two networks, and an average of one of them."""

        def __init__(self):
            super().__init__()
            z, image = keras.Input((3,)), keras.Input((4,))
            self.generator = keras.Model(z, keras.layers.Dense(4)(z), name="generator")
            self.average = keras.models.clone_model(self.generator)
            self.discriminator = keras.Model(image, keras.layers.Dense(1)(image), name="discriminator")

    class Opened:
        def __init__(self, run):
            self.run, self.model = run, Gan()

    import sys

    monkeypatch.setattr(sys.modules["idlcli.experiments.gan"], "open_run", Opened)
    found = architecture.draw(reference="gan-s0", out=tmp_path / "model.svg", root=conditions.root)
    assert found["networks"] == [{"name": "generator", "weights": 16}, {"name": "discriminator", "weights": 5}]


def test_a_run_without_networks_is_a_data_error(face_runs, keras_engine, conditions, tmp_path):
    with pytest.raises(DataError, match="no network"):
        architecture.draw(reference="gan-s0", out=tmp_path / "model.svg", root=conditions.root)
