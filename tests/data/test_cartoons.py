"""Faces drawn here: the same from the same seed, labelled with what was drawn, attributed to who drew the parts."""

import hashlib
from collections import Counter

import numpy as np
import pytest

from idlcli.data import cartoons
from idlcli.data.cartoons import FACE_STYLES as STYLES
from idlcli.errors import UsageError


@pytest.fixture(scope="module")
def faces():
    style = cartoons.open_style(name="adventurer")
    return [style.draw(seed=0, index=index, size=64) for index in range(60)]


def test_a_face_depends_on_seed_and_index_alone(faces):
    style = cartoons.open_style(name="adventurer")
    again = style.draw(seed=0, index=7, size=64)
    assert (again.pixels == faces[7].pixels).all()
    assert again.labels == faces[7].labels
    assert (style.draw(seed=1, index=7, size=64).pixels != faces[7].pixels).any()
    assert style.draw(seed=0, index=7, size=96).labels == faces[7].labels


def test_faces_differ(faces):
    assert len({hashlib.sha256(face.pixels.tobytes()).digest() for face in faces}) == len(faces)


@pytest.mark.parametrize("size", [8, 64, 65])
def test_shape_and_type(size):
    face = cartoons.open_style(name="adventurer").draw(seed=3, index=0, size=size)
    assert face.pixels.shape == (size, size, 3)
    assert face.pixels.dtype == np.uint8


def test_labels_name_what_varies_and_only_that(faces):
    columns = cartoons.open_style(name="adventurer").columns
    assert {"hair", "hair-color", "eyes", "mouth", "glasses", "skin-color", "background"} <= set(columns)
    assert list(columns) == sorted(columns)
    assert "head" not in columns
    assert "size" not in columns
    assert all(tuple(face.labels) == columns for face in faces)
    seen = Counter(face.labels["glasses"] for face in faces)
    assert seen["none"] > len(faces) / 2  # a tenth of the faces wear some
    assert len({face.labels["background"] for face in faces} - set(cartoons.BACKGROUNDS.values())) == 0


def test_the_background_is_what_its_label_says(faces):
    colors = {name: tuple(int(c[i : i + 2], 16) for i in (1, 3, 5)) for c, name in cartoons.BACKGROUNDS.items()}
    right = [tuple(face.pixels[0, 0]) == colors[face.labels["background"]] for face in faces]
    assert np.mean(right) > 0.9  # hair may reach the corner


def test_hair_colour_is_in_the_picture(faces):
    """The mean of green-haired faces is greener than that of the others."""
    green = [f.pixels.reshape(-1, 3).astype(float) for f in faces if f.labels["hair-color"] == "green"]
    other = [f.pixels.reshape(-1, 3).astype(float) for f in faces if f.labels["hair-color"] not in ("green", "aqua")]
    assert len(green) > 1

    def greenness(pixels):
        return np.mean([(p[:, 1] - p[:, [0, 2]].max(axis=1) > 40).mean() for p in pixels])

    assert greenness(green) > 20 * greenness(other)


@pytest.mark.parametrize(
    ("value", "name"),
    [
        ("#0e0e0e", "black"), ("#2c1b18", "black"), ("#ffffff", "white"), ("#afafaf", "gray"), ("#6a4e35", "brown"),
        ("#562306", "brown"), ("#e5d7a3", "blonde"), ("#b9a05f", "blonde"), ("#cb6820", "orange"), ("#ab2a18", "red"),
        ("#dba3be", "pink"), ("#592454", "purple"), ("#605de4", "blue"), ("#85c2c6", "aqua"), ("#3eac2c", "green"),
    ],
)  # fmt: skip
def test_hair_colours_have_everyday_names(value, name):
    assert cartoons.color_name(value) == name


def test_every_colour_has_a_name():
    steps = [f"{v:02x}" for v in range(0, 256, 51)]
    names = {cartoons.color_name(f"#{r}{g}{b}") for r in steps for g in steps for b in steps}
    twelve = "black white gray brown blonde orange red pink purple blue aqua green"
    assert names == set(twelve.split())


QUICK = ("lorelei", "miniavs")  # checking a style's drawing against its schema takes DiceBear a second


@pytest.mark.parametrize("name", [pytest.param(n, marks=[] if n in QUICK else pytest.mark.slow) for n in STYLES])
def test_every_style_of_faces_draws_and_says_whose_it_is(name):
    style = cartoons.open_style(name=name)
    first, second = (style.draw(seed=0, index=index, size=32) for index in range(2))
    assert first.pixels.std() > 10
    assert (first.pixels != second.pixels).any()
    assert {"title", "creator", "license", "text"} <= set(style.attribution)
    assert set(style.origin) == {"sha256", "dicebear-core", "dicebear-styles", "resvg_py"}


def test_the_default_style_owes_attribution():
    found = cartoons.open_style(name="adventurer").attribution
    assert (found["creator"], found["license"]) == ("Lisa Wischofsky", "CC BY 4.0")


@pytest.mark.parametrize("name", ["adventurr", "../adventurer", "", "a" * 5000, "adventurer.json", "\0"])
def test_unknown_styles_are_usage_errors(name):
    with pytest.raises(UsageError, match="no cartoon style") as caught:
        cartoons.open_style(name=name)
    assert "adventurer" in caught.value.hint
    assert len(caught.value.message) < 120
