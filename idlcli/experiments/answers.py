"""What a model answered: scores, the breakdown of the errors, and a CSV of every answer."""

import csv
import dataclasses
import functools
import io
from typing import Any

import numpy as np

from idlcli.data.queries import Queries, encode
from idlcli.evaluation import arithmetic as evaluation
from idlcli.evaluation.intervals import by_glyph, of_share


@dataclasses.dataclass(frozen=True)
class Answers:
    """Answers to the queries ``rows``: logits (N, slots, symbols) in the model's layout, and as texts.

    ``targets`` (N, slots) are the true answers in that layout. ``glyphs`` (N, T), indices into the bank, says in whose
    hand the queries were read; ``reading`` (N, T, symbols) are the logits of their characters, where a model decides on
    those before it answers; ``images`` uint8 (N, S, 28, 28) are the answers that were written, which a judge read.
    """

    queries: Queries
    rows: np.ndarray
    logits: np.ndarray
    targets: np.ndarray
    texts: list[str]
    glyphs: np.ndarray | None = None
    reading: np.ndarray | None = None
    images: np.ndarray | None = None
    loss: float | None = None

    @functools.cached_property
    def predicted(self) -> np.ndarray:
        """The answers as class indices in the report's layout (N, width), so that all layouts are scored alike."""
        return encode(self.texts, self.queries.alphabet, self.queries.answers.shape[1])

    @functools.cached_property
    def right(self) -> np.ndarray:
        """Which answers are right, to the last character, bool (N,)."""
        return np.asarray((self.predicted == self.queries.answers[self.rows]).all(axis=1))

    def take(self, chosen: np.ndarray) -> "Answers":
        """Return some of the answers, indices (M,) into these."""
        return dataclasses.replace(
            self, rows=self.rows[chosen], logits=self.logits[chosen], targets=self.targets[chosen],
            texts=[self.texts[i] for i in chosen.tolist()],
            glyphs=None if self.glyphs is None else self.glyphs[chosen],
            reading=None if self.reading is None else self.reading[chosen],
            images=None if self.images is None else self.images[chosen],
        )  # fmt: skip

    def score(self) -> dict[str, Any]:
        """Return ``n``, ``exact``, ``character`` (both in the report's layout) and ``loss``.

        The loss is in nats a character; of written answers it is what the training minimises a pixel.
        """
        found = evaluation.accuracy(answers=self.queries.answers[self.rows], predicted=self.predicted)
        return {**found, "loss": self.cross_entropy() if self.loss is None else self.loss}

    def cross_entropy(self) -> float:
        """Return the mean negative log-likelihood of a character in nats."""
        return evaluation.cross_entropy(answers=self.targets, log_probabilities=evaluation.log_softmax(self.logits))

    def interval(self, *, seed: int) -> dict[str, Any]:
        """Return the 95% interval of ``exact``: Wilson's, or clustered by digit image where images were read."""
        if self.glyphs is None:
            (low, high), method = of_share(int(self.right.sum()), len(self.right)), "wilson"
        else:
            (low, high), method = by_glyph(self.right, glyphs=self.glyphs, seed=seed), "bootstrap over digit images"
        return {"low": low, "high": high, "method": method}

    def errors(self) -> dict[str, Any]:
        """Return Table 3's breakdown of the wrong answers."""
        operands, operators = self.queries.operands[self.rows], self.queries.operators[self.rows]
        return evaluation.errors(operands=operands, operators=operators, wrong=~self.right, predicted=self.texts)

    def confusion(self) -> np.ndarray:
        """Return how often each character (rows) was answered as each (columns), int (symbols, symbols)."""
        return evaluation.confusion(
            truth=self.queries.answers[self.rows], predicted=self.predicted, classes=len(self.queries.alphabet)
        )

    def csv(self) -> str:
        """Return a CSV of the answers, the wrong ones first, with the size of the miss."""
        operands, operators = self.queries.operands[self.rows], self.queries.operators[self.rows]
        misses = evaluation.miss_sizes(operands=operands, operators=operators, predicted=self.texts)
        asked = self.queries.text(self.queries.queries[self.rows])
        truth = self.queries.text(self.queries.answers[self.rows])
        sure = confidences(self.logits, reading=self.reading)
        file = io.StringIO()
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("query", "answer", "predicted", "correct", "miss", "confidence"))
        for i in np.argsort(self.right, kind="stable"):
            miss = "" if misses[i] < 0 else int(misses[i])
            writer.writerow((asked[i], truth[i], self.texts[i], int(self.right[i]), miss, f"{sure[i]:.6f}"))
        return file.getvalue()


def confidences(logits: np.ndarray, *, reading: np.ndarray | None = None) -> np.ndarray:
    """Return the probability that a model gives each of its answers: logits (N, slots, symbols) -> (N,).

    It is that of all characters of the answer and, given the logits of the ``reading`` (N, T, symbols) that the answer
    is to, of all characters of the query.
    """
    parts = [logits] if reading is None else [logits, reading]
    return np.exp(sum(evaluation.log_softmax(part).max(axis=-1).sum(axis=-1) for part in parts))
