"""Boxes and arrows -> places: a layered drawing of a graph without cycles, from top to bottom.

Sugiyama's four steps, in their plain form: a layer for each box by its longest way from an input, invisible boxes where
an arrow passes a layer, an order in each layer that keeps neighbours near (barycentres), and places that pull boxes
over what they are joined to.
"""

import dataclasses
import itertools
from collections.abc import Sequence

SWEEPS = 12
GAP_X, GAP_Y, LANE = 28.0, 30.0, 14.0
"""Room between boxes side by side, between layers, and the width of the lane of a passing arrow."""


@dataclasses.dataclass(frozen=True)
class Layout:
    """``boxes`` (x, y) of each box's top left corner; ``routes`` the points of each arrow, top to bottom."""

    boxes: list[tuple[float, float]]
    routes: list[list[tuple[float, float]]]
    width: float
    height: float


def arrange(sizes: Sequence[tuple[float, float]], edges: Sequence[tuple[int, int]]) -> Layout:
    """Return places for boxes of ``sizes`` (width, height), joined by ``edges`` (from, to) that form no cycle."""
    count = len(sizes)
    rank = _ranks(count, edges)
    widths, heights = [w for w, _ in sizes], [h for _, h in sizes]
    pieces: list[tuple[int, int]] = []
    chains: list[list[int]] = []
    for start, end in edges:
        chain = [start]
        for layer in range(rank[start] + 1, rank[end]):
            rank.append(layer)
            widths.append(LANE)
            heights.append(0.0)
            chain.append(len(rank) - 1)
        chain.append(end)
        chains.append(chain)
        pieces += itertools.pairwise(chain)
    layers: list[list[int]] = [[] for _ in range(max(rank, default=-1) + 1)]
    for node, layer in enumerate(rank):
        layers[layer].append(node)
    above: list[list[int]] = [[] for _ in rank]
    below: list[list[int]] = [[] for _ in rank]
    for start, end in pieces:
        above[end].append(start)
        below[start].append(end)
    _order(layers, above, below)
    centre = _places(layers, widths, above, below)
    tops, y = [], 0.0
    tall = [max(heights[node] for node in members) for members in layers]
    for height in tall:
        tops.append(y)
        y += height + GAP_Y
    left = min((centre[n] - widths[n] / 2 for n in range(len(rank))), default=0.0)
    right = max((centre[n] + widths[n] / 2 for n in range(len(rank))), default=0.0)
    top = [tops[rank[n]] + (tall[rank[n]] - heights[n]) / 2 for n in range(len(rank))]
    routes = []
    for chain in chains:
        start, *middle, end = chain
        points = [(centre[start] - left, top[start] + heights[start])]
        for node in middle:  # straight through the layer that it passes
            points += [
                (centre[node] - left, tops[rank[node]]),
                (centre[node] - left, tops[rank[node]] + tall[rank[node]]),
            ]
        routes.append([*points, (centre[end] - left, top[end])])
    boxes = [(centre[n] - widths[n] / 2 - left, top[n]) for n in range(count)]
    return Layout(boxes, routes, right - left, max(0.0, y - GAP_Y))


def _ranks(count: int, edges: Sequence[tuple[int, int]]) -> list[int]:
    rank = [0] * count
    for _ in range(count):
        moved = False
        for start, end in edges:
            if rank[end] <= rank[start]:
                rank[end], moved = rank[start] + 1, True
        if not moved:
            return rank
    raise ValueError("A graph with a cycle has no layers.")


def _order(layers: list[list[int]], above: list[list[int]], below: list[list[int]]) -> None:
    """Sort each layer by the mean place of what its boxes are joined to, downwards and upwards in turn."""
    for sweep in range(SWEEPS):
        down = sweep % 2 == 0
        joined = above if down else below
        place = {node: index for layer in layers for index, node in enumerate(layer)}
        for layer in layers if down else reversed(layers):
            wanted = {
                node: sum(place[other] for other in joined[node]) / len(joined[node]) if joined[node] else place[node]
                for node in layer
            }
            layer.sort(key=lambda node: wanted[node])
            place.update({node: index for index, node in enumerate(layer)})


def _places(
    layers: list[list[int]], widths: list[float], above: list[list[int]], below: list[list[int]]
) -> list[float]:
    """Return the centre of each box: as near to the mean of what it is joined to as its layer has room."""
    centre = [0.0] * len(widths)
    for layer in layers:
        _pack(layer, widths, centre, dict.fromkeys(layer, 0.0))
    for sweep in range(SWEEPS):
        down = sweep % 2 == 0
        for layer in layers if down else reversed(layers):
            joined = above if down else below
            wanted = {
                node: sum(centre[other] for other in joined[node]) / len(joined[node]) if joined[node] else centre[node]
                for node in layer
            }
            _pack(layer, widths, centre, wanted)
    return centre


def _pack(layer: list[int], widths: list[float], centre: list[float], wanted: dict[int, float]) -> None:
    """Put a layer's boxes where they are wanted, without overlap, moving groups that collide by the least squares."""
    groups: list[tuple[list[int], float]] = []  # boxes that touch, and the left edge of the first
    for node in layer:
        members, left = [node], wanted[node] - widths[node] / 2
        while groups and groups[-1][1] + _span(groups[-1][0], widths) + GAP_X > left:
            members = groups.pop()[0] + members
            offsets, at = [], 0.0
            for member in members:
                offsets.append(wanted[member] - (at + widths[member] / 2))
                at += widths[member] + GAP_X
            left = sum(offsets) / len(offsets)
        groups.append((members, left))
    for members, left in groups:
        for member in members:
            centre[member] = left + widths[member] / 2
            left += widths[member] + GAP_X


def _span(members: list[int], widths: list[float]) -> float:
    return sum(widths[member] for member in members) + GAP_X * (len(members) - 1)
