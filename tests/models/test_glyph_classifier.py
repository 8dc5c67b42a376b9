"""What reads a glyph: how its maps are made smaller."""

import numpy as np
import pytest

from idlcli.seeds import rng

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


@pytest.mark.engine
def test_an_antialiased_pool_takes_all_maxima_and_averages_them(keras_engine):
    import keras

    from idlcli.models import glyph_classifier

    network = glyph_classifier.extractor(width=2, dropout=0.0, antialiased=True)
    stages = [network.get_layer(name).output for name in ("relu_1_2", "pool_1")]
    glyphs = rng(0, "glyphs").random((3, 28, 28)).astype(np.float32)
    maps, pooled = map(np.asarray, keras.Model(network.input, stages).predict_on_batch(glyphs))
    framed = np.pad(maps, ((0, 0), (0, 1), (0, 1), (0, 0)))  # rectified, so that 0 is no maximum of its own
    maxima = np.max([framed[:, down : 28 + down, right : 28 + right] for down in (0, 1) for right in (0, 1)], axis=0)
    assert pooled == pytest.approx(maxima.reshape(3, 14, 2, 14, 2, 2).mean(axis=(2, 4)), rel=1e-5, abs=1e-6)


@pytest.mark.engine
def test_image_text_reads_with_antialiased_features_and_the_judge_does_not(keras_engine):
    from idlcli.experiments import judge
    from idlcli.models import columns
    from idlcli.settings.judge import JudgeSettings
    from idlcli.settings.seq2seq import Seq2seqSettings

    settings = Seq2seqSettings(mode="image-text", architecture="columns", reader_width=2)
    reader = columns.build(settings, alphabet=" 0123456789+-", digits=2, slots=3).get_layer("reader").network
    seen = judge.build(JudgeSettings(width=2), classes=13)
    kinds = [type(network.get_layer("extractor").get_layer("pool_1")).__name__ for network in (reader, seen)]
    assert kinds == ["AveragePooling2D", "MaxPooling2D"]
