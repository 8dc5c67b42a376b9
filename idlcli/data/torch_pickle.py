"""Interpret the pickle of a PyTorch state dict: names, numbers, and where each tensor's numbers lie. Nothing is called.

`pickle` would run what a file asks for. Even a restricted `pickle.Unpickler` allocates the sizes that opcodes claim and
hashes what they nest, so that forty bytes can end the process. This machine knows the opcodes that `torch.save` writes
for a state dict and no others; a tensor becomes a `TensorWindow`, checked before anything is made of it.
"""

import struct
from dataclasses import dataclass
from math import prod

import numpy as np

MOST_OPCODES = 500_000  # about 14,000 tensors; bounds what a file of one-byte opcodes can make
MOST_DIMENSIONS = 32
LARGEST_DIMENSION = 2**31

DTYPES = {
    "torch DoubleStorage": "<f8",
    "torch FloatStorage": "<f4",
    "torch HalfStorage": "<f2",
    "torch LongStorage": "<i8",
    "torch IntStorage": "<i4",
    "torch ShortStorage": "<i2",
    "torch CharStorage": "<i1",
    "torch ByteStorage": "<u1",
}
_CONSTANTS = {b"N": None, b"\x88": True, b"\x89": False, b")": ()}
_NUMBERS = {b"K": "<B", b"M": "<H", b"J": "<i", b"G": ">d"}
_ADMITTED = {
    "collections OrderedDict",
    "torch._utils _rebuild_tensor_v2",
    "torch._utils _rebuild_parameter",
    *DTYPES,
}


class BadWeights(ValueError):
    """What is wrong with the file and where; the reader adds the file's name."""


@dataclass(frozen=True)
class Storage:
    """A run of `count` equal numbers that the file holds under `key`."""

    key: str
    dtype: np.dtype
    count: int

    @property
    def size(self) -> int:
        """Its length in bytes."""
        return self.count * self.dtype.itemsize


@dataclass(frozen=True)
class TensorWindow:
    """A tensor as a window on a storage; offset and strides in elements. Inside the storage and free of overlap."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


@dataclass(frozen=True)
class _Global:
    name: str


class Source:
    """Bytes read from the front; asking for more than there is, is an error and allocates nothing."""

    def __init__(self, data: bytes) -> None:
        self.data = memoryview(data)
        self.position = 0
        self.opcodes = 0

    def take(self, count: int) -> memoryview:
        """Return the next `count` bytes without copying them."""
        if count > len(self.data) - self.position:
            raise BadWeights(f"it ends too early: {count:,} more bytes should stand at byte {self.position:,}")
        self.position += count
        return self.data[self.position - count : self.position]

    def number(self, layout: str) -> int:
        """Return the next number, `layout` as in struct."""
        return struct.unpack(layout, self.take(struct.calcsize(layout)))[0]

    def line(self) -> str:
        """Return the text up to the next line feed."""
        end = bytes(self.data[self.position : self.position + 128]).find(b"\n")
        if end < 0:
            raise BadWeights(f"a name at byte {self.position:,} has no end")
        return str(self.take(end + 1)[:-1], "utf-8")


def unpickle(*, source: Source, storages: dict[str, Storage]) -> object:
    """Return the object that the next pickle of `source` describes; enter the storages it speaks of in `storages`.

    The result is made of dict, list, tuple, str, int, float, bool, None and TensorWindow. Raises BadWeights.
    """
    try:
        return _Machine(source, storages).run()
    except (IndexError, KeyError) as error:  # a pop from an empty stack, a memo never written
        raise BadWeights(f"its pickle makes no sense just before byte {source.position:,}") from error
    except UnicodeDecodeError as error:
        raise BadWeights(f"the text just before byte {source.position:,} is not UTF-8") from error


class _Machine:
    def __init__(self, source: Source, storages: dict[str, Storage]) -> None:
        self.source = source
        self.storages = storages
        self.stack: list = []
        self.outer: list[list] = []  # the stacks below each open mark
        self.memo: dict[int, object] = {}

    def run(self) -> object:
        source = self.source
        while True:
            at = source.position
            opcode = bytes(source.take(1))
            source.opcodes += 1
            if source.opcodes > MOST_OPCODES:
                raise BadWeights(f"its pickle has more than {MOST_OPCODES:,} operations")
            if opcode == b".":
                return self.stack.pop()
            self.step(opcode, at)

    def step(self, opcode: bytes, at: int) -> None:
        """Carry out one opcode; the letters are those of Python's pickletools."""
        source, stack, memo = self.source, self.stack, self.memo
        match opcode:
            case b"N" | b"\x88" | b"\x89" | b")":  # NONE, NEWTRUE, NEWFALSE, EMPTY_TUPLE
                stack.append(_CONSTANTS[opcode])
            case b"]" | b"}":  # EMPTY_LIST, EMPTY_DICT
                stack.append([] if opcode == b"]" else {})
            case b"K" | b"M" | b"J" | b"G":  # BININT1, BININT2, BININT, BINFLOAT
                stack.append(source.number(_NUMBERS[opcode]))
            case b"\x8a":  # LONG1
                stack.append(int.from_bytes(source.take(source.number("<B")), "little", signed=True))
            case b"\x8c" | b"X":  # SHORT_BINUNICODE, BINUNICODE
                stack.append(str(source.take(source.number("<I" if opcode == b"X" else "<B")), "utf-8"))
            case b"q" | b"r":  # BINPUT, LONG_BINPUT
                memo[source.number("<I" if opcode == b"r" else "<B")] = stack[-1]
            case b"\x94":  # MEMOIZE
                memo[len(memo)] = stack[-1]
            case b"h" | b"j":  # BINGET, LONG_BINGET
                stack.append(memo[source.number("<I" if opcode == b"j" else "<B")])
            case b"\x80" | b"\x95":  # PROTO, FRAME: nothing that these opcodes depend on
                source.take(1 if opcode == b"\x80" else 8)
            case b"(":  # MARK
                self.outer.append(stack)
                self.stack = []
            case b"t":  # TUPLE
                self.stack = self.outer.pop()
                self.stack.append(tuple(stack))
            case b"\x85" | b"\x86" | b"\x87":  # TUPLE1, TUPLE2, TUPLE3
                items = [stack.pop() for _ in range(opcode[0] - 0x84)]
                stack.append(tuple(reversed(items)))
            case b"a":  # APPEND
                self.extend([stack.pop()], at)
            case b"e":  # APPENDS
                self.stack = self.outer.pop()
                self.extend(stack, at)
            case b"s":  # SETITEM
                value, key = stack.pop(), stack.pop()
                self.update([key, value], at)
            case b"u":  # SETITEMS
                self.stack = self.outer.pop()
                self.update(stack, at)
            case b"c":  # GLOBAL
                stack.append(_admitted(f"{source.line()} {source.line()}", at))
            case b"\x93":  # STACK_GLOBAL
                name, module = stack.pop(), stack.pop()
                if type(name) is not str or type(module) is not str:
                    raise BadWeights(f"a name at byte {at:,} is no text")
                stack.append(_admitted(f"{module} {name}", at))
            case b"Q":  # BINPERSID
                stack.append(self.storage(stack.pop(), at))
            case b"R":  # REDUCE
                arguments, function = stack.pop(), stack.pop()
                stack.append(_rebuilt(function, arguments, at))
            case b"b":  # BUILD: the attributes of a state dict (`_metadata`) are of no use here
                stack.pop()
                if type(stack[-1]) is not dict:
                    raise BadWeights(f"it sets attributes of something other than a state dict at byte {at:,}")
            case _:
                raise BadWeights(f"byte {at:,} holds {opcode!r}, which no state dict needs")

    def extend(self, items: list, at: int) -> None:
        if type(self.stack[-1]) is not list:
            raise BadWeights(f"it appends to something other than a list at byte {at:,}")
        self.stack[-1].extend(items)

    def update(self, items: list, at: int) -> None:
        # A nested key would be hashed by recursion in C: only plain keys.
        if type(self.stack[-1]) is not dict or len(items) % 2 or any(type(key) not in (str, int) for key in items[::2]):
            raise BadWeights(f"it fills something other than a dict of names at byte {at:,}")
        self.stack[-1].update(zip(items[::2], items[1::2], strict=True))

    def storage(self, reference: object, at: int) -> Storage:
        match reference:
            # The last part, a view on a view, was given up long ago.
            case ("storage", _Global(name), str(key), str(), int(count), *view) if name in DTYPES and view in (
                [],
                [None],
            ):
                storage = Storage(key, np.dtype(DTYPES[name]), count)
            case _:
                raise BadWeights(f"it speaks of numbers that are not a plain storage at byte {at:,}")
        if count < 0 or self.storages.setdefault(key, storage) != storage:
            raise BadWeights(f"the size or type of storage {key[:40]!r} is not the same everywhere (byte {at:,})")
        return storage


def _admitted(name: str, at: int) -> _Global:
    if name not in _ADMITTED:
        name = name[:80].replace(" ", ".")
        raise BadWeights(f"it asks for {name!r} at byte {at:,}, which no state dict of plain tensors needs")
    return _Global(name)


def _rebuilt(function: object, arguments: object, at: int) -> object:
    name = function.name if isinstance(function, _Global) else ""
    match name, arguments:
        case "collections OrderedDict", ():
            return {}
        case "torch._utils _rebuild_parameter", (TensorWindow() as tensor, *_):
            return tensor
        case "torch._utils _rebuild_tensor_v2", (Storage() as storage, int(offset), tuple(shape), tuple(strides), *_):
            return _window(storage, offset, shape, strides, at)
    raise BadWeights(f"it makes something other than a plain tensor at byte {at:,}")


def _window(storage: Storage, offset: int, shape: tuple, strides: tuple, at: int) -> TensorWindow:
    numbers = [offset, *shape, *strides]
    if any(type(number) is not int or not 0 <= number <= LARGEST_DIMENSION for number in numbers):
        raise BadWeights(f"the tensor at byte {at:,} has a negative or impossible offset, shape or stride")
    if len(shape) != len(strides) or len(shape) > MOST_DIMENSIONS:
        raise BadWeights(f"the tensor at byte {at:,} has {len(shape)} dimensions and {len(strides)} strides")
    if prod(shape) == 0:
        return TensorWindow(storage, 0, shape, (0,) * len(shape))
    span = 1  # elements from the first to the last that the dimensions seen so far reach
    for stride, length in sorted(zip(strides, shape, strict=True)):
        if length > 1:
            if stride < span:
                raise BadWeights(f"the tensor at byte {at:,} overlaps itself")
            span += stride * (length - 1)
    if offset + span > storage.count:
        raise BadWeights(f"the tensor at byte {at:,} reaches beyond its storage of {storage.count:,} numbers")
    return TensorWindow(storage, offset, shape, strides)
