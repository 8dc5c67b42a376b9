"""Several trainings in one process, one after another: the engine is loaded once, the numbers are the same."""

import contextlib
import json
import os
import select
import subprocess
import sys
import threading
from pathlib import Path
from types import TracebackType
from typing import Any

from idlcli.errors import IdlError, Interrupted
from idlcli.experiments import driver
from idlcli.experiments.driver import LOOK_SECONDS
from idlcli.files import make_directory
from idlcli.runs import Run
from idlcli.settings import RUN_KINDS
from idlcli.settings.fields import from_dict
from idlcli.settings.resolve import applicable
from idlcli.workflows.cells import Job

PROGRAM = "from idlcli.workflows import family; family.perform()"


class Family:
    """A process that trains what it is told; it is started when it is first needed, and again if it has ended."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._heard = b""

    def __enter__(self) -> "Family":
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._end()

    def train(self, job: Job, run: Run | None, stop: threading.Event) -> tuple[int, str]:
        """Train a job, or go on with its ``run``; return an exit status and what went wrong: what run_cell asks for."""
        process = self._running(job)
        asked = {
            "kind": job.cell.kind, "settings": applicable(job.cell.settings), "root": str(job.root), "name": job.name,
            "run": str(run.path) if run else None,
        }  # fmt: skip
        assert process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # it has ended: the answer will say so
            process.stdin.write(json.dumps(asked).encode() + b"\n")
            process.stdin.flush()
        return self._answer(process, stop)

    def _running(self, job: Job) -> "subprocess.Popen[bytes]":
        if self._process is None or self._process.poll() is not None:
            self._end()
            make_directory(job.root / "logs")
            with open(job.root / "logs" / "families.log", "ab") as said:
                self._process = subprocess.Popen(  # -P: what lies in the working directory is not imported
                    [sys.executable, "-P", "-c", PROGRAM],
                    stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=said,
                )  # fmt: skip
            self._heard = b""
        return self._process

    def _end(self) -> None:
        """Let the process end: there is nothing more to be read."""
        if self._process is not None:
            assert self._process.stdin is not None
            assert self._process.stdout is not None
            with contextlib.suppress(BrokenPipeError):
                self._process.stdin.close()
            self._process.wait()
            self._process.stdout.close()

    def _answer(self, process: "subprocess.Popen[bytes]", stop: threading.Event) -> tuple[int, str]:
        """Wait for the answer to one job; when ``stop`` is set, ask the process to save and end."""
        assert process.stdout is not None
        asked = False
        while b"\n" not in self._heard:
            if stop.is_set() and not asked:
                process.terminate()
                asked = True
            if select.select([process.stdout], [], [], LOOK_SECONDS)[0]:
                read = os.read(process.stdout.fileno(), 2**16)
                if not read:
                    code = process.wait()
                    said = f"It ended with exit status {code}." if code >= 0 else f"It was killed by signal {-code}."
                    return code or 1, said
                self._heard += read
        line, _, self._heard = self._heard.partition(b"\n")
        answer = json.loads(line)
        return int(answer["code"]), str(answer["error"])


def perform() -> None:
    """Train what stdin asks for, a line each, and answer each on stdout; all else that is said goes to stderr."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for line in sys.stdin:
        code, error = _one(json.loads(line))
        answers.write(json.dumps({"code": code, "error": error}) + "\n")
        answers.flush()
        if code > 128:
            return


def _one(asked: dict[str, Any]) -> tuple[int, str]:
    settings = from_dict(RUN_KINDS[asked["kind"]], asked["settings"], where="a job")
    try:
        if asked["run"] is not None:
            driver.resume(run=Run(Path(asked["run"])), data=settings.data)
        else:
            driver.start(kind=asked["kind"], settings=settings, root=Path(asked["root"]), name=asked["name"])
        _forget()
    except (IdlError, Interrupted) as error:
        return error.exit_code, error.message
    except KeyboardInterrupt:
        return 130, "Interrupted."
    except Exception as error:  # one training's failure is not that of the others
        return 1, f"{type(error).__name__}: {error}"
    return 0, ""


def _forget() -> None:
    """Free what Keras keeps of one model before the next is built."""
    import keras

    keras.utils.clear_session()
