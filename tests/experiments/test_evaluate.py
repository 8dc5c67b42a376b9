"""Distances between sets: the numbers of an independent computation, with their conditions, whatever the sets are."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
from scipy import linalg

from idlcli.data import face_set
from idlcli.errors import DataError, UsageError
from idlcli.evaluation import features as registry
from idlcli.evaluation.features import Extractor
from idlcli.evaluation.frechet import frechet_interval
from idlcli.evaluation.kernel import kernel_distance, kernel_standard_error
from idlcli.evaluation.manifold import manifold_scores
from idlcli.experiments import copies, evaluate, reconstruct
from idlcli.experiments.evaluate import Conditions, compare

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


@pytest.fixture
def conditions(tmp_path: Path) -> Conditions:
    return Conditions(root=tmp_path / "runs", cache=tmp_path / "cache")


@pytest.fixture
def arrays(tmp_path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Features of two sets, at a.npy and b.npy."""
    generator = np.random.default_rng(0)
    mix = generator.normal(size=(6, 6))
    a, b = generator.normal(size=(80, 6)) @ mix, generator.normal(0.5, 1, size=(90, 6)) @ mix
    for name, array in (("a", a), ("b", b)):
        np.save(tmp_path / f"{name}.npy", array)
    return a, b


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Features that need no engine in the place of the network's; the pictures that were measured, call by call."""
    measured: list[int] = []

    def extract(images, progress):
        measured.append(len(images))
        if progress is not None:
            progress(len(images), len(images))
        return images[:, ::4, ::4].reshape(len(images), -1).astype(np.float32) / 255

    def stand_in(name, weights=None):
        return Extractor(name, "images", "0" * 64, "8x8 bicubic", extract)

    monkeypatch.setattr(registry, "network", stand_in)
    return measured


def by_sqrtm(x, y):
    """The textbook's formula, which is not ours."""
    root = linalg.sqrtm(np.cov(x.T) @ np.cov(y.T))
    return float(np.sum((x.mean(0) - y.mean(0)) ** 2) + np.trace(np.cov(x.T) + np.cov(y.T) - 2 * root.real))


def test_fid_of_features_is_that_of_scipy_s_square_root(arrays, conditions, tmp_path):
    found = compare(metric="fid", a=str(tmp_path / "a.npy"), b=str(tmp_path / "b.npy"), conditions=conditions)
    assert found["value"] == pytest.approx(by_sqrtm(*arrays), rel=1e-9)
    expected = frechet_interval(samples=arrays[0], reference=arrays[1])
    assert found["interval"] == pytest.approx([expected.low, expected.high], rel=1e-9)
    assert found["n"] == [80, 90]
    assert found["features"] == {"name": "none", "sha256": None}
    assert any("2,048" in warning for warning in found["warnings"])
    json.dumps(found, allow_nan=False)


def test_kid_and_prdc_are_those_of_the_library(arrays, conditions, tmp_path):
    a, b = arrays
    kid = compare(metric="kid", a=str(tmp_path / "a.npy"), b=str(tmp_path / "b.npy"), conditions=conditions)
    expected = kernel_distance(samples=a, reference=b, subset_size=80)
    assert (kid["value"], kid["std"], kid["subset_size"]) == (expected.mean, expected.std, 80)
    error = np.hypot(kernel_standard_error(samples=a, reference=b), expected.std / expected.subsets**0.5)
    assert kid["interval"] == pytest.approx([expected.mean - 1.96 * error, expected.mean + 1.96 * error])
    assert not any("2,048" in warning for warning in kid["warnings"])
    prdc = compare(metric="prdc", a=str(tmp_path / "a.npy"), b=str(tmp_path / "b.npy"), conditions=conditions)
    scores = dataclasses.asdict(manifold_scores(samples=a, reference=b))
    assert {name: prdc[name] for name in scores} == scores
    assert prdc["value"] is None
    assert any("80 against 90" in warning for warning in prdc["warnings"])


def test_a_set_has_no_distance_from_itself(arrays, conditions, tmp_path):
    a = str(tmp_path / "a.npy")
    assert 0 <= compare(metric="fid", a=a, b=a, conditions=conditions)["value"] < 1e-6
    assert compare(metric="prdc", a=a, b=a, conditions=conditions)["precision"] == 1


def test_features_that_no_metric_takes_are_a_data_error_that_names_them(conditions, tmp_path):
    np.save(tmp_path / "a.npy", np.full((5, 3), np.nan))
    np.save(tmp_path / "b.npy", np.ones((5, 3)))
    np.save(tmp_path / "wide.npy", np.ones((5, 4)))
    np.save(tmp_path / "one.npy", np.ones((1, 3)))
    for name in ("a", "wide", "one"):
        for metric in evaluate.METRICS:
            with pytest.raises(DataError, match="Cannot compare"):
                compare(
                    metric=metric, a=str(tmp_path / f"{name}.npy"), b=str(tmp_path / "b.npy"), conditions=conditions
                )


def test_pictures_and_features_are_not_compared(built_faces, arrays, conditions, tmp_path):
    with pytest.raises(UsageError, match="features with images"):
        compare(metric="fid", a=str(built_faces), b=str(tmp_path / "a.npy"), conditions=conditions)


def test_real_features_are_kept_and_samples_are_not(stand_ins, built_faces, conditions, quick):
    def fid(**changes):
        changed = dataclasses.replace(conditions, **changes)
        return compare(metric="fid", a=str(stand_ins["gan"]), b=str(built_faces), conditions=changed)

    first, second = fid(), fid()
    assert quick == [12, 12, 12]
    assert (first["cached"], second["cached"]) == ([False, False], [False, True])
    assert first["value"] == second["value"]
    assert fid(part="train")["cached"] == [False, False]
    assert quick[3:] == [48, 48]  # a run makes as many as the other side has
    assert fid(part="train", count=20, seed=1)["n"] == [20, 20]
    assert fid(cache=None)["cached"] == [False, False]
    assert fid(features="inception", weights=stand_ins["gan"] / "config.json")["cached"] == [False, False]
    assert [path.parent.name for path in conditions.cache.iterdir()] == ["cache"] * 4


def test_conditions_stand_in_the_result(stand_ins, built_faces, conditions, quick):
    told = []
    found = compare(
        metric="fid", a=str(stand_ins["vae"]), b=str(built_faces), conditions=conditions,
        progress=lambda what: lambda done, total: told.append((what, done, total)),
    )  # fmt: skip
    assert found["features"] == {"name": "efficientnet-lite0", "sha256": "0" * 64}
    assert found["resize"] == "8x8 bicubic"
    assert found["conditions"]["a"]["what"] == "vae run"
    assert found["conditions"]["a"]["seed"] == 0
    assert found["conditions"]["b"]["part"] == "test"
    assert found["conditions"]["b"]["data_sha256"] == face_set.load(path=built_faces).manifest["images"]["sha256"]
    assert told == [(str(stand_ins["vae"]), 12, 12), (str(built_faces), 12, 12)]


def test_two_parts_of_one_set_and_two_runs_can_be_compared(stand_ins, built_faces, conditions, quick):
    changed = dataclasses.replace(conditions, part_a="train", part="test")
    floor = compare(metric="kid", a=str(built_faces), b=str(built_faces), conditions=changed)
    assert floor["n"] == [48, 12]
    runs = compare(metric="fid", a="gan-s0", b="vae-s0", conditions=dataclasses.replace(conditions, count=9))
    assert runs["n"] == [9, 9]
    assert runs["value"] == pytest.approx(0, abs=1e-9)  # the two draw the same numbers


def test_a_gaussian_that_is_kept_gives_the_same_and_is_of_real_pictures_only(
    stand_ins, built_faces, conditions, quick, monkeypatch
):
    """Three features of forty faces: enough rows for a Gaussian to be kept."""

    def few(name, weights=None):
        return Extractor(
            name, "images", "1" * 64, "mean", lambda images, progress: images.mean(axis=(1,), dtype="f4")[:, 0]
        )

    def gaussians():
        return [path for path in conditions.cache.glob("*.npy") if np.load(path).dtype == np.float64]

    monkeypatch.setattr(registry, "network", few)
    values = []
    for seed, kept in ((0, 1), (0, 1), (1, 2)):  # with another seed other faces are drawn, and other real ones taken
        changed = dataclasses.replace(conditions, part="all", count=40, seed=seed)
        fresh, found = (
            compare(metric="fid", a="vae-s0", b=str(built_faces), conditions=one)
            for one in (dataclasses.replace(changed, cache=None), changed)
        )
        assert (found["value"], found["interval"]) == (fresh["value"], fresh["interval"])
        assert len(gaussians()) == kept
        values.append(found["value"])
    assert values[0] == values[1] != values[2]


def test_a_part_that_means_nothing_is_a_usage_error(arrays, built_faces, conditions, tmp_path):
    a = str(tmp_path / "a.npy")
    for changes, sides in (({"part": "train"}, (a, a)), ({"part_a": "train"}, (a, str(built_faces)))):
        with pytest.raises(UsageError, match="--part"):
            compare(metric="fid", a=sides[0], b=sides[1], conditions=dataclasses.replace(conditions, **changes))


def test_pictures_of_other_sizes_and_left_out_ones_are_warned_of(built_faces, conditions, quick, tmp_path):
    np.save(tmp_path / "large.npy", np.random.default_rng(0).integers(0, 256, (12, 16, 20, 3), dtype=np.uint8))
    with pytest.raises(DataError, match="width"):
        compare(metric="kid", a=str(tmp_path / "large.npy"), b=str(built_faces), conditions=conditions)
    first, second, _ = evaluate.open_pair(str(tmp_path / "large.npy"), str(built_faces), conditions)
    said = evaluate._warnings("kid", first, second)
    assert any("16x20 against 16x16" in warning for warning in said)
    first.about["skipped"] = 3
    assert any("3 pictures" in warning for warning in evaluate._warnings("kid", first, second))


def test_the_network_s_features_are_the_same_one_by_one_and_all_at_once(built_faces, conditions, keras_engine):
    extractor = registry.network(name="efficientnet-lite0")
    images = np.asarray(face_set.load(path=built_faces).images[:5])
    together = extractor.extract(images, None)
    alone = np.concatenate([extractor.extract(images[i : i + 1], None) for i in range(5)])
    assert together.shape == (5, 1280)
    assert np.abs(together - alone).max() < 1e-5 * np.abs(together).max()
    found = compare(metric="fid", a=str(built_faces), b=str(built_faces), conditions=conditions)
    assert found["value"] < 1e-6
    assert found["features"]["name"] == "efficientnet-lite0"


@pytest.fixture
def judge_run(written_runs):
    return next(written_runs.glob("0*-judge"))


def test_glyphs_are_measured_by_the_judge(judge_run, conditions, tmp_path, keras_engine):
    glyphs = np.random.default_rng(0).integers(0, 256, (20, 28, 28), dtype=np.uint8)
    for name, array in (("a", glyphs), ("b", 255 - glyphs)):
        np.save(tmp_path / f"{name}.npy", array)
    changed = dataclasses.replace(conditions, judge=str(judge_run))
    found = compare(metric="fid", a=str(tmp_path / "a.npy"), b=str(tmp_path / "b.npy"), conditions=changed)
    assert found["features"]["name"] == "judge"
    assert found["value"] > 0
    assert (
        compare(metric="fid", a=str(tmp_path / "a.npy"), b=str(tmp_path / "a.npy"), conditions=changed)["value"] < 1e-6
    )
    with pytest.raises(DataError, match="judge"):
        compare(metric="fid", a=str(tmp_path / "a.npy"), b=str(tmp_path / "b.npy"), conditions=conditions)


def test_weights_that_are_missing_are_said_before_a_run_samples(stand_ins, built_faces, conditions, monkeypatch):
    def sample(*_):
        raise AssertionError("sampled")

    monkeypatch.setattr("stand_in.Both.sample", sample)
    changed = dataclasses.replace(conditions, features="inception-fid")
    with pytest.raises(DataError, match="FID Inception"):
        compare(metric="fid", a="vae-s0", b=str(built_faces), conditions=changed)


# Reconstructions


def test_mse_is_that_of_the_test_part_of_the_run_s_own_data(stand_ins, built_faces, conditions):
    faces = face_set.load(path=built_faces)
    images = np.asarray(faces.images[faces.test_indices]) / 255
    means = images.reshape(-1, 2, 8, 2, 8, 3).mean(axis=(2, 4))
    again = np.rint(np.clip(means, 0, 1).repeat(8, 1).repeat(8, 2) * 255) / 255
    each = ((images - again) ** 2).mean(axis=(1, 2, 3))
    for kind in ("vae", "cae"):
        found = reconstruct.score(run=str(stand_ins[kind]), data=None, conditions=conditions)
        assert found["value"] == pytest.approx(each.mean(), rel=1e-4)
        assert found["interval"][1] - found["value"] == pytest.approx(1.96 * each.std(ddof=1) / 12**0.5, rel=1e-3)
        assert found["psnr"] == pytest.approx((-10 * np.log10(each)).mean(), rel=1e-4)
        assert 0 < found["ssim"] < 1
        assert found["n"] == [12, 12]
        assert found["conditions"]["b"]["part"] == "test"
    train = dataclasses.replace(conditions, part="train", count=5)
    assert reconstruct.score(run="cae-s0", data=str(built_faces), conditions=train)["n"] == [5, 5]


def test_an_exact_reconstruction_has_no_finite_psnr(stand_ins, conditions, tmp_path):
    np.save(tmp_path / "flat.npy", np.full((3, 16, 16, 3), 255, np.uint8))
    found = reconstruct.score(run="vae-s0", data=str(tmp_path / "flat.npy"), conditions=conditions)
    assert (found["value"], found["psnr"], found["exact"]) == (0, None, 3)
    json.dumps(found, allow_nan=False)


@pytest.mark.parametrize("shape", [(3, 32, 32, 3), (1, 16, 16, 3), (3, 28, 28), (3, 7)])
def test_pictures_that_a_run_does_not_take_are_a_data_error(shape, stand_ins, conditions, tmp_path):
    np.save(tmp_path / "a.npy", np.zeros(shape, np.uint8 if len(shape) > 2 else np.float32))
    with pytest.raises(DataError):
        reconstruct.score(run="vae-s0", data=str(tmp_path / "a.npy"), conditions=conditions)


def test_only_a_run_with_a_code_reconstructs(stand_ins, conditions):
    with pytest.raises(DataError, match="vae or cae"):
        reconstruct.score(run="gan-s0", data=None, conditions=conditions)


# Copies


@pytest.fixture
def look(built_faces, conditions, quick, tmp_path):
    def run(a, **changes):
        return copies.look(
            a=str(a), data=None if "data" in changes else str(built_faces), out=tmp_path / "near.png",
            conditions=conditions, progress=lambda what: lambda done, total: None,
        )  # fmt: skip

    return run


def test_either_kind_of_evidence_is_enough(look, built_faces, tmp_path):
    faces, generator = face_set.load(path=built_faces), np.random.default_rng(0)
    train = np.asarray(faces.images[faces.train_indices]).astype(int)
    distant = train + generator.integers(-60, 61, train.shape)
    few = np.repeat(train[:4], 10, axis=0) + generator.integers(-2, 3, (40, *train.shape[1:]))
    for name, samples in (("distant", distant), ("few", few)):
        np.save(tmp_path / f"{name}.npy", np.clip(samples, 0, 255).astype(np.uint8))
    all_from_afar, four_from_near = look(tmp_path / "distant.npy"), look(tmp_path / "few.npy")
    assert all_from_afar["copying"]
    assert all_from_afar["nearest_held_out"] < all_from_afar["nearest_held_out_expected"] == 0.2
    assert all_from_afar["near_copies_chance"] > 0.001 > all_from_afar["nearest_held_out_chance"]
    assert four_from_near["copying"]
    assert four_from_near["nearest_held_out_chance"] > 0.001 > four_from_near["near_copies_chance"]


def test_copies_are_told_from_new_pictures(look, built_faces, tmp_path):
    faces = face_set.load(path=built_faces)
    train = np.asarray(faces.images[faces.train_indices])
    noisy = train[:30].astype(int) + np.random.default_rng(0).integers(-2, 3, (30, 16, 16, 3))
    np.save(tmp_path / "copied.npy", np.clip(noisy, 0, 255).astype(np.uint8))
    np.save(tmp_path / "fresh.npy", np.asarray(faces.images[faces.test_indices]))
    copied, fresh = look(tmp_path / "copied.npy"), look(tmp_path / "fresh.npy")
    assert copied["copying"]
    assert not fresh["copying"]
    assert copied["nearer"] > 0.95
    assert fresh["nearer"] == 0.5
    assert copied["verdict"] != fresh["verdict"]
    assert len(copied["distances"]["samples"]) == 30
    assert len(copied["distances"]["held_out"]) == 12
    assert max(copied["distances"]["samples"]) < min(copied["distances"]["held_out"])
    assert (tmp_path / "near.png").stat().st_size > 10_000
    shown = copied["shown"]
    assert [copied["distances"]["samples"][row] for row in shown[:4]] == sorted(copied["distances"]["samples"])[:4]
    assert len(set(shown)) == 8


def test_a_run_is_held_against_the_data_it_was_made_with(look, stand_ins):
    found = look(stand_ins["gan"], data=None)
    assert found["n"] == [1024, 48]
    assert found["conditions"]["train"]["part"] == "train"


def test_pictures_without_their_data_are_a_usage_error(look, tmp_path):
    np.save(tmp_path / "a.npy", np.zeros((9, 16, 16, 3), np.uint8))
    with pytest.raises(UsageError, match="trained on"):
        look(tmp_path / "a.npy", data=None)
