"""Answers -> numbers: accuracy by answer and by character, and the report's Table 3 of errors by operation.

Carry and borrow are as the report counted them (recovered from its counts): a carry is an addition in which some
digit column of the operands sums to 10 or more; a borrow is a subtraction in which a_i < b_i in some column that both
numbers have. The textbook definitions stand beside them.
"""

from typing import Any

import numpy as np


def accuracy(*, answers: np.ndarray, predicted: np.ndarray) -> dict[str, Any]:
    """Return ``n``, ``exact`` (share of answers right) and ``character`` (share of characters right).

    Both arrays hold class indices (N, width).
    """
    right = answers == predicted
    return {"n": len(answers), "exact": float(right.all(axis=1).mean()), "character": float(right.mean())}


def cross_entropy(*, answers: np.ndarray, log_probabilities: np.ndarray) -> float:
    """Return the mean negative log-likelihood of a character, in nats: (N, width) and (N, width, classes)."""
    chosen = np.take_along_axis(log_probabilities, answers[..., None].astype(np.int64), axis=-1)
    return float(-chosen.astype(np.float64).mean())


def log_softmax(logits: np.ndarray) -> np.ndarray:
    """Return log-probabilities over the last axis, in float64."""
    shifted = logits.astype(np.float64) - logits.max(axis=-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))


def confusion(*, truth: np.ndarray, predicted: np.ndarray, classes: int) -> np.ndarray:
    """Return how often each class (rows) was taken for each (columns), int (classes, classes)."""
    pairs = truth.astype(np.int64).ravel() * classes + predicted.astype(np.int64).ravel()
    return np.bincount(pairs, minlength=classes**2).reshape(classes, classes)


def carries(operands: np.ndarray) -> np.ndarray:
    """Whether some digit column of a and b (N, 2) sums to 10 or more, without what is carried over: the report's."""
    a, b = _columns(operands)
    return (a + b >= 10).any(axis=1)


def borrows(operands: np.ndarray) -> np.ndarray:
    """Whether a_i < b_i in some column that both numbers have (N, 2) -> (N,): the report's."""
    a, b = _columns(operands)
    shared = np.minimum(_length(operands[:, 0]), _length(operands[:, 1]))
    return ((a < b) & (np.arange(a.shape[1]) < shared[:, None])).any(axis=1)


def textbook_carries(operands: np.ndarray) -> np.ndarray:
    """Whether adding a and b by hand carries anywhere, carries propagated."""
    powers = 10 ** np.arange(1, len(str(int(operands.max(initial=0)))) + 1)
    sums = (operands[:, :1] % powers) + (operands[:, 1:] % powers)
    return np.asarray((sums >= powers).any(axis=1))


def textbook_borrows(operands: np.ndarray) -> np.ndarray:
    """Whether the units of a are less than the units of b."""
    return operands[:, 0] % 10 < operands[:, 1] % 10


def errors(*, operands: np.ndarray, operators: np.ndarray, wrong: np.ndarray, predicted: list[str]) -> dict[str, Any]:
    """Return Table 3 of the report: wrong answers by operation, carry, borrow and size of the miss.

    ``operands`` (N, 2), ``operators`` (N,), ``wrong`` bool (N,) and the ``predicted`` texts (N).
    """
    plus, minus, times = (operators == op for op in "+-*")
    classes = {"addition": plus, "subtraction": minus}
    if times.any():
        classes["multiplication"] = times
    carry, borrow = plus & carries(operands), minus & borrows(operands)
    classes |= {"carry": carry, "no_carry": plus & ~carry, "borrow": borrow, "no_borrow": minus & ~borrow}
    classes["textbook_carry"] = plus & textbook_carries(operands)
    classes["textbook_borrow"] = minus & textbook_borrows(operands)
    table: dict[str, Any] = {name: _share(wrong, members) for name, members in classes.items()}
    total = int(wrong.sum())
    both = int((wrong & (carry | borrow)).sum())
    table["carry_or_borrow_share"] = both / total if total else None
    misses = miss_sizes(operands=operands, operators=operators, predicted=predicted)[wrong]
    off_by_one = int((misses == 1).sum())
    table["off_by_one"] = {"wrong": off_by_one, "n": total, "rate": off_by_one / total if total else None}
    table["by_miss"] = _histogram(misses)
    return table


def miss_sizes(*, operands: np.ndarray, operators: np.ndarray, predicted: list[str]) -> np.ndarray:
    """Return how far each predicted text (N) is from the true result; -1 where it is no integer."""
    a, b = operands[:, 0].astype(np.int64), operands[:, 1].astype(np.int64)
    truth = np.select([operators == "+", operators == "-"], [a + b, a - b], a * b)
    return np.array([_miss(text, int(result)) for text, result in zip(predicted, truth, strict=True)], dtype=np.int64)


def _miss(text: str, truth: int) -> int:
    text = text.lstrip(" ")
    digits = text.removeprefix("-")
    return abs(int(text) - truth) if digits.isdecimal() and digits.isascii() else -1


def _histogram(misses: np.ndarray) -> dict[str, int]:
    bins = {
        "0, badly written": (0, 0),
        "1": (1, 1),
        "2-9": (2, 9),
        "10": (10, 10),
        "11-99": (11, 99),
        "100+": (100, None),
        "not a number": (-1, -1),
    }
    return {
        name: int(((misses >= low) & (misses <= high if high is not None else True)).sum())
        for name, (low, high) in bins.items()
    }


def _share(wrong: np.ndarray, members: np.ndarray) -> dict[str, Any]:
    n = int(members.sum())
    bad = int((wrong & members).sum())
    return {"wrong": bad, "n": n, "rate": bad / n if n else None}


def _columns(operands: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    width = len(str(int(operands.max(initial=0))))
    powers = 10 ** np.arange(width)
    return (operands[:, :1] // powers) % 10, (operands[:, 1:] // powers) % 10


def _length(numbers: np.ndarray) -> np.ndarray:
    return np.char.str_len(numbers.astype(str))
