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
from idlcli.experiments import open as opening
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
def test_a_coder_s_map_is_of_the_codes_of_its_held_out_pictures(kind, draw, stand_ins, tmp_path):
    found = draw(stand_ins[kind], html=tmp_path / "map.html", label="hair-color")
    assert (found["space"], found["n"], found["dimensions"]) == ("latent", 12, 12)
    assert found["conditions"]["part"] == "test"
    assert found["files"] == [str(tmp_path / "map.png"), str(tmp_path / "map.html")]
    assert all(Path(file).stat().st_size > 5000 for file in found["files"])
    assert found["perplexity"] == pytest.approx(11 / 3)
    assert found["perplexity_asked"] == 5
    assert found["label"] == "hair-color"
    assert 0 <= found["likeness"]["same_label"]["neighbours"] <= 1
    assert 1 <= found["thumbnails"] <= 12


def test_a_gan_s_map_is_of_its_prior_with_what_it_makes_of_it(draw, stand_ins):
    found = draw(stand_ins["gan"], conditions={"count": 40, "seed": 3})
    assert (found["n"], found["dimensions"], found["label"]) == (40, 12, None)
    assert found["conditions"]["what"] == "gan run"
    again = draw(stand_ins["gan"], conditions={"count": 40, "seed": 3})
    assert again["likeness"] == found["likeness"]
    assert draw(stand_ins["gan"], conditions={"count": 40, "seed": 4})["likeness"] != found["likeness"]


def test_pictures_are_mapped_by_their_features(draw, built_faces, monkeypatch):
    def means(images, progress):
        return images.reshape(len(images), -1)[:, ::50].astype(np.float32)

    monkeypatch.setattr(registry, "network", lambda name, weights=None: Extractor(name, "images", "a", "none", means))
    found = draw(built_faces, conditions={"part": "train"})
    assert (found["space"], found["n"]) == ("features", 48)
    assert found["label"] == next(iter(face_set.load(path=built_faces).labels))
    assert draw(built_faces, conditions={"part": "all", "count": 20})["n"] == 20
    assert "Neighbours look" in found["said"]


def test_at_most_a_thousand_pictures_are_mapped_unless_more_are_asked_for(draw, stand_ins, monkeypatch, tmp_path):
    monkeypatch.setattr(maps, "COUNT", 7)
    assert draw(stand_ins["vae"])["n"] == 7
    assert draw(stand_ins["gan"])["n"] == 7
    assert draw(stand_ins["vae"], conditions={"count": 9})["n"] == 9


def test_what_cannot_be_mapped_is_said(draw, stand_ins, built_faces, tmp_path):
    np.save(tmp_path / "features.npy", np.zeros((9, 4), np.float32))
    np.save(tmp_path / "few.npy", np.zeros((3, 16, 16, 3), np.uint8))
    with pytest.raises(UsageError, match="no latent space"):
        draw(built_faces, space="latent")
    with pytest.raises(UsageError, match=r"--features does not apply to .* in its latent space"):
        draw(stand_ins["vae"], conditions={"features": "efficientnet-lite0"})
    with pytest.raises(UsageError, match=r"--weights does not apply to .* in its latent space"):
        draw(stand_ins["gan"], space="latent", conditions={"weights": tmp_path / "w.pt"})
    with pytest.raises(UsageError, match="no label"):
        draw(stand_ins["vae"], label="hare-color")
    with pytest.raises(UsageError, match="write a page"):
        draw(stand_ins["vae"], html=tmp_path / "map.pdf")
    with pytest.raises(UsageError, match=r"map\.pdf"):
        draw(stand_ins["vae"], out=tmp_path / "map.pdf")
    with pytest.raises(DataError, match="A map needs"):
        draw(stand_ins["vae"], data=str(tmp_path / "few.npy"))
    with pytest.raises(DataError, match="holds features"):
        draw(tmp_path / "features.npy")
    with pytest.raises(DataError, match="cannot sample"):
        draw(stand_ins["cae"], space="features")
    assert not list(tmp_path.glob("map*"))


# Grids


def pixels(path):
    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGB"))


def grid(reference, conditions, tmp_path, *, under=None, **changes):
    given = {"data": None, "columns": 0} | changes
    changed = dataclasses.replace(conditions, **under or {})
    return show.draw_grid(reference=str(reference), out=tmp_path / "grid.png", conditions=changed, **given)


def test_a_grid_of_a_run_that_samples_is_of_its_samples(stand_ins, conditions, tmp_path):
    found = grid(stand_ins["gan"], conditions, tmp_path, under={"count": 9, "seed": 4})
    assert (found["count"], found["columns"]) == (9, 3)
    sample = stand_in.Sampler(Run(stand_ins["gan"])).sample(9, 4)
    assert np.array_equal(pixels(tmp_path / "grid.png")[2:18, 20:36], sample[1])


def test_a_grid_of_a_run_that_does_not_sample_shows_pictures_over_their_reconstructions(
    stand_ins, built_faces, conditions, tmp_path
):
    found = grid(stand_ins["cae"], conditions, tmp_path, columns=5)
    assert (found["count"], found["columns"]) == (24, 5)  # 12 pictures, twice; the white that fills a row is none
    faces = face_set.load(path=built_faces)
    images = np.asarray(faces.images[faces.test_indices])
    again = stand_in.Coder(None).reconstruct(images)
    drawn = pixels(tmp_path / "grid.png")

    def cell(row, column):
        return drawn[2 + 18 * row : 18 + 18 * row, 2 + 18 * column : 18 + 18 * column]

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
    stand_ins, built_faces, conditions, tmp_path
):
    assert walk(stand_ins["gan"], conditions, tmp_path)["spherical"] is True
    assert walk(stand_ins["vae"], conditions, tmp_path)["spherical"] is True
    found = walk(stand_ins["cae"], conditions, tmp_path, steps=2)
    assert found["spherical"] is False
    assert found["count"] == 6
    drawn = pixels(tmp_path / "walk.png")
    assert drawn.shape == (2 * 18 + 2, 3 * 18 + 2, 3)
    first, middle, last = (drawn[6, 6 + 18 * step].astype(int) for step in range(3))
    assert np.abs(middle - (first + last) / 2).max() <= 1
    film = walk(stand_ins["gan"], conditions, tmp_path, out=tmp_path / "walk.gif")
    assert film["count"] == 2 * 4 + 1  # no picture twice in a row


def test_the_seed_chooses_the_way(stand_ins, conditions, tmp_path):
    drawn = []
    for seed in (1, 1, 2):
        walk(stand_ins["gan"], conditions, tmp_path, under={"seed": seed})
        drawn.append((tmp_path / "walk.png").read_bytes())
    assert drawn[0] == drawn[1] != drawn[2]


# Architectures


def test_every_kind_of_run_is_drawn(finished_run, written_runs, face_runs, keras_engine, conditions, tmp_path):
    expected = {
        finished_run: ["seq2seq_text_text"],
        **{next(written_runs.glob(f"0*-{name}")): [drawn] for name, drawn in (
            ("judge", "glyph_classifier"), ("reader", "columns_image_text"), ("writer", "columns_text_image"),
        )},
        face_runs["vae"]: ["encoder", "decoder"],
        face_runs["cae"]: ["encoder", "decoder"],
        face_runs["gan"]: ["generator", "discriminator"],
    }  # fmt: skip
    for run, names in expected.items():
        found = architecture.draw(reference=str(run), out=tmp_path / "model.svg", root=conditions.root)
        assert [network["name"] for network in found["networks"]] == names
        text = (tmp_path / "model.svg").read_text()
        assert all(f"{network['weights']:,} weights" in text for network in found["networks"])


def test_a_run_without_networks_is_a_data_error(stand_ins, keras_engine, conditions, tmp_path):
    with pytest.raises(DataError, match="cannot model"):
        architecture.draw(reference="gan-s0", out=tmp_path / "model.svg", root=conditions.root)


# The trained models themselves


def test_trained_runs_of_every_kind_are_opened_measured_and_shown(face_runs, keras_engine, conditions, tmp_path, draw):
    from idlcli.experiments import reconstruct

    for kind in ("vae", "cae"):
        scores = reconstruct.score(run=str(face_runs[kind]), data=None, conditions=conditions)
        assert scores["n"] == [12, 12]
        assert 0 < scores["value"] < 0.5
    for kind, run in face_runs.items():
        assert walk(run, conditions, tmp_path)["count"] == 2 * 5
        assert draw(run, conditions={"count": 12})["n"] == 12
        grid(run, conditions, tmp_path)
        if kind != "cae":
            samples = opening.open_run(Run(run), count=5, seed=1)
            assert samples.array.shape == (5, 16, 16, 3)
    assert draw(face_runs["gan"], conditions={"count": 30})["label"] == "condition"
