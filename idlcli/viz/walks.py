"""From code to code in small steps, and the pictures on the way as a strip or as a film."""

import io
import itertools
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from idlcli.errors import UsageError
from idlcli.files import make_directory, write_bytes
from idlcli.viz.grids import enlarge, grid, write_picture

ENDINGS = (".png", ".svg", ".gif")
FRAME_MS = 80
"""How long a picture of a film is shown, in milliseconds."""
LARGEST = 256
"""Pictures are enlarged to at most this side in a film, by whole factors."""


def path_between(stops: NDArray[Any], *, steps: int, spherical: bool) -> NDArray[np.float64]:
    """Return codes float (stops - 1, steps, D) from each stop (of N >= 2, D) to the next, both ends among them.

    ``spherical`` goes along the great circle, and from one length to the other in even steps: the middle of a straight
    line between two draws of a Gaussian in many dimensions is nearer to the origin than any draw would be (White,
    "Sampling Generative Networks", 2016). Where two stops point in one direction, or in opposite ones, it is straight.
    """
    if len(stops) < 2 or steps < 2:
        raise ValueError(f"A walk needs 2 stops and 2 steps at least. Received: {len(stops)} stops, {steps} steps")
    stops = np.asarray(stops, np.float64)
    along = np.linspace(0, 1, steps)[:, None]
    legs = []
    for start, end in itertools.pairwise(stops):
        straight = (1 - along) * start + along * end
        lengths = np.linalg.norm(start), np.linalg.norm(end)
        if not spherical or min(lengths) == 0:
            legs.append(straight)
            continue
        angle = np.arccos(np.clip(start @ end / (lengths[0] * lengths[1]), -1, 1))
        if np.sin(angle) < 1e-6:
            legs.append(straight)
            continue
        turned = np.sin((1 - along) * angle) * start / lengths[0] + np.sin(along * angle) * end / lengths[1]
        legs.append(turned / np.sin(angle) * ((1 - along) * lengths[0] + along * lengths[1]))
    return np.stack(legs)


def check_ending(path: Path) -> None:
    """Raise :class:`UsageError` unless ``path`` ends in .png, .svg or .gif."""
    if path.suffix not in ENDINGS:
        raise UsageError(f"Cannot draw {path.name!r:.80}.", hint="Give a file that ends in .png, .svg or .gif.")


def write(path: Path, images: NDArray[np.uint8]) -> None:
    """Write the pictures (legs, steps, H, W, 3) of a walk: a row a leg, or with .gif a film of all legs, forever."""
    check_ending(path)
    if path.suffix != ".gif":
        return write_picture(path, grid(images.reshape(-1, *images.shape[2:]), columns=images.shape[1]))
    from PIL import Image

    # The end of a leg is the start of the next: shown once.
    film = np.concatenate([images[:1, :1].reshape(-1, *images.shape[2:]), *(leg[1:] for leg in images)])
    factor = max(1, LARGEST // film.shape[1])
    frames = [Image.fromarray(enlarge(frame, factor)) for frame in film]
    buffer = io.BytesIO()
    frames[0].save(buffer, "GIF", save_all=True, append_images=frames[1:], duration=FRAME_MS, loop=0, disposal=1)
    make_directory(path.parent)
    return write_bytes(path, buffer.getvalue())
