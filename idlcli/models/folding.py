"""From a PyTorch state dict to Keras convolutions: batch normalisation folded in, every tensor used exactly once.

At inference a convolution and the batch normalisation behind it are one affine map, so they become one convolution with
a bias: gamma (W x - mean) / sqrt(var + eps) + beta. The same numbers to float rounding, half the layers, and no engine
has to find the fusion itself.
"""

import keras
import numpy as np

from idlcli.errors import DataError

_HINT = "Give the weight file that belongs to this network."


class TorchState:
    """The tensors of a state dict, handed out by name; `close` proves that none was forgotten."""

    def __init__(self, *, tensors: dict[str, np.ndarray], network: str) -> None:
        self._left = dict(tensors)
        self._network = network

    def take(self, *, name: str, shape: tuple[int, ...]) -> np.ndarray:
        """Hand out one tensor as float64, once. Raises DataError if it is missing, misshapen or not finite."""
        if name not in self._left:
            raise DataError(f"The weights of {self._network} lack the tensor {name!r}.", hint=_HINT)
        tensor = self._left.pop(name)
        if tensor.shape != shape:
            raise DataError(
                f"The tensor {name!r} has the shape {tensor.shape}; {self._network} has {shape} there.", hint=_HINT
            )
        tensor = np.asarray(tensor, np.float64)
        if not np.isfinite(tensor).all():
            raise DataError(f"The tensor {name!r} of {self._network} holds NaN or infinity.", hint=_HINT)
        return tensor

    def convolve(
        self,
        x: keras.KerasTensor,
        *,
        convolution: str,
        normalisation: str,
        kernel_size: int | tuple[int, int],
        filters: int | None = None,
        strides: int = 1,
        padding: str = "same",
    ) -> keras.KerasTensor:
        """Apply the convolution and the batch normalisation (eps 1e-3) of these two names as one Keras layer.

        `x` is (N, height, width, channels). Depthwise where `filters` is None. PyTorch keeps (out, in, height, width);
        Keras (height, width, in, out), depthwise (height, width, in, 1).
        """
        height, width = (kernel_size, kernel_size) if isinstance(kernel_size, int) else kernel_size
        inputs = x.shape[-1]
        outputs = filters or inputs
        kernel = self.take(
            name=f"{convolution}.weight", shape=(outputs, inputs if filters is not None else 1, height, width)
        )
        gamma, beta, mean, variance = (
            self.take(name=f"{normalisation}.{part}", shape=(outputs,))
            for part in ("weight", "bias", "running_mean", "running_var")
        )
        self._left.pop(f"{normalisation}.num_batches_tracked", None)  # a counter of the training
        if (variance < 0).any():
            raise DataError(f"The tensor '{normalisation}.running_var' holds a negative variance.", hint=_HINT)
        scale = gamma / np.sqrt(variance + 1e-3)
        folded = kernel * scale[:, None, None, None]
        # Zeros at first: the weights are set below, and random numbers would only cost time and move the global seed.
        common = {
            "kernel_size": (height, width),
            "strides": strides,
            "padding": padding,
            "bias_initializer": "zeros",
            "name": convolution.replace(".", "-"),
        }
        if filters is None:
            layer = keras.layers.DepthwiseConv2D(depthwise_initializer="zeros", **common)
            folded = folded.transpose(2, 3, 0, 1)
        else:
            layer = keras.layers.Conv2D(filters, kernel_initializer="zeros", **common)
            folded = folded.transpose(2, 3, 1, 0)
        y = layer(x)
        layer.set_weights([folded.astype(np.float32), (beta - mean * scale).astype(np.float32)])
        return y

    def close(self, *, unused: dict[str, tuple[int, ...]]) -> None:
        """Check that only the tensors named in `unused` (the classifier behind the features) are left."""
        for name, shape in unused.items():
            self.take(name=name, shape=shape)
        if self._left:
            names = ", ".join(sorted(self._left)[:3])
            raise DataError(
                f"{self._network} has no place for {len(self._left)} tensors of these weights ({names[:200]}).",
                hint=_HINT,
            )
