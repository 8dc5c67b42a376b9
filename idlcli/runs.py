"""The run directory: make one, find one, read one, lock one.

A run directory describes itself: ``config.json`` (kind and settings), ``environment.json``, ``data.json``,
``log.jsonl`` (one line an epoch), ``metrics.json`` (when done), ``failure.json`` (when failed), ``checkpoints/``,
``samples/`` and ``plots/``. Its name starts with a number that no other run under the same root has.
"""

import contextlib
import dataclasses
import datetime
import os
import re
import shutil
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

from idlcli.errors import DataError, RunFailed, UsageError, WrongKind
from idlcli.files import (
    make_directory,
    only_one,
    read_json_lines,
    read_json_object,
    sweep_temporaries,
    write_failure,
    write_json,
)

SCHEMA = 1
"""Version of the run directory's layout; a newer one is refused."""

Status = Literal["running", "done", "stopped", "failed"]
NUMBERED = re.compile(r"(\d{5,})-(.+)")
NAME = re.compile(r"(?!(?:latest|\d+)$)[A-Za-z0-9][A-Za-z0-9._-]{0,79}")


@dataclasses.dataclass(frozen=True)
class Run:
    """A run directory. Reading raises :class:`DataError` where a file is missing or broken."""

    path: Path

    @property
    def name(self) -> str:
        """The directory's name, e.g. ``00003-seq2seq-text-text-s0``."""
        return self.path.name

    @property
    def log_path(self) -> Path:
        """``log.jsonl``: one JSON object an epoch."""
        return self.path / "log.jsonl"

    @property
    def last(self) -> Path:
        """The checkpoint that the training goes on from."""
        return self.path / "checkpoints" / "last.safetensors"

    @property
    def best(self) -> Path:
        """The checkpoint of the best epoch, where the training keeps one."""
        return self.path / "checkpoints" / "best.safetensors"

    @property
    def initial(self) -> Path:
        """The weights that the training starts from, where they are another run's."""
        return self.path / "checkpoints" / "initial.safetensors"

    @property
    def weights(self) -> Path:
        """The checkpoint whose weights count: the best, where one is kept, or the last."""
        return self.best if self.best.exists() else self.last

    def config(self) -> dict[str, Any]:
        """Return ``config.json``: ``schema``, ``kind``, ``created``, ``settings``, and ``obtained`` where it is."""
        config = read_json_object(self.path / "config.json")
        if config.get("schema") != SCHEMA:
            raise DataError(
                f"{self.path} has run schema {config.get('schema')!r:.40}, this idl reads {SCHEMA}.",
                hint="Use the idl that made it, or a newer one.",
            )
        if not isinstance(config.get("kind"), str) or not isinstance(config.get("settings"), dict):
            raise DataError(f"{self.path / 'config.json'} lacks its kind or its settings.")
        return config

    @property
    def kind(self) -> str:
        """What was trained: ``seq2seq``, ``vae``, ``cae``, ``gan`` or ``judge``."""
        return str(self.config()["kind"])

    @property
    def obtained(self) -> bool:
        """Whether another command trained it on its way, as a judge that was needed."""
        return self.config().get("obtained") is True

    def log(self) -> list[dict[str, Any]]:
        """Return the epochs logged so far; none yet is an empty list."""
        return read_json_lines(self.log_path) if self.log_path.exists() else []

    def metrics(self) -> dict[str, Any] | None:
        """Return ``metrics.json``, or None for a run that is not done."""
        path = self.path / "metrics.json"
        return read_json_object(path) if path.exists() else None

    def status(self) -> Status:
        """Return ``running`` if a live process holds the lock, else what the files say."""
        if is_locked(self):
            return "running"
        if (self.path / "metrics.json").exists():
            return "done"
        return "failed" if (self.path / "failure.json").exists() else "stopped"

    def folder(self, name: str) -> Path:
        """Return the sub-directory ``name``, made if need be."""
        make_directory(self.path / name)
        return self.path / name


def create(
    *, root: Path, slug: str, name: str | None, kind: str, settings: dict[str, Any], obtained: bool = False
) -> Run:
    """Make a new run directory under ``root`` with the next free number and its ``config.json``.

    The number is reserved under a lock on the root, so that runs started at the same moment get different ones.
    """
    if name is not None and not NAME.fullmatch(name):
        raise UsageError(f"--name cannot be {name!r:.60}.", hint="Use up to 80 of A-Z a-z 0-9 . _ -, not a number.")
    with only_one(root / ".lock"):
        path = root / f"{_next_number(root):05d}-{name or slug}"
        try:
            path.mkdir()
        except OSError as error:
            raise write_failure(root, error) from error
    created = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    config = {"schema": SCHEMA, "kind": kind, "created": created, "settings": settings}
    try:
        write_json(path / "config.json", config | ({"obtained": True} if obtained else {}))
    except BaseException:
        shutil.rmtree(path, ignore_errors=True)  # without its config it is no run
        raise
    return Run(path)


def _next_number(root: Path) -> int:
    numbers = [int(match[1]) for entry in root.iterdir() if (match := NUMBERED.fullmatch(entry.name))]
    return max(numbers, default=0) + 1


def list_runs(root: Path) -> list[Run]:
    """Return the runs under ``root``, oldest number first; a root that does not exist has none."""
    if not os.path.isdir(root):
        return []
    found = [
        (int(m[1]), p) for p in root.iterdir() if (m := NUMBERED.fullmatch(p.name)) and (p / "config.json").exists()
    ]
    return [Run(path) for _, path in sorted(found)]


def find(reference: str, *, root: Path, kinds: Sequence[str] = ()) -> Run:
    """Return the run that ``reference`` means: a directory, a name, a number, or ``latest`` (of one of ``kinds``).

    Without ``kinds`` the latest is none that another command obtained on its way.
    Raises :class:`DataError` if there is none, :class:`WrongKind` if its kind is not one of ``kinds`` (where given).
    """
    run = _by_path(reference) or _by_name(reference, root=root, kinds=kinds)
    if kinds and run.kind not in kinds:
        raise WrongKind(f"{run.name} is a {run.kind} run; this command takes {' or '.join(kinds)}.")
    return run


def _by_path(reference: str) -> Run | None:
    try:
        path = Path(reference)
        return Run(path.resolve()) if reference and (path / "config.json").is_file() else None
    except (OSError, ValueError):
        return None


def _by_name(reference: str, *, root: Path, kinds: Sequence[str]) -> Run:
    runs = list_runs(root)
    if reference == "latest":
        for run in reversed(runs):
            with contextlib.suppress(DataError):  # a broken run is never the latest
                if run.kind in kinds if kinds else not run.obtained:
                    return run
        wanted = f"{' or '.join(kinds)} " if kinds else ""
        raise DataError(f"There is no {wanted}run in {root}.", hint="Train one first; see `idl runs list`.")
    number = int(reference) if reference.isdecimal() and len(reference) < 12 else None
    by_name = {run.name: run for run in runs}
    for run in [by_name[reference]] if reference in by_name else reversed(runs):  # of one name, the newest
        match = NUMBERED.fullmatch(run.name)
        assert match
        if reference in (run.name, match[2]) or int(match[1]) == number:
            return run
    raise DataError(f"No run {reference!r:.80} in {root}.", hint="`idl runs list` shows what there is.")


def is_locked(run: Run) -> bool:
    """Whether a live process, of whichever user, holds the run's lock. Never waits, and changes nothing."""
    import fcntl

    try:
        descriptor = os.open(run.path / ".lock", os.O_RDONLY | os.O_NONBLOCK)  # a pipe would be waited for
    except OSError:  # none yet, or one that this user may not look at
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)  # does not need to write, as `hold` does
        return False
    except OSError as error:
        return isinstance(error, BlockingIOError)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def hold(run: Run) -> Iterator[None]:
    """Hold the run's lock while the block runs, or raise :class:`RunFailed` if another process holds it."""
    with only_one(run.path / ".lock", seconds=1, what=run.name):  # a look by `is_locked` holds it for a moment
        sweep_temporaries(run.path)
        yield


def remove(*doomed: Run) -> None:
    """Delete run directories: none, if any of them is running, or is no run."""
    for run in doomed:
        if not (NUMBERED.fullmatch(run.name) and (run.path / ".lock").exists()):
            run.config()  # or DataError: others too call a file config.json
        if is_locked(run):
            raise RunFailed(f"{run.name} is running.", hint="Stop it first.")
    for run in doomed:
        aside = run.path.with_name(f".{run.name}.{os.getpid()}.{time.monotonic_ns()}.removed")
        try:
            run.path.rename(aside)
            aside.unlink() if aside.is_symlink() else shutil.rmtree(aside)
        except OSError as error:
            raise write_failure(run.path, error) from error


def summary(run: Run) -> dict[str, Any]:
    """Return what a list shows of a run; one whose files are broken is listed as failed, with kind ``unknown``."""
    try:
        config, metrics, log = run.config(), run.metrics(), run.log()
        epochs = int(log[-1]["epoch"]) if log else 0
    except (DataError, KeyError, TypeError, ValueError):
        return {"run": run.name, "kind": "unknown", "status": "failed", "epochs": 0, "created": "", "metrics": None}
    return {
        "run": run.name, "kind": config["kind"], "status": run.status(), "epochs": epochs,
        "created": config.get("created", ""), "metrics": metrics,
    }  # fmt: skip


def data_of(run: Run) -> tuple[Any, ...]:
    """Return the marks of the data that a run trained and was tested on: equal for the same parts of the same data."""
    path = run.path / "data.json"
    return marks(read_json_object(path) if path.exists() else {})


def marks(data: dict[str, Any]) -> tuple[Any, ...]:
    """Return the same of what ``data.json`` holds."""
    return tuple(data.get(key) for key in ("fingerprint", "test", "test_sha256"))
