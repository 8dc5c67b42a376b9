"""Pictures to a file of the kind its name asks for: a sheet (.png, .svg), an array (.npy) or a film (.gif)."""

import io
from pathlib import Path

import numpy as np

from idlcli.errors import UsageError
from idlcli.files import make_directory, write_bytes
from idlcli.viz import grids

FRAME_MILLISECONDS = 80
ENLARGED = 3
"""How many times as large a film shows its pictures."""


def check_suffix(path: Path, *, film: bool = False) -> None:
    """Raise :class:`UsageError` unless ``path`` ends in .png, .svg or .npy, or where ``film`` allows it in .gif."""
    endings = (".png", ".svg", ".npy", ".gif") if film else (".png", ".svg", ".npy")
    if path.suffix.lower() not in endings:
        raise UsageError(
            f"Cannot write pictures to {path.name!r:.80}.", hint=f"Give a file that ends in {' or '.join(endings)}."
        )


def write(path: Path, images: np.ndarray, *, columns: int) -> None:
    """Write uint8 pictures (N, H, W, 3) to ``path``, atomically: a sheet of ``columns``, an array, or a film."""
    check_suffix(path, film=True)
    if path.suffix.lower() in (".png", ".svg"):
        grids.write_picture(path, grids.grid(images, columns=columns))
        return
    make_directory(path.parent)
    write_bytes(path, _npy(images) if path.suffix.lower() == ".npy" else _gif(images))


def square(count: int, *, height: int = 1, width: int = 1) -> int:
    """Return the columns of a sheet of ``count`` pictures of a shape that is about as wide as high."""
    return max(1, round((count * height / width) ** 0.5))


def _npy(images: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, images, allow_pickle=False)
    return buffer.getvalue()


def _gif(images: np.ndarray) -> bytes:
    from PIL import Image

    frames = [Image.fromarray(grids.enlarge(image, ENLARGED)) for image in images]
    buffer = io.BytesIO()
    frames[0].save(
        buffer, format="GIF", save_all=True, append_images=frames[1:], duration=FRAME_MILLISECONDS, loop=0
    )  # fmt: skip
    return buffer.getvalue()
