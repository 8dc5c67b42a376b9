"""Any Keras model of the house as boxes and arrows: layers said once, weights counted, no box upon another."""

import itertools
import re
import xml.etree.ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from idlcli.errors import UsageError
from idlcli.settings import Seq2seqSettings
from idlcli.viz.layered import GAP_X, arrange

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
ALPHABET = "0123456789+- "


@st.composite
def graphs(draw):
    count = draw(st.integers(1, 9))
    sizes = [(draw(st.integers(10, 300)), draw(st.integers(10, 90))) for _ in range(count)]
    pairs = list(itertools.combinations(range(count), 2))
    edges = [pair for pair in pairs if draw(st.booleans())] if count < 6 else pairs[:: draw(st.integers(1, 7))]
    return sizes, edges


@settings(max_examples=80)
@given(graph=graphs())
def test_boxes_never_overlap_and_arrows_go_down(graph):
    sizes, edges = graph
    layout = arrange(sizes, edges)
    frames = [(x, y, x + w, y + h) for (x, y), (w, h) in zip(layout.boxes, sizes, strict=True)]
    for one, other in itertools.combinations(frames, 2):
        assert one[2] <= other[0] or other[2] <= one[0] or one[3] <= other[1] or other[3] <= one[1]
    for left, top, right, bottom in frames:
        assert left >= -1e-6
        assert top >= 0
        assert right <= layout.width + 1e-6
        assert bottom <= layout.height + 1e-6
    for (start, end), route in zip(edges, layout.routes, strict=True):
        assert frames[start][3] < frames[end][1]
        assert route[0] == pytest.approx(((frames[start][0] + frames[start][2]) / 2, frames[start][3]))
        assert route[-1] == pytest.approx(((frames[end][0] + frames[end][2]) / 2, frames[end][1]))
        heights = [y for _, y in route]
        assert heights == sorted(heights)


@settings(max_examples=60)
@given(graph=graphs())
def test_an_arrow_that_passes_a_layer_keeps_clear_of_its_boxes(graph):
    sizes, edges = graph
    layout = arrange(sizes, edges)
    for (start, end), route in zip(edges, layout.routes, strict=True):
        for index, ((x, y), (w, h)) in enumerate(zip(layout.boxes, sizes, strict=True)):
            if index in (start, end):
                continue
            for (x0, y0), (_, y1) in zip(route[1:-1:2], route[2:-1:2], strict=True):
                assert not (x - GAP_X / 4 < x0 < x + w + GAP_X / 4 and y0 < y + h and y1 > y)


def test_a_cycle_is_refused():
    with pytest.raises(ValueError, match="cycle"):
        arrange([(10, 10), (10, 10)], [(0, 1), (1, 0)])


def models():
    import keras

    from idlcli.models import columns, glyph_classifier, seq2seq

    layers = keras.layers
    image = keras.Input((16, 16, 3), name="image")
    maps = layers.LeakyReLU()(layers.BatchNormalization()(layers.Conv2D(4, 3, strides=2)(image)))
    flat = layers.Flatten()(maps)
    mean, spread = layers.Dense(5, name="mean")(flat), layers.Dense(5, name="spread")(flat)
    eyes = keras.Sequential([keras.Input((8, 8)), layers.Flatten(), layers.Dense(3)], name="eyes")
    return {
        "two heads": keras.Model(image, [mean, spread], name="encoder"),
        "named heads": keras.Model(image, {"a": mean, "b": spread}, name="heads"),
        "sequence": keras.Sequential([
            keras.Input((4, 8, 8)), layers.TimeDistributed(eyes), layers.Bidirectional(layers.LSTM(6)), layers.Dense(2),
        ]),
        "text-text": seq2seq.build(Seq2seqSettings(units=8), alphabet=ALPHABET, digits=2, slots=3),
        "two layers": seq2seq.build(
            Seq2seqSettings(units=8, encoder_layers=2, dropout=0.1), alphabet=ALPHABET, digits=2, slots=3
        ),
        "columns": columns.build(
            Seq2seqSettings(architecture="columns", units=4), alphabet=ALPHABET, digits=2, slots=3
        ),
        "judge": glyph_classifier.build(classes=13, width=4, dropout=0.1),
    }  # fmt: skip


@pytest.fixture(scope="module")
def built(keras_engine):
    return models()


def total(graph):
    return sum(total(block.inside) if block.inside else block.weights for block in graph.blocks)


def shapes(model):
    import keras

    return [tuple(tensor.shape) for tensor in keras.tree.flatten(model.outputs)]


@pytest.mark.parametrize(
    "name", ["two heads", "named heads", "sequence", "text-text", "two layers", "columns", "judge"]
)
def test_every_weight_of_a_model_stands_in_one_box(name, built, tmp_path):
    from idlcli.viz import architecture, diagram

    graph = architecture.read(built[name])
    assert graph.weights == built[name].count_params() == total(graph)
    for start, end in graph.edges:
        assert 0 <= start < end < len(graph.blocks)
    reached = {0} | {end for _, end in graph.edges}
    assert reached == set(range(len(graph.blocks)))
    ends = [block for index, block in enumerate(graph.blocks) if index not in {start for start, _ in graph.edges}]
    outputs = {" x ".join(map(str, shape[1:])) for shape in shapes(built[name])}
    said = {part for block in ends for part in block.shape.split(" | ")}
    assert said == outputs
    for path in (tmp_path / "a.svg", tmp_path / "a.png"):
        diagram.write(path, [graph, graph], title="<two> & more")
    root = ET.fromstring((tmp_path / "a.svg").read_text())
    words = " ".join(root.itertext())
    assert f"{graph.weights:,} weights" in words
    assert "<two> & more" in words
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")


def test_a_layer_s_own_name_is_said_and_keras_s_is_not(built):
    from idlcli.viz import architecture

    named = [block.lines for block in architecture.read(built["two heads"]).blocks]
    assert ["mean", "5 units"] in named
    words = " ".join(line for lines in named for line in lines)
    assert not re.search(r"conv2d|batch_normalization|flatten_?\d*\b", words)
    assert "4 filters, 3x3, stride 2" in words
    for quiet in ("Batch norm", "Leaky ReLU", "Flatten"):
        assert quiet in words


def test_a_model_in_a_model_is_a_frame_with_its_own_boxes(built):
    from idlcli.viz import architecture

    judge = architecture.read(built["judge"])
    (inside,) = [block.inside for block in judge.blocks if block.inside]
    assert inside.title == "extractor"
    assert sum(block.title == "Convolution" for block in inside.blocks) == 6
    sequence = architecture.read(built["sequence"])
    (eyes,) = [block.inside for block in sequence.blocks if block.inside]
    assert eyes.title == "for each of 4: eyes"
    assert any("LSTM: 6 units" in line for block in sequence.blocks for line in block.lines)


def test_the_drawing_keeps_to_its_page(built, tmp_path):
    from idlcli.viz import architecture, diagram

    text = diagram.svg([architecture.read(built["columns"])], title="x")
    root = ET.fromstring(text)
    width, height = (float(side) for side in root.attrib["viewBox"].split()[2:])

    def walk(element, x, y):
        if match := re.match(r"translate\(([-\d.]+),([-\d.]+)\)", element.get("transform", "")):
            x, y = x + float(match[1]), y + float(match[2])
        if element.tag.endswith("rect") and "%" not in element.get("width"):
            left, top = x + float(element.get("x", 0)), y + float(element.get("y", 0))
            assert left >= 0
            assert top >= 0
            assert left + float(element.get("width")) <= width
            assert top + float(element.get("height")) <= height
        for child in element:
            walk(child, x, y)

    walk(root, 0.0, 0.0)
    assert diagram.svg([architecture.read(built["columns"])], title="x") == text
    with pytest.raises(UsageError):
        diagram.write(tmp_path / "a.pdf", [architecture.read(built["judge"])], title="x")
