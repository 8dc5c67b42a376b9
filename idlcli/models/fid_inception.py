"""The Inception of the Frechet inception distance, up to its pooled features.

The network is TensorFlow's `inception-2015-12-05`, which Heusel et al. 2017 (arXiv:1706.08500) chose, under the names
that pytorch-fid gave its tensors (`pt_inception-2015-12-05-6726825d.pth`, 91 MB). It is Inception V3 (Szegedy et al.
2015, arXiv:1512.00567) with three peculiarities: average pooling counts no padding, the last block pools by maximum,
and there are 1,008 classes.
"""

import keras
import numpy as np

from idlcli.models.folding import TorchState

IMAGE_SIZE = 299
FEATURES = 2048


def fid_inception(*, tensors: dict[str, np.ndarray], scale: float = 2.0) -> keras.Model:
    """Build the network from its PyTorch state dict: (N, 299, 299, 3) in [0, 1] -> (N, 2048).

    The network sees `scale` * image - 1: 2 as pytorch-fid has it, 255 / 128 as TensorFlow's graph (and torch-fidelity)
    has it. Raises DataError if the tensors are not those of this network.
    """
    state = TorchState(tensors=tensors, network="the FID Inception")
    convolve = _Convolve(state)
    inputs = keras.Input((IMAGE_SIZE, IMAGE_SIZE, 3), name="images")
    x = keras.layers.Rescaling(scale, offset=-1.0)(inputs)
    x = convolve(x, "Conv2d_1a_3x3", 32, 3, strides=2, padding="valid")
    x = convolve(x, "Conv2d_2a_3x3", 32, 3, padding="valid")
    x = convolve(x, "Conv2d_2b_3x3", 64, 3)
    x = keras.ops.max_pool(x, 3, strides=2)
    x = convolve(x, "Conv2d_3b_1x1", 80, 1)
    x = convolve(x, "Conv2d_4a_3x3", 192, 3, padding="valid")
    x = keras.ops.max_pool(x, 3, strides=2)  # 35 x 35
    for name, pooled in (("Mixed_5b", 32), ("Mixed_5c", 64), ("Mixed_5d", 64)):
        x = _block_a(x, convolve.within(name), pooled=pooled)
    x = _block_b(x, convolve.within("Mixed_6a"))  # 17 x 17
    for name, narrow in (("Mixed_6b", 128), ("Mixed_6c", 160), ("Mixed_6d", 160), ("Mixed_6e", 192)):
        x = _block_c(x, convolve.within(name), narrow=narrow)
    x = _block_d(x, convolve.within("Mixed_7a"))  # 8 x 8
    x = _block_e(x, convolve.within("Mixed_7b"), pooling="average")
    x = _block_e(x, convolve.within("Mixed_7c"), pooling="max")
    state.close(unused={"fc.weight": (1008, FEATURES), "fc.bias": (1008,)})
    return keras.Model(inputs, keras.layers.GlobalAveragePooling2D()(x), name="fid_inception")


class _Convolve:
    """Convolution, batch normalisation and ReLU under a name of the state dict."""

    def __init__(self, state: TorchState, prefix: str = "") -> None:
        self.state = state
        self.prefix = prefix

    def within(self, block: str) -> "_Convolve":
        return _Convolve(self.state, f"{block}.")

    def linear(
        self,
        x: keras.KerasTensor,
        name: str,
        filters: int,
        kernel: int | tuple[int, int],
        *,
        strides: int = 1,
        padding: str = "same",
    ) -> keras.KerasTensor:
        return self.state.convolve(
            x,
            convolution=f"{self.prefix}{name}.conv",
            normalisation=f"{self.prefix}{name}.bn",
            kernel_size=kernel,
            filters=filters,
            strides=strides,
            padding=padding,
        )

    def __call__(
        self,
        x: keras.KerasTensor,
        name: str,
        filters: int,
        kernel: int | tuple[int, int],
        *,
        strides: int = 1,
        padding: str = "same",
    ) -> keras.KerasTensor:
        return keras.ops.relu(self.linear(x, name, filters, kernel, strides=strides, padding=padding))


def _pooled(x: keras.KerasTensor, convolve: _Convolve, filters: int) -> keras.KerasTensor:
    """Average 3 x 3 and convolve 1 x 1, in the other order: both are linear, and there is less to average after."""
    x = convolve.linear(x, "branch_pool", filters, 1)
    # Padding does not count in Keras's average, as it did not in TensorFlow's: a bias stays what it is at the border.
    return keras.ops.relu(keras.ops.average_pool(x, 3, strides=1, padding="same"))


def _block_a(x: keras.KerasTensor, convolve: _Convolve, *, pooled: int) -> keras.KerasTensor:
    one = convolve(x, "branch1x1", 64, 1)
    five = convolve(convolve(x, "branch5x5_1", 48, 1), "branch5x5_2", 64, 5)
    three = convolve(convolve(x, "branch3x3dbl_1", 64, 1), "branch3x3dbl_2", 96, 3)
    three = convolve(three, "branch3x3dbl_3", 96, 3)
    return keras.ops.concatenate([one, five, three, _pooled(x, convolve, pooled)], axis=-1)


def _block_b(x: keras.KerasTensor, convolve: _Convolve) -> keras.KerasTensor:
    three = convolve(x, "branch3x3", 384, 3, strides=2, padding="valid")
    double = convolve(convolve(x, "branch3x3dbl_1", 64, 1), "branch3x3dbl_2", 96, 3)
    double = convolve(double, "branch3x3dbl_3", 96, 3, strides=2, padding="valid")
    return keras.ops.concatenate([three, double, keras.ops.max_pool(x, 3, strides=2)], axis=-1)


def _block_c(x: keras.KerasTensor, convolve: _Convolve, *, narrow: int) -> keras.KerasTensor:
    one = convolve(x, "branch1x1", 192, 1)
    seven = convolve(convolve(x, "branch7x7_1", narrow, 1), "branch7x7_2", narrow, (1, 7))
    seven = convolve(seven, "branch7x7_3", 192, (7, 1))
    double = convolve(convolve(x, "branch7x7dbl_1", narrow, 1), "branch7x7dbl_2", narrow, (7, 1))
    double = convolve(convolve(double, "branch7x7dbl_3", narrow, (1, 7)), "branch7x7dbl_4", narrow, (7, 1))
    double = convolve(double, "branch7x7dbl_5", 192, (1, 7))
    return keras.ops.concatenate([one, seven, double, _pooled(x, convolve, 192)], axis=-1)


def _block_d(x: keras.KerasTensor, convolve: _Convolve) -> keras.KerasTensor:
    three = convolve(convolve(x, "branch3x3_1", 192, 1), "branch3x3_2", 320, 3, strides=2, padding="valid")
    seven = convolve(convolve(x, "branch7x7x3_1", 192, 1), "branch7x7x3_2", 192, (1, 7))
    seven = convolve(seven, "branch7x7x3_3", 192, (7, 1))
    seven = convolve(seven, "branch7x7x3_4", 192, 3, strides=2, padding="valid")
    return keras.ops.concatenate([three, seven, keras.ops.max_pool(x, 3, strides=2)], axis=-1)


def _block_e(x: keras.KerasTensor, convolve: _Convolve, *, pooling: str) -> keras.KerasTensor:
    one = convolve(x, "branch1x1", 320, 1)
    three = convolve(x, "branch3x3_1", 384, 1)
    double = convolve(convolve(x, "branch3x3dbl_1", 448, 1), "branch3x3dbl_2", 384, 3)
    forks = [
        convolve(three, "branch3x3_2a", 384, (1, 3)),
        convolve(three, "branch3x3_2b", 384, (3, 1)),
        convolve(double, "branch3x3dbl_3a", 384, (1, 3)),
        convolve(double, "branch3x3dbl_3b", 384, (3, 1)),
    ]
    if pooling == "max":  # Szegedy et al. average here; the graph of 2015 does not, and every published FID rests on it
        last = convolve(keras.ops.max_pool(x, 3, strides=1, padding="same"), "branch_pool", 192, 1)
    else:
        last = _pooled(x, convolve, 192)
    return keras.ops.concatenate([one, *forks, last], axis=-1)
