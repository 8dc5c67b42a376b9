"""In which order a model writes the characters of an answer. Order and padding only: nothing is computed.

``Left`` is the report's: padded on the right. ``Slots`` writes the least significant digit first, the minus last.
"""

import dataclasses

import numpy as np

from idlcli.data.queries import Queries, encode


@dataclasses.dataclass(frozen=True)
class Left:
    """Answers from left to right, padded on the right."""

    alphabet: str
    width: int

    def write(self, texts: list[str]) -> np.ndarray:
        """Return answers as int32 (N, width), indices into the alphabet."""
        return encode(texts, self.alphabet, self.width).astype(np.int32)

    def read(self, written: np.ndarray) -> list[str]:
        """Return what a model wrote, int (N, width), as texts without their padding, which is on the right alone."""
        characters = np.array(list(self.alphabet))
        return ["".join(row).rstrip(" ") for row in characters[written]]


class Slots(Left):
    """Answers from the least significant digit up; the minus stands in the last slot, blanks between."""

    def write(self, texts: list[str]) -> np.ndarray:
        """Return answers as int32 (N, width), indices into the alphabet."""
        slots = []
        for text in texts:
            sign, magnitude = ("-", text[1:]) if text.startswith("-") else ("", text)
            slots.append(magnitude[::-1].ljust(self.width - len(sign)) + sign)
        return encode(slots, self.alphabet, self.width).astype(np.int32)

    def read(self, written: np.ndarray) -> list[str]:
        """Return what a model wrote as texts: slots read from the last to the first, blanks left out."""
        characters = np.array(list(self.alphabet))
        return ["".join(row).replace(" ", "") for row in characters[written[:, ::-1]]]


def hints(queries: Queries) -> tuple[np.ndarray, np.ndarray]:
    """Return targets of the auxiliary losses: float32 carries (N, digits) and order (N, 3).

    A column carries if its sum and what is carried into it reach 10; in a subtraction, if the larger number's column
    must borrow. Order: is a's leading column less than b's, is a less than b, are the leading columns equal.
    """
    digits = queries.digits
    a, b = queries.operands[:, 0], queries.operands[:, 1]
    high, low = np.maximum(a, b), np.minimum(a, b)
    powers = 10 ** np.arange(1, digits + 1)
    carries = (a[:, None] % powers) + (b[:, None] % powers) >= powers
    borrows = (high[:, None] % powers) < (low[:, None] % powers)
    moves = np.where((queries.operators == "+")[:, None], carries, borrows & (queries.operators == "-")[:, None])
    lead = 10 ** (digits - 1)
    order = np.stack([a // lead < b // lead, a < b, a // lead == b // lead], axis=1)
    return moves.astype(np.float32), order.astype(np.float32)
