"""Many small pictures as one PNG."""

import io
from pathlib import Path

import numpy as np

from idlcli.errors import UsageError
from idlcli.files import make_directory, write_bytes
from idlcli.viz.thumbnails import data_uri


def grid(images: np.ndarray, *, columns: int, gap: int = 2) -> np.ndarray:
    """Return uint8 pictures (N, H, W) or (N, H, W, 3) as one picture, row by row, with ``gap`` pixels between them."""
    count, height, width = images.shape[:3]
    rows = -(-count // columns)
    shape = (rows * (height + gap) + gap, columns * (width + gap) + gap, *images.shape[3:])
    sheet = np.full(shape, 255, np.uint8)
    for index, image in enumerate(images):
        top, left = gap + index // columns * (height + gap), gap + index % columns * (width + gap)
        sheet[top : top + height, left : left + width] = image
    return sheet


def enlarge(image: np.ndarray, factor: int) -> np.ndarray:
    """Return a picture with each pixel repeated ``factor`` times both ways."""
    return image.repeat(factor, axis=0).repeat(factor, axis=1)


def write_picture(path: Path, image: np.ndarray) -> None:
    """Write a uint8 picture (H, W) or (H, W, 3) to a .png, or to an .svg that holds it and never blurs its pixels."""
    if path.suffix.lower() != ".svg":
        return write_png(path, image)
    height, width = image.shape[:2]
    make_directory(path.parent)
    return write_bytes(
        path,
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}">'
            f'<image width="{width}" height="{height}" style="image-rendering:pixelated" href="{data_uri(image)}"/>'
            "</svg>\n"
        ).encode(),
    )


def write_png(path: Path, image: np.ndarray) -> None:
    """Write a uint8 picture (H, W) or (H, W, 3) to a PNG, atomically; the same pixels give the same bytes."""
    from PIL import Image

    if path.suffix.lower() != ".png":
        raise UsageError(f"Cannot write pictures to {path.name!r:.80}.", hint="Give a file that ends in .png.")
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, format="PNG", optimize=False)
    make_directory(path.parent)
    write_bytes(path, buffer.getvalue())
