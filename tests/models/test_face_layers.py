"""What happens to pictures on the engine: augmentation of both kinds, doubling a side; laws, against NumPy."""

import numpy as np
import pytest

from idlcli.seeds import rng
from idlcli.settings.faces import FaceTrainSettings

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

SIDE = 16
PICTURES = rng(0, "pictures").uniform(-1, 1, (6, SIDE, SIDE, 3)).astype("float32")


def array(tensor):
    import keras

    return np.array(keras.ops.convert_to_numpy(tensor))


@pytest.mark.engine
def test_flip_mirrors_some_pictures_and_leaves_the_others(keras_engine):
    from idlcli.models import augment

    layer = augment.make(FaceTrainSettings(augment="flip"))
    changed = array(layer(np.tile(PICTURES, (8, 1, 1, 1)), training=True))
    sides = []
    for found, given in zip(changed, np.tile(PICTURES, (8, 1, 1, 1)), strict=True):
        mirrored = np.array_equal(found, given[:, ::-1])
        assert mirrored or np.array_equal(found, given)
        sides.append(mirrored)
    assert 10 < sum(sides) < 38


def test_nothing_changes_outside_of_training_or_without_augmentation(keras_engine):
    from idlcli.models import augment
    from idlcli.models.diff_augment import DiffAugment

    for kind in ("off", "flip", "paper"):
        layer = augment.make(FaceTrainSettings(augment=kind))
        assert np.array_equal(array(layer(PICTURES, training=False)), PICTURES)
    assert np.array_equal(array(augment.make(FaceTrainSettings())(PICTURES, training=True)), PICTURES)
    assert np.array_equal(array(DiffAugment("off")(PICTURES)), PICTURES)


@pytest.mark.engine
def test_a_picture_read_at_its_own_pixels_is_itself_and_between_them_their_mean(keras_engine):
    from idlcli.models.augment import bilinear

    rows, columns = (grid.reshape(1, -1).astype("float32") for grid in np.mgrid[:SIDE, :SIDE])
    rows, columns = (np.repeat(grid, len(PICTURES), axis=0) for grid in (rows, columns))
    assert np.array_equal(array(bilinear(PICTURES, rows=rows, columns=columns)), PICTURES)
    between = array(bilinear(PICTURES, rows=rows + 0.5, columns=columns))
    expected = (PICTURES[:, :-1] + PICTURES[:, 1:]) / 2
    assert np.abs(between[:, :-1] - expected).max() < 1e-6
    assert np.array_equal(between[:, -1], PICTURES[:, -1]), "beyond the border the nearest pixel is repeated"
    quarter = array(bilinear(PICTURES, rows=columns, columns=SIDE - 1 - rows))
    assert np.array_equal(quarter, np.rot90(PICTURES, axes=(1, 2)))


@pytest.mark.parametrize(("rotation", "shift", "zoom"), [(20.0, 0.0, 0.0), (0.0, 0.2, 0.0), (0.0, 0.0, 0.3)])
def test_a_warp_stays_within_its_bounds(rotation, shift, zoom, keras_engine):
    """A spot off the centre comes out no further from where it was than the setting allows."""
    from idlcli.models.augment import Augment

    side, at = 65, 45
    spot = np.zeros((200, side, side, 1), "float32")
    spot[:, at - 1 : at + 2, 31:34] = 1.0
    found = array(Augment(flip=False, rotation=rotation, shift=shift, zoom=zoom)(spot, training=True))[..., 0]
    places = np.arange(side)
    total = found.sum(axis=(1, 2))
    rows, columns = ((found.sum(axis=axis) * places).sum(axis=1) / total for axis in (2, 1))
    off = at - 32
    if rotation:
        angles = np.degrees(np.arctan2(columns - 32, rows - 32))
        assert np.abs(np.hypot(rows - 32, columns - 32) - off).max() < 0.3
        assert 0.7 * rotation < np.abs(angles).max() < rotation + 1
    elif shift:
        moved = np.maximum(np.abs(rows - at), np.abs(columns - 32))
        assert 0.8 * shift * side < moved.max() < shift * side + 0.5
    else:
        ratio = (rows - 32) / off
        assert 1 / (1 + zoom) - 0.03 < ratio.min() < 0.85 < 1.2 < ratio.max() < 1 / (1 - zoom) + 0.03


@pytest.mark.engine
def test_the_shift_moves_whole_pixels_and_leaves_grey(keras_engine):
    from idlcli.models.diff_augment import DiffAugment

    most = SIDE // 8
    padded = np.pad(PICTURES, ((0, 0), (most, most), (most, most), (0, 0)))
    for found, border in zip(array(DiffAugment("shift")(PICTURES)), padded, strict=True):
        shifts = [(i, j) for i in range(2 * most + 1) for j in range(2 * most + 1)]
        assert any(np.allclose(found, border[i : i + SIDE, j : j + SIDE], atol=1e-6) for i, j in shifts)


def test_the_cutout_is_one_grey_square(keras_engine):
    from idlcli.models.diff_augment import DiffAugment

    for found, given in zip(array(DiffAugment("shift-cutout")(np.ones_like(PICTURES))), PICTURES, strict=True):
        assert found.shape == given.shape
        assert set(np.unique(found)) <= {0.0, 1.0}
    policy = DiffAugment("shift-cutout")
    policy.policy = "cutout"
    blanked = array(policy(np.tile(np.ones_like(PICTURES), (20, 1, 1, 1))))[..., 0] == 0
    for square in blanked:
        rows, columns = np.flatnonzero(square.any(axis=1)), np.flatnonzero(square.any(axis=0))
        assert square.sum() == len(rows) * len(columns)
        assert len(rows) == np.ptp(rows) + 1
        assert SIDE // 4 <= len(rows) <= SIDE // 2


def test_colours_change_by_an_affine_map_of_each_picture(keras_engine):
    """Brightness, saturation and contrast: the differences of a pixel's channels are scaled by one factor a picture."""
    from idlcli.models.diff_augment import DiffAugment

    layer = DiffAugment("shift-cutout-colour")
    layer.policy = "colour"
    found = array(layer(PICTURES))
    for mine, given in zip(found, PICTURES, strict=True):
        factor = (mine[..., 0] - mine[..., 1]) / (given[..., 0] - given[..., 1])
        assert np.ptp(factor) < 1e-2 * max(1.0, np.abs(factor).max())
        assert 0 <= factor.mean() < 3.01


@pytest.mark.engine
def test_channels_become_the_four_pixels_in_order(keras_engine):
    from idlcli.models.upsampling import PixelShuffle

    maps = rng(0, "maps").normal(size=(2, 3, 3, 8)).astype("float32")
    found = array(PixelShuffle()(maps))
    assert found.shape == (2, 6, 6, 2)
    for row in range(6):
        for column in range(6):
            part = 2 * (row % 2) + column % 2
            assert np.array_equal(found[:, row, column], maps[:, row // 2, column // 2, 2 * part : 2 * part + 2])
