"""The table of trained arithmetic in the documentation is made of the landed scores, by the script that trains them."""

import json
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ABOUT = {"n": 10_000, "low": 0.95, "high": 0.97, "minutes": 10.0, "engine": "tensorflow", "cores": 1}
ROWS = [
    {"what": "text-image 50/50, encoder layers: 1, styles of 1", "split": "twin-free", "seed": 0, "exact": 0.98,
     "spread": 0.89, "judge": 0.992, **ABOUT},
    {"what": "image-text 50/50", "split": "twin-free", "seed": 0, "exact": 0.96, **ABOUT},
    {"what": "image-text 50/50", "split": "twin-free", "seed": 1, "exact": 0.97, **ABOUT},
    {"what": "image-text 50/50", "split": "random", "seed": 0, "exact": 0.965, **ABOUT},
    {"what": "text-text 10/90", "split": "twin-free", "seed": 0, "exact": 1.0, **ABOUT},
    {"what": "text-text 50/50", "split": "twin-free", "seed": 0, "exact": 0.9999, **ABOUT},
]  # fmt: skip


@pytest.fixture
def arithmetic(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    import arithmetic

    return arithmetic


def test_page_and_results_say_the_same(arithmetic):
    results = json.loads(arithmetic.RESULTS.read_text("utf-8")) if arithmetic.RESULTS.exists() else []
    made = arithmetic.inserted(arithmetic.PAGE, {arithmetic.MARK: arithmetic.table(results)} if results else {})
    assert arithmetic.PAGE.read_text("utf-8") == made, "make it again: make arithmetic"


def test_a_line_a_task_with_its_splits_side_by_side(arithmetic):
    half, tenth, images, written = (line.strip("| ").split(" | ") for line in arithmetic.table(ROWS).splitlines()[2:])
    assert half[0] == "text-text 50/50"
    assert half[2] == "99.99 (1 of 10,000 wrong)"
    assert tenth[:2] == ["text-text 10/90", "72.94 of characters"]
    assert images[2] == "96.50 ± 0.71 (300 to 400 of 10,000 wrong)"
    assert images[3:5] == ["96.50 (350 of 10,000 wrong)", "95.00 to 97.00"]
    assert images[7:] == ["2 + 1", "10.0 ± 0.0", "tensorflow, cores: 1"]
    assert written[5:7] == ["0.89", "99.20"]


@pytest.mark.parametrize(
    ("settings", "digits", "style", "said"),
    [
        ({"mode": "text-text", "train_fraction": 0.05}, "mnist-5k", 0, "text-text 5/95"),
        ({"mode": "image-text", "train_fraction": 0.5}, "mnist-5k", 0, "image-text 50/50"),
        ({"mode": "image-text", "train_fraction": 0.5}, "data", 0, "image-text 50/50, all of MNIST's digits"),
        ({"mode": "text-image", "train_fraction": 0.5, "encoder_layers": 2}, "mnist-5k", 1,
         "text-image 50/50, encoder layers: 2, styles of 1"),
    ],
)  # fmt: skip
def test_what_a_run_is_called(arithmetic, settings, digits, style, said):
    assert arithmetic.label(settings, {"conditions": {"digits": digits}}, style=style) == said
