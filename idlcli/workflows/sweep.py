"""A sweep: many trainings of one kind, on this machine or on a Ray cluster, and one table of them at the end.

It may be killed at any moment. Started again it finds its runs by their settings and their data: what is done is not
trained again, what was stopped goes on from its last checkpoint.
"""

import contextlib
import dataclasses
import signal
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from threading import Event
from typing import Any, Protocol, TypeVar

from idlcli import dotted
from idlcli.errors import Interrupted, RunFailed, UsageError
from idlcli.experiments import driver
from idlcli.files import make_directory, only_one, write_json
from idlcli.training.engine import check
from idlcli.workflows import ray_engine, sweep_table
from idlcli.workflows.cells import Job, Outcome, run_cell
from idlcli.workflows.sweep_file import Sweep

Ended = tuple[Job, Outcome]
Item = TypeVar("Item")
Found = TypeVar("Found", covariant=True)


def run(
    sweep: Sweep, *, place: Path, engine: str, address: str, jobs: int, gpus: float, say: Callable[[str], None]
) -> dict[str, Any]:
    """Train every cell of ``sweep`` under ``place`` and return its table, which is also written there.

    ``jobs`` cells are trained at a time (on Ray, 0: as many as there is room for); ``say`` is told how each ended.
    Raises :class:`RunFailed`, with the table, if any cell failed twice, and :class:`Interrupted` on a signal.
    """
    if engine == "ray":
        ray_engine.check()
    for backend in {cell.settings.backend for cell in sweep.cells}:
        check(backend)
    todo = _jobs(sweep, place, absolute=engine == "ray")
    with only_one(place / ".sweep.lock", seconds=0):
        write_json(place / "sweep.json", _about(sweep))
        ended: list[Ended] = []
        running = (
            ray_engine.on_ray(todo, address=address, jobs=jobs, gpus=gpus, say=say)
            if engine == "ray"
            else here(todo, run_cell, jobs=jobs)
        )
        with (
            stopping(lambda: f"{_done(ended)} of {len(todo)} cells of {place.name} are done", what="sweep"),
            contextlib.closing(running),  # left early, what is running saves and ends
        ):
            for job, outcome in running:
                ended.append((job, outcome))
                say(_line(sweep, job, outcome, len(ended)))
                _check_metrics(sweep, outcome)
        order = {id(job): index for index, job in enumerate(todo)}
        data = sweep_table.write(sweep, sorted(ended, key=lambda pair: order[id(pair[0])]), place=place)
    if data["failed"]:
        raise RunFailed(
            f"{data['failed']} of {len(todo)} cells of {place.name} failed.",
            hint=f"{place}/logs says why; started again, the sweep tries them again.", data=data,
        )  # fmt: skip
    return data


def _jobs(sweep: Sweep, place: Path, *, absolute: bool) -> list[Job]:
    """Return the cells as jobs; data and runs that they start from are looked for before anything is made."""
    marks: dict[str, str] = {}
    found = []
    root = place.resolve() if absolute else place
    for cell in sweep.cells:
        settings, data = driver.pinned(cell.settings, kind=cell.kind, root=place), cell.settings.data
        if data not in marks:
            marks[data] = driver.data_mark(kind=cell.kind, settings=settings, root=place)
        if absolute:
            settings = dataclasses.replace(settings, data=str(Path(data).resolve()))
        found.append(Job(dataclasses.replace(cell, settings=settings), root, marks[data]))
    make_directory(place)
    return found


class Runner(Protocol[Item, Found]):  # type: ignore[misc]
    """What :func:`here` calls for each item; it ends soon once ``stop`` is set."""

    def __call__(self, item: Item, /, *, stop: Event) -> Found:
        """Return what came of an item."""


def here(
    todo: Sequence[Item], run: Runner[Item, Found], *, jobs: int
) -> Generator[tuple[Item, Found], None, None]:  # fmt: skip
    """Yield what came of each item, ``jobs`` at a time; when this is left early, their processes save and end."""
    stop = Event()
    with ThreadPoolExecutor(max(jobs, 1)) as pool:
        running = {pool.submit(run, item, stop=stop): item for item in todo}
        try:
            for future in as_completed(running):
                yield running[future], future.result()
        finally:
            stop.set()
            for future in running:
                future.cancel()


@contextlib.contextmanager
def stopping(how_far: Callable[[], str], *, what: str) -> Iterator[None]:
    """Turn a signal during the block into :class:`Interrupted` that says how far it came and how to go on."""
    try:
        yield
    except (KeyboardInterrupt, Interrupted) as error:
        number = error.exit_code - 128 if isinstance(error, Interrupted) else int(signal.SIGINT)
        raise Interrupted(
            f"Stopped; {how_far()}.", signal_number=number, hint=f"Start the same {what} again to go on."
        ) from error


def _done(ended: Sequence[Ended]) -> int:
    return sum(outcome.status == "done" for _, outcome in ended)


def _check_metrics(sweep: Sweep, outcome: Outcome) -> None:
    if outcome.status != "done":
        return
    for key in (sweep.metric, *sweep.also):
        if dotted.number(outcome.metrics, key) is None:
            known = [name for name in dotted.numbers(outcome.metrics) if name.startswith(("test.", "validation."))]
            raise UsageError(
                f"{sweep.name}: {outcome.run} has no metric {key!r:.60}.", hint=f"It has {', '.join(known)[:150]}."
            )


def _line(sweep: Sweep, job: Job, outcome: Outcome, count: int) -> str:
    value = dotted.number(outcome.metrics, sweep.metric)
    said = {
        "done": f"{sweep.metric} {value:.4g}" if value is not None else "done",
        "failed": f"failed: {outcome.error}",
        "stopped": "stopped",
    }[outcome.status]
    again = "" if outcome.new else " (done before)"
    return f"{count}/{len(sweep.cells)}  {job.cell.label}, seed {job.cell.settings.seed}: {said}{again}"


def _about(sweep: Sweep) -> dict[str, Any]:
    cells = [{"point": cell.point, "seed": cell.settings.seed} for cell in sweep.cells]
    about = {"name": sweep.name, "command": sweep.command, "metric": sweep.metric, "better": sweep.better}
    return {**about, "also": list(sweep.also), "cells": cells}
