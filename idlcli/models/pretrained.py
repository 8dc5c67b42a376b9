"""Networks trained on ImageNet, as feature extractors: images (N, height, width, 3) -> features (N, D).

    network = load_feature_network(find_weights(name="efficientnet-lite0"))     # those of an installed package
    features = extract_features(network=network, images=images)                 # uint8, or float in [0, 1]

Nothing is downloaded. Features of different networks, weights or resizing rules are not comparable, so a network
carries its name, the hash of its weights and its rule, for every number that is made with it to carry on.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np

from idlcli.data.torch_weights import read_torch_weights
from idlcli.errors import DataError
from idlcli.models import efficientnet_lite0, fid_inception
from idlcli.models.feature_weights import Weights, where_to_get
from idlcli.models.resize import resize


@dataclass(frozen=True)
class FeatureNetwork:
    """A ``model``, (N, size, size, 3) in [0, 1] -> (N, dimension), and the weights that its numbers depend on."""

    weights: Weights
    model: keras.Model


def load_feature_network(weights: Weights) -> FeatureNetwork:
    """Build the network of these weights.

    - "efficientnet-lite0": 1,280 features at 224 x 224, bicubic.
    - "inception": Keras's ImageNet Inception V3, 2,048 features at 299 x 299, bicubic; a .h5, .weights.h5 or .keras
      file of it without its top.
    - "inception-fid": the network of published FIDs in pytorch-fid's arrangement (half-pixel bilinear, 2x - 1).
    - "inception-fid-tf1": the same weights in that of TensorFlow's graph and torch-fidelity (TensorFlow 1's bilinear,
      (pixel - 128) / 128). Both need the file that pytorch-fid publishes.

    Raises DataError, which names the file, if it is not of that network.
    """
    if weights.name == "inception":
        model = _keras_inception(weights.path)
    else:
        tensors = read_torch_weights(path=weights.path)
        try:
            model = _of_tensors(weights.name, tensors)
        except DataError as error:
            raise DataError(f"{weights.path}: {error.message}", hint=where_to_get(weights.name)) from error
    # Keras would choose XLA on TensorFlow, whose convolutions on a CPU are several times slower, depthwise ones fifteen
    # times; JAX without its compiler would run operation by operation.
    model.compile(jit_compile=keras.backend.backend() == "jax")
    return FeatureNetwork(weights, model)


def _of_tensors(name: str, tensors: dict[str, np.ndarray]) -> keras.Model:
    if name == "efficientnet-lite0":
        return efficientnet_lite0.efficientnet_lite0(tensors=tensors)
    return fid_inception.fid_inception(tensors=tensors, scale=255 / 128 if name == "inception-fid-tf1" else 2.0)


def extract_features(
    *,
    network: FeatureNetwork,
    images: np.ndarray,
    batch_size: int = 16,
    progress: Callable[[int, int], None] | None = None,
) -> np.ndarray:
    """Return the features (N, network.weights.dimension), float32, of `images` (N, height, width, 3).

    Images are uint8, or float in [0, 1]. They are read, resized and fed a batch at a time, so a memory-mapped array of
    any length will do. A feature does not depend on the images beside it (to float rounding).
    `progress(done, total)` is called after each batch. Raises DataError for another shape or range.
    """
    if images.ndim != 4 or images.shape[-1] != 3 or 0 in images.shape[1:]:
        raise DataError(f"Features need images (N, height, width, 3); these have the shape {images.shape}.")
    if images.dtype != np.uint8 and images.dtype.kind != "f":
        raise DataError(f"Features need images of uint8, or of float in [0, 1]; these are {images.dtype}.")
    features = np.empty((len(images), network.weights.dimension), np.float32)
    batch_size = max(1, min(batch_size, len(images)))
    for start in range(0, len(images), batch_size):
        batch = _unit_range(images[start : start + batch_size])
        count = len(batch)
        # One shape for all batches: every new one would be traced and compiled anew.
        batch = np.concatenate([batch, np.zeros((batch_size - count, *batch.shape[1:]), np.float32)])
        resized = resize(images=batch, size=network.weights.size, rule=network.weights.rule)
        features[start : start + count] = np.asarray(network.model.predict_on_batch(resized))[:count]
        if progress is not None:
            progress(start + count, len(images))
    return features


def _unit_range(batch: np.ndarray) -> np.ndarray:
    if batch.dtype == np.uint8:
        return batch.astype(np.float32) / 255
    batch = np.asarray(batch, np.float32)
    if not (batch.min() >= 0 and batch.max() <= 1):  # NaN fails both
        raise DataError(
            f"Float images must lie in [0, 1]; these reach from {batch.min():.4g} to {batch.max():.4g}.",
            hint="Scale them, clip them, or give uint8.",
        )
    return batch


def _keras_inception(path: Path) -> keras.Model:
    with open(path, "rb") as file:
        start = file.read(4)
    try:
        if start not in (b"\x89HDF", b"PK\x03\x04"):  # known before seconds go into building the network
            raise ValueError("neither HDF5 nor .keras")
        core = keras.applications.InceptionV3(include_top=False, weights=None, pooling="avg", input_shape=(299, 299, 3))
        core.load_weights(path)
    except Exception as error:  # a stranger's file: what h5py, zipfile and Keras raise on it is not a closed list
        raise DataError(
            f"{path} does not hold the weights of Keras's Inception V3 without its top ({type(error).__name__}).",
            hint=where_to_get("inception"),
        ) from error
    inputs = keras.Input((299, 299, 3), name="images")
    scaled = keras.layers.Rescaling(2.0, offset=-1.0)(inputs)  # as keras.applications.inception_v3 prepares its images
    return keras.Model(inputs, core(scaled), name="inception_v3")
