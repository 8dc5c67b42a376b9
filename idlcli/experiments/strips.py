"""Queries and answers as rows of a strip: words, and pictures where either is handwriting."""

import numpy as np

from idlcli.experiments.answers import Answers
from idlcli.experiments.scenarios import ImageText, Scenario
from idlcli.viz.strips import Row


def strip_of(scenario: Scenario, answers: Answers) -> list[Row] | None:
    """Return queries and answers as rows of pictures and words, or None where nothing is a picture."""
    asked = scenario.queries.text(scenario.queries.queries[answers.rows])
    truth = scenario.queries.text(scenario.queries.answers[answers.rows])
    if isinstance(scenario, ImageText) and answers.glyphs is not None:
        shown = scenario.hand.bank.images[np.where(answers.glyphs < 0, _blank_glyph(scenario), answers.glyphs)]
        said = [f"= {text}" for text in answers.texts]
        return [
            Row(before="", images=images, after=text, right=bool(right))
            for images, text, right in zip(shown, said, answers.right, strict=True)
        ]
    if answers.images is not None:
        return [
            Row(before=f"{query} =", images=images, after=f"({text})", right=bool(right))
            for query, text, images, right in zip(asked, truth, answers.images, answers.right, strict=True)
        ]
    return None


def _blank_glyph(scenario: ImageText) -> int:
    return int(np.flatnonzero(scenario.hand.bank.labels == scenario.hand.blank)[0])
