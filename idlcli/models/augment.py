"""Random changes of training images on the engine: mirror, turn, shift and zoom; a batch of pictures in and out."""

import math
from typing import Any

import keras
from keras import ops, random

from idlcli.settings.faces import FaceTrainSettings


def make(settings: FaceTrainSettings) -> "Augment":
    """Return the augmentation that the settings ask for."""
    if settings.augment == "paper":
        return Augment(
            flip=True, rotation=settings.rotation, shift=settings.shift, zoom=settings.zoom, name="augmentation"
        )
    return Augment(flip=settings.augment == "flip", name="augmentation")


class Augment(keras.layers.Layer):
    """float (B, S, S, C) -> the same shape: each picture changed by its own draw, in training only.

    A turn of up to ``rotation`` degrees, a shift of up to ``shift`` of the side both ways and a zoom between
    1 - ``zoom`` and 1 + ``zoom``, by bilinear sampling; beyond the border the nearest pixel is repeated.
    """

    def __init__(
        self, *, flip: bool, rotation: float = 0.0, shift: float = 0.0, zoom: float = 0.0, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.flip, self.rotation, self.shift, self.zoom = flip, rotation, shift, zoom
        self.seed_generator = random.SeedGenerator(0)

    def call(self, images: Any, training: bool = False) -> Any:
        """Return the changed pictures."""
        if not training:
            return images
        if self.flip:
            mirrored = self._draw(images, 0.0, 1.0)[:, :, None, None] < 0.5
            images = ops.where(mirrored, ops.flip(images, axis=2), images)
        if self.rotation or self.shift or self.zoom:
            images = self._warp(images)
        return images

    def _warp(self, images: Any) -> Any:
        """Return the pictures as seen through a drawn turn, zoom and shift."""
        side = images.shape[1]
        angle = self._draw(images, -self.rotation, self.rotation) * (math.pi / 180)
        zoom = 1.0 + self._draw(images, -self.zoom, self.zoom)
        down, right = (self._draw(images, -self.shift * side, self.shift * side) for _ in range(2))
        centre = (side - 1) / 2
        places = ops.arange(side, dtype="float32") - centre
        rows, columns = (ops.reshape(grid, (1, -1)) for grid in ops.meshgrid(places, places, indexing="ij"))
        sine, cosine = ops.sin(angle), ops.cos(angle)
        return bilinear(
            images,
            rows=(cosine * rows - sine * columns) * zoom + down + centre,
            columns=(sine * rows + cosine * columns) * zoom + right + centre,
        )

    def _draw(self, images: Any, low: float, high: float) -> Any:
        return random.uniform((ops.shape(images)[0], 1), low, high, seed=self.seed_generator)


def bilinear(images: Any, *, rows: Any, columns: Any) -> Any:
    """Return pictures (B, S, S, C) read at places (B, S * S) between their pixels, the border repeated beyond it."""
    side, channels = images.shape[1], images.shape[3]
    count = ops.shape(images)[0]
    flat = ops.reshape(images, (-1, channels))
    start = ops.arange(count, dtype="int32")[:, None] * (side * side)
    rows, columns = (ops.clip(place, 0.0, side - 1.0) for place in (rows, columns))
    top, left = (ops.clip(ops.floor(place), 0.0, side - 2.0) for place in (rows, columns))
    down, right = (rows - top)[:, :, None], (columns - left)[:, :, None]
    corner = start + ops.cast(top, "int32") * side + ops.cast(left, "int32")

    def at(offset: int) -> Any:
        return ops.take(flat, corner + offset, axis=0)

    upper = at(0) * (1.0 - right) + at(1) * right
    lower = at(side) * (1.0 - right) + at(side + 1) * right
    return ops.reshape(upper * (1.0 - down) + lower * down, ops.shape(images))
