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


def test_the_reader_sees_what_will_be_drawn_the_temperature_included(keras_engine, monkeypatch):
    import keras

    from idlcli.models import columns, glyph_classifier
    from idlcli.settings import Seq2seqSettings

    def contrast(*, classes, width, dropout):
        glyph = keras.Input((28, 28))
        grey = keras.ops.mean(keras.ops.abs(glyph - 0.5), axis=(1, 2), keepdims=True)
        return keras.Model(glyph, keras.ops.repeat(grey[:, 0], classes, axis=1))

    monkeypatch.setattr(glyph_classifier, "build", contrast)
    seen = []
    for temperature in (1.0, 0.05):
        settings = Seq2seqSettings(
            mode="text-image", architecture="columns", units=4, column_units=4, readout_units=4, writer_width=4,
            legible_weight=1.0, pixel_temperature=temperature,
        )  # fmt: skip
        keras.utils.set_random_seed(0)
        model = columns.build(settings, alphabet="0123456789+- ", digits=2, slots=3)
        asked = {"query": np.zeros((64, 5), np.int32), "written": np.zeros((64, 3, 28, 28), np.float32)}
        seen.append(float(keras.ops.convert_to_numpy(model(asked)["legible"]).mean()))
    assert 0 < 5 * seen[0] < seen[1] <= 0.5


@pytest.mark.engine
def test_one_style_is_drawn_for_all_glyphs_of_an_answer(keras_engine):
    import keras

    from idlcli.models.glyph_writer import DrawnStyle

    drawn = keras.ops.convert_to_numpy(DrawnStyle(STYLE)(np.zeros((500, SLOTS, SYMBOLS), np.float32)))
    assert drawn.shape == (500, SLOTS, STYLE)
    assert np.array_equal(drawn[:, 0], drawn[:, 1])
    assert abs(drawn.mean()) < 0.1
    assert drawn.std() == pytest.approx(1.0, abs=0.1)
