"""Why answers are wrong: what the judge misreads too, told from what it does not."""

from types import SimpleNamespace

import numpy as np

from idlcli.experiments import exam

LABELS = np.array([4, 7, 1, 9, 2])
"""The characters of five glyphs, of which the judge takes the fourth for another."""


def test_only_a_query_with_a_glyph_that_the_judge_misreads_counts_as_illegible():
    def read(glyphs):
        taken = np.where(glyphs == 3, 4, LABELS[glyphs])
        return np.eye(13)[taken]

    scenario = SimpleNamespace(hand=SimpleNamespace(show=lambda rows: rows, bank=SimpleNamespace(labels=LABELS)))
    solver = SimpleNamespace(judge=SimpleNamespace(read=read, score={"run": "judge"}))
    answers = SimpleNamespace(
        glyphs=np.array([[0, 1, -1], [3, 1, 2], [3, 3, -1], [2, 4, 0], [4, 4, 4]]),
        right=np.array([True, False, True, False, True]),
    )
    found = exam._about_reading(solver, scenario, answers)
    assert found["judge"] == {"run": "judge"}
    assert found["causes"] == {
        "misread": {"wrong": 1, "n": 2, "rate": 0.5},
        "wrong_sum": {"wrong": 1, "n": 3, "rate": 1 / 3},
    }
