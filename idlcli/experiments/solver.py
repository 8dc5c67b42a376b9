"""A trained model of the arithmetic experiment, opened again: it is tested, and asked."""

import dataclasses
import functools
import re
from pathlib import Path
from typing import Any

import numpy as np

from idlcli import runs
from idlcli.data import arithmetic
from idlcli.data.digits import SIDE
from idlcli.data.layouts import Left
from idlcli.data.pictures import decode_strip
from idlcli.data.queries import OPERATIONS, encode, make_queries
from idlcli.data.zips import MAX_BYTES
from idlcli.errors import DataError, UsageError
from idlcli.experiments import judge as judging
from idlcli.experiments import provenance
from idlcli.experiments.answers import confidences
from idlcli.experiments.handwriting import Hand, hand_of
from idlcli.experiments.inference import predict
from idlcli.experiments.judge import Judge
from idlcli.experiments.scenarios import ImageText, Scenario, TextImage, check_judge, said, scenario_of
from idlcli.files import read_bytes, read_json_object
from idlcli.runs import Run
from idlcli.seeds import rng
from idlcli.settings import Seq2seqSettings
from idlcli.training import engine
from idlcli.training.reporter import Reporter
from idlcli.viz import grids


class Solver:
    """The model of a run with its best weights (where a validation part chose them) or its last.

    ``data`` says where its data lie now, if they were moved; ``judge`` names another run to read what it writes;
    ``style_scale`` says how much the handwritings of its answers differ, instead of the run's settings.
    """

    def __init__(
        self, run: Run, *, data: str = "", judge: str = "", style_scale: float | None = None,
        reporter: Reporter | None = None,
    ) -> None:  # fmt: skip
        self.run = run
        settings: Seq2seqSettings = provenance.settings_of(run)
        self.settings = dataclasses.replace(settings, data=data or settings.data)
        if style_scale is not None:
            if not (settings.mode == "text-image" and settings.architecture == "columns" and settings.style_size):
                raise UsageError(f"--style-scale does not apply to {run.name}: it knows no styles.")
            self.settings = dataclasses.replace(self.settings, style_scale=style_scale)
        if judge and settings.mode == "text-text":
            raise UsageError(f"--judge does not apply to {run.name}: text-text needs none.")
        self._judge_named, self._reporter = judge or settings.judge, reporter
        self.others: list[str] = []
        """What is another than when its training tested the run, by what is known so far: what that left must stay."""
        if self.settings.style_scale != settings.style_scale:
            self.others.append("styles")

        self._about = read_json_object(run.path / "data.json")
        try:
            self.maximum = int(self._about["max"])
            self.queries = make_queries(ops=str(self._about["ops"]), maximum=self.maximum)
        except (KeyError, TypeError, ValueError, OverflowError, UsageError) as error:
            raise DataError(f"{run.path / 'data.json'} does not say which queries the run was made for.") from error

    @functools.cached_property
    def scenario(self) -> Scenario:
        """What goes in and what comes out."""
        mode = self.settings.mode
        hand = self.hand if mode != "text-text" else None
        return scenario_of(self.settings, self.queries, hand=hand, judge=self.judge if mode == "text-image" else None)

    @functools.cached_property
    def hand(self) -> Hand:
        """The glyphs of the run's data, parted as they were when it was trained."""
        data = arithmetic.load(Path(self.settings.data))
        provenance.check(self.run, provenance.fingerprint(data.manifest), place=data.path)
        return hand_of(data, seed=self.settings.seed)

    @functools.cached_property
    def judge(self) -> Judge:
        """Who reads what is written: the run that was named, or the one of the data, trained if there is none yet."""
        root = self.run.path.parent
        if self._judge_named:
            judge = Judge(runs.find(self._judge_named, root=root, kinds=("judge",)))
            check_judge(judge, self.settings)
        else:
            judge = judging.obtain(
                data=self.settings.data, seed=self.settings.seed, backend=self.settings.backend, root=root,
                reporter=self._reporter,
            )  # fmt: skip
        told = (self.run.metrics() or {}).get("judge")
        if isinstance(told, dict) and told.get("run") != judge.run.name:
            self.others.append("judge")
        if judge.alphabet != self.queries.alphabet:
            raise DataError(f"The judge {judge.run.name} reads {judge.alphabet!r}, not {self.queries.alphabet!r}.")
        return judge

    @functools.cached_property
    def model(self) -> Any:
        """The Keras model; the engine is loaded when it is first asked for."""
        engine.start(self.settings.backend)
        from idlcli.training import checkpoint

        model = self.scenario.build()
        checkpoint.load(self.run.weights, model, optimizer=False)
        return model

    def sides(self) -> dict[str, np.ndarray]:
        """Return which queries train and which test, as the run keeps them; both are sorted indices."""
        kept = read_json_object(self.run.path / "split.json")
        count = len(self.queries.queries)
        found = {}
        for name in ("train", "test"):
            listed = kept.get(name)
            if not isinstance(listed, list) or not listed or not all(type(i) is int and 0 <= i < count for i in listed):
                raise DataError(f"{self.run.path / 'split.json'} does not fit the run's queries.")
            found[name] = np.array(listed)
        return found

    def solve(self, texts: list[str], *, seed: int = 0, out: Path | None = None) -> list[dict[str, Any]]:
        """Return the answer to each query with whether it is correct and how sure the model is of it.

        image-text reads a query in test handwriting drawn from ``seed``; text-image writes in a style drawn from it
        and puts the picture at ``out``, or in the run's ``answers``. Raises :class:`UsageError` for a text that is not
        a query of the kind the model was trained on.
        """
        parsed = [self._parse(text) for text in texts]
        rows = encode(["".join(parts) for parts in parsed], self.queries.alphabet, self.queries.queries.shape[1])
        images: list[str | None] = [None] * len(texts)
        if isinstance(self.scenario, TextImage):
            written = self._write(rows, seed=seed)
            logits, reading = self.scenario.judge.read(written), None
            answers = Left(self.queries.alphabet, self.queries.answers.shape[1]).read(logits.argmax(axis=-1))
            images = [
                str(self._keep(image, "".join(parts), seed=seed, out=out))
                for image, parts in zip(written, parsed, strict=True)
            ]
        else:
            if isinstance(self.scenario, ImageText):
                chosen = [self.hand.choose(row[None], pool="test", purpose="solve", epoch=seed) for row in rows]
                outputs = self.scenario.outputs(self.model, self.hand.show(np.concatenate(chosen)))
            else:
                outputs = predict(self.model, rows.astype(np.int32), batch=self.scenario.predict_batch)
            logits, reading = said(outputs)
            answers = self.scenario.layout.read(logits.argmax(axis=-1))
        sure = confidences(logits, reading=reading)
        return [
            {
                "query": "".join(parts), "answer": text, "confidence": round(float(share), 6), "image": image,
                "correct": text == str(OPERATIONS[parts[1]](int(parts[0]), int(parts[2]))),
            }
            for parts, text, share, image in zip(parsed, answers, sure, images, strict=True)
        ]  # fmt: skip

    def read(self, path: Path) -> dict[str, Any]:
        """Return the answer to a query that is a picture, a strip of glyphs; nobody knows what is correct.

        Any size will do; dark writing on light paper is turned round.
        """
        if not isinstance(self.scenario, ImageText):
            raise UsageError(f"{self.run.name} reads no pictures: it is {self.settings.mode}.", hint="Give 23+45.")
        count = self.queries.queries.shape[1]
        try:
            strip = decode_strip(content=read_bytes(path, limit=MAX_BYTES), count=count, size=SIDE) / np.float32(255)
        except DataError as error:
            raise DataError(
                f"{path}: {error.message}.",
                hint=f"Put {count} glyphs side by side, blanks at the end: {count * SIDE} x {SIDE} pixels.",
            ) from error
        dark = np.median(strip) > 0.5
        logits, reading = said(self.scenario.outputs(self.model, (1 - strip if dark else strip)[None]))
        text = self.scenario.layout.read(logits.argmax(axis=-1))[0]
        sure = round(float(confidences(logits, reading=reading)[0]), 6)
        return {"query": None, "answer": text, "confidence": sure, "image": None, "correct": None}

    def _write(self, rows: np.ndarray, *, seed: int) -> np.ndarray:
        assert isinstance(self.scenario, TextImage)
        style = rng(seed, "solve").normal(0, self.settings.style_scale, (1, self.settings.style_size))
        styles = np.repeat(style.astype(np.float32), len(rows), axis=0)
        return np.asarray(self.scenario.writer(self.model)(rows.astype(np.int32), styles))

    def _keep(self, image: np.ndarray, query: str, *, seed: int, out: Path | None) -> Path:
        path = out or self.run.folder("answers") / f"{query.replace('*', 'x')}-s{seed}.png"
        strip = np.round(image * 255).astype(np.uint8).transpose(1, 0, 2).reshape(SIDE, -1)
        grids.write_png(path, grids.enlarge(strip, 4))
        return path

    def _parse(self, text: str) -> tuple[str, str, str]:
        operators = "".join(dict.fromkeys(self.queries.operators.tolist()))
        match = re.fullmatch(rf"(0|[1-9]\d*)([{re.escape(operators)}])(0|[1-9]\d*)", "".join(text.split()), re.ASCII)
        if match is None or max(len(match[1]), len(match[3])) > 9 or max(int(match[1]), int(match[3])) > self.maximum:
            raise UsageError(
                f"{text!r:.60} is not a query that {self.run.name} can solve.",
                hint=f"Give two numbers from 0 to {self.maximum} with {' or '.join(operators)} between them: 23+45.",
            )
        return match[1], match[2], match[3]
