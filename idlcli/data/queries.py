"""Every query of two integers with its answer as text, and which of them train and which test.

Text is an array of class indices over an alphabet, padded on the right as in the report (``'3+3  '``, ``'30 '``).
"""

import dataclasses
import operator
from typing import Literal

import numpy as np

from idlcli.errors import UsageError
from idlcli.seeds import rng

OPERATIONS = {"+": operator.add, "-": operator.sub, "*": operator.mul}


@dataclasses.dataclass(frozen=True)
class Queries:
    """``operands`` int (N, 2), ``operators`` (N,) of one character, ``queries`` and ``answers`` uint8 (N, width)."""

    operands: np.ndarray
    operators: np.ndarray
    queries: np.ndarray
    answers: np.ndarray
    alphabet: str

    @property
    def digits(self) -> int:
        """Digits of the largest operand."""
        return len(str(int(self.operands.max())))

    def text(self, rows: np.ndarray) -> list[str]:
        """Return rows of class indices (N, width) as strings without their padding."""
        characters = np.array(list(self.alphabet))
        return ["".join(row).strip() for row in characters[rows]]


def alphabet_of(ops: str) -> str:
    """Return the characters of queries and answers: ten digits, ``+-``, ``*`` with multiplication, and the blank."""
    return "0123456789+-" + ("*" if "*" in ops else "") + " "


def make_queries(*, ops: str, maximum: int) -> Queries:
    """Return every query of two integers in 0..maximum, in the order of the operator and then the operands."""
    if not ops or len(set(ops)) != len(ops) or set(ops) - set(OPERATIONS):
        raise UsageError(f"--ops cannot be {ops!r:.40}.", hint='Give one or more of + - *, each once, e.g. "+-".')
    if len(ops) * (maximum + 1) ** 2 > 4_000_000:
        raise UsageError(f"--max {maximum} with --ops {ops!r} makes too many queries (over 4 million).")
    alphabet = alphabet_of(ops)
    first, second = (axis.ravel() for axis in np.mgrid[0 : maximum + 1, 0 : maximum + 1])
    operands = np.tile(np.stack([first, second], axis=1), (len(ops), 1))
    operators = np.repeat(np.array(list(ops)), len(first))
    results = np.concatenate([OPERATIONS[op](first, second) for op in ops])
    queries = [f"{a}{op}{b}" for (a, b), op in zip(operands.tolist(), operators.tolist(), strict=True)]
    answers = [str(result) for result in results.tolist()]
    return Queries(
        operands, operators, encode(queries, alphabet, 2 * len(str(maximum)) + 1),
        encode(answers, alphabet, max(map(len, answers))), alphabet,
    )  # fmt: skip


def encode(texts: list[str], alphabet: str, width: int) -> np.ndarray:
    """Return texts as class indices, uint8 (N, width), padded on the right with blanks."""
    lookup = np.full(128, 255, np.uint8)
    lookup[[ord(c) for c in alphabet]] = np.arange(len(alphabet))
    joined = "".join(text.ljust(width) for text in texts)
    return lookup[np.frombuffer(joined.encode("ascii"), np.uint8)].reshape(-1, width)


def split(
    queries: Queries,
    *,
    fraction: float,
    how: Literal["twin-free", "random"],
    seed: int,
    purpose: str = "split",
    among: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Return (chosen, others): sorted indices of the queries on each side; each of ``among`` (all) is on exactly one.

    ``random`` shuffles queries. ``twin-free`` shuffles unordered pairs, so that ``a op b`` and ``b op a`` are always
    together. ``round(fraction * N)`` are chosen (one more if no ``a op a`` can make up the odd one).
    """
    rows = np.arange(len(queries.queries)) if among is None else among
    wanted = round(fraction * len(rows))
    if not 0 < wanted < len(rows):
        raise UsageError(f"A fraction of {fraction:g} of {len(rows):,} queries leaves one side empty.")
    operands, operators = queries.operands[rows], queries.operators[rows]
    kinds = np.unique(operators, return_inverse=True)[1]
    pairs = np.stack([operands.min(axis=1), operands.max(axis=1), kinds], axis=1)
    twins = np.unique(pairs, axis=0, return_inverse=True)[1].ravel()
    groups = twins if how == "twin-free" else np.arange(len(rows))
    sizes = np.bincount(groups)
    order = rng(seed, f"{purpose} {how}").permutation(len(sizes))
    before = np.concatenate([[0], np.cumsum(sizes[order])[:-1]])
    chosen = np.zeros(len(order), bool)
    chosen[order[before < wanted]] = True
    singles = order[chosen[order] & (sizes[order] == 1)]
    if sizes[chosen].sum() > wanted and len(singles):
        chosen[singles[-1]] = False
    if chosen.all():
        raise UsageError(f"A fraction of {fraction:g} of {len(rows):,} queries leaves one side empty.")
    return rows[chosen[groups]], rows[~chosen[groups]]


def commuted(queries: Queries, rows: np.ndarray) -> np.ndarray:
    """Return the indices of ``b op a`` for each commutative query ``a op b`` among ``rows``, less those in ``rows``."""
    size = int(queries.operands.max()) + 1
    blocks = {op: i for i, op in enumerate(dict.fromkeys(queries.operators.tolist()))}
    kept = rows[np.isin(queries.operators[rows], ["+", "*"])]
    base = np.array([blocks[op] for op in queries.operators[kept].tolist()], dtype=np.int64) * size * size
    mirrored = base + queries.operands[kept, 1] * size + queries.operands[kept, 0]
    return np.setdiff1d(mirrored, rows)
