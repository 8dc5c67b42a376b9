"""Pictures made small, and laid over a map where they have room."""

import base64
import io
from typing import Literal

import numpy as np
from numpy.typing import NDArray


def place(positions: NDArray[np.float64], *, side: float) -> NDArray[np.intp]:
    """Return which of the positions (N, 2) get a square of ``side`` centred on them, so that no two overlap.

    Earlier positions go first; all that are left out overlap one that was taken.
    """
    taken: list[int] = []
    for index, position in enumerate(positions):
        if not taken or (np.abs(positions[taken] - position).max(axis=1) >= side).all():
            taken.append(index)
    return np.array(taken, np.intp)


def shrink(images: NDArray[np.uint8], *, side: int) -> NDArray[np.uint8]:
    """Return pictures (N, H, W, 3) or (N, H, W) as RGB squares of at most ``side`` pixels."""
    if images.ndim == 3:
        images = np.repeat(images[..., None], 3, axis=-1)
    side = min(side, max(images.shape[1:3]))
    if images.shape[1:3] == (side, side):
        return np.asarray(images)
    from PIL import Image

    return np.stack([np.asarray(Image.fromarray(image).resize((side, side))) for image in images])


def data_uri(image: NDArray[np.uint8], *, form: Literal["PNG", "WEBP"] = "PNG") -> str:
    """Return a picture (H, W, 3) as an address that holds it."""
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, format=form, **({"quality": 82, "method": 4} if form == "WEBP" else {}))
    return f"data:image/{form.lower()};base64,{base64.b64encode(buffer.getvalue()).decode('ascii')}"
