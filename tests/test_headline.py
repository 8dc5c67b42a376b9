"""The README's headline numbers are those of the landed outcome, and are made by the script."""

import importlib.util
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def headline():
    """The script as a module."""
    spec = importlib.util.spec_from_file_location("headline", ROOT / "tools" / "headline.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


OUTCOME = {
    "scale": "full", "seeds": [0, 1],
    "cells": [
        {"what": "50-50: Test accuracy", "report": 99.34, "unit": "%", "verdict": "agrees", "headline": True,
         "paper": {"mean": 99.411, "sd": 0.12, "n": 2}, "best": {"mean": 100.0, "sd": 0.0, "n": 2}},
        {"what": "VAE Frechet distance", "report": "1989424.07 - 0.003j", "unit": "", "verdict": "not judged",
         "headline": True, "paper": {"mean": 123.456, "sd": None, "n": 1}, "best": None},
        {"what": "latents", "report": 64, "unit": "", "verdict": "agrees", "fact": True, "paper": None, "best": None},
        {"what": "not a headline", "report": 1.0, "unit": "", "verdict": "differs", "paper": None, "best": None},
    ],
}  # fmt: skip


def test_readme_and_outcome_say_the_same(headline):
    readme = headline.README.read_text("utf-8")
    assert readme == headline.inserted(readme, headline.landed()), "make it again: python tools/headline.py"


def test_the_table_has_a_row_a_headline_with_both_recipes(headline):
    text = headline.block(OUTCOME)
    assert "| 50-50: Test accuracy | 99.34% | 99.41% ± 0.12% | 100.00% ± 0.00% |" in text
    assert "| VAE Frechet distance | 1989424.07 - 0.003j | 123.5 (1 of 2) | – |" in text
    assert "not a headline" not in text
    assert "0 better, 2 agrees (1 of them settings and shapes taken from it), 1 differs, 1 not judged" in text


def test_it_goes_between_the_marks_again_and_again(headline):
    readme = f"# x\n{headline.BEGIN}\nold\n{headline.END}\nrest\n"
    once = headline.inserted(readme, OUTCOME)
    assert headline.inserted(once, OUTCOME) == once
    assert once.startswith("# x\n")
    assert once.endswith(f"{headline.END}\nrest\n")
    assert "old" not in once


def test_a_quick_outcome_and_a_readme_without_marks_are_refused(headline):
    with pytest.raises(SystemExit, match="quick"):
        headline.block({**OUTCOME, "scale": "quick"})
    with pytest.raises(SystemExit, match="no place"):
        headline.inserted("# x\n", OUTCOME)
