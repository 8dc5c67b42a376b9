"""The examination of a trained model: its scores, where it fails and why, in its own handwriting or in another."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np

from idlcli.data import digits, glyphs
from idlcli.errors import DataError, UsageError
from idlcli.evaluation import arithmetic as evaluation
from idlcli.experiments import judge as judging
from idlcli.experiments import seq2seq
from idlcli.experiments.answers import Answers
from idlcli.experiments.handwriting import Hand
from idlcli.experiments.inference import predict
from idlcli.experiments.scenarios import ImageText, Scenario, TextImage
from idlcli.experiments.solver import Solver
from idlcli.experiments.strips import strip_of
from idlcli.files import write_text
from idlcli.viz import confusion, strips

SHOWN = 24
"""Queries in a strip of examples, the wrong ones first."""


def examine(solver: Solver, *, digits_of: str = "") -> dict[str, Any]:
    """Return the scores of both sides and the breakdown of the test errors; write the pictures of them.

    ``digits_of`` names digits of which those that are in nobody's data write the test queries, and test the judge.
    """
    sides, scenario = solver.sides(), solver.scenario
    if digits_of and solver.settings.mode == "text-text":
        raise UsageError(f"--digits does not apply to {solver.run.name}: text-text reads no digits.")
    hand = _other_hand(solver, digits_of) if digits_of else None
    if isinstance(scenario, ImageText):
        _ = solver.judge
    model = solver.model
    result: dict[str, Any] = {"run": str(solver.run.path)}
    test = scenario
    if hand is not None and isinstance(scenario, ImageText | TextImage):
        test = dataclasses.replace(scenario, hand=hand)
    for name, side in (("train", scenario), ("test", test)):
        found = side.answers(model, sides[name], side=name)
        result[name] = found.score()
    result |= {"interval": found.interval(seed=solver.settings.seed), "errors": found.errors()}
    result |= seq2seq.about_images(test, found)
    if isinstance(test, ImageText):
        result |= _about_reading(solver, test, found)
    if hand is not None:
        result["handwriting"] = {"digits": digits_of, "glyphs": int((hand.bank.labels[hand.test] < 10).sum())}
        score = judging.score(solver.judge.model, hand.bank, np.flatnonzero(hand.test))
        result["judge"] = judging.told(solver.judge.run, score)
    others = [*solver.others, *(["digits"] if hand is not None else [])]
    return {**result, "files": [str(path) for path in _pictures(solver, test, found, others)]}


def _about_reading(solver: Solver, scenario: ImageText, answers: Answers) -> dict[str, Any]:
    """Return why answers are wrong: a glyph that the judge misreads too, or a sum that went wrong."""
    assert answers.glyphs is not None
    used = np.unique(answers.glyphs[answers.glyphs >= 0])
    taken = solver.judge.read(scenario.hand.show(used)).argmax(axis=-1)
    illegible = used[taken != scenario.hand.bank.labels[used]]
    misread = np.isin(answers.glyphs, illegible).any(axis=1)
    wrong = ~answers.right
    causes: dict[str, dict[str, Any]] = {
        "misread": {"wrong": int((wrong & misread).sum()), "n": int(misread.sum())},
        "wrong_sum": {"wrong": int((wrong & ~misread).sum()), "n": int((~misread).sum())},
    }
    for cause in causes.values():
        cause["rate"] = cause["wrong"] / cause["n"] if cause["n"] else None
    return {"judge": solver.judge.score, "causes": causes}


def _pictures(solver: Solver, scenario: Scenario, answers: Answers, others: list[str]) -> list[Path]:
    """Write what there is to see of the test answers into the run's plots; return the files.

    Those of an examination in which something is another (digits, styles, the judge) are called by that, so that the
    run's own stay beside its metrics.
    """
    suffix = "".join(f"-other-{what}" for what in others)
    plots = solver.run.folder("plots")
    files = [plots / f"confusion{suffix}.png", solver.run.path / f"predictions{suffix}.csv"]
    confusion.draw(counts=answers.confusion(), classes=solver.queries.alphabet, path=files[0])
    write_text(files[1], answers.csv())
    if isinstance(scenario, ImageText):
        files.append(plots / f"misreadings{suffix}.png")
        read = _glyphs_read(solver, scenario, answers)
        if read is None:
            files.pop()
        else:
            confusion.draw(counts=read, classes=solver.queries.alphabet, path=files[-1], columns="read as")
    order = np.argsort(answers.right, kind="stable")[:SHOWN]
    rows = strip_of(scenario, answers.take(order))
    if rows:
        files.append(plots / f"answers{suffix}.png")
        strips.draw(rows, path=files[-1])
    return files


def _glyphs_read(solver: Solver, scenario: ImageText, answers: Answers) -> np.ndarray | None:
    """Return which character was read as which, (symbols, symbols), by a model that says so."""
    if solver.settings.architecture == "repeat" or answers.glyphs is None:
        return None
    from idlcli.models import columns

    used = np.unique(answers.glyphs[answers.glyphs >= 0])
    read = predict(columns.reader_of(solver.model), scenario.hand.show(used), batch=500).argmax(axis=-1)
    return evaluation.confusion(
        truth=scenario.hand.bank.labels[used], predicted=read, classes=len(solver.queries.alphabet)
    )


def _other_hand(solver: Solver, source: str) -> Hand:
    """Return a hand that writes the test queries with digits from ``source``: of those, which neither are in the run's
    data nor trained the judge."""
    found = digits.load(source)
    known = {
        image.tobytes()
        for images in (solver.hand.bank.images, solver.judge.taught(near=Path(solver.settings.data)))
        for image in images
    }
    new = np.array([image.tobytes() not in known for image in found.images])
    missing = set(range(10)) - set(np.unique(found.labels[new]).tolist())
    if missing:
        raise DataError(
            f"{source} holds no {min(missing)} that neither is in {solver.settings.data} nor trained the judge."
        )
    bank, count = solver.hand.bank, int(new.sum())
    joined = glyphs.Bank(
        np.concatenate([bank.images, found.images[new]]), np.concatenate([bank.labels, found.labels[new]]),
        bank.alphabet,
    )  # fmt: skip
    operators = solver.hand.test & (bank.labels >= 10)
    return Hand(
        joined, train=np.concatenate([solver.hand.train, np.zeros(count, bool)]),
        test=np.concatenate([operators, np.ones(count, bool)]), seed=solver.settings.seed,
    )  # fmt: skip
