"""Files and sets of pictures as a stranger may have made them."""

import struct
import zlib
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from idlcli.data import faces
from idlcli.settings.data import FacesSettings


def good(seed: int = 0, side: int = 10, ending: str = ".png") -> bytes:
    """A whole picture."""
    array = np.random.default_rng(seed).integers(0, 256, (side, side, 3), np.uint8)
    return cv2.imencode(ending, array)[1].tobytes()


def chunk(kind: bytes, data: bytes) -> bytes:
    """A part of a PNG."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_claiming(width: int, height: int, rows: bytes = b"", *more: bytes) -> bytes:
    """A PNG that claims to be of this size and holds these rows."""
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    body = b"".join(more) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + head + body


def build(source: object, out: Path, **options: Any) -> dict[str, Any]:
    """Build a set of small faces."""
    return faces.build(settings=FacesSettings(source=str(source), size=8, **options), out=out)


def reasons(result: dict[str, Any]) -> dict[str, str]:
    """Why each file was skipped."""
    return {one["file"]: one["reason"] for one in result["skipped"]}
