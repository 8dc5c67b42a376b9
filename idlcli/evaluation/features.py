"""What pictures are measured by: a registry of features, each with all that a number made with it depends on.

A Frechet distance of 9 in one network's features and of 9 in another's have nothing to do with each other. So features
say their name, the hash of their weights and how pictures were brought to the network's size, and every result carries
that on.
"""

import dataclasses
import functools
import hashlib
import json
import typing
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from idlcli.errors import UsageError
from idlcli.models.feature_weights import NETWORKS, Weights, find_weights
from idlcli.settings.evaluation import Features
from idlcli.training import engine

FEATURES: tuple[str, ...] = typing.get_args(Features)
DEFAULT = "efficientnet-lite0"
"""What `auto` takes for pictures: its weights are in a package, so that it needs no network and no file."""
ENGINE = "tensorflow"
"""The engine that measures where none runs yet."""

Progress = Callable[[int, int], None]
Kind = typing.Literal["images", "glyphs", "features"]
"""uint8 (N, H, W, 3) pictures, uint8 (N, 28, 28) glyphs, or float (N, D) features."""


@dataclasses.dataclass(frozen=True)
class Extractor:
    """``extract(array, progress)`` turns an array of the kind ``takes`` into features float (N, D).

    ``sha256`` is that of the weights (None without any), ``resize`` what happens to a picture before the network, and
    ``identity`` the hash of all that the features of a given picture depend on.
    """

    name: str
    takes: Kind
    sha256: str | None
    resize: str
    extract: Callable[[NDArray[Any], Progress | None], NDArray[Any]]

    @property
    def identity(self) -> str:
        """Equal for two extractors that give the same numbers, to the last bit."""
        parts = [self.name, self.takes, self.sha256, self.resize, engine.running() or ENGINE]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()

    def about(self) -> dict[str, str | None]:
        """Return what the contract says of features: ``name`` and ``sha256``."""
        return {"name": self.name, "sha256": self.sha256}


NONE = Extractor("none", "features", None, "none", lambda array, progress: array)
"""For arrays that are features already: whose they are, only the caller knows."""


def choose(*, name: str, kinds: Iterable[Kind]) -> str:
    """Return the name of the features in which arrays of these kinds are compared; ``auto`` is resolved.

    Raises :class:`UsageError` where there is no such name, where the arrays cannot be compared with one another, or
    not in these features.
    """
    if name not in FEATURES:
        raise UsageError(f"There are no features {name!r:.40}.", hint=f"There are: {', '.join(FEATURES)}.")
    found = set(kinds)
    if len(found) > 1:
        raise UsageError(
            f"Cannot compare {' with '.join(sorted(found))}.", hint="Give pictures on both sides, or features on both."
        )
    (kind,) = found
    fitting = {"images": DEFAULT, "glyphs": "judge", "features": "none"}[kind]
    if name == "auto":
        return fitting
    if (name in NETWORKS and kind != "images") or (name not in NETWORKS and name != fitting):
        raise UsageError(f"--features {name} does not take {kind}.", hint=f"For {kind}: --features {fitting}.")
    return name


def network(*, name: str, weights: Path | None = None) -> Extractor:
    """Return the extractor of an ImageNet network; the network is built when it is first needed.

    Raises as :func:`idlcli.models.feature_weights.find_weights` does, and in use for a file of other weights.
    """
    return _of(find_weights(name=name, weights=weights))


def _of(weights: Weights) -> Extractor:
    @functools.cache
    def built() -> Any:
        engine.start(engine.running() or ENGINE)
        from idlcli.models.pretrained import load_feature_network

        return load_feature_network(weights)

    def extract(images: NDArray[Any], progress: Progress | None) -> NDArray[Any]:
        network = built()
        from idlcli.models.pretrained import extract_features

        return extract_features(network=network, images=np.asarray(images), progress=progress)

    resize = f"{weights.size}x{weights.size} {weights.rule}"
    return Extractor(weights.name, "images", weights.sha256, resize, extract)
