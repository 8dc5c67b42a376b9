"""One picture of any kind to uint8 RGB squares: each mode by its own rule, one resize, short reasons for the rest."""

import io
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from idlcli.data import pictures
from idlcli.errors import DataError


def encoded(image, form="PNG", **options):
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


def pixels(content, size=4, name=""):
    result = pictures.decode(content=content, size=size, name=name).pixels
    assert result.shape == (size, size, 3)
    assert result.dtype == np.uint8
    return result


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width, height, depth, color, rows, extra=b""):
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + extra + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def noise(height=4, width=4, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


@pytest.mark.parametrize("form", ["PNG", "BMP", "PPM", "TIFF", "WEBP"])
def test_lossless_formats_keep_every_pixel(form):
    options = {"lossless": True} if form == "WEBP" else {}
    assert (pixels(encoded(Image.fromarray(noise()), form, **options)) == noise()).all()


def test_facts_of_the_file():
    picture = pictures.decode(content=encoded(Image.new("L", (30, 20)), "JPEG"), size=8)
    assert (picture.format, picture.mode, picture.width, picture.height) == ("JPEG", "L", 30, 20)
    assert not picture.pixels.flags.writeable


@pytest.mark.parametrize(
    ("image", "color"),
    [
        (Image.new("L", (4, 4), 77), (77, 77, 77)),
        (Image.new("1", (4, 4), 1), (255, 255, 255)),
        (Image.new("LA", (4, 4), (77, 0)), (255, 255, 255)),
        (Image.new("LA", (4, 4), (77, 255)), (77, 77, 77)),
        (Image.new("RGBA", (4, 4), (255, 0, 0, 0)), (255, 255, 255)),
        (Image.new("RGBA", (4, 4), (0, 0, 0, 51)), (204, 204, 204)),
    ],
)
def test_grey_and_transparent_modes(image, color):
    assert (pixels(encoded(image)) == color).all()


def test_palette_with_and_without_transparency():
    image = Image.new("P", (4, 4), 1)
    image.putpalette([255, 0, 0, 0, 0, 255])
    assert (pixels(encoded(image)) == (0, 0, 255)).all()
    assert (pixels(encoded(image, transparency=b"\xff\x00")) == 255).all()
    assert (pixels(encoded(image, transparency=b"\xff\xcc")) == (51, 51, 255)).all()


def test_transparency_leaves_no_dark_rim_when_shrunk():
    image = Image.new("RGBA", (8, 8), (0, 0, 0, 0))  # transparent black all over: white, at any size
    assert (pixels(encoded(image), size=3) == 255).all()


def test_sixteen_bits_are_scaled_not_clipped():
    ramp = np.linspace(0, 65535, 16).astype(">u2").reshape(4, 4)
    grey = png(4, 4, 16, 0, b"".join(b"\0" + row.tobytes() for row in ramp))
    assert (pixels(grey) == (ramp >> 8).astype(np.uint8)[:, :, None]).all()
    color = np.stack([ramp, ramp[::-1], ramp.T], axis=2).astype(">u2")
    rgb = png(4, 4, 16, 2, b"".join(b"\0" + row.tobytes() for row in color))
    assert (pixels(rgb) == (color >> 8).astype(np.uint8)).all()
    assert (pixels(b"P5 4 4 65535\n" + ramp.tobytes())[:, :, 0] == ramp >> 8).all()
    assert pixels(encoded(Image.fromarray(ramp.astype(np.uint16)), "TIFF")).max() == 255


def test_sixteen_bit_grey_with_a_transparent_value():
    rows = b"\0" + struct.pack(">2H", 5, 4660)
    extra = chunk(b"tRNS", struct.pack(">H", 4660))
    assert pixels(png(2, 1, 16, 0, rows * 1, extra), size=1)[0, 0, 0] == 0
    assert (pixels(png(1, 1, 16, 0, b"\0" + struct.pack(">H", 4660), extra), size=2) == 255).all()


@pytest.mark.parametrize("depth", [1, 2, 4])
def test_few_bits_reach_white(depth):
    assert (pixels(png(4, 4, depth, 0, b"\0\xff\xff" * 4 if depth == 4 else b"\0\xff" * 4)) == 255).all()


def test_cmyk_jpeg_keeps_its_colours():
    red = Image.new("CMYK", (16, 16), (0, 255, 255, 0))
    found = pixels(encoded(red, "JPEG", quality=95)).reshape(-1, 3).mean(axis=0)
    assert np.abs(found - (255, 0, 0)).max() < 4


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("form", ["PNG", "TIFF", "WEBP"])
def test_exif_turns_the_picture_upright(orientation, form):
    upright = Image.fromarray(noise())
    turned = {
        1: None, 2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM, 5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE, 8: Image.Transpose.ROTATE_270,
    }[orientation]  # fmt: skip
    stored = upright if turned is None else upright.transpose(turned)
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"lossless": True} if form == "WEBP" else {}
    assert (pixels(encoded(stored, form, exif=exif, **options)) == noise()).all()


def test_broken_exif_does_not_cost_the_picture():
    good = Image.fromarray(noise(8, 8))
    content = encoded(good, "JPEG", quality=95, exif=b"Exif\0\0MM\0*\0\0\0\x08\xff\xff broken")
    assert (pixels(content, size=8) == pixels(encoded(good, "JPEG", quality=95), size=8)).all()


@pytest.mark.parametrize("form", ["GIF", "PNG", "WEBP", "TIFF"])
def test_of_an_animation_the_first_frame(form):
    first, second = Image.new("RGB", (4, 4), (255, 0, 0)), Image.new("RGB", (4, 4), (0, 0, 255))
    options = {"lossless": True} if form == "WEBP" else {}
    content = encoded(first, form, save_all=True, append_images=[second], **options)
    assert (pixels(content) == (255, 0, 0)).all()


@pytest.mark.parametrize(("width", "height"), [(9, 4), (4, 9), (10, 4), (5, 4)])
def test_other_shapes_are_cut_to_their_centre_square(width, height):
    array = noise(height, width)
    left, top = (width - 4) // 2, (height - 4) // 2
    assert (pixels(encoded(Image.fromarray(array))) == array[top : top + 4, left : left + 4]).all()


def test_what_is_cut_off_does_not_leak_in():
    array = np.zeros((8, 24, 3), np.uint8)
    array[:, :8] = array[:, 16:] = 255
    assert pixels(encoded(Image.fromarray(array)), size=4).max() == 0
    assert pixels(encoded(Image.fromarray(array)), size=16).max() == 0


def test_shrinking_is_antialiased():
    board = (np.indices((64, 64)).sum(axis=0) % 2 * 255).astype(np.uint8)  # a resize that picks pixels shows stripes
    found = pixels(encoded(Image.fromarray(board)), size=8)
    assert np.abs(found.astype(int) - 127).max() < 12


@given(value=st.integers(0, 255), side=st.integers(1, 40), size=st.integers(8, 40))
@settings(max_examples=40)
def test_a_flat_picture_stays_flat_at_any_size(value, side, size):
    content = encoded(Image.new("RGB", (side, side), (value, 255 - value, value // 2)))
    assert (pixels(content, size=size) == (value, 255 - value, value // 2)).all()


@given(
    st.integers(1, 24), st.integers(1, 24), st.integers(8, 24), st.sampled_from(["PNG", "JPEG", "BMP", "WEBP"]),
    st.integers(0, 99),
)  # fmt: skip
@settings(max_examples=40)
def test_the_same_bytes_twice_and_the_pixels_of_the_file_as_an_array(height, width, size, form, seed):
    content = encoded(Image.fromarray(noise(height, width, seed)), form)
    first = pixels(content, size=size)
    assert (first == pixels(content, size=size)).all()
    with Image.open(io.BytesIO(content)) as image:
        stored = np.asarray(image.convert("RGB"))
    assert (first == pixels(stored, size=size)).all()


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, ">f4"])
def test_arrays_of_floats(dtype):
    array = (np.arange(16).reshape(4, 4) / 15).astype(dtype)
    assert (pixels(array)[:, :, 0] == np.rint(array.astype(float) * 255)).all()
    assert (pixels(array[:, :, None]) == pixels(array)).all()


def test_arrays_of_bytes_in_any_memory_order():
    array = noise(6, 6)
    assert (pixels(np.asfortranarray(array), size=6) == array).all()
    assert (pixels(array[::-1], size=6) == array[::-1]).all()
    assert (pixels(np.dstack([array, np.zeros((6, 6), np.uint8)]), size=6) == 255).all()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty"),
        (b"%PDF-1.7 ...", "a PDF"),
        (b"\xef\xbb\xbf  <svg xmlns='http://www.w3.org/2000/svg'/>", "an SVG"),
        (b"<?xml version='1.0'?><svg/>", "XML"),
        (b"<!DOCTYPE html><p>Not found", "a web page"),
        (b"PK\x03\x04" + bytes(40), "a zip"),
        (b"hello", "not a picture of a known kind"),
        (np.zeros((4, 4), bool), "type bool"),
        (np.zeros((4, 4), np.uint16), "type uint16"),
        (np.zeros((4, 4, 2), np.uint8), "shape"),
        (np.zeros((0, 4, 3), np.uint8), "shape"),
        (np.full((4, 4), np.nan), "NaN"),
        (np.array([[0, 2.5]]), "floats from 0 to 2.5"),
        (np.array([[-0.1, 0.5]]), "floats from -0.1"),
        (np.array([[np.inf, 0.5]]), "floats"),
    ],
)
def test_what_is_no_picture_says_what_it_is(content, reason):
    with pytest.raises(DataError, match=reason) as caught:
        pictures.decode(content=content, size=4)
    assert len(caught.value.message) < 160
    assert caught.value.message.isprintable()


@pytest.mark.parametrize("mode", ["F", "I", "LAB"])
def test_pixels_without_a_known_white_are_refused(mode):
    with pytest.raises(DataError, match=f"kind {mode}"):
        pixels(encoded(Image.new(mode, (4, 4)), "TIFF"))


def test_a_gif_under_another_name_is_refused_and_a_jpeg_is_not():
    gif, jpeg = encoded(Image.new("P", (4, 4)), "GIF"), encoded(Image.new("RGB", (4, 4)), "JPEG")
    assert pixels(gif, name="a/b.GIF").shape == pixels(jpeg, name="b.png").shape
    with pytest.raises(DataError, match=r"a GIF named \.png"):
        pixels(gif, name="b.png")
