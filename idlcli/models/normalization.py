"""Batch normalisation of feature maps (Ioffe and Szegedy 2015).

The arithmetic, the weights and the averages that are kept for inference are those of Keras's layer. On TensorFlow its
many steps and those of its gradients wait for memory: a third of a convolutional network's time on a CPU. There the
gradients are written by hand, and a mean over maps is taken as pooling takes it, which halves that.
"""

from typing import Any

import keras
from keras import layers, ops


class BatchNormalization(layers.BatchNormalization):
    """Keras's layer of this name, for maps: (B, S, S, C) -> (B, S, S, C), each channel with mean 0 and variance 1."""

    def call(self, maps: Any, training: bool = False) -> Any:
        """Return the maps normalised by their own means and variances in training, else by the kept ones."""
        if not (training and self.trainable) or keras.backend.backend() != "tensorflow":
            return super().call(maps, training=training)
        fixed = ops.stop_gradient(maps)
        mean = mean_of(fixed)
        centred = fixed - mean
        variance = mean_of(ops.square(centred))
        for kept, new in ((self.moving_mean, mean), (self.moving_variance, variance)):
            kept.assign(kept * self.momentum + new * (1.0 - self.momentum))
        scale = self.gamma.value if self.scale else ops.ones_like(mean)
        shift = self.beta.value if self.center else ops.zeros_like(mean)
        return normalised(maps, scale, shift, centred, ops.rsqrt(variance + self.epsilon))


def normalised(maps: Any, scale: Any, shift: Any, centred: Any, inverse: Any) -> Any:
    """Return ``centred * inverse * scale + shift`` for maps (B, S, S, C) and vectors (C,).

    ``centred``, the maps less their mean, and ``inverse``, one over their standard deviation, are of these maps: what
    depends on them is in the gradient of the maps, and they have none of their own.
    """

    @ops.custom_gradient
    def run(maps: Any, scale: Any, shift: Any, centred: Any, inverse: Any) -> Any:
        def gradient(upstream: Any) -> Any:
            """Return the gradients of the arguments, from that of the normalised maps."""
            of_mean, along = mean_of(upstream), mean_of(upstream * centred)
            factor = inverse * scale
            of_maps = upstream * factor - centred * (factor * along * inverse * inverse) - factor * of_mean
            count = ops.cast(ops.size(maps) // maps.shape[-1], maps.dtype)
            of_scale, of_shift = along * inverse * count, of_mean * count
            return of_maps, of_scale, of_shift, ops.zeros_like(centred), ops.zeros_like(inverse)

        return centred * (inverse * scale) + shift, gradient

    return run(maps, scale, shift, centred, inverse)


def mean_of(maps: Any) -> Any:
    """Return the mean over all but the channels: (B, S, S, C) -> (C,)."""
    return ops.mean(ops.average_pool(maps, maps.shape[1:3]), axis=(0, 1, 2))
