"""From the report's layout to digit columns and back, for characters that may be uncertain.

Characters are distributions over the alphabet, (B, T, symbols): one-hot for text, a reader's probabilities for images.
Both layers move characters about and compute nothing with them; for one-hot characters they move them exactly.
"""

from typing import Any

from keras import layers, ops


class Align(layers.Layer):
    """A query padded on the right -> its digit columns, least significant first.

    float (B, 2 * digits + 1, symbols) -> (B, steps, 3, symbols + 1): at each step the operator and the two operands'
    characters of that column. An operand that is shorter shows a blank; past the operands' columns both show the
    extra last symbol, so that these steps cannot be taken for short operands. ``blank`` and ``operators`` are the
    indices of the blank and of the operators.
    """

    def __init__(self, *, digits: int, steps: int, blank: int, operators: tuple[int, ...], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.digits, self.steps, self.blank, self.operators = digits, steps, blank, tuple(operators)

    def call(self, characters: Any) -> Any:
        """Return the columns."""
        digits, width = self.digits, characters.shape[1]
        here = [characters[:, position] for position in range(width)]
        is_operator = ops.stack([_share(here[position], self.operators) for position in range(1, digits + 1)], axis=1)
        is_operator /= ops.sum(is_operator, axis=1, keepdims=True) + 1e-7
        empty = ops.zeros_like(here[0]) + ops.one_hot(self.blank, characters.shape[2], dtype=characters.dtype)
        operator, first, second = 0.0, [0.0] * digits, [0.0] * digits
        for k in range(1, digits + 1):
            weight = is_operator[:, k - 1, None]
            operator += weight * here[k]
            more = 1.0  # that the second operand has at least so many digits
            for length in range(1, digits + 1):
                ends = (
                    _share(here[k + 1 + length], (self.blank,))[:, None]
                    if length < digits and k + 1 + length < width
                    else 1.0
                )
                share = weight * more * ends
                for i in range(digits):
                    second[i] += share * (here[k + length - i] if i < length else empty)
                more = more * (1.0 - ends)
            for i in range(digits):
                first[i] += weight * (here[k - 1 - i] if i < k else empty)
        steps = [ops.stack([operator, first[i], second[i]], axis=1) for i in range(digits)]
        columns = ops.pad(ops.stack(steps, axis=1), ((0, 0), (0, 0), (0, 0), (0, 1)))
        if self.steps == digits:
            return columns
        beyond = ops.zeros_like(columns[:, 0, 0]) + ops.one_hot(
            characters.shape[2], characters.shape[2] + 1, dtype=characters.dtype
        )
        last = ops.stack([columns[:, 0, 0], beyond, beyond], axis=1)[:, None]
        return ops.concatenate([columns, ops.repeat(last, self.steps - digits, axis=1)], axis=1)

    def compute_output_shape(self, shape: Any) -> Any:
        """Return (B, steps, 3, symbols + 1)."""
        return (shape[0], self.steps, 3, shape[2] + 1)


class Justify(layers.Layer):
    """An answer's slots, least significant first and with blanks anywhere -> its characters, padded on the right.

    float (B, slots, symbols) -> (B, slots, symbols): slots are read from the last to the first, blanks go to the end.
    """

    def __init__(self, *, blank: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.blank = blank

    def call(self, slots: Any) -> Any:
        """Return the characters from left to right."""
        count = slots.shape[1]
        blank = ops.one_hot(self.blank, slots.shape[2], dtype=slots.dtype)
        placed = [ops.zeros_like(slots[:, 0]) for _ in range(count)]
        written = [ops.ones_like(slots[:, 0, :1])] + [ops.zeros_like(slots[:, 0, :1]) for _ in range(count)]
        for slot in range(count - 1, -1, -1):  # ``written[j]``: that j characters stand to the left of this slot
            shown = slots[:, slot] * (1.0 - blank)
            skipped = slots[:, slot, self.blank, None]
            for j in range(count):
                placed[j] += written[j] * shown
            written = [
                written[j] * skipped + (written[j - 1] * (1.0 - skipped) if j else 0.0) for j in range(count + 1)
            ]
        characters = ops.stack(placed, axis=1)
        return characters + (1.0 - ops.sum(characters, axis=-1, keepdims=True)) * blank

    def compute_output_shape(self, shape: Any) -> Any:
        """Return the same shape."""
        return shape


def _share(characters: Any, members: tuple[int, ...]) -> Any:
    return sum(characters[:, member] for member in members)
