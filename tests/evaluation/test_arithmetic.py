"""Table 3 of the report: its counts of carries and borrows, and classes that add up."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from idlcli.data.queries import make_queries
from idlcli.evaluation import arithmetic as evaluation

WHOLE = make_queries(ops="+-", maximum=99)
SUMS = WHOLE.operators == "+"
TRUTH = WHOLE.text(WHOLE.answers)
fewer = settings(max_examples=80)


def test_the_report_s_carries_and_borrows_are_counted():
    """6,975 carries and 6,480 borrows of 10,000 each: of which the report's test half has 3,505 and 3,253."""
    assert evaluation.carries(WHOLE.operands[SUMS]).sum() == 6975
    assert evaluation.borrows(WHOLE.operands[~SUMS]).sum() == 6480


def test_the_textbook_s_carries_and_borrows_are_counted_by_hand():
    def carries(a, b):
        carry = False
        while a or b or carry:
            if a % 10 + b % 10 + carry >= 10:
                return True
            a, b, carry = a // 10, b // 10, False
        return False

    expected = [carries(a, b) for a, b in WHOLE.operands[SUMS].tolist()]
    assert evaluation.textbook_carries(WHOLE.operands[SUMS]).tolist() == expected
    expected = [a % 10 < b % 10 for a, b in WHOLE.operands[SUMS].tolist()]
    assert evaluation.textbook_borrows(WHOLE.operands[SUMS]).tolist() == expected


@pytest.mark.parametrize(
    ("a", "b", "carry", "textbook"),
    [(5, 5, True, True), (4, 5, False, False), (50, 50, True, True), (99, 1, True, True), (45, 54, False, False),
     (9, 90, False, False), (0, 0, False, False)],
)  # fmt: skip
def test_what_a_carry_is(a, b, carry, textbook):
    assert evaluation.carries(np.array([[a, b]])).tolist() == [carry]
    assert evaluation.textbook_carries(np.array([[a, b]])).tolist() == [textbook]


@pytest.mark.parametrize(
    ("a", "b", "borrow", "textbook"),
    [(12, 5, True, True), (15, 5, False, False), (5, 12, False, False), (1, 12, True, True), (21, 12, True, True),
     (12, 21, True, False), (0, 0, False, False), (10, 9, True, True), (5, 20, False, False)],
)  # fmt: skip
def test_what_a_borrow_is(a, b, borrow, textbook):
    """The report's: a digit less than the one below it, in a column that both numbers have."""
    assert evaluation.borrows(np.array([[a, b]])).tolist() == [borrow]
    assert evaluation.textbook_borrows(np.array([[a, b]])).tolist() == [textbook]


@fewer
@given(st.lists(st.tuples(st.integers(0, 99), st.integers(0, 99)), min_size=1, max_size=20))
def test_a_class_does_not_depend_on_what_else_is_asked(pairs):
    operands = np.array(pairs)
    for counts in (evaluation.carries, evaluation.borrows, evaluation.textbook_carries, evaluation.textbook_borrows):
        alone = [bool(counts(np.array([pair]))[0]) for pair in pairs]
        assert counts(operands).tolist() == alone


ODD = ["", "-", "--5", "5-", "007", "-0", "+5", "1 2", "٣", "1e3", "5.0", "as it should be", "with a zero before"]
ANSWERS = st.one_of(st.integers(-2000, 2000).map(str), st.sampled_from(ODD))
TABLES = st.lists(
    st.tuples(st.integers(0, 99), st.integers(0, 99), st.sampled_from("+-*"), ANSWERS), min_size=1, max_size=30
)  # fmt: skip


def table_of(rows):
    operands = np.array([row[:2] for row in rows])
    operators = np.array([row[2] for row in rows])
    truth = [str(eval(f"{a}{op}{b}")) for a, b, op, _ in rows]
    spelt = {"as it should be": "{}", "with a zero before": "0{}"}
    predicted = [spelt.get(row[3], row[3]).format(right) for row, right in zip(rows, truth, strict=True)]
    wrong = np.array([p != t for p, t in zip(predicted, truth, strict=True)])
    return evaluation.errors(operands=operands, operators=operators, wrong=wrong, predicted=predicted), wrong, operators


@fewer
@given(TABLES)
def test_the_classes_of_errors_add_up(rows):
    found, wrong, operators = table_of(rows)
    total = int(wrong.sum())
    kinds = ["addition", "subtraction"] + (["multiplication"] if "*" in operators else [])
    for what in ("wrong", "n"):
        assert sum(found[kind][what] for kind in kinds) == (total if what == "wrong" else len(rows))
        assert found["carry"][what] + found["no_carry"][what] == found["addition"][what]
        assert found["borrow"][what] + found["no_borrow"][what] == found["subtraction"][what]
        assert found["textbook_carry"][what] <= found["addition"][what]
        assert found["textbook_borrow"][what] <= found["subtraction"][what]
    for name, entry in found.items():
        if isinstance(entry, dict) and "rate" in entry:
            assert 0 <= entry["wrong"] <= entry["n"], name
            assert entry["rate"] == (entry["wrong"] / entry["n"] if entry["n"] else None)
    both = found["carry"]["wrong"] + found["borrow"]["wrong"]
    assert found["carry_or_borrow_share"] == (both / total if total else None)


@fewer
@given(TABLES)
def test_every_wrong_answer_is_in_one_class_of_misses(rows):
    """Also one that is the right number in the wrong characters, such as 007 for 7."""
    found, wrong, _ = table_of(rows)
    assert sum(found["by_miss"].values()) == wrong.sum()
    assert found["off_by_one"]["wrong"] == found["by_miss"]["1"]


def test_the_report_s_share_is_a_share_of_errors():
    """(58 + 29) of 194."""
    rows = np.concatenate(
        [
            np.flatnonzero(SUMS & evaluation.carries(WHOLE.operands))[:58],
            np.flatnonzero(SUMS & ~evaluation.carries(WHOLE.operands))[:60],
            np.flatnonzero(~SUMS & evaluation.borrows(WHOLE.operands))[:29],
            np.flatnonzero(~SUMS & ~evaluation.borrows(WHOLE.operands))[:47],
        ]
    )
    wrong = np.zeros(len(TRUTH), bool)
    wrong[rows] = True
    predicted = [str(int(text) + 1) if bad else text for text, bad in zip(TRUTH, wrong, strict=True)]
    found = evaluation.errors(operands=WHOLE.operands, operators=WHOLE.operators, wrong=wrong, predicted=predicted)
    assert found["carry_or_borrow_share"] == (58 + 29) / 194
    assert found["carry"] == {"wrong": 58, "n": 6975, "rate": 58 / 6975}
    assert found["borrow"] == {"wrong": 29, "n": 6480, "rate": 29 / 6480}
    assert found["off_by_one"] == {"wrong": 194, "n": 194, "rate": 1.0}


@pytest.mark.parametrize(
    ("predicted", "miss"),
    [("68", 0), ("69", 1), ("-68", 136), ("068", 0), (" 68", 0)]
    + [(text, -1) for text in ("", "-", "6 8", "--68", "6-8", "68-", "+68", "٦٨", "6e1", "²")],
)
def test_how_far_an_answer_is_from_the_truth(predicted, miss):
    found = evaluation.miss_sizes(operands=np.array([[23, 45]]), operators=np.array(["+"]), predicted=[predicted])
    assert found.tolist() == [miss]


def test_an_answer_as_long_as_it_likes_is_a_number():
    found = evaluation.miss_sizes(operands=np.array([[1, 1]]), operators=np.array(["*"]), predicted=["9" * 15])
    assert found.tolist() == [10**15 - 2]


@fewer
@given(st.integers(1, 30), st.integers(1, 5), st.integers(2, 6), st.integers(0, 2**32 - 1))
def test_accuracy_is_a_share_of_answers_and_of_characters(count, width, classes, seed):
    generator = np.random.default_rng(seed)
    answers, predicted = generator.integers(0, classes, (2, count, width))
    found = evaluation.accuracy(answers=answers, predicted=predicted)
    pairs = [list(zip(a, p, strict=True)) for a, p in zip(answers, predicted, strict=True)]
    assert found["n"] == count
    assert found["exact"] == pytest.approx(sum(all(a == p for a, p in row) for row in pairs) / count)
    assert found["character"] == pytest.approx(sum(a == p for row in pairs for a, p in row) / (count * width))
    assert found["exact"] <= found["character"]


def test_194_wrong_of_10000_is_98_06_per_cent_of_answers():
    answers = np.zeros((10_000, 3), int)
    predicted = answers.copy()
    predicted[:194, 0] = 1
    found = evaluation.accuracy(answers=answers, predicted=predicted)
    assert found["exact"] == pytest.approx(0.9806)
    assert found["character"] == pytest.approx(1 - 194 / 30_000)


@fewer
@given(st.integers(1, 20), st.integers(2, 8), st.floats(-1e4, 1e4), st.integers(0, 2**32 - 1))
def test_log_softmax_is_a_distribution_whatever_is_added(count, classes, more, seed):
    logits = np.random.default_rng(seed).normal(0, 5, (count, 3, classes)).astype(np.float32)
    found = evaluation.log_softmax(logits)
    assert found.dtype == np.float64
    assert np.exp(found).sum(axis=-1) == pytest.approx(1)
    assert evaluation.log_softmax(logits.astype(np.float64) + more) == pytest.approx(found, abs=1e-6)


def test_log_softmax_of_enormous_logits_is_finite():
    found = evaluation.log_softmax(np.array([[1e38, -1e38, 0.0]], dtype=np.float32))
    assert np.isfinite(found).all()


def test_cross_entropy_of_a_guess_is_log_of_the_classes():
    answers = np.array([[0, 12], [5, 5]])
    assert evaluation.cross_entropy(
        answers=answers, log_probabilities=evaluation.log_softmax(np.zeros((2, 2, 13)))
    ) == pytest.approx(math.log(13))
