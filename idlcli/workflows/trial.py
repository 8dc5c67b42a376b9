"""What can end a process is tried in another one: libraries in machine code, and a first training step.

A library that was built for another processor ends its process by a signal; whoever asked must live to say so.
"""

import dataclasses
import importlib
import json
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from idlcli.files import append_line, read_json_lines

LIBRARIES = (
    "numpy", "scipy.linalg", "sklearn.manifold", "skimage.metrics", "PIL.Image", "matplotlib.figure", "cv2",
    "safetensors.numpy", "resvg_py", "dicebear",
)  # fmt: skip
"""Modules whose loading says whether their libraries fit this machine."""

PATIENCE = 300
"""Seconds that a trial may take."""


@dataclasses.dataclass(frozen=True)
class Trial:
    """How a trial went: ``done`` holds what was noted on the way, ``error`` what ended it, or nothing."""

    done: list[dict[str, Any]]
    error: str


def attempt(what: str, *arguments: str) -> Trial:
    """Run :func:`load_libraries` or :func:`train_a_step`, by name, in a process of its own."""
    program = "import sys; from idlcli.workflows import trial; trial.perform(*sys.argv[1:])"
    with tempfile.TemporaryDirectory() as folder:
        notes = Path(folder) / "notes.jsonl"
        try:  # -P: what lies in the working directory is not imported
            ended = subprocess.run(
                [sys.executable, "-P", "-c", program, what, str(notes), *arguments],
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, timeout=PATIENCE,
                check=False,
            )  # fmt: skip
            error = _how_it_ended(ended.returncode, ended.stderr.decode(errors="replace"))
        except subprocess.TimeoutExpired:
            error = f"It did not end within {PATIENCE} s."
        return Trial(read_json_lines(notes) if notes.exists() else [], error)


def _how_it_ended(status: int, said: str) -> str:
    if status == 0:
        return ""
    if status < 0:
        return f"The process was ended by {signal.Signals(-status).name}."
    lines = [line for line in said.splitlines() if line.strip()]
    return lines[-1] if lines else f"The process ended with status {status}."


def perform(what: str, notes: str, *arguments: str) -> None:
    """Do one of the trials in this process and note what was reached, line by line, in the file ``notes``."""
    trials: dict[str, Callable[..., None]] = {"load_libraries": load_libraries, "train_a_step": train_a_step}
    trials[what](Path(notes), *arguments)


def load_libraries(notes: Path) -> None:
    """Import each of :data:`LIBRARIES`; what fails is noted with its exception, and the next one is tried."""
    for name in LIBRARIES:
        append_line(notes, json.dumps({"trying": name}))
        try:
            importlib.import_module(name)
        except Exception as error:  # whatever a library raises when it is loaded is what is asked for
            append_line(notes, json.dumps({"failed": name, "error": f"{type(error).__name__}: {error}"}))


def train_a_step(notes: Path, backend: str) -> None:
    """Train the report's model for one step on the queries of two numbers up to 1, saved and logged as any run."""
    from idlcli import runs
    from idlcli.data.batches import Batches
    from idlcli.data.queries import make_queries
    from idlcli.settings import Seq2seqSettings
    from idlcli.training import engine

    append_line(notes, json.dumps({"stage": "loading the engine"}))
    engine.start(backend)
    append_line(notes, json.dumps({"stage": "training", "devices": engine.devices()}))
    from idlcli.models import seq2seq
    from idlcli.training.fit import Task, fit
    from idlcli.training.optimizer import make_optimizer

    queries = make_queries(ops="+-", maximum=1)
    settings = Seq2seqSettings(units=4, epochs=1, batch_size=len(queries.queries), backend=backend)  # type: ignore[arg-type]
    model = seq2seq.build(settings, alphabet=queries.alphabet, digits=1, slots=queries.answers.shape[1])
    seq2seq.compile(model, make_optimizer(settings, steps=1), jit=backend == "jax")
    batches = Batches(
        count=len(queries.queries), batch_size=settings.batch_size, seed=0,
        fetch=lambda rows, epoch, step: (queries.queries[rows].astype("int32"), queries.answers[rows].astype("int32")),
    )  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        run = runs.create(root=Path(folder), slug="trial", name=None, kind="seq2seq", settings={})
        fit(Task(model=model, batches=batches, epochs=1, seed=0), run=run)
        append_line(notes, json.dumps({"stage": "done", **run.log()[-1]}))
