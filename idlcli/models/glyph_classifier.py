"""The convolutional network that reads a 28x28 glyph: the judge of written answers, and the eyes of image-text."""

from typing import Any

import keras
from keras import layers

from idlcli.models.normalization import BatchNormalization


def build(*, classes: int, width: int, dropout: float, antialiased: bool = False) -> keras.Model:
    """Return the classifier: float (B, 28, 28) in [0, 1] -> logits (B, classes)."""
    glyph = keras.Input((28, 28), name="glyph")
    features = extractor(width=width, dropout=dropout, antialiased=antialiased)(glyph)
    return keras.Model(glyph, layers.Dense(classes, name="classes")(features), name="glyph_classifier")


def extractor(*, width: int, dropout: float, antialiased: bool = False) -> keras.Model:
    """Return the network below the classes: float (B, 28, 28) -> features (B, 4 * width).

    Three stages of two 3x3 convolutions with batch normalisation, the side halved between them by maxima of 2x2, and a
    mean over the 7x7 positions that are left. Where it is ``antialiased``, maxima of all 2x2 are taken and averaged
    by 2x2, against what shifts by a pixel do otherwise (Zhang 2019, arXiv:1904.11486): surer, up to a seventh slower.
    """
    glyph = keras.Input((28, 28), name="pixels")
    maps: Any = layers.Reshape((28, 28, 1), name="channel")(glyph)
    for stage, filters in enumerate((width, 2 * width, 4 * width), start=1):
        for layer in (1, 2):
            name = f"{stage}_{layer}"
            maps = layers.Conv2D(filters, 3, padding="same", use_bias=False, name=f"convolution_{name}")(maps)
            maps = BatchNormalization(momentum=0.9, name=f"normalization_{name}")(maps)
            maps = layers.ReLU(name=f"relu_{name}")(maps)
        if stage < 3:
            if antialiased:
                maps = layers.MaxPooling2D(2, strides=1, padding="same", name=f"maximum_{stage}")(maps)
            pool = layers.AveragePooling2D if antialiased else layers.MaxPooling2D
            maps = pool(2, name=f"pool_{stage}")(maps)
            maps = layers.Dropout(dropout / 2, name=f"dropout_{stage}")(maps)
    pooled = layers.GlobalAveragePooling2D(name="mean")(maps)
    return keras.Model(glyph, layers.Dropout(dropout, name="dropout_mean")(pooled), name="extractor")
