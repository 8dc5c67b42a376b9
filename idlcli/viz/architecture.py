"""A Keras model -> what a drawing of it says: boxes with kind, shape and weights, the ways between, boxes in boxes.

Layers that only follow one other layer and learn little or nothing (activation, normalisation, dropout, another shape)
are said in that layer's box. Nothing of the engine is needed: a model is read, never run.
"""

import dataclasses
import math
import re
from typing import Any

FAMILIES = {
    "convolution": ("Conv", "DepthwiseConv", "SeparableConv"),
    "dense": ("Dense", "Embedding", "EinsumDense", "OneHot"),
    "recurrent": ("LSTM", "GRU", "RNN", "Bidirectional"),
    "pool": ("MaxPooling", "AveragePooling", "GlobalAverage", "GlobalMax", "UpSampling"),
    "random": ("Dropout", "Gaussian", "Sampling", "Noise", "Spatial"),
    "merge": ("Add", "Concatenate", "Multiply", "Subtract", "Average", "Stack", "Dot", "Modulation"),
    "ends": ("InputLayer",),
}
"""Colour family -> what the names of its layers begin with; all others are plain."""
QUIET = ("BatchNormalization", "LayerNormalization", "GroupNormalization", "UnitNormalization")
"""Layers with weights that are said in the box of the layer before."""
LOUD = ("RepeatVector", "Sampling", "OneHot", "Align")
"""Layers without weights that are a step of their own."""
NAMED = {
    "Conv1D": "Convolution", "Conv2D": "Convolution", "Conv2DTranspose": "Transposed convolution",
    "DepthwiseConv2D": "Depthwise convolution", "ReLU": "ReLU", "LeakyReLU": "Leaky ReLU", "PReLU": "PReLU",
    "UpSampling2D": "Upsampling", "GetItem": "Slice", "BatchNormalization": "Batch norm",
    "LayerNormalization": "Layer norm", "GroupNormalization": "Group norm",
}  # fmt: skip
"""Classes whose names do not read as words."""


@dataclasses.dataclass
class Block:
    """A box: ``lines`` under its ``title``, the ``shape`` that leaves it, its number of ``weights``, what is inside."""

    title: str
    lines: list[str]
    shape: str
    weights: int
    family: str
    inside: "Graph | None" = None


@dataclasses.dataclass
class Graph:
    """A model: its boxes and the ways (from, to) between them, by their places in ``blocks``."""

    title: str
    weights: int
    blocks: list[Block]
    edges: list[tuple[int, int]]


def read(model: Any, *, title: str = "") -> Graph:
    """Return the drawing's content for a built Keras model: functional, sequential, or made of such."""
    if not getattr(model, "inputs", None):
        return _chain(model, title)
    steps, parents = _walk(model)
    children: dict[int, int] = {}
    for above in parents:
        for parent in set(above):
            children[parent] = children.get(parent, 0) + 1
    blocks: list[Block] = []
    place: list[int] = []
    edges: set[tuple[int, int]] = set()
    for index, (operation, output) in enumerate(steps):
        above = list(dict.fromkeys(parents[index]))
        follows = len(above) == 1 and children[above[0]] == 1
        if follows and _is_quiet(operation) and blocks[place[above[0]]].family != "ends":
            block = blocks[place[above[0]]]
            if getattr(operation, "rate", None) != 0:  # a dropout of nothing is nothing
                block.lines.append(_said(operation))
            block.shape, block.weights = _shape(output), block.weights + _count(operation)
            place.append(place[above[0]])
            continue
        blocks.append(_block(operation, output))
        place.append(len(blocks) - 1)
        edges |= {(place[parent], place[-1]) for parent in above}
    return Graph(title or model.name, _count(model), blocks, sorted(edges))


def _walk(model: Any) -> tuple[list[tuple[Any, Any]], list[list[int]]]:
    """Return each call of an operation with what it returned, parents first, and the places of each one's parents."""
    found: dict[tuple[int, int], int] = {}
    steps: list[tuple[Any, Any]] = []
    parents: list[list[int]] = []
    waiting = [(tensor, False) for tensor in reversed(_tensors(model.inputs) + _tensors(model.outputs))]
    ends = {id(tensor) for tensor in _tensors(model.inputs)}
    while waiting:
        tensor, ready = waiting.pop()
        operation, node_index, _ = tensor._keras_history
        key = (id(operation), node_index)
        if key in found:
            continue
        node = operation._inbound_nodes[node_index]
        needed = [] if id(tensor) in ends else list(node.input_tensors)
        if not ready:
            waiting.append((tensor, True))
            waiting += [(one, False) for one in reversed(needed)]
            continue
        found[key] = len(steps)
        steps.append((operation, node.output_tensors))
        parents.append([found[id(one._keras_history[0]), one._keras_history[1]] for one in needed])
    return steps, parents


def _chain(model: Any, title: str) -> Graph:
    """A model whose inside was written by hand: its layers in the order they were made, without ways between."""
    blocks = [_block(layer, getattr(layer, "output", None) if layer._inbound_nodes else None) for layer in model.layers]
    return Graph(title or model.name, _count(model), blocks, [])


def _block(operation: Any, output: Any) -> Block:
    kind = type(operation).__name__
    inside = _inside(operation)
    title = "Input" if kind == "InputLayer" else _spaced(kind)
    own = "" if re.fullmatch(rf"{_snake(kind)}(_\d+)?", operation.name) else operation.name
    family = next((name for name, starts in FAMILIES.items() if kind.startswith(starts)), "plain")
    return Block(title, list(filter(None, (own, _about(operation)))), _shape(output), _count(operation), family, inside)


def _inside(operation: Any) -> Graph | None:
    """The model in a layer that is one, or that applies one to every step."""
    for inner in (operation, getattr(operation, "network", None), getattr(operation, "layer", None)):
        if inner is not None and hasattr(inner, "outputs") and getattr(inner, "inputs", None):
            each = "" if inner is operation else f"for each of {operation.output.shape[1]}: "
            return read(inner, title=f"{each}{inner.name}")
    return None


def _is_quiet(operation: Any) -> bool:
    kind = type(operation).__name__
    if kind in LOUD or _inside(operation) is not None:
        return False
    return kind in QUIET or (_count(operation) == 0 and len(_tensors(getattr(operation, "output", None))) == 1)


def _about(operation: Any) -> str:
    """What of a layer's settings a reader looks for: units or filters, kernel, stride, activation."""
    says = []
    inner = getattr(operation, "forward_layer", None) or getattr(operation, "layer", None)
    if inner is not None:  # Bidirectional, TimeDistributed
        says.append(f"{_spaced(type(inner).__name__)}: {_about(inner)}".removesuffix(": "))
    for name, words in (("filters", "{} filters"), ("units", "{} units"), ("output_dim", "{} numbers")):
        if isinstance(getattr(operation, name, None), int):
            count = getattr(operation, name)
            says.append(words.format(f"{count:,}").removesuffix("s" if count == 1 else ""))
    for name in ("kernel_size", "pool_size"):
        value = getattr(operation, name, None)
        if isinstance(value, tuple):
            says.append("x".join(map(str, value)))
    stride = getattr(operation, "strides", None)
    if isinstance(stride, tuple) and set(stride) - {1}:
        says.append(f"stride {stride[0] if len(set(stride)) == 1 else 'x'.join(map(str, stride))}")
    if getattr(operation, "return_sequences", False):
        says.append("every step")
    if isinstance(getattr(operation, "rate", None), float):
        says.append(f"{operation.rate:g}")
    activation = getattr(getattr(operation, "activation", None), "__name__", "linear")
    if activation != "linear" and not getattr(operation, "return_sequences", None) and not hasattr(operation, "cell"):
        says.append(activation)
    return ", ".join(says)


def _said(operation: Any) -> str:
    """A quiet layer in a few words."""
    kind = type(operation).__name__
    if kind == "Activation":
        return str(getattr(operation.activation, "__name__", "activation"))
    about = "" if kind in QUIET else _about(operation)
    return f"{_spaced(kind)}{f' ({about})' if about else ''}"


def _spaced(kind: str) -> str:
    """A class's name as words: `GlobalAveragePooling2D` -> `Global average pooling`."""
    if kind in NAMED:
        return NAMED[kind]
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", " ", re.sub(r"[123]D", "", kind)).split()
    return " ".join(word if word.isupper() or index == 0 else word.lower() for index, word in enumerate(words))


def _snake(kind: str) -> str:
    """The name that Keras gives to a layer of a class where nobody else did."""
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", kind)).lower()


def _shape(output: Any) -> str:
    tensors = _tensors(output)
    shapes = [" x ".join("?" if side is None else str(side) for side in one.shape[1:]) or "1" for one in tensors]
    return " | ".join(shapes[:3]) + (" ..." if len(shapes) > 3 else "")


def _count(operation: Any) -> int:
    return sum(math.prod(weight.shape) for weight in getattr(operation, "weights", ()))


def _tensors(value: Any) -> list[Any]:
    if value is None:
        return []
    if isinstance(value, dict):
        return [one for inner in value.values() for one in _tensors(inner)]
    return [one for inner in value for one in _tensors(inner)] if isinstance(value, list | tuple) else [value]
