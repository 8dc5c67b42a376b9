"""Three ways to double the side of feature maps, and the layer that one of them needs."""

from typing import Any

from keras import layers, ops


def double(maps: Any, filters: int, *, how: str, name: str, use_bias: bool = True, initializer: Any = None) -> Any:
    """Return maps (B, 2 S, 2 S, filters) of maps (B, S, S, C).

    ``transpose``: a 4x4 transposed convolution, four weights a pixel and the cheapest. ``nearest``: neighbours
    repeated, then a 3x3 convolution, nine weights a pixel and free of chequered patterns. ``subpixel``: a 3x3
    convolution to four times the filters, which become the four pixels.
    """
    made = {"use_bias": use_bias, "padding": "same", "name": name}
    if initializer is not None:
        made["kernel_initializer"] = initializer()
    if how == "transpose":
        return layers.Conv2DTranspose(filters, 4, strides=2, **made)(maps)
    if how == "nearest":
        return layers.Conv2D(filters, 3, **made)(layers.UpSampling2D(name=f"{name}_nearest")(maps))
    return PixelShuffle(name=f"{name}_shuffle")(layers.Conv2D(4 * filters, 3, **made)(maps))


class PixelShuffle(layers.Layer):
    """Channels to pixels: (B, S, S, 4 C) -> (B, 2 S, 2 S, C)."""

    def call(self, maps: Any) -> Any:
        """Return the larger maps."""
        side, filters = maps.shape[1], maps.shape[3] // 4
        parts = ops.reshape(maps, (-1, side, side, 2, 2, filters))
        return ops.reshape(ops.transpose(parts, (0, 1, 3, 2, 4, 5)), (-1, 2 * side, 2 * side, filters))

    def compute_output_shape(self, shape: Any) -> Any:
        """Return (B, 2 S, 2 S, C)."""
        return (shape[0], 2 * shape[1], 2 * shape[2], shape[3] // 4)
