"""Align and Justify move one-hot characters exactly, and uncertain ones in proportion."""

import numpy as np
import pytest

from idlcli.data.layouts import Slots
from idlcli.data.queries import make_queries
from idlcli.models import alignment


def one_hot(indices: np.ndarray, symbols: int) -> np.ndarray:
    return np.eye(symbols, dtype=np.float32)[indices]


def columns_by_hand(a: str, op: str, b: str, digits: int, steps: int) -> list[str]:
    """The column layout, written down independently: a string of three characters a step."""
    a, b = a.rjust(digits)[::-1], b.rjust(digits)[::-1]
    return [op + x + y for x, y in zip(a, b, strict=True)] + [op + "=="] * (steps - digits)


@pytest.mark.parametrize(("ops", "maximum"), [("+-", 99), ("+-*", 99), ("+-", 999), ("+", 9)])
def test_align_moves_one_hot_characters_exactly_into_columns(ops: str, maximum: int) -> None:
    queries = make_queries(ops=ops, maximum=maximum)
    rows = np.random.default_rng(0).choice(len(queries.queries), size=min(2000, len(queries.queries)), replace=False)
    symbols, steps = len(queries.alphabet), queries.answers.shape[1]
    operators = tuple(queries.alphabet.index(c) for c in "+-*" if c in queries.alphabet)
    layer = alignment.Align(digits=queries.digits, steps=steps, blank=symbols - 1, operators=operators)
    moved = np.asarray(layer(one_hot(queries.queries[rows], symbols)))
    characters = np.array([*queries.alphabet, "="])
    found = ["".join(characters[step]) for step in moved.argmax(-1).reshape(-1, 3)]
    wanted = [
        step
        for row in rows
        for step in columns_by_hand(
            str(queries.operands[row, 0]),
            str(queries.operators[row]),
            str(queries.operands[row, 1]),
            queries.digits,
            steps,
        )
    ]
    assert found == wanted
    np.testing.assert_allclose(moved.max(-1), 1, atol=1e-5)
    np.testing.assert_allclose(moved.sum(-1), 1, atol=1e-5)


@pytest.mark.parametrize(("ops", "maximum"), [("+-", 99), ("+-*", 99), ("-", 999)])
def test_justify_undoes_the_slots_of_every_answer(ops: str, maximum: int) -> None:
    queries = make_queries(ops=ops, maximum=maximum)
    rows = np.random.default_rng(0).choice(len(queries.queries), size=2000, replace=False)
    truth = queries.answers[rows]
    slots = Slots(queries.alphabet, truth.shape[1]).write(queries.text(truth))
    layer = alignment.Justify(blank=len(queries.alphabet) - 1)
    moved = np.asarray(layer(one_hot(slots, len(queries.alphabet))))
    assert np.array_equal(moved.argmax(-1), truth)
    np.testing.assert_allclose(moved.max(-1), 1, atol=1e-6)


def test_an_uncertain_character_keeps_its_probabilities() -> None:
    queries = make_queries(ops="+-", maximum=99)
    symbols = len(queries.alphabet)
    characters = one_hot(queries.queries[[2345]], symbols)  # 23+45
    characters[0, 1] = 0
    characters[0, 1, [3, 8]] = 0.75, 0.25
    layer = alignment.Align(digits=2, steps=3, blank=symbols - 1, operators=(10, 11))
    units_of_a = np.asarray(layer(characters))[0, 0, 1]
    np.testing.assert_allclose(units_of_a[[3, 8]], [0.75, 0.25], atol=1e-5)


def test_justify_of_uncertain_slots_is_a_distribution() -> None:
    generator = np.random.default_rng(1)
    slots = generator.dirichlet(np.ones(13), size=(50, 3)).astype(np.float32)
    moved = np.asarray(alignment.Justify(blank=12)(slots))
    assert (moved >= -1e-6).all()
    np.testing.assert_allclose(moved.sum(-1), 1, atol=1e-5)
