"""Models as one drawing: boxes in boxes, arrows, shapes and weights, as SVG (or that as PNG)."""

import functools
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any

from idlcli.files import make_directory, write_bytes
from idlcli.viz.architecture import Block, Graph
from idlcli.viz.figures import check_suffix
from idlcli.viz.layered import arrange

TINTS = {
    "convolution": ("#0072B2", "#E8F1F8"),
    "dense": ("#009E73", "#E6F5F0"),
    "recurrent": ("#D55E00", "#FBEDE3"),
    "pool": ("#56B4E9", "#EDF7FD"),
    "random": ("#CC79A7", "#F9EEF4"),
    "merge": ("#E69F00", "#FDF4E3"),
    "ends": ("#333333", "#F1F1F1"),
    "plain": ("#7A7A7A", "#F7F7F7"),
}
"""Edge and ground of a box by its family: Okabe and Ito's colours and light tints of them."""
INK, SOFT = "#1B1D1F", "#565C62"
PAD, LINE, TITLE = 12.0, 17.0, 13.0
HEAD = 40.0
"""Room for the title of a frame."""
GAP = 56.0
FONT = "DejaVu Sans, Verdana, Arial, sans-serif"


def write(path: Path, graphs: Sequence[Graph], *, title: str) -> None:
    """Write a drawing of models side by side to ``path`` (.svg or .png).

    A PNG is the SVG drawn with a font that comes with the package's own libraries, the same on every machine.
    """
    check_suffix(path)
    drawn = svg(graphs, title=title)
    make_directory(path.parent)
    if path.suffix.lower() == ".svg":
        return write_bytes(path, drawn.encode())
    import resvg_py

    fonts = [str(_font_file(weight)) for weight in ("", "-Bold")]
    content: Any = resvg_py.svg_to_bytes(
        svg_string=drawn, font_files=fonts, skip_system_fonts=True, font_family="DejaVu Sans", zoom=2
    )
    return write_bytes(path, bytes(content))


def svg(graphs: Sequence[Graph], *, title: str) -> str:
    """Return the drawing as text."""
    frames = [_frame(graph) for graph in graphs]
    height = max(frame[1] for frame in frames)
    width = sum(frame[0] for frame in frames) + GAP * (len(frames) - 1)
    parts, x = [], 0.0
    for wide, _, markup in frames:
        parts.append(_moved(markup, x, 0))
        x += wide + GAP
    full, tall = width + 2 * PAD, height + 2 * PAD
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{full:.0f}" height="{tall:.0f}" '
        f'viewBox="0 0 {full:.1f} {tall:.1f}" font-family="{FONT}" role="img" aria-label="{escape(title)}">\n'
        f"<title>{escape(title)}</title>\n"
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        f'<path d="M0,0.6 L7.4,4 L0,7.4 z" fill="{SOFT}"/></marker></defs>\n'
        f'<rect width="100%" height="100%" fill="#FFFFFF"/>\n{_moved("".join(parts), PAD, PAD)}</svg>\n'
    )


def _frame(graph: Graph) -> tuple[float, float, str]:
    """A model's drawing: width, height, markup; its title and number of weights stand above the boxes."""
    drawn = [_box(block) for block in graph.blocks]
    if _is_chain(graph):
        widest = max(wide for (wide, _, _), block in zip(drawn, graph.blocks, strict=True) if block.inside is None)
        drawn = [_box(block, least=widest) for block in graph.blocks]
    layout = arrange([(wide, tall) for wide, tall, _ in drawn], graph.edges)
    said = f"{graph.weights:,} weights"
    least = max(_wide(graph.title, 15, bold=True), _wide(said, 12))
    width, shift = max(layout.width, least), max(0.0, (least - layout.width) / 2)
    head = _text(width / 2, 14, graph.title, 15, bold=True, anchor="middle")
    head += _text(width / 2, 30, said, 12, colour=SOFT, anchor="middle")
    body = "".join(_arrow(route) for route in layout.routes)
    body += "".join(_moved(markup, x, y) for (x, y), (_, _, markup) in zip(layout.boxes, drawn, strict=True))
    return width, layout.height + HEAD, head + _moved(body, shift, HEAD)


def _is_chain(graph: Graph) -> bool:
    """Whether one box follows another, all the way: then all get one width."""
    plain = any(block.inside is None for block in graph.blocks)
    return plain and graph.edges == [(index, index + 1) for index in range(len(graph.blocks) - 1)]


def _box(block: Block, *, least: float = 0.0) -> tuple[float, float, str]:
    edge, ground = TINTS[block.family]
    if block.inside is not None:
        wide, tall, markup = _frame(block.inside)
        width, height = wide + 2 * PAD, tall + 2 * PAD
        frame = f'<rect width="{width:.1f}" height="{height:.1f}" rx="10" fill="#FCFCFC" stroke="{edge}" '
        return width, height, f'{frame}stroke-width="1.4" stroke-dasharray="5 4"/>{_moved(markup, PAD, PAD)}'
    right = [block.shape] + ([f"{block.weights:,} weights"] if block.weights else [])
    left = [block.title, *block.lines]
    rows = max(len(left), len(right))
    wide_left = max(_wide(text, 13 if i == 0 else 11.5, bold=i == 0) for i, text in enumerate(left))
    wide_right = max(_wide(text, 11.5) for text in right)
    width, height = max(least, wide_left + wide_right + 26 + 2 * PAD), rows * LINE + 2 * 8
    outline = f'rx="6" fill="{ground}" stroke="{edge}" stroke-opacity="0.55"'
    parts = [
        f'<rect width="{width:.1f}" height="{height:.1f}" {outline}/>',
        f'<rect width="5" height="{height:.1f}" rx="2.5" fill="{edge}"/>',
    ]
    for i, text in enumerate(left):
        size = 13 if i == 0 else 11.5
        parts.append(_text(PAD + 4, 8 + LINE * i + TITLE, text, size, bold=i == 0, colour=INK if i == 0 else SOFT))
    for i, text in enumerate(right):
        parts.append(_text(width - PAD, 8 + LINE * i + TITLE, text, 11.5, colour=INK if i == 0 else SOFT, anchor="end"))
    return width, height, "".join(parts)


def _arrow(route: list[tuple[float, float]]) -> str:
    (x, y), *rest = route
    path = f"M{x:.1f},{y:.1f}"
    for index, (to_x, to_y) in enumerate(rest):
        passes = index % 2 == 1 and index < len(rest) - 1 + len(rest) % 2  # straight through a layer
        middle = (y + to_y) / 2
        path += f" L{to_x:.1f},{to_y:.1f}" if passes or x == to_x else (
            f" C{x:.1f},{middle:.1f} {to_x:.1f},{middle:.1f} {to_x:.1f},{to_y:.1f}"
        )  # fmt: skip
        x, y = to_x, to_y
    return f'<path d="{path}" fill="none" stroke="{SOFT}" stroke-width="1.3" marker-end="url(#tip)"/>'


def _text(
    x: float, y: float, text: str, size: float, *, bold: bool = False, colour: str = INK, anchor: str = "start"
) -> str:
    weight = ' font-weight="bold"' if bold else ""
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size:g}" fill="{colour}" text-anchor="{anchor}"{weight}>'
        f"{escape(text)}</text>"
    )


def _moved(markup: str, x: float, y: float) -> str:
    return f'<g transform="translate({x:.1f},{y:.1f})">{markup}</g>\n'


def _wide(text: str, size: float, *, bold: bool = False) -> float:
    return float(_measure("-Bold" if bold else "").getlength(text)) * size / 100


@functools.cache
def _measure(weight: str) -> Any:
    from PIL import ImageFont

    return ImageFont.truetype(str(_font_file(weight)), 100)


def _font_file(weight: str) -> Path:
    """Matplotlib's own DejaVu Sans: there is no machine without it."""
    import matplotlib

    return Path(matplotlib.get_data_path()) / "fonts" / "ttf" / f"DejaVuSans{weight}.ttf"
