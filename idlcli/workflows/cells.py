"""One cell of a sweep, as a process of its own: found done, gone on with, or trained; whatever happens, an outcome."""

import dataclasses
import json
import platform
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

from idlcli import runs
from idlcli.errors import Diverged, RunFailed
from idlcli.experiments import driver
from idlcli.experiments.driver import LOOK_SECONDS
from idlcli.files import make_directory
from idlcli.runs import Run, is_locked
from idlcli.settings.fields import fields_of
from idlcli.settings.resolve import applicable
from idlcli.workflows.sweep_file import Cell

ATTEMPTS = 2
"""A failed training is tried once more; one that diverged is not: the same seed would diverge again."""


@dataclasses.dataclass(frozen=True)
class Job:
    """A cell and where its run is made: under ``root``, on the data whose fingerprint is ``mark``."""

    cell: Cell
    root: Path
    mark: str

    @property
    def name(self) -> str:
        """The name of its run and of its log."""
        words = re.sub(r"[^A-Za-z0-9._-]+", "-", self.cell.label)[:60].strip("-")
        return f"{words}-s{self.cell.settings.seed}"

    def find(self) -> Run | None:
        """Return the run of the cell, if there is one."""
        return driver.matching(kind=self.cell.kind, settings=self.cell.settings, root=self.root, mark=self.mark)

    def so_far(self) -> tuple[str, int]:
        """Return the status of the cell's run, ``none`` where there is none, and its epochs so far."""
        if (run := self.find()) is None:
            return "none", 0
        about = runs.summary(run)
        return about["status"], about["epochs"]


@dataclasses.dataclass(frozen=True)
class Outcome:
    """How a cell ended: its run's name and metrics, or why there are none. ``new`` says whether it trained just now."""

    status: Literal["done", "failed", "stopped"]
    run: str | None = None
    metrics: dict[str, Any] = dataclasses.field(default_factory=dict)
    seconds: float = 0.0
    error: str = ""
    new: bool = True


Train = Callable[[Job, Run | None, threading.Event], tuple[int, str]]
"""Trains a job, from the run it has if there is one; returns an exit status and what went wrong, if anything."""


def run_cell(job: Job, *, stop: threading.Event | None = None, train: Train | None = None) -> Outcome:
    """Train a cell in a process of its own, unless its run is done; go on with a run that was stopped or that failed.

    When ``stop`` is set the process is asked to end, which saves its last whole epoch. ``train`` trains in another
    process than one of its own. Raises :class:`RunFailed` where the runs' directory is not to be seen: on another
    machine, say.
    """
    if not job.root.is_dir():
        raise RunFailed(
            f"{platform.node()} does not see {job.root}.",
            hint="Give --runs and --data on a file system that every machine sees.",
        )
    stop, train = stop or threading.Event(), train or _train
    outcome, started = Outcome("stopped"), False
    for _ in range(ATTEMPTS):
        run = job.find()
        if run is not None:
            _wait_until_free(run, stop)
            if run.metrics() is not None:
                return _done(run, new=started)
        if stop.is_set():
            return Outcome("stopped", run.name if run else None)
        started = True
        code, error = train(job, run, stop)
        run = job.find()
        if code == 0 and run is not None:
            return _done(run, new=True)
        outcome = Outcome("stopped" if stop.is_set() else "failed", run.name if run else None, error=error)
        if code == Diverged.exit_code or stop.is_set():
            break
    return outcome


def _done(run: Run, *, new: bool) -> Outcome:
    seconds = sum(row.get("seconds", 0.0) for row in run.log())
    return Outcome("done", run.name, run.metrics() or {}, round(seconds, 3), new=new)


def _wait_until_free(run: Run, stop: threading.Event) -> None:
    """Wait for a process that is at it already: one that outlived the sweep that had started it."""
    while is_locked(run) and not stop.is_set():
        time.sleep(LOOK_SECONDS)


def _train(job: Job, run: Run | None, stop: threading.Event) -> tuple[int, str]:
    """Return the exit status of the training and what it said went wrong; its own words go to a log."""
    make_directory(job.root / "logs")
    with open(job.root / "logs" / f"{job.name}.log", "ab") as said:
        process = subprocess.Popen(  # -P: what lies in the working directory is not imported
            [sys.executable, "-P", "-m", "idlcli", *_words(job, run), "--json"],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=said,
        )  # fmt: skip
        asked = False
        try:
            while True:
                try:
                    out, _ = process.communicate(timeout=LOOK_SECONDS)
                    return process.returncode, _error_in(out, process.returncode)
                except subprocess.TimeoutExpired:
                    if stop.is_set() and not asked:
                        process.terminate()
                        asked = True
        finally:
            if process.poll() is None:
                process.terminate()
                process.wait()


def _words(job: Job, run: Run | None) -> list[str]:
    """Return the command of a cell: every setting is said, so that nothing else decides."""
    settings = job.cell.settings
    if run is not None:
        return ["runs", "resume", str(run.path), f"--data={settings.data}"]
    said = spelt(type(settings), applicable(settings))
    return [*job.cell.command.split(), f"--runs={job.root}", f"--name={job.name}", *said]


def spelt(kind: type, values: Mapping[str, Any]) -> list[str]:
    """Return settings by name as the options that say them."""
    fields, words = fields_of(kind), []
    for name, value in values.items():
        field = fields[name]
        if field.type is bool:
            words.append(field.option if value else f"--{field.off or f'no-{field.key}'}")
        else:
            words.append(f"{field.option}={value!r}" if field.type is float else f"{field.option}={value}")
    return words


def _error_in(out: bytes, code: int) -> str:
    if code == 0:
        return ""
    try:
        (error,) = json.loads(out)["errors"]
        return str(error["message"])
    except (ValueError, KeyError, TypeError):
        return f"It ended with exit status {code}." if code > 0 else f"It was killed by signal {-code}."
