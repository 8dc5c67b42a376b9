"""Self-modulation (Chen et al. 2019): at every size a drawing network is told again what it draws.

A code that is only the beginning of the smallest maps has to carry a colour through every later layer, place by place.
Here it also says, by channel and for all places alike, how much of each feature there is.
"""

from typing import Any

from keras import layers, ops


def modulated(maps: Any, code: Any, units: int, *, name: str) -> Any:
    """Return maps (B, S, S, C), scaled and shifted as a network of one hidden layer says of codes (B, L).

    ``units`` rectified units are hidden in it. The maps need no scale and shift of their own.
    """
    hidden = layers.Dense(units, activation="relu", name=f"{name}_modulation_hidden")(code)
    told = layers.Dense(2 * maps.shape[-1], name=f"{name}_modulation_told")(hidden)
    return Modulation(name=f"{name}_modulation")([maps, told])


class Modulation(layers.Layer):
    """Maps (B, S, S, C) and gamma, beta (B, 2 C) -> (1 + gamma) x maps + beta, by channel."""

    def call(self, inputs: Any) -> Any:
        """Return the maps, scaled and shifted."""
        maps, told = inputs
        gamma, beta = ops.split(told[:, None, None, :], 2, axis=-1)
        return maps * (1.0 + gamma) + beta

    def compute_output_shape(self, shapes: Any) -> Any:
        """Return the shape of the maps."""
        return shapes[0]
