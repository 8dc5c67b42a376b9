"""A reader looks over the writer's shoulder: it teaches the pen what is legible and learns nothing itself."""

import numpy as np
import pytest

from idlcli.seeds import rng

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

SYMBOLS, SLOTS, STYLE = 4, 2, 3


@pytest.fixture(scope="module")
def writer(keras_engine):
    import keras

    from idlcli.models import glyph_classifier, glyph_writer

    keras.utils.set_random_seed(3)
    reader = glyph_classifier.build(classes=SYMBOLS, width=2, dropout=0.0)
    decide = reader.get_layer("classes")
    decide.set_weights([30 * weight for weight in decide.get_weights()])  # untrained, but sure of what it reads
    model = glyph_writer.build(symbols=SYMBOLS, style=STYLE, width=4, slots=SLOTS, reader=reader)
    reads = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    bits = keras.losses.BinaryCrossentropy(from_logits=True)
    model.compile(
        optimizer=keras.optimizers.Adam(0.02), loss=[bits, glyph_writer.mean_divergence, reads],
        loss_weights=[1e-3, 1e-3, 1.0], jit_compile=False,
    )  # fmt: skip
    return model


@pytest.mark.engine
def test_the_reader_teaches_the_pen_and_stays_as_it_is(writer):
    from idlcli.models import glyph_writer

    reader, pen = writer.get_layer("reader").network, glyph_writer.pen_of(writer)
    labels = rng(0, "labels").integers(0, SYMBOLS, (64, SLOTS)).astype(np.int32)
    characters = np.eye(SYMBOLS, dtype=np.float32)[labels]
    glyphs = rng(0, "glyphs").random((64, SLOTS, 28, 28)).astype(np.float32)
    before = [[np.array(weight) for weight in network.get_weights()] for network in (reader, pen)]
    targets = [glyphs, np.zeros((64, SLOTS), np.float32), labels]
    history = writer.fit([characters, glyphs], targets, batch_size=16, epochs=20, shuffle=False, verbose=0).history
    assert history["loss"][-1] < 0.9 * history["loss"][0], history["loss"]
    after = [network.get_weights() for network in (reader, pen)]
    assert all(np.array_equal(old, new) for old, new in zip(before[0], after[0], strict=True)), "statistics included"
    assert all((old != new).any() for old, new in zip(before[1], after[1], strict=True))


@pytest.mark.engine
def test_one_style_is_drawn_for_all_glyphs_of_an_answer(keras_engine):
    import keras

    from idlcli.models.glyph_writer import DrawnStyle

    drawn = keras.ops.convert_to_numpy(DrawnStyle(STYLE)(np.zeros((500, SLOTS, SYMBOLS), np.float32)))
    assert drawn.shape == (500, SLOTS, STYLE)
    assert np.array_equal(drawn[:, 0], drawn[:, 1])
    assert abs(drawn.mean()) < 0.1
    assert drawn.std() == pytest.approx(1.0, abs=0.1)
