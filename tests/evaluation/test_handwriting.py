"""Written digits against real ones: the mean digit, noise and copies each give themselves away."""

import numpy as np
import pytest

from idlcli.data import digits
from idlcli.evaluation.handwriting import diversity
from idlcli.seeds import rng


@pytest.fixture(scope="module")
def real():
    """The bundled digits, a third each: written by people who train, who test, and who pose as the model."""
    found = digits.load("mnist-5k")
    order = rng(0, "thirds").permutation(len(found.labels))
    images, labels = found.images[order].astype(np.float32) / 255, found.labels[order].astype(np.int64)
    return [(images[i::3], labels[i::3]) for i in range(3)]


def compare(real, written, labels):
    (train, train_labels), (test, test_labels) = real[:2]

    def features(images):
        return images[:, ::4, ::4].reshape(len(images), -1)

    return diversity(
        written=written, written_labels=labels, real=test, real_labels=test_labels, train=train,
        train_labels=train_labels, features=features, seed=0,
    )  # fmt: skip


def test_other_real_handwriting_is_as_diverse_sharp_and_new_as_real_handwriting(real):
    found = compare(real, *real[2])
    assert found["n"] == len(real[2][0])
    for name in ("spread", "sharpness", "nearest"):
        assert found[name] == pytest.approx(1.0, abs=0.05), name
    assert abs(found["kid"]) < 3 * found["kid_std"] + 1e-4


def test_the_mean_digit_has_no_spread_and_is_not_sharp(real):
    train, labels = real[0]
    means = np.stack([train[labels == label].mean(axis=0) for label in range(10)])
    found = compare(real, means[real[2][1]], real[2][1])
    assert found["spread"] < 1e-3
    assert found["sharpness"] < 0.8
    others = compare(real, *real[2])
    assert found["kid"] > others["kid"] + 2 * others["kid_std"]


def test_noise_is_far_from_handwriting_and_copies_are_too_near(real):
    labels = real[2][1]
    noise = rng(0, "noise").random((len(labels), 28, 28), dtype=np.float32)
    assert compare(real, noise, labels)["nearest"] > 1.5
    assert compare(real, noise, labels)["sharpness"] > 2
    copies, copied_labels = real[0]
    assert compare(real, copies, copied_labels)["nearest"] == 0


def test_where_the_pools_are_shared_nothing_is_new(real):
    assert compare([real[0], real[0]], *real[2])["nearest"] is None
