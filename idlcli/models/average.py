"""The moving average of a network's weights: a network of its own, that nothing trains and that answers instead."""

from typing import Any

import keras
from keras import ops


def twin(network: keras.Model) -> keras.Model:
    """Return a network of the same layers and weights, each layer's name after ``averaged_``."""

    def renamed(layer: Any) -> Any:
        return type(layer).from_config({**layer.get_config(), "name": f"averaged_{layer.name}"})

    averaged = keras.models.clone_model(network, clone_function=renamed, recursive=True)
    averaged.trainable = False
    averaged.set_weights(network.get_weights())
    return averaged


class Averaged(keras.layers.Layer):
    """A network that trains, and the average of its weights, which answers in its stead where nothing trains."""

    def __init__(self, network: keras.Model, *, decay: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.network, self.average, self.decay = network, twin(network), decay
        self.steps = self.add_weight(shape=(), initializer="zeros", trainable=False, name="steps")

    def call(self, inputs: Any, training: bool = False) -> Any:
        """Return the network's outputs, after a step of the average; where nothing trains those of the average."""
        if not training:
            return self.average(inputs, training=False)
        self.steps.assign(self.steps + 1.0)
        follow(self.average, self.network, decay=self.decay, step=self.steps)
        return self.network(inputs, training=True)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the network's output shape."""
        return self.network.compute_output_shape(input_shape)


def follow(averaged: keras.Model, network: keras.Model, *, decay: float, step: Any) -> None:
    """Move the average towards the weights in ``step`` 1, 2, ...: far at first, so that no first weight stays."""
    share = 1.0 - ops.minimum(decay, step / (step + 9.0))
    for mean, weight in zip(averaged.weights, network.weights, strict=True):
        mean.assign(mean + share * (ops.stop_gradient(weight.value) - mean))
