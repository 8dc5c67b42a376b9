"""Layers that more than one model is made of."""

from typing import Any

import keras


class OneHot(keras.layers.Layer):
    """Class indices, int (B, T) -> one-hot vectors, float32 (B, T, classes)."""

    def __init__(self, classes: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.classes = classes

    def call(self, indices: Any) -> Any:
        """Return the one-hot vectors."""
        return keras.ops.one_hot(indices, self.classes, dtype=self.compute_dtype)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the shape with the classes as its last axis."""
        return (*input_shape, self.classes)


class EachGlyph(keras.layers.Layer):
    """Applies one network to every picture of a sequence at once: (B, T, ...) -> (B, T, ...).

    The same as Keras's TimeDistributed, as one large batch instead of a step at a time.
    """

    def __init__(self, network: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.network = network

    def call(self, sequence: Any, training: bool = False) -> Any:
        """Return the network's output for each step."""
        steps = sequence.shape[1]
        outputs = self.network(keras.ops.reshape(sequence, (-1, *sequence.shape[2:])), training=training)
        return keras.ops.reshape(outputs, (-1, steps, *outputs.shape[1:]))

    def compute_output_shape(self, shape: Any) -> Any:
        """Return (B, T, ...) with the network's output shape behind."""
        return (*shape[:2], *self.network.compute_output_shape((shape[0], *shape[2:]))[1:])
