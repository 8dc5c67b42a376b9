"""Layers whose kernel is divided by its largest singular value (Miyato et al. 2018), the same on every engine.

The singular value is the length of ``W u``, where ``u`` comes nearer to the first singular vector by one power
iteration a training step. Keras's own wrapper drops its kernel at inference on JAX; here ``u`` is a plain weight.
"""

from typing import Any

import keras
from keras import layers, ops


class SpectralConv2D(layers.Conv2D):
    """A convolution with a kernel of spectral norm 1, as a matrix (height * width * inputs, filters)."""

    def build(self, input_shape: Any) -> None:
        """Make the weights, and the vector of the power iteration."""
        super().build(input_shape)
        self.singular = _singular(self, self.filters)

    def call(self, inputs: Any, training: bool = False) -> Any:
        """Return the convolution."""
        kernel = normalised(self.kernel, self.singular, training=training)
        outputs = ops.conv(inputs, kernel, strides=self.strides, padding=self.padding, data_format=self.data_format)
        return outputs + self.bias if self.use_bias else outputs


class SpectralDense(layers.Dense):
    """A fully connected layer with a kernel of spectral norm 1."""

    def build(self, input_shape: Any) -> None:
        """Make the weights, and the vector of the power iteration."""
        super().build(input_shape)
        self.singular = _singular(self, self.units)

    def call(self, inputs: Any, training: bool = False) -> Any:
        """Return the product."""
        outputs = ops.matmul(inputs, normalised(self.kernel, self.singular, training=training))
        return outputs + self.bias if self.use_bias else outputs


def normalised(kernel: Any, singular: Any, *, training: bool) -> Any:
    """Return ``kernel`` over its largest singular value as ``singular`` (outputs,) knows it; training betters that."""
    matrix = ops.reshape(kernel, (-1, kernel.shape[-1]))
    direction = _unit(ops.convert_to_tensor(singular))
    if training:
        still = ops.stop_gradient(matrix)
        direction = _unit(ops.matmul(ops.transpose(still), _unit(ops.matmul(still, direction))))
        singular.assign(direction)
    length = ops.sqrt(ops.sum(ops.square(ops.matmul(matrix, ops.stop_gradient(direction)))) + 1e-12)
    return kernel / length


def _singular(layer: Any, size: int) -> Any:
    start = keras.initializers.RandomNormal(stddev=1.0)
    return layer.add_weight(shape=(size,), initializer=start, trainable=False, name="singular")


def _unit(vector: Any) -> Any:
    return vector / ops.sqrt(ops.sum(ops.square(vector)) + 1e-12)
