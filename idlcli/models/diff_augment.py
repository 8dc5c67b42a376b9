"""Augmentation that gradients pass through (Zhao et al. 2020): what the discriminator sees of real and made faces.

Applied to both, it keeps a discriminator from learning a few thousand faces by heart, and the generator never learns
to draw the changes themselves, because its own faces are changed alike.
"""

from typing import Any

import keras
from keras import ops, random

SHIFT = 1 / 8
"""Largest shift both ways, as a share of the side."""
CUTOUT = 1 / 2
"""Side of the square that is blanked, as a share of the picture's."""


class DiffAugment(keras.layers.Layer):
    """float (B, S, S, C) in [-1, 1] -> the same shape, each picture by its own draw.

    ``policy`` is made of ``shift`` (grey where nothing is left), ``cutout`` (a grey square) and ``colour`` (brightness,
    saturation and contrast), or is ``off``.
    """

    def __init__(self, policy: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.policy = policy
        self.seed_generator = random.SeedGenerator(0)

    def call(self, images: Any) -> Any:
        """Return the changed pictures."""
        if "colour" in self.policy:
            images = self._colour(images)
        if "shift" in self.policy:
            images = self._shift(images)
        if "cutout" in self.policy:
            images = self._cutout(images)
        return images

    def _colour(self, images: Any) -> Any:
        brightness, saturation, contrast = (
            self._draw(images, low, high)[:, :, None, None] for low, high in ((-0.5, 0.5), (0.0, 2.0), (0.5, 1.5))
        )
        images = images + brightness
        grey = ops.mean(images, axis=3, keepdims=True)
        images = (images - grey) * saturation + grey
        mean = ops.mean(images, axis=(1, 2, 3), keepdims=True)
        return (images - mean) * contrast + mean

    def _shift(self, images: Any) -> Any:
        """Shift by whole pixels: each picture times a matrix of zeros and ones both ways, which is cheap and exact."""
        side = images.shape[1]
        most = int(side * SHIFT + 0.5)
        places = ops.arange(side, dtype="float32")
        rows, columns = (
            ops.cast(
                ops.equal(
                    places[None, :, None] + ops.floor(self._draw(images, -most, most + 1))[:, :, None],
                    places[None, None],
                ),
                images.dtype,
            )
            for _ in range(2)
        )
        moved = ops.matmul(rows, ops.reshape(images, (-1, side, side * images.shape[3])))
        moved = ops.transpose(ops.reshape(moved, (-1, side, side, images.shape[3])), (0, 2, 1, 3))
        moved = ops.matmul(columns, ops.reshape(moved, (-1, side, side * images.shape[3])))
        return ops.transpose(ops.reshape(moved, (-1, side, side, images.shape[3])), (0, 2, 1, 3))

    def _cutout(self, images: Any) -> Any:
        side = images.shape[1]
        half = side * CUTOUT / 2
        places = ops.arange(side, dtype="float32")[None]
        rows, columns = (
            ops.cast(ops.abs(places + 0.5 - self._draw(images, 0.0, side)) < half, images.dtype) for _ in range(2)
        )
        return images * (1.0 - rows[:, :, None, None] * columns[:, None, :, None])

    def _draw(self, images: Any, low: float, high: float) -> Any:
        return random.uniform((ops.shape(images)[0], 1), low, high, seed=self.seed_generator)
