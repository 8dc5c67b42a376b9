"""Every query once, text there and back, and a split that parts what it must and nothing else."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from idlcli.data.layouts import Left, Slots
from idlcli.data.queries import OPERATIONS, alphabet_of, commuted, encode, make_queries, split
from idlcli.errors import UsageError

OPS = st.sampled_from(["+", "-", "*", "+-", "-+", "+*", "+-*", "*-+"])
WHOLE = make_queries(ops="+-", maximum=99)
fewer = settings(max_examples=60)


@pytest.mark.parametrize(("ops", "maximum"), [("+-", 99), ("+", 0), ("-", 9), ("+-*", 12), ("*", 100)])
def test_every_query_of_the_operands_is_there_once_with_its_answer(ops, maximum):
    queries = make_queries(ops=ops, maximum=maximum)
    texts = queries.text(queries.queries)
    assert texts == [f"{a}{op}{b}" for op in ops for a in range(maximum + 1) for b in range(maximum + 1)]
    assert queries.text(queries.answers) == [str(eval(text)) for text in texts]  # the tests may use a calculator
    assert queries.operands.shape == (len(texts), 2)
    assert queries.queries.dtype == queries.answers.dtype == np.uint8


def test_the_report_s_shapes_and_padding():
    """(N, 5) and (N, 3) over 13 characters, padded on the right: '3+3  ' and '30 '."""
    assert WHOLE.alphabet == "0123456789+- "
    assert WHOLE.queries.shape == (20_000, 5)
    assert WHOLE.answers.shape == (20_000, 3)
    where = WHOLE.text(WHOLE.queries).index("3+3")
    assert "".join(WHOLE.alphabet[i] for i in WHOLE.queries[where]) == "3+3  "
    where = WHOLE.text(WHOLE.queries).index("15+15")
    assert "".join(WHOLE.alphabet[i] for i in WHOLE.answers[where]) == "30 "


def test_multiplication_adds_its_sign_to_the_alphabet():
    assert alphabet_of("+-*") == "0123456789+-* "
    assert alphabet_of("+") == "0123456789+- "


@pytest.mark.parametrize("ops", ["", "/", "++", "+ ", "＋", "+-x"])
def test_operators_that_are_none_are_a_usage_error(ops):
    with pytest.raises(UsageError, match="--ops"):
        make_queries(ops=ops, maximum=9)


def test_too_many_queries_are_refused_before_they_are_made():
    with pytest.raises(UsageError, match="too many"):
        make_queries(ops="+-*", maximum=999_999)


@fewer
@given(OPS, st.lists(st.tuples(st.integers(0, 999), st.integers(0, 999)), min_size=1, max_size=20), st.integers(0, 3))
def test_text_is_the_same_there_and_back(ops, pairs, more):
    texts = [f"{a}{op}{b}" for (a, b) in pairs for op in ops]
    width = max(map(len, texts)) + more
    rows = encode(texts, alphabet_of(ops), width)
    assert rows.shape == (len(texts), width)
    assert rows.max() < len(alphabet_of(ops))
    queries = make_queries(ops=ops, maximum=1)
    assert queries.text(rows) == texts


@fewer
@given(OPS, st.integers(0, 30))
def test_an_answer_is_the_same_there_and_back_in_every_layout(ops, maximum):
    queries = make_queries(ops=ops, maximum=maximum)
    texts = queries.text(queries.answers)
    for kind in (Left, Slots):
        layout = kind(queries.alphabet, queries.answers.shape[1])
        written = layout.write(texts)
        assert written.shape == queries.answers.shape
        assert layout.read(written) == texts
    assert np.array_equal(Left(queries.alphabet, queries.answers.shape[1]).write(texts), queries.answers)


def test_an_answer_that_stands_too_far_right_is_another_text():
    alphabet = alphabet_of("+-")
    layout = Left(alphabet, 4)
    for written, text in (("30  ", "30"), (" 30 ", " 30"), ("3 0 ", "3 0"), ("    ", "")):
        assert layout.read(np.array([[alphabet.index(character) for character in written]])) == [text]


FRACTIONS = st.floats(0.001, 0.99)
SPLITS = st.sampled_from(["twin-free", "random"])
SEEDS = st.integers(0, 2**32 - 1)


def part(queries, fraction, how, seed, **more):
    """(chosen, others), or None where the fraction leaves a side empty, which must be said."""
    try:
        return split(queries, fraction=fraction, how=how, seed=seed, **more)
    except UsageError as error:
        said = str(error)
    assert "empty" in said
    return None


@fewer
@given(OPS, st.integers(0, 15), FRACTIONS, SPLITS, SEEDS)
def test_every_query_is_on_exactly_one_side_and_no_side_is_empty(ops, maximum, fraction, how, seed):
    queries = make_queries(ops=ops, maximum=maximum)
    count = len(queries.queries)
    parted = part(queries, fraction, how, seed)
    if parted is None:
        assert round(fraction * count) in (0, count) or (
            how == "twin-free" and (count < 50 or not 0.2 <= fraction <= 0.8)
        )
        return
    chosen, others = parted
    assert np.array_equal(np.sort(np.concatenate([chosen, others])), np.arange(count))
    assert np.array_equal(chosen, np.sort(chosen))
    assert np.array_equal(others, np.sort(others))
    assert len(chosen) > 0
    assert len(others) > 0


@fewer
@given(OPS, st.integers(0, 15), FRACTIONS, SPLITS, SEEDS)
def test_the_share_that_was_asked_for_is_chosen_but_for_one_at_most(ops, maximum, fraction, how, seed):
    queries = make_queries(ops=ops, maximum=maximum)
    parted = part(queries, fraction, how, seed)
    if parted is not None:
        more = len(parted[0]) - round(fraction * len(queries.queries))
        assert more == 0 if how == "random" else more in (0, 1)


@fewer
@given(OPS, st.integers(0, 15), FRACTIONS, SEEDS)
def test_twins_are_on_one_side(ops, maximum, fraction, seed):
    queries = make_queries(ops=ops, maximum=maximum)
    parted = part(queries, fraction, "twin-free", seed)
    if parted is None:
        return
    keys = []
    for rows in parted:
        operands = queries.operands[rows].tolist()
        keys.append({(op, *sorted(pair)) for op, pair in zip(queries.operators[rows], operands, strict=True)})
    assert not keys[0] & keys[1]


def test_a_random_split_parts_twins():
    chosen, others = split(WHOLE, fraction=0.5, how="random", seed=0)
    twins = {(op, b, a) for op, (a, b) in zip(WHOLE.operators[chosen], WHOLE.operands[chosen].tolist(), strict=True)}
    tests = {(op, a, b) for op, (a, b) in zip(WHOLE.operators[others], WHOLE.operands[others].tolist(), strict=True)}
    assert len(twins & tests) > 1000


@fewer
@given(st.integers(2, 12), FRACTIONS, SPLITS, SEEDS)
def test_a_split_is_the_seed_s_and_another_seed_parts_otherwise(maximum, fraction, how, seed):
    queries = make_queries(ops="+-", maximum=maximum)
    parted = part(queries, fraction, how, seed)
    if parted is None:
        return
    again = split(queries, fraction=fraction, how=how, seed=seed)
    assert np.array_equal(parted[0], again[0])
    if 5 < len(parted[0]) < len(queries.queries) - 5:
        others = [split(queries, fraction=fraction, how=how, seed=(seed + n) % 2**32)[0] for n in (1, 2, 3)]
        assert any(not np.array_equal(parted[0], other) for other in others)


@fewer
@given(st.integers(2, 12), FRACTIONS, FRACTIONS, SPLITS, SEEDS)
def test_a_part_of_a_part_keeps_to_it(maximum, first, second, how, seed):
    queries = make_queries(ops="+-", maximum=maximum)
    parted = part(queries, first, how, seed)
    inner = None if parted is None else part(queries, second, how, seed, purpose="validation", among=parted[0])
    if inner is None:
        return
    assert np.array_equal(np.sort(np.concatenate(inner)), parted[0])
    assert len(inner[0]) > 0
    assert len(inner[1]) > 0


@fewer
@given(st.integers(1, 4), SEEDS)
def test_a_tiny_part_never_leaves_a_side_empty(size, seed):
    queries = make_queries(ops="+", maximum=3)
    among = np.sort(np.random.default_rng(seed).choice(16, size=size, replace=False))
    twins = np.array([1, 4])  # 0+1 and 1+0
    for rows in (among, twins):
        inner = part(queries, 0.5, "twin-free", seed, among=rows)
        assert inner is None or (len(inner[0]) and len(inner[1]))


@fewer
@given(OPS, st.integers(0, 9), SEEDS, st.floats(0, 1))
def test_what_is_commuted_is_b_op_a_for_sums_and_products_only(ops, maximum, seed, share):
    queries = make_queries(ops=ops, maximum=maximum)
    generator = np.random.default_rng(seed)
    rows = np.flatnonzero(generator.random(len(queries.queries)) < share)
    extra = commuted(queries, rows)
    texts = np.array(queries.text(queries.queries))
    given_texts, found = set(texts[rows]), set(texts[extra])
    expected = set()
    for row in rows:
        a, b = queries.operands[row]
        if queries.operators[row] in "+*":
            expected.add(f"{b}{queries.operators[row]}{a}")
    assert found == expected - given_texts
    assert len(found) == len(extra)
    for row in extra:
        a, b = queries.operands[row].tolist()
        assert OPERATIONS[queries.operators[row]](a, b) == OPERATIONS[queries.operators[row]](b, a)
