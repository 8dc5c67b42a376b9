"""A trained model of the arithmetic experiment: its answers, their scores, and the queries it is asked."""

import csv
import dataclasses
import functools
import io
import re
from typing import Any

import numpy as np

from idlcli.data.layouts import Left, Slots
from idlcli.data.queries import OPERATIONS, Queries, encode, make_queries
from idlcli.errors import DataError, UsageError
from idlcli.evaluation import arithmetic as evaluation
from idlcli.experiments.driver import settings_of
from idlcli.files import read_json_object
from idlcli.runs import Run
from idlcli.seeds import integer
from idlcli.settings import Seq2seqSettings
from idlcli.training import engine

PREDICT_BATCH = 1000


class Solver:
    """The model of a run with its best weights (where a validation part chose them) or its last."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.settings: Seq2seqSettings = settings_of(run)
        about = read_json_object(run.path / "data.json")
        try:
            self.maximum = int(about["max"])
            self.queries = make_queries(ops=str(about["ops"]), maximum=self.maximum)
        except (KeyError, TypeError, ValueError, OverflowError, UsageError) as error:
            raise DataError(f"{run.path / 'data.json'} does not say which queries the run was made for.") from error
        self.layout = layout_for(self.settings, self.queries)

    @functools.cached_property
    def model(self) -> Any:
        """The Keras model; the engine is loaded when it is first asked for."""
        engine.start(self.settings.backend)
        from idlcli.training import checkpoint

        model = build(self.settings, self.queries)
        best = self.run.path / "checkpoints" / "best.safetensors"
        checkpoint.load(best if best.exists() else best.with_name("last.safetensors"), model, optimizer=False)
        return model

    def evaluate(self) -> dict[str, Any]:
        """Return the scores of the training and the test queries, and the breakdown of the test errors."""
        sides = read_json_object(self.run.path / "split.json")
        count = len(self.queries.queries)
        result: dict[str, Any] = {"run": str(self.run.path)}
        for name in ("train", "test"):
            listed = sides.get(name)
            if not isinstance(listed, list) or not listed or not all(type(i) is int and 0 <= i < count for i in listed):
                raise DataError(f"{self.run.path / 'split.json'} does not fit the run's queries.")
            rows = np.array(listed)
            found = answer(self.model, self.layout, self.queries, rows)
            result[name] = found.score()
        return {**result, "errors": found.errors()}

    def solve(self, texts: list[str]) -> list[dict[str, Any]]:
        """Return the answer to each query with whether it is correct and how sure the model is of it.

        Raises :class:`UsageError` for a text that is not a query of the kind the model was trained on.
        """
        parsed = [self._parse(text) for text in texts]
        width = self.queries.queries.shape[1]
        logits = predict(self.model, encode(["".join(parts) for parts in parsed], self.queries.alphabet, width))
        answers = self.layout.read(logits.argmax(axis=-1))
        return [
            {
                "query": "".join(parts), "answer": text, "confidence": round(float(sure), 6), "image": None,
                "correct": text == str(OPERATIONS[parts[1]](int(parts[0]), int(parts[2]))),
            }
            for parts, text, sure in zip(parsed, answers, confidences(logits), strict=True)
        ]  # fmt: skip

    def _parse(self, text: str) -> tuple[str, str, str]:
        operators = "".join(dict.fromkeys(self.queries.operators.tolist()))
        match = re.fullmatch(rf"(0|[1-9]\d*)([{re.escape(operators)}])(0|[1-9]\d*)", "".join(text.split()), re.ASCII)
        if match is None or max(len(match[1]), len(match[3])) > 9 or max(int(match[1]), int(match[3])) > self.maximum:
            raise UsageError(
                f"{text!r:.60} is not a query that {self.run.name} can solve.",
                hint=f"Give two numbers from 0 to {self.maximum} with {' or '.join(operators)} between them: 23+45.",
            )
        return match[1], match[2], match[3]


@dataclasses.dataclass(frozen=True)
class Answers:
    """A model's answers to the queries ``rows``: logits (N, slots, symbols) in its own layout, and as texts."""

    queries: Queries
    rows: np.ndarray
    logits: np.ndarray
    targets: np.ndarray
    texts: list[str]

    @functools.cached_property
    def predicted(self) -> np.ndarray:
        """The answers as class indices in the report's layout (N, width), so that all layouts are scored alike."""
        return encode(self.texts, self.queries.alphabet, self.queries.answers.shape[1])

    def score(self) -> dict[str, Any]:
        """Return ``n``, ``exact``, ``character`` (both in the report's layout) and ``loss`` (nats a character)."""
        found = evaluation.accuracy(answers=self.queries.answers[self.rows], predicted=self.predicted)
        log_probabilities = evaluation.log_softmax(self.logits)
        return {**found, "loss": evaluation.cross_entropy(answers=self.targets, log_probabilities=log_probabilities)}

    def errors(self) -> dict[str, Any]:
        """Return Table 3's breakdown of the wrong answers."""
        wrong = (self.predicted != self.queries.answers[self.rows]).any(axis=1)
        operands, operators = self.queries.operands[self.rows], self.queries.operators[self.rows]
        return evaluation.errors(operands=operands, operators=operators, wrong=wrong, predicted=self.texts)

    def csv(self) -> str:
        """Return a CSV of the answers, the wrong ones first, with the size of the miss."""
        right = (self.predicted == self.queries.answers[self.rows]).all(axis=1)
        operands, operators = self.queries.operands[self.rows], self.queries.operators[self.rows]
        misses = evaluation.miss_sizes(operands=operands, operators=operators, predicted=self.texts)
        asked = self.queries.text(self.queries.queries[self.rows])
        truth = self.queries.text(self.queries.answers[self.rows])
        sure = confidences(self.logits)
        file = io.StringIO()
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("query", "answer", "predicted", "correct", "miss", "confidence"))
        for i in np.argsort(right, kind="stable"):
            miss = "" if misses[i] < 0 else int(misses[i])
            writer.writerow((asked[i], truth[i], self.texts[i], int(right[i]), miss, f"{sure[i]:.6f}"))
        return file.getvalue()


def answer(model: Any, layout: Left, queries: Queries, rows: np.ndarray) -> Answers:
    """Return a model's answers to the queries ``rows``."""
    logits = predict(model, queries.queries[rows])
    truth = layout.write(queries.text(queries.answers[rows]))
    return Answers(queries, rows, logits, truth, layout.read(logits.argmax(axis=-1)))


def predict(model: Any, queries: np.ndarray) -> np.ndarray:
    """Return the logits (N, slots, symbols) of queries int (N, T), in batches of one size: one shape is compiled."""
    count = len(queries)
    size = min(PREDICT_BATCH, count)
    padded = queries[np.arange(-(-count // size) * size) % count].astype(np.int32)
    outputs = model.predict(padded, batch_size=size, verbose=0)
    return np.asarray(outputs["answer"] if isinstance(outputs, dict) else outputs)[:count]


def confidences(logits: np.ndarray) -> np.ndarray:
    """Return the probability that the model gives each of its answers: (N, slots, symbols) -> (N,)."""
    return np.exp(evaluation.log_softmax(logits).max(axis=-1).sum(axis=-1))


def layout_for(settings: Seq2seqSettings, queries: Queries) -> Left:
    """Return the layout in which a run's architecture writes answers."""
    kind = Slots if settings.architecture == "columns" else Left
    return kind(queries.alphabet, queries.answers.shape[1])


def build(settings: Seq2seqSettings, queries: Queries) -> Any:
    """Return the untrained model of a run, its weights drawn from the seed."""
    import keras

    from idlcli.models import columns, seq2seq

    keras.utils.set_random_seed(integer(settings.seed, "weights"))
    make = columns.build if settings.architecture == "columns" else seq2seq.build
    return make(settings, alphabet=queries.alphabet, digits=queries.digits, slots=queries.answers.shape[1])
