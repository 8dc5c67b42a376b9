"""The LSTM of all sequence models (Hochreiter and Schmidhuber 1997; with a forget gate, Gers et al. 2000).

The arithmetic, the weights and their initial values are those of Keras's LSTM. The gradients of the weights are written
by hand, because differentiated step by step they cost as much as all the rest: a product with a whole matrix for each
step, and their sum. Here they are one product over all steps.
"""

from typing import Any

import keras
from keras import ops


class LSTM(keras.layers.Layer):
    """An LSTM of few steps, which are unrolled: float (B, T, features) -> states (B, T, units), or the last (B, units).

    In training a state is disturbed after its step by Gaussian noise of a standard deviation of ``noise``.
    """

    def __init__(self, units: int, *, noise: float = 0.0, return_sequences: bool = True, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units, self.noise, self.return_sequences = units, noise, return_sequences
        self.cell = keras.layers.LSTMCell(units, name="cell")  # holds the weights
        self.seed_generator = keras.random.SeedGenerator() if noise else None

    def build(self, sequence_shape: tuple[int | None, ...]) -> None:
        """Make the weights."""
        self.cell.build((sequence_shape[0], sequence_shape[-1]))

    def call(self, sequence: Any, initial_state: Any = None, training: bool = False) -> Any:
        """Return the states; ``initial_state`` (B, units) is the one before the first step (zeros)."""
        shape = (ops.shape(sequence)[0], sequence.shape[1], self.units)
        disturbances = None
        if training and self.seed_generator is not None:
            disturbances = keras.random.normal(shape, stddev=self.noise, dtype=sequence.dtype, seed=self.seed_generator)
        # values, not variables: TensorFlow would ask for the gradients of these besides
        kernel, recurrent, bias = (ops.copy(weight) for weight in self.cell.weights)
        states = lstm(sequence, kernel, recurrent, bias, initial_state=initial_state, disturbances=disturbances)
        return states if self.return_sequences else states[:, -1]

    def compute_output_shape(self, sequence_shape: Any, *_: Any) -> Any:
        """Return (B, T, units), or (B, units)."""
        steps = sequence_shape[1:2] if self.return_sequences else ()
        return (sequence_shape[0], *steps, self.units)


def lstm(
    sequence: Any, kernel: Any, recurrent: Any, bias: Any, *, initial_state: Any = None, disturbances: Any = None
) -> Any:
    """Return the states (B, T, units) of an LSTM over ``sequence`` (B, T, features).

    kernel (features, 4 * units), recurrent (units, 4 * units), bias (4 * units,): input, forget, candidate and output.
    ``initial_state`` (B, units) is zeros if None; ``disturbances`` (B, T, units) are added to the states.
    """
    steps, features, units = sequence.shape[1], sequence.shape[2], recurrent.shape[0]
    given = {"first": initial_state, "disturbances": disturbances}
    names = [name for name, value in given.items() if value is not None]

    @ops.custom_gradient
    def run(sequence: Any, kernel: Any, recurrent: Any, bias: Any, *others: Any) -> Any:
        optional = dict(zip(names, others, strict=True))
        projected = ops.reshape(
            ops.matmul(ops.reshape(sequence, (-1, features)), kernel) + bias, (-1, steps, 4 * units)
        )
        state, carry = optional.get("first"), None
        before: list[Any] = []  # the state that went into each step
        kept: list[Any] = []
        states: list[Any] = []
        for step in range(steps):
            gates = projected[:, step] if state is None else projected[:, step] + ops.matmul(state, recurrent)
            gate_in, forget, candidate, gate_out = ops.split(gates, 4, axis=-1)
            gate_in, forget, gate_out = ops.sigmoid(gate_in), ops.sigmoid(forget), ops.sigmoid(gate_out)
            candidate = ops.tanh(candidate)
            carry_before, new = carry, gate_in * candidate
            carry = new if carry_before is None else new + forget * carry_before
            squashed = ops.tanh(carry)
            before.append(state)
            kept.append((gate_in, forget, candidate, gate_out, carry_before, squashed))
            state = gate_out * squashed
            if "disturbances" in optional:
                state = state + optional["disturbances"][:, step]
            states.append(state)

        def gradient(*arguments: Any, upstream: Any = None) -> Any:
            """Return the gradients of the arguments, from that of the states (B, T, units)."""
            upstream = arguments[0] if upstream is None else upstream
            of_gates: list[Any] = []  # from the last step to the first
            of_states: list[Any] = []
            of_state = of_carry = None
            for step in reversed(range(steps)):
                gate_in, forget, candidate, gate_out, carry_before, squashed = kept[step]
                of_state = upstream[:, step] if of_state is None else upstream[:, step] + of_state
                of_states.append(of_state)
                through = of_state * gate_out * (1 - squashed * squashed)
                of_carry = through if of_carry is None else of_carry + through
                of_forget = ops.zeros_like(of_carry) if carry_before is None else of_carry * carry_before
                of_gates.append(
                    ops.concatenate(
                        [
                            of_carry * candidate * gate_in * (1 - gate_in),
                            of_forget * forget * (1 - forget),
                            of_carry * gate_in * (1 - candidate * candidate),
                            of_state * squashed * gate_out * (1 - gate_out),
                        ],
                        axis=-1,
                    )
                )
                of_carry = of_carry * forget
                if before[step] is not None:
                    of_state = ops.matmul(of_gates[-1], ops.transpose(recurrent))
            went_in = [(state, of) for state, of in zip(before, reversed(of_gates), strict=True) if state is not None]
            of_recurrent = ops.zeros_like(recurrent)  # of a single step from zeros
            if went_in:
                went, of = (ops.concatenate(parts, axis=0) for parts in zip(*went_in, strict=True))
                of_recurrent = ops.matmul(ops.transpose(went), of)
            every = ops.reshape(ops.stack(of_gates[::-1], axis=1), (-1, 4 * units))
            of_sequence = ops.reshape(ops.matmul(every, ops.transpose(kernel)), ops.shape(sequence))
            of_kernel = ops.matmul(ops.transpose(ops.reshape(sequence, (-1, features))), every)
            of_given = {"first": of_state, "disturbances": ops.stack(of_states[::-1], axis=1)}
            return of_sequence, of_kernel, of_recurrent, ops.sum(every, axis=0), *(of_given[name] for name in names)

        return ops.stack(states, axis=1), gradient

    return run(sequence, kernel, recurrent, bias, *(given[name] for name in names))
