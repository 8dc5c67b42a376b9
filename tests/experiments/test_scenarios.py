"""Whose hand writes what: training by the train pool alone, tests by the test pool, and each glyph what it is to be."""

import dataclasses

import numpy as np
import pytest

from idlcli.data import digits
from idlcli.data.glyphs import make_bank, pools
from idlcli.data.queries import make_queries
from idlcli.evaluation.intervals import by_glyph, of_share
from idlcli.experiments import seq2seq
from idlcli.experiments.answers import Answers, confidences
from idlcli.experiments.handwriting import Hand
from idlcli.experiments.scenarios import ImageText, TextImage, pixel_loss
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


class Blind:
    """A judge that takes everything for a zero, and says how well it reads."""

    def __init__(self):
        self.score = {"accuracy": 0.1}

    def read(self, images):
        return np.eye(len(QUERIES.alphabet))[np.zeros(images.shape[:-2], int)]

    def features(self, images):
        return images


@pytest.mark.parametrize("handwriting", ["fresh", "fixed"])
def test_what_was_written_is_held_against_real_handwriting_of_its_side(handwriting, hand, monkeypatch):
    settings = Seq2seqSettings(mode="text-image", handwriting=handwriting)
    scenario = TextImage(settings, QUERIES, hand, Blind())
    written = rng(0, "written").random((len(ROWS), QUERIES.answers.shape[1], 28, 28))
    monkeypatch.setattr(TextImage, "writer", lambda scenario, model: lambda asked, styles: written)
    losses = {}
    for side, real in (("test", scenario._real), ("train", scenario._fixed), ("validation", scenario._fixed)):
        found = scenario.answers(None, ROWS, side=side)
        losses[side] = found.loss
        assert found.loss == pytest.approx(pixel_loss(written, hand.show(real[ROWS]), name=scenario.trained_loss))
        assert np.array_equal(found.images, np.round(written * 255).astype(np.uint8))
        assert set(found.texts) == {"0" * QUERIES.answers.shape[1]}
    assert losses["test"] != pytest.approx(losses["train"], rel=1e-6)


def test_writing_is_compared_with_real_digits_of_the_test_pool_and_copies_sought_among_those_of_training(
    hand, pixels, monkeypatch
):
    given = {}
    monkeypatch.setattr(seq2seq, "diversity", lambda **about: given.update(about) or {"spread": 1.0})
    scenario = TextImage(Seq2seqSettings(mode="text-image"), QUERIES, hand, Blind())
    images = np.full((len(ROWS), QUERIES.answers.shape[1], 28, 28), 7, np.uint8)
    answers = Answers(QUERIES, ROWS, np.zeros(1), np.zeros(1), ["0"] * len(ROWS), images=images)
    assert seq2seq.about_images(scenario, answers) == {"judge": Blind().score, "diversity": {"spread": 1.0}}
    for what, pool in (("real", "test"), ("train", "train")):
        said = said_by(given[what], pixels[pool], hand.blank)
        assert np.array_equal(said, given[f"{what}_labels"])
        assert sorted(set(said.tolist())) == list(range(10))
        assert len(said) == (hand.bank.labels[getattr(hand, pool)] < 10).sum()
    meant = QUERIES.answers[ROWS]
    assert np.array_equal(given["written_labels"], meant[meant < 10])
    assert len(given["written"]) == (meant < 10).sum()


def test_answers_that_were_read_are_in_doubt_by_the_glyphs_that_they_were_read_from(hand, monkeypatch):
    """Each glyph but the blank counts; here an answer is wrong where one certain picture of a 1 was read."""
    scenario = scenario_of(ImageText, hand)
    rows = np.arange(len(QUERIES.queries))
    few = [np.flatnonzero((hand.bank.labels == label) & hand.test)[:2] for label in range(len(QUERIES.alphabet))]
    turn = rng(0, "turn").integers(2, size=QUERIES.queries.shape)
    chosen = np.stack([[few[c][t % len(few[c])] for c, t in zip(*row, strict=True)] for row in
                       zip(QUERIES.queries, turn, strict=True)])  # fmt: skip
    monkeypatch.setattr(ImageText, "outputs", lambda scenario, *_: np.eye(len(QUERIES.alphabet))[scenario.targets])
    read = scenario.read_glyphs(None, rows, chosen)
    assert np.array_equal(read.glyphs < 0, QUERIES.queries == hand.blank)
    assert np.array_equal(read.glyphs[read.glyphs >= 0], chosen[QUERIES.queries != hand.blank])
    assert read.right.all()
    wrong = (chosen == few[1][0]).any(axis=1)
    texts = ["0" if wrong[row] else text for row, text in enumerate(read.texts)]
    found = dataclasses.replace(read, texts=texts)
    interval = found.interval(seed=5)
    assert (interval["low"], interval["high"]) == by_glyph(found.right, glyphs=read.glyphs, seed=5)
    low, high = of_share(int(found.right.sum()), len(rows))
    assert interval["high"] - interval["low"] > 2 * (high - low)


def test_a_model_is_as_sure_of_an_answer_as_of_all_its_characters_together():
    shares = np.array([[[0.7, 0.2, 0.1], [0.1, 0.8, 0.1]], [[0.5, 0.25, 0.25], [0.0, 0.0, 1.0]]])
    with np.errstate(divide="ignore"):
        assert confidences(np.log(shares) + 3) == pytest.approx([0.56, 0.5])
        assert confidences(np.log(shares), reading=np.log(shares)) == pytest.approx([0.56**2, 0.25])


def test_an_answer_to_a_query_that_was_read_is_no_surer_than_the_reading(hand):
    scenario = scenario_of(ImageText, hand)
    symbols = len(QUERIES.alphabet)
    answer = 100.0 * np.eye(symbols)[scenario.targets[ROWS]]
    outputs = {"answer": answer, "glyph": np.zeros((*QUERIES.queries[ROWS].shape, symbols))}
    for found, sure in ((outputs, symbols ** -float(QUERIES.queries.shape[1])), (answer, 1.0)):
        rows = scenario.read(found, ROWS).csv().splitlines()[1:]
        assert {float(row.split(",")[-1]) for row in rows} == {round(sure, 6)}


def test_pixel_losses_are_what_they_are_called():
    written, real = (rng(0, name).random((4, 3, 28, 28)) for name in ("written", "real"))
    assert pixel_loss(written, real, name="mse") == pytest.approx(((written - real) ** 2).mean())
    entropy = -(real * np.log(written) + (1 - real) * np.log(1 - written)).mean()
    assert pixel_loss(written, real, name="binary_crossentropy") == pytest.approx(entropy)
    assert np.isfinite(pixel_loss(np.zeros((1, 1)), np.ones((1, 1)), name="binary_crossentropy"))
