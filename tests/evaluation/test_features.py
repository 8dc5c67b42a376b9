"""Which features measure what, what their identity depends on, and that kept features are the same numbers."""

import hashlib
import os

import numpy as np
import pytest

from idlcli.errors import DataError, UsageError
from idlcli.evaluation import feature_cache, features
from idlcli.evaluation.feature_cache import FeatureCache
from idlcli.evaluation.features import NONE, Extractor, choose, network
from idlcli.evaluation.frechet import fit_gaussian
from idlcli.models.feature_weights import NETWORKS, find_weights


@pytest.mark.parametrize(
    ("kinds", "name", "chosen"),
    [
        (["images", "images"], "auto", "efficientnet-lite0"),
        (["features", "features"], "auto", "none"),
        (["glyphs"], "auto", "judge"),
        (["images"], "inception-fid", "inception-fid"),
        (["features"], "none", "none"),
    ],
)
def test_auto_takes_what_fits_and_says_which(kinds, name, chosen):
    assert choose(name=name, kinds=kinds) == chosen


@pytest.mark.parametrize(
    ("kinds", "name"),
    [
        (["images", "features"], "auto"),
        (["images", "glyphs"], "efficientnet-lite0"),
        (["features"], "efficientnet-lite0"),
        (["glyphs"], "none"),
        (["images"], "none"),
        (["images"], "judge"),
        (["images"], "vgg"),
    ],
)
def test_what_cannot_be_compared_is_a_usage_error(kinds, name):
    with pytest.raises(UsageError):
        choose(name=name, kinds=kinds)


def test_every_network_is_offered():
    assert set(NETWORKS) < set(features.FEATURES)
    assert {"auto", "judge", "none"} < set(features.FEATURES)


def test_weights_are_found_and_hashed_without_an_engine():
    found = find_weights(name="efficientnet-lite0")
    assert found.sha256 == hashlib.sha256(found.path.read_bytes()).hexdigest()
    assert (found.size, found.dimension, found.rule) == (224, 1280, "bicubic")
    extractor = network(name="efficientnet-lite0")
    assert extractor.about() == {"name": "efficientnet-lite0", "sha256": found.sha256}
    assert extractor.resize == "224x224 bicubic"


@pytest.mark.parametrize("path", ["nowhere", "a\0b", "a" * 5000, "."])
def test_weights_that_are_not_there_are_a_data_error(path):
    with pytest.raises(DataError):
        find_weights(name="efficientnet-lite0", weights=path)


class Counting:
    """Features that are quick to make, and are counted."""

    def __init__(self, **changes):
        self.calls = 0
        about = {"name": "sums", "takes": "images", "sha256": "ab", "resize": "none"} | changes
        self.extractor = Extractor(**about, extract=self._extract)

    def _extract(self, array, progress):
        self.calls += 1
        return array.reshape(len(array), -1)[:, :3].astype(np.float32)


IMAGES = np.random.default_rng(0).integers(0, 256, (6, 4, 4, 3), dtype=np.uint8)


def test_the_identity_changes_with_everything_that_changes_a_number(monkeypatch):
    plain = Counting().extractor
    assert plain.identity == Counting().extractor.identity
    others = [{"name": "b"}, {"takes": "glyphs"}, {"sha256": "cd"}, {"sha256": None}, {"resize": "8x8 bicubic"}]
    assert len({plain.identity, *(Counting(**change).extractor.identity for change in others)}) == 6
    engines = set()
    for name in ("tensorflow", "jax"):
        monkeypatch.setattr(features.engine, "running", lambda name=name: name)
        engines.add(plain.identity)
    assert len(engines) == 2


def test_kept_features_are_the_same_and_are_not_made_again(tmp_path):
    counting, cache = Counting(), FeatureCache(tmp_path / "new" / "place")

    def take(sha256="x", counted=counting):
        return cache.features(extractor=counted.extractor, array=IMAGES, sha256=sha256)

    first, kept = take()
    assert (counting.calls, kept) == (1, False)
    again, kept = take()
    assert (counting.calls, kept) == (1, True)
    assert np.array_equal(first, again)
    take(sha256="y")
    assert counting.calls == 2
    other = Counting(sha256="cd")
    assert take(counted=other)[1] is False
    assert other.calls == 1


@pytest.mark.parametrize(
    "content",
    [b"", b"\x93NUMPY", b"junk", "cut", np.zeros((5, 3), np.float32), np.zeros((6, 3)), np.full((6, 3), np.nan, "f4")],
    ids=str,
)
def test_a_broken_or_strange_file_is_replaced(content, tmp_path):
    counting, cache = Counting(), FeatureCache(tmp_path)
    expected, _ = cache.features(extractor=counting.extractor, array=IMAGES, sha256="x")
    (file,) = tmp_path.iterdir()
    if isinstance(content, np.ndarray):
        np.save(file, content)
    else:
        file.write_bytes(file.read_bytes()[:-4] if content == "cut" else content)
    for made in (2, 2):
        found, _ = cache.features(extractor=counting.extractor, array=IMAGES, sha256="x")
        assert np.array_equal(found, expected)
        assert counting.calls == made


def test_a_place_that_cannot_be_written_costs_nothing_but_time(tmp_path):
    (tmp_path / "file").write_text("")
    for place in (None, tmp_path / "file", tmp_path / "file" / "below"):
        counting = Counting()
        for calls in (1, 2):
            found, kept = FeatureCache(place).features(extractor=counting.extractor, array=IMAGES, sha256="x")
            assert (found.shape, kept, counting.calls) == ((6, 3), False, calls)
    assert (tmp_path / "file").read_text() == ""


def test_a_gaussian_is_kept_and_is_the_same(tmp_path, monkeypatch):
    rows = np.random.default_rng(1).normal(size=(60, 5)).astype(np.float32)
    rows[:, 2] = 0.5
    counting, cache = Counting(), FeatureCache(tmp_path)

    def take(sha256="x", features=rows):
        return cache.gaussian(extractor=counting.extractor, features=features, sha256=sha256)

    expected = fit_gaussian(features=rows)
    first = take()
    monkeypatch.setattr(feature_cache, "fit_gaussian", None)
    again = take()
    for found in (first, again):
        assert found.n == 60
        np.testing.assert_array_equal(found.mean, expected.mean)
        np.testing.assert_array_equal(found.factor, expected.factor)
    with pytest.raises(TypeError):
        take(sha256="y")
    with pytest.raises(TypeError):  # of another width: not these
        take(features=rows[:, :4])


def test_a_gaussian_of_few_rows_is_not_kept_nor_one_of_features_that_were_given(tmp_path):
    rows = np.random.default_rng(1).normal(size=(60, 5))
    for extractor, given in ((Counting().extractor, rows[:5]), (NONE, rows)):
        assert FeatureCache(tmp_path).gaussian(extractor=extractor, features=given, sha256="x").n == len(given)
    assert list(tmp_path.iterdir()) == []


def test_features_that_are_given_are_not_kept(tmp_path):
    array = np.ones((4, 2))
    found, kept = FeatureCache(tmp_path).features(extractor=NONE, array=array, sha256="x")
    assert found is array
    assert not kept
    assert list(tmp_path.iterdir()) == []


def test_what_was_not_used_for_longest_goes_first(tmp_path, monkeypatch):
    counting, cache = Counting(), FeatureCache(tmp_path)
    monkeypatch.setattr(feature_cache, "LIMIT_BYTES", 500)  # two files of 200 bytes
    for age, sha256 in enumerate("abc"):
        before = set(tmp_path.iterdir())
        cache.features(extractor=counting.extractor, array=IMAGES, sha256=sha256)
        (new,) = set(tmp_path.iterdir()) - before
        os.utime(new, (1_000_000 + age, 1_000_000 + age))
        if sha256 == "b":
            cache.features(extractor=counting.extractor, array=IMAGES, sha256="a")  # used again: now the newest
    assert counting.calls == 3
    assert len(list(tmp_path.iterdir())) == 2
    assert cache.features(extractor=counting.extractor, array=IMAGES, sha256="a")[1]
    assert not cache.features(extractor=counting.extractor, array=IMAGES, sha256="b")[1]
