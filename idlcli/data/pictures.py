"""One picture, in whatever format and mode a stranger saved it, to a square of uint8 RGB.

Every picture takes the same road: decode (Pillow), turn upright (EXIF), 8 bits a channel (of 16 bits the high byte:
scaled, not clipped), transparency over white, RGB, the centre square (an odd pixel is lost on the right or at the
bottom), one antialiased resize: Pillow's Hamming window where it shrinks, bicubic where it enlarges, both in integers
and so the same everywhere. (Of a 96 pixel face shrunk to 64, Hamming keeps what bicubic keeps within 7% in half the
time.) There is no fast path, so the result cannot depend on the path. Colour profiles are not applied, and of an
animation only the first frame is looked at.
"""

import collections
import dataclasses
import io
import struct
import warnings
import zlib
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from idlcli.data.parallel import on_all_cores
from idlcli.data.sources import Content, Source
from idlcli.data.zips import MAX_BYTES
from idlcli.errors import DataError, said

RESIZE = "centre square, Pillow antialiased: hamming to shrink, bicubic to enlarge"
"""What is recorded as the resize of a data set."""

FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF", "PPM", "AVIF")
"""Decoders that are tried, by content. No others: some of Pillow's start programs or read vector formats."""

MAX_PIXELS = 64_000_000
"""Pictures with more are refused before a pixel is decoded."""

_EXIF_PLACES = ("exif", "xmp", "Raw profile type exif", "XML:com.adobe.xmp")
_ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
_STARTS = (
    (b"%PDF", "a PDF"), (b"PK\x03\x04", "a zip"), (b"\x93NUMPY", "an .npy array"), (b"8BPS", "a Photoshop file"),
    (b"<svg", "an SVG drawing"), (b"<!doctype html", "a web page"), (b"<html", "a web page"), (b"%!ps", "PostScript"),
)  # fmt: skip


@dataclasses.dataclass(frozen=True, slots=True)
class Picture:
    """``pixels`` uint8 (size, size, 3), read-only, and what the file was: its format, Pillow's mode, width, height."""

    pixels: NDArray[np.uint8]
    format: str
    mode: str
    width: int
    height: int


def decode(*, content: bytes | NDArray[np.generic], size: int, name: str = "") -> Picture:
    """Return one picture as uint8 RGB (size, size, 3).

    ``content`` is an encoded file, or an array (H, W), (H, W, 1), (H, W, 3) or (H, W, 4): uint8, or floats in [0, 1].
    ``name`` is only looked at for its ending: a GIF under another ending is refused, because what a crawl saved like
    that is a placeholder. (A JPEG called ``.png`` is a picture all the same.)

    Raises :class:`DataError` with a short reason, without the name, for anything that is not a whole picture. (The one
    exception: bits that libjpeg mends in silence cannot be told from true ones.)
    """
    if isinstance(content, np.ndarray):
        return _from_array(content, size)
    image, form, mode, (width, height) = _open(content, name)
    return Picture(np.asarray(_square(image, size)), form, mode, width, height)


def decode_all(*, source: Source, size: int, total: int) -> Iterator[tuple[str, Content | None, Picture | DataError]]:
    """Yield of each picture of a source, in order and ``total`` at most: name, content if it could be read, and itself.

    What is no whole picture comes as the :class:`DataError` that says why.
    """
    read: collections.deque[tuple[str, Content | None]] = collections.deque()

    def contents() -> Iterator[tuple[Content | DataError, int, str]]:
        for name, load in source:
            try:
                content: Content | DataError = load()
            except DataError as error:
                content = error
            read.append((name, None if isinstance(content, DataError) else content))
            yield content, size, name

    for picture in on_all_cores(_decoded, contents(), total=total):
        yield *read.popleft(), picture


def _decoded(content: Content | DataError, size: int, name: str) -> Picture | DataError:
    if isinstance(content, DataError):
        return content
    try:
        return decode(content=content, size=size, name=name)
    except DataError as error:
        return error


def decode_strip(*, content: bytes, count: int, size: int) -> NDArray[np.uint8]:
    """Return a picture of ``count`` squares side by side as grey squares, uint8 (count, size, size).

    Raises :class:`DataError` with a short reason for anything that is no picture, or not about so wide.
    """
    image, _, _, (width, height) = _open(content, "")
    if not 0.85 * count < image.width / image.height < 1.15 * count:
        raise DataError(f"{width} x {height} pixels are not {count} squares side by side")
    pixels = np.asarray(image.convert("L").resize((count * size, size), Image.Resampling.BOX))
    return pixels.reshape(size, count, size).transpose(1, 0, 2)


def _open(content: bytes, name: str) -> tuple[Image.Image, str, str, tuple[int, int]]:
    """Return a whole picture upright in RGB, and what the file was: format, mode, size."""
    if not content:
        raise DataError("the file is empty")
    if len(content) > MAX_BYTES:
        raise DataError(f"larger than {MAX_BYTES // 2**20} MiB")
    try:
        # Pillow warns where it repairs, and raises what it cannot repair.
        with warnings.catch_warnings(action="ignore"), Image.open(io.BytesIO(content), formats=FORMATS) as image:
            form, mode, (width, height) = str(image.format), image.mode, image.size
            _check(form, width, height, name)
            if form == "PNG" and _png_rows_missing(content):
                raise DataError("damaged: fewer pixels than it claims")
            image.load()
            return _rgb(_upright(image)), form, mode, (width, height)
    except DataError:
        raise
    except UnidentifiedImageError:
        raise DataError(_what_it_is(content)) from None
    except Image.DecompressionBombError:
        raise DataError(f"more than {MAX_PIXELS / 1e6:.0f} megapixels") from None
    except Exception as error:  # a decoder given hostile bytes may raise anything at all
        raise DataError(f"damaged: {said(error)}") from None


def _check(form: str, width: int, height: int, name: str) -> None:
    if width * height > MAX_PIXELS:
        raise DataError(f"{width} x {height} pixels, more than {MAX_PIXELS / 1e6:.0f} megapixels")
    if width < 1 or height < 1:
        raise DataError("no pixels")
    ending = name.rpartition(".")[2].lower() if "." in name else ""
    if form == "GIF" and ending not in ("", "gif"):
        raise DataError(f"a GIF named .{ending}")


def _png_rows_missing(content: bytes) -> bool:
    """Whether a PNG's packed data end before its last row. Pillow would leave the rest black and say nothing."""
    width, height, depth, color, _, _, interlaced = struct.unpack_from(">IIBBBBB", content, 16)
    bits = depth * {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[color]
    missing = 0
    for x, y, dx, dy in _ADAM7 if interlaced else ((0, 0, 1, 1),):
        columns, rows = -(-(width - x) // dx), -(-(height - y) // dy)
        if columns > 0 and rows > 0:
            missing += rows * (1 + (columns * bits + 7) // 8)
    unpack, at = zlib.decompressobj(), 8
    while at + 8 <= len(content) and missing > 0:
        length, kind = struct.unpack_from(">L4s", content, at)
        packed = content[at + 8 : at + 8 + length] if kind == b"IDAT" else b""
        while packed and missing > 0:
            missing -= len(unpack.decompress(packed, 2**20))
            packed = unpack.unconsumed_tail
        at += 12 + length
    return missing > 0


def _upright(image: Image.Image) -> Image.Image:
    """Return the picture turned as its EXIF says. Unreadable EXIF says nothing; TIFF is turned by its decoder."""
    if not any(place in image.info for place in _EXIF_PLACES):
        return image
    try:
        return ImageOps.exif_transpose(image)
    except Exception:  # a broken note beside whole pixels
        return image


def _rgb(image: Image.Image) -> Image.Image:
    """Return any mode as RGB of 8 bits, transparency laid over white."""
    if image.mode.startswith("I;16") or (image.mode == "I" and image.format == "PPM"):
        return _from_16_bits(image)
    if image.mode in ("I", "F", "LAB"):
        raise DataError(f"pixels of kind {image.mode}, whose black and white no one knows")
    if image.has_transparency_data:
        layer = image.convert("RGBA")
        white = Image.new("RGB", layer.size, "white")
        white.paste(layer, mask=layer.getchannel("A"))
        return white
    return image if image.mode == "RGB" else image.convert("RGB")


def _from_16_bits(image: Image.Image) -> Image.Image:
    values = np.asarray(image)
    if values.min() < 0 or values.max() > 65535:
        raise DataError("more than 16 bits a pixel")
    high = (values >> 8).astype(np.uint8)
    clear = image.info.get("transparency")
    if isinstance(clear, int):
        high[values == clear] = 255
    return Image.fromarray(high).convert("RGB")


def _square(image: Image.Image, size: int) -> Image.Image:
    """Return the centre square of an RGB picture at ``size``; cropped first, so that no outside pixel leaks in."""
    width, height = image.size
    side = min(width, height)
    if width != height:
        left, top = (width - side) // 2, (height - side) // 2
        image = image.crop((left, top, left + side, top + side))
    if side == size:
        return image
    return image.resize((size, size), Image.Resampling.HAMMING if side > size else Image.Resampling.BICUBIC)


def _from_array(array: NDArray[np.generic], size: int) -> Picture:
    if array.ndim not in (2, 3) or 0 in array.shape or (array.ndim == 3 and array.shape[2] not in (1, 3, 4)):
        raise DataError(f"an array of shape {array.shape} is no picture")
    height, width = array.shape[:2]
    _check("array", width, height, "")
    kind = str(array.dtype)
    if array.dtype.kind == "f":
        with np.errstate(invalid="ignore"):
            low, high = float(array.min()), float(array.max())
        if not (low >= 0 and high <= 1):  # also true of NaN
            raise DataError("NaN" if np.isnan(low) else f"floats from {low:g} to {high:g}, not in [0, 1]")
        array = np.rint(array.astype(np.float64) * 255).astype(np.uint8)
    elif array.dtype != np.uint8:
        raise DataError(f"pixels of type {array.dtype}, not uint8 or float")
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[:, :, 0]
    image = Image.fromarray(np.ascontiguousarray(array))
    return Picture(np.asarray(_square(_rgb(image), size)), "array", kind, width, height)


def _what_it_is(content: bytes) -> str:
    start = content[:256].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    for mark, what in _STARTS:
        if start.startswith(mark.lower()):
            return f"{what}, not a picture"
    if start.startswith(b"<?xml"):
        return "XML (an SVG drawing?), not a picture"
    return "not a picture of a known kind (JPEG, PNG, WebP, BMP, GIF, TIFF, PPM, AVIF)"
