"""The readers of strangers' bytes: given any bytes, each ends well or in an error that a person can read.

`tests/hostile/test_fuzz.py` calls them with a few hundred inputs, `make fuzz` for as long as one likes.
"""

import dataclasses
import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch_files
from PIL import Image
from safetensors.numpy import save as save_tensors

from idlcli import files
from idlcli.cli.errors import describe
from idlcli.data import digits, pictures, sources
from idlcli.data.arrays import open_array
from idlcli.data.torch_weights import read_torch_weights
from idlcli.data.zips import MAX_BYTES, SafeZip
from idlcli.errors import IdlError
from idlcli.experiments.open import open_path
from idlcli.settings import Seq2seqSettings
from idlcli.settings.resolve import recipes, resolve

MOST_PIXELS = 10**6
"""Larger arrays are not turned into pictures here: they are merely slow."""


@dataclasses.dataclass(frozen=True)
class Target:
    """A reader that says whether it could read some bytes (a folder is there for its files), and whole files for it."""

    read: Callable[[bytes, Path], bool]
    seeds: tuple[bytes, ...]


def ends_well(read: Callable[[], object]) -> bool:
    """Whether it does; else it must be in an error of which the command line makes one clear line, and no bug's."""
    try:
        read()
    except IdlError as error:
        code, entry, _ = describe(error)
        assert code in (1, 2, 3), (code, entry)
        line = f"error: {entry['message']} {entry['hint']}"
        assert line.isprintable(), line
        assert len(line) < 300, line
        return False
    return True


def read_zip(content: bytes, folder: Path) -> bool:
    """A zip of pictures, each member unpacked."""
    path = folder / "x.zip"
    path.write_bytes(content)

    def unpack() -> None:
        archive = SafeZip(path=path)
        try:
            for member in archive.members[:50]:
                ends_well(lambda member=member: archive.read(member)[MAX_BYTES + 1 :] == b"" or 1 / 0)
        finally:
            archive.close()

    def names() -> None:
        with sources.open_source(path=path) as source:
            assert all(name.isprintable() for name in source.names)

    return ends_well(unpack) & ends_well(names)  # both are tried


def read_array(content: bytes, folder: Path) -> bool:
    """An array as each reader of arrays takes it: rows of pictures, features, a data set's parts, digits, tensors."""
    for name in ("x.npy", "x.npz", "x.safetensors"):
        (folder / name).write_bytes(content)
    path = folder / "x.npy"

    def rows() -> None:
        with sources.open_source(path=path) as source:
            for _, load in list(source)[:5]:
                ends_well(lambda load=load: picture(load()))

    def picture(row: object) -> None:
        if getattr(row, "size", 0) <= MOST_PIXELS:
            assert pictures.decode(content=row, size=8).pixels.shape == (8, 8, 3)

    readers = (
        rows,
        lambda: open_path(path),
        lambda: open_array(path).dtype.kind != "O" or 1 / 0,
        lambda: digits.load(str(path)),
        lambda: digits.load(str(folder / "x.npz")),
        lambda: files.read_tensors(folder / "x.safetensors"),
    )
    return sum(ends_well(read) for read in readers) > 0  # each is tried


def read_pickle(content: bytes, folder: Path) -> bool:
    """The weights of a PyTorch model, in a zip or as a row of pickles."""
    path = folder / "x.pth"
    path.write_bytes(content)

    def read() -> None:
        tensors = read_torch_weights(path=path)
        assert sum(tensor.nbytes for tensor in tensors.values()) <= 100 * len(content)

    return ends_well(read)


def read_pickle_in_zip(content: bytes, folder: Path) -> bool:
    """The same; the zip around the pickle is sound, so that only the pickle is at fault."""
    return read_pickle(torch_files.zipped(content, torch_files.FOUR), folder)


def read_toml(content: bytes, folder: Path) -> bool:
    """A file of settings, down to the settings object."""
    path = folder / "x.toml"
    path.write_bytes(content)
    return ends_well(lambda: resolve(Seq2seqSettings, command="seq2seq train", flags={}, environ={}, config=path))


def zip_of(members: dict[str, bytes], method: int = zipfile.ZIP_STORED) -> bytes:
    """The bytes of a zip."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return target.getvalue()


def npy_of(array: np.ndarray) -> bytes:
    """The bytes of an .npy."""
    target = io.BytesIO()
    np.save(target, array, allow_pickle=False)
    return target.getvalue()


def npz_of(**arrays: np.ndarray) -> bytes:
    """The bytes of an .npz."""
    return zip_of({f"{name}.npy": npy_of(array) for name, array in arrays.items()})


def png() -> bytes:
    """A small picture."""
    target = io.BytesIO()
    Image.new("RGB", (4, 4), (9, 8, 7)).save(target, "PNG")
    return target.getvalue()


DIGITS = npz_of(images=np.zeros((10, 28, 28), np.uint8), labels=np.arange(10, dtype=np.uint8))
PICTURES = npy_of(np.zeros((2, 4, 4, 3), np.uint8))
FEATURES = npy_of(np.ones((3, 4), np.float32))
TENSORS = save_tensors({"a": np.arange(6, dtype=np.float32).reshape(2, 3)}, metadata={"idl": "{}"})
ZIPS = (zip_of({"a.png": png(), "b/c.png": png()}), zip_of({"a.png": png(), "b.txt": b"x" * 99}, zipfile.ZIP_DEFLATED))
SETTINGS = tuple(path.read_bytes() for name, path in recipes().items() if name.startswith("seq2seq-text-text"))
TARGETS = {
    "zip": Target(read_zip, ZIPS),
    "array": Target(read_array, (PICTURES, FEATURES, DIGITS, TENSORS)),
    "pickle": Target(read_pickle, tuple(torch_files.GOOD.values())),
    "pickle-in-zip": Target(read_pickle_in_zip, (torch_files.pickled(torch_files.ONE),)),
    "toml": Target(read_toml, SETTINGS),
}
