"""Read a PyTorch weight file, `torch.save(model.state_dict(), path)`, without PyTorch and without trusting it.

Two formats are in use. The legacy one (before PyTorch 1.6) is five pickles in a row (magic number, protocol, system,
state dict, storage keys) and then the raw numbers of every storage, each after its length. The newer one is a zip with
`data.pkl` and one uncompressed file a storage. In both, a tensor is a window (offset, shape, strides) on a storage.
"""

import os
import stat
import struct
import zipfile
import zlib
from pathlib import Path
from typing import BinaryIO

import numpy as np

from idlcli.data.torch_pickle import BadWeights, Source, Storage, TensorWindow, unpickle
from idlcli.errors import DataError

LARGEST_FILE = 2**31  # bytes; ten times the largest network that makes sense as a feature extractor

_MAGIC = 0x1950A86A20F9469CFC6C
_PROTOCOL = 1001
_BIG_ENDIAN = "its numbers are not little-endian; save it anew on a common (little-endian) machine"


def read_torch_weights(*, path: str | os.PathLike[str]) -> dict[str, np.ndarray]:
    """Return the tensors of a PyTorch state dict file by name, in the file's order.

    The arrays are read-only windows on the file's bytes (little-endian, in PyTorch's layout: convolutions are
    (out, in, height, width)), so memory is bounded by the file's size. Raises DataError for anything that is not a
    whole, honest state dict of plain tensors: a missing or cut file, code, lying sizes, windows that overlap.
    """
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):  # before opening: a pipe would wait for ever
            raise BadWeights("it is not a regular file")
        with open(path, "rb") as file:
            size = os.fstat(file.fileno()).st_size
            if size > LARGEST_FILE:
                raise BadWeights(f"it has {size:,} bytes, and more than {LARGEST_FILE:,} are not read")
            start = file.read(4)
            file.seek(0)
            state, buffers = _read_zip(file, size) if start == b"PK\x03\x04" else _read_legacy(file.read(size))
            return _arrays(state, buffers)
    except (OSError, ValueError) as error:
        if isinstance(error, BadWeights):
            raise DataError(
                f"{Path(path)} is not a usable PyTorch weight file: {error}.",
                hint="Fetch the file again, or write it anew with torch.save(model.state_dict(), path).",
            ) from error
        # A ValueError here is a path with a null byte in it.
        reason = getattr(error, "strerror", None) or error
        raise DataError(f"Cannot read the weight file {Path(path)}: {reason}.", hint="Check the path.") from error


def _read_legacy(data: bytes) -> tuple[object, dict[str, memoryview]]:
    source = Source(data)
    storages: dict[str, Storage] = {}
    magic = unpickle(source=source, storages={})
    if type(magic) is not int or magic != _MAGIC:
        raise BadWeights("it does not begin as a PyTorch file does")
    protocol = unpickle(source=source, storages={})
    if type(protocol) is not int or protocol != _PROTOCOL:
        raise BadWeights("its protocol is unknown")
    system = unpickle(source=source, storages={})
    if not isinstance(system, dict) or system.get("little_endian") is not True:
        raise BadWeights(_BIG_ENDIAN)
    state = unpickle(source=source, storages=storages)
    keys = unpickle(source=source, storages={})
    if not isinstance(keys, list) or any(type(key) is not str for key in keys):
        raise BadWeights("its list of storages is not a list of names")
    if len(keys) != len(storages) or set(keys) != set(storages):
        raise BadWeights("its list of storages is not that of its tensors")
    buffers = {}
    for key in keys:
        storage = storages[key]
        count = source.number("<q")
        if count != storage.count:
            raise BadWeights(f"storage {key[:40]!r} has {storage.count:,} numbers in one place, {count:,} in another")
        buffers[key] = source.take(storage.size)
    if source.position != len(data):
        raise BadWeights(f"{len(data) - source.position:,} bytes are left over after its last storage")
    return state, buffers


def _read_zip(file: BinaryIO, size: int) -> tuple[object, dict[str, memoryview]]:
    try:
        with zipfile.ZipFile(file) as archive:
            return _read_archive(archive, size)
    except BadWeights:
        raise
    except (
        *(zipfile.BadZipFile, zlib.error, struct.error, EOFError, OSError),  # a broken or cut zip
        *(NotImplementedError, RuntimeError, ValueError, IndexError, OverflowError),  # fields that make no sense
    ) as error:
        raise BadWeights(f"its zip structure is broken ({error})") from error


def _read_archive(archive: zipfile.ZipFile, size: int) -> tuple[object, dict[str, memoryview]]:
    entries = {entry.filename: entry for entry in archive.infolist()}
    # Compressed or overlapping parts could unfold to far more than the file.
    if any(entry.compress_type != zipfile.ZIP_STORED for entry in entries.values()):
        raise BadWeights("its parts are compressed, which PyTorch never does")
    if len(entries) != len(archive.infolist()) or sum(entry.file_size for entry in entries.values()) > size:
        raise BadWeights("its parts overlap or share a name")
    roots = [name.removesuffix("data.pkl") for name in entries if name.split("/")[1:] == ["data.pkl"]]
    if len(roots) != 1:
        raise BadWeights("it is a zip without a state dict (NAME/data.pkl)")
    root = roots[0]
    if f"{root}byteorder" in entries and archive.read(f"{root}byteorder").strip() != b"little":
        raise BadWeights(_BIG_ENDIAN)
    storages: dict[str, Storage] = {}
    source = Source(archive.read(f"{root}data.pkl"))
    state = unpickle(source=source, storages=storages)
    buffers = {}
    for key, storage in storages.items():
        entry = entries.get(f"{root}data/{key}")
        if entry is None or entry.file_size != storage.size:
            raise BadWeights(f"storage {key[:40]!r} is missing or has not the {storage.count:,} numbers claimed for it")
        buffers[key] = memoryview(archive.read(entry))
    return state, buffers


def _arrays(state: object, buffers: dict[str, memoryview]) -> dict[str, np.ndarray]:
    if not isinstance(state, dict):
        raise BadWeights("it holds something other than a state dict; save model.state_dict(), not the model")
    arrays = {}
    for name, tensor in state.items():
        if type(name) is not str or not isinstance(tensor, TensorWindow):
            raise BadWeights(f"entry {str(name)[:80]!r} of its state dict is not a named tensor")
        size = tensor.storage.dtype.itemsize
        try:
            arrays[name] = np.ndarray(
                tensor.shape,
                tensor.storage.dtype,
                buffer=buffers[tensor.storage.key],
                offset=tensor.offset * size,
                strides=[stride * size for stride in tensor.strides],
            )
        except (ValueError, TypeError) as error:  # numpy checks the window against the buffer once more
            raise BadWeights(f"tensor {name[:80]!r} does not fit its storage") from error
    return arrays
