"""The moving average of a network's weights: a network of its own, that nothing trains and that samples come from."""

from typing import Any

import keras
from keras import ops


def twin(network: keras.Model) -> keras.Model:
    """Return a network of the same layers and weights, each layer's name after ``averaged_``."""

    def renamed(layer: Any) -> Any:
        return type(layer).from_config({**layer.get_config(), "name": f"averaged_{layer.name}"})

    averaged = keras.models.clone_model(network, clone_function=renamed)
    averaged.trainable = False
    averaged.set_weights(network.get_weights())
    return averaged


def follow(averaged: keras.Model, network: keras.Model, *, decay: float, step: Any) -> None:
    """Move the average towards the weights in ``step`` 1, 2, ...: far at first, so that no first weight stays."""
    share = 1.0 - ops.minimum(decay, step / (step + 9.0))
    for mean, weight in zip(averaged.weights, network.weights, strict=True):
        mean.assign(mean + share * (ops.stop_gradient(weight.value) - mean))
