"""The convolutions of the autoencoders: from pictures down to features, and from features up to pictures.

Pictures are float (B, S, S, 3) in [0, 1]. The side is halved ``depth`` times; at half the side there are ``width``
filters, twice as many at each further halving, up to eight times.
"""

from typing import Any

import keras
from keras import layers

from idlcli.models.modulation import modulated
from idlcli.models.normalization import BatchNormalization
from idlcli.models.upsampling import double
from idlcli.settings.faces import AutoencoderSettings

SLOPE = 0.2


def encode(pictures: Any, settings: AutoencoderSettings) -> Any:
    """Return the features (B, F) of pictures: the smallest maps, flat."""
    maps = pictures
    for stage in range(1, settings.depth + 1):
        filters = _filters(settings, stage)
        maps = _convolution(maps, filters, settings, name=f"encoder_{stage}", strides=2)
        maps = _blocks(maps, filters, settings, name=f"encoder_{stage}")
    return layers.Dropout(settings.dropout, name="encoder_dropout")(layers.Flatten(name="encoder_flat")(maps))


def decode(code: Any, settings: AutoencoderSettings, *, size: int) -> Any:
    """Return the pictures of codes (B, C), before any squashing: float (B, size, size, 3)."""
    side, filters = size // 2**settings.depth, _filters(settings, settings.depth)
    features = layers.Dense(side * side * filters, name="decoder_start")(code)
    features = layers.Dropout(settings.dropout, name="decoder_dropout")(_squash(features, "decoder_start"))
    maps = layers.Reshape((side, side, filters), name="decoder_maps")(features)
    for stage in range(settings.depth - 1, 0, -1):
        maps = _blocks(maps, _filters(settings, stage + 1), settings, name=f"decoder_{stage + 1}")
        maps = _doubled(maps, _filters(settings, stage), settings, code, name=f"decoder_{stage}")
    maps = _blocks(maps, _filters(settings, 1), settings, name="decoder_1")
    if not settings.head_width:
        return double(maps, 3, how=settings.upsampling, name="decoder_picture")
    maps = _doubled(maps, settings.head_width, settings, code, name="decoder_head")
    return layers.Conv2D(3, 3, padding="same", name="decoder_colour")(maps)


def _doubled(maps: Any, filters: int, settings: AutoencoderSettings, code: Any, *, name: str) -> Any:
    own = not settings.self_modulation
    maps = double(maps, filters, how=settings.upsampling, name=name, use_bias=own and not settings.batch_norm)
    maps = _normalised(maps, settings, name, own=own)
    if settings.self_modulation:
        maps = modulated(maps, code, settings.self_modulation, name=name)
    return _squash(maps, name)


def _blocks(maps: Any, filters: int, settings: AutoencoderSettings, *, name: str) -> Any:
    """Return maps of the same shape after ``blocks`` pairs of 3x3 convolutions, each added to what went in or not."""
    for block in range(1, settings.blocks + 1):
        before = maps
        maps = _convolution(maps, filters, settings, name=f"{name}_block_{block}_1")
        last = f"{name}_block_{block}_2"
        maps = layers.Conv2D(filters, 3, padding="same", use_bias=not settings.batch_norm, name=last)(maps)
        maps = _normalised(maps, settings, last)
        if settings.residual:
            maps = layers.Add(name=f"{last}_sum")([before, maps])
        maps = _squash(maps, last)
    return maps


def _convolution(maps: Any, filters: int, settings: AutoencoderSettings, *, name: str, strides: int = 1) -> Any:
    maps = layers.Conv2D(
        filters, 3, strides=strides, padding="same", use_bias=not settings.batch_norm, name=name
    )(maps)  # fmt: skip
    return _squash(_normalised(maps, settings, name), name)


def _normalised(maps: Any, settings: AutoencoderSettings, name: str, *, own: bool = True) -> Any:
    """Return maps normalised over the batch, if they are to be, with a scale and shift of their ``own`` or without."""
    if not settings.batch_norm:
        return maps
    return BatchNormalization(
        momentum=0.9, epsilon=1e-5, center=own, scale=own, name=f"{name}_normalization"
    )(maps)  # fmt: skip


def _squash(maps: Any, name: str) -> keras.KerasTensor:
    return layers.LeakyReLU(SLOPE, name=f"{name}_relu")(maps)


def _filters(settings: AutoencoderSettings, stage: int) -> int:
    return settings.width * min(8, 2 ** (stage - 1))
