"""Whose hand writes what: training by the train pool alone, tests by the test pool, and each glyph what it is to be."""

import numpy as np
import pytest

from idlcli.data import digits
from idlcli.data.glyphs import make_bank, pools
from idlcli.data.queries import make_queries
from idlcli.experiments.handwriting import Hand
from idlcli.experiments.scenarios import ImageText, TextImage
from idlcli.seeds import rng
from idlcli.settings import Seq2seqSettings

QUERIES = make_queries(ops="+-", maximum=12)
ROWS = np.arange(0, len(QUERIES.queries), 3)


@pytest.fixture(scope="module")
def hand():
    bank = make_bank(digits=digits.load("mnist-5k"), alphabet=QUERIES.alphabet, seed=0)
    return Hand(bank, *pools(bank, kind="disjoint", test_share=0.2, seed=0), seed=0)


@pytest.fixture(scope="module")
def pixels(hand):
    """The pictures of each pool but the blank, as bytes; they have none in common."""
    inked = hand.bank.labels != hand.blank
    found = {
        name: {
            image.tobytes(): int(label)
            for image, label in zip(hand.bank.images[mask & inked], hand.bank.labels[mask & inked], strict=True)
        }
        for name, mask in (("train", hand.train), ("test", hand.test))
    }
    assert not set(found["train"]) & set(found["test"])
    return found


def said_by(shown, pool, blank):
    """The characters of glyphs float (..., 28, 28), each of which must be a picture of the pool."""
    images = np.round(shown * 255).astype(np.uint8).reshape(-1, 28, 28)
    found = [blank if not image.any() else pool.get(image.tobytes(), -1) for image in images]
    return np.array(found).reshape(shown.shape[:-2])


def scenario_of(kind, hand, **changes):
    mode = "image-text" if kind is ImageText else "text-image"
    settings = Seq2seqSettings(mode=mode, **changes)
    return kind(settings, QUERIES, hand, *((None,) if kind is TextImage else ()))


@pytest.mark.parametrize("handwriting", ["fresh", "fixed"])
def test_queries_are_read_in_the_hand_of_their_side(handwriting, hand, pixels):
    scenario = scenario_of(ImageText, hand, handwriting=handwriting)
    given, wanted = scenario.batch(ROWS, 2, 5)
    assert np.array_equal(said_by(given, pixels["train"], hand.blank), QUERIES.queries[ROWS])
    assert np.array_equal(wanted, scenario.targets[ROWS])
    for side, pool in (("train", "train"), ("validation", "train"), ("test", "test")):
        shown = hand.show(scenario.glyphs(ROWS, side=side))
        assert np.array_equal(said_by(shown, pixels[pool], hand.blank), QUERIES.queries[ROWS]), side


@pytest.mark.parametrize("architecture", ["repeat", "columns"])
def test_answers_are_learnt_from_the_train_pool_and_measured_against_the_test_pool(architecture, hand, pixels):
    scenario = scenario_of(TextImage, hand, architecture=architecture)
    given, wanted = scenario.batch(ROWS, 2, 5)
    written = wanted if architecture == "repeat" else wanted["image"]
    assert np.array_equal(said_by(written, pixels["train"], hand.blank), QUERIES.answers[ROWS])
    if architecture == "columns":
        assert np.array_equal(given["written"], written), "what is looked at is what is to be written"
    real = hand.show(scenario._real[ROWS])
    assert np.array_equal(said_by(real, pixels["test"], hand.blank), QUERIES.answers[ROWS])


@pytest.mark.parametrize("kind", [ImageText, TextImage])
def test_fresh_handwriting_is_another_every_step_and_fixed_is_one(kind, hand):
    def shown(scenario, *when):
        given, wanted = scenario.batch(ROWS, *when)
        return given if kind is ImageText else wanted

    fresh = scenario_of(kind, hand, handwriting="fresh")
    assert np.array_equal(shown(fresh, 1, 2), shown(fresh, 1, 2))
    for other in ((1, 3), (2, 2)):
        assert (shown(fresh, *other) != shown(fresh, 1, 2)).any(axis=(-1, -2)).mean() > 0.5
    fixed = scenario_of(kind, hand, handwriting="fixed")
    assert np.array_equal(shown(fixed, 1, 2), shown(fixed, 4, 7))
    part = shown(fixed, 0, 0)[:5]
    assert np.array_equal(part, (fixed.batch(ROWS[:5], 3, 3)[0 if kind is ImageText else 1])), "whatever else is read"


def test_distortion_bends_what_is_read_and_leaves_the_blank_alone(hand):
    bent, _ = scenario_of(ImageText, hand, distortion=1.0).batch(ROWS, 0, 0)
    straight, _ = scenario_of(ImageText, hand).batch(ROWS, 0, 0)
    blank = QUERIES.queries[ROWS] == hand.blank
    assert blank.any()
    assert not bent[blank].any()
    assert (bent != straight)[~blank].any(axis=(-1, -2)).mean() > 0.9


def test_styles_are_a_query_s_own_and_of_the_size_that_is_asked_for(hand):
    wide, narrow = (
        scenario_of(TextImage, hand, architecture="columns", style_scale=scale).styles for scale in (1.0, 0.25)
    )
    assert wide.shape == (len(QUERIES.queries), 16)
    assert np.allclose(narrow, wide / 4)
    assert wide.std() == pytest.approx(1.0, abs=0.1)
    assert len(np.unique(wide, axis=0)) == len(wide)


def test_what_is_written_is_nearer_to_black_and_white_at_a_lower_temperature(hand, keras_engine):
    from idlcli.models import columns

    common = {"architecture": "columns", "units": 4, "column_units": 4, "readout_units": 4, "writer_width": 4}
    scenario = scenario_of(TextImage, hand, **common)
    model = columns.build(scenario.settings, alphabet=QUERIES.alphabet, digits=2, slots=QUERIES.answers.shape[1])
    asked, styles = scenario.asked(ROWS), scenario.styles[ROWS]
    learnt, sharper = (
        scenario_of(TextImage, hand, **common, pixel_temperature=temperature).writer(model)(asked, styles)
        for temperature in (1.0, 0.5)
    )
    assert np.allclose(np.log(sharper / (1 - sharper)), 2 * np.log(learnt / (1 - learnt)), atol=1e-4)
    assert (np.abs(sharper - 0.5) >= np.abs(learnt - 0.5) - 1e-6).all()


def test_pixel_losses_are_what_they_are_called():
    from idlcli.experiments.scenarios import pixel_loss

    written, real = (rng(0, name).random((4, 3, 28, 28)) for name in ("written", "real"))
    assert pixel_loss(written, real, name="mse") == pytest.approx(((written - real) ** 2).mean())
    entropy = -(real * np.log(written) + (1 - real) * np.log(1 - written)).mean()
    assert pixel_loss(written, real, name="binary_crossentropy") == pytest.approx(entropy)
    assert np.isfinite(pixel_loss(np.zeros((1, 1)), np.ones((1, 1)), name="binary_crossentropy"))
