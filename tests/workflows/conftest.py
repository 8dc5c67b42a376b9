"""A sweep file of a few trainings that take a moment."""

from pathlib import Path

import pytest

SWEEP = """
command = "seq2seq train"
metric = "test.loss"
better = "lower"
also = ["test.exact"]
seeds = [0, 1]

[settings]
batch-size = 25
epochs = 3
jit = "off"

[grid]
units = [2, 4]
"""


@pytest.fixture
def sweep_file(tmp_path: Path) -> Path:
    """Four cells: two widths, two seeds."""
    path = tmp_path / "small.toml"
    path.write_text(SWEEP)
    return path
