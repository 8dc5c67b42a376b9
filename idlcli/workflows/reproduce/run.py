"""The reproduction: data sets, trainings, results, page. It may be killed at any moment and be started again."""

import contextlib
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from idlcli.errors import DataError, RunFailed, UsageError
from idlcli.files import make_directory, only_one, write_json, write_text
from idlcli.report import markdown
from idlcli.report import page as html
from idlcli.runs import Run
from idlcli.training import engine
from idlcli.workflows.cells import Job, Outcome, run_cell
from idlcli.workflows.family import Family
from idlcli.workflows.reproduce import data_sets, elsewhere, page, plan, results
from idlcli.workflows.reproduce.book import SIDES, Book, Cell, Claim, Entry, needed
from idlcli.workflows.reproduce.data_sets import DataSet
from idlcli.workflows.reproduce.elsewhere import Elsewhere, Key
from idlcli.workflows.reproduce.instruments import Bench
from idlcli.workflows.reproduce.material import Material
from idlcli.workflows.reproduce.plan import Order, Planned
from idlcli.workflows.sweep import here, stopping

Group = Sequence[tuple[Planned, Job]]
Ended = list[tuple[Planned, Outcome]]


def run(
    book: Book, entries: dict[str, Entry], order: Order, *, jobs: int, out: Path, data: Path, faces: Path | None,
    cache: Path | None, say: Callable[[str], None], others: Sequence[Path] = (),
) -> dict[str, Any]:  # fmt: skip
    """Make what the ``entries`` need and is not there yet, and return the contract's result, which is also written.

    ``jobs`` processes train at a time; ``say`` is told what happens; ``others`` are outcomes of other seeds, which are
    joined. Under ``out`` come ``index.html``,
    ``reproduce.md``, ``reproduce.json`` and ``figures/``. Raises :class:`RunFailed`, with the result, if a training
    failed, and :class:`Interrupted` on a signal: everything that was made is kept and found again.
    """
    engine.check(order.backend)
    if not order.seeds and not others:
        raise UsageError("Nothing to train and nothing to join.", hint="Give --seeds, or --with a reproduce.json.")
    plans = plan.plan(book, entries.values(), order)
    ended: Ended = []
    with (
        only_one(order.root / ".reproduce.lock", seconds=0),
        stopping(lambda: f"{_done(ended)} of {len(plans)} trainings are done", what="reproduction"),
    ):
        sets = {name: data_sets.obtain(name, root=data, given=faces, say=say) for name in names_of_data(book, entries)}
        joined = elsewhere.read(others, book=book, entries=entries, order=order, sets=sets)
        if not order.seeds and not joined.trainings:
            raise DataError(f"{', '.join(map(str, others))}: no training of these entries is done there.")
        _train(plans, order, sets, jobs=jobs, ended=ended, say=say)
        found = _tell(book, entries, order, plans, ended, sets, joined, out=out, cache=cache, say=say)
    if found["failed"]:
        raise RunFailed(
            f"{found['failed']} of {len(plans)} trainings failed; {found['page']} says which.",
            hint=f"{order.root}/logs says why; started again, they are tried again.", data=found,
        )  # fmt: skip
    return found


def names_of_data(book: Book, entries: dict[str, Entry]) -> list[str]:
    """Return which data sets are needed: those of the trainings, and those that an entry is about."""
    told = [one.quantity.data for one in entries.values() if isinstance(one, Cell | Claim) and one.quantity.data]
    sides = [
        book.trainings[name].sides.get(side) for one in entries.values() for side in SIDES for name in needed(one, side)
    ]
    return sorted({*told, *(side.data for side in sides if side)})


def _train(
    plans: Sequence[Planned], order: Order, sets: dict[str, DataSet], *, jobs: int, ended: Ended,
    say: Callable[[str], None],
) -> None:  # fmt: skip
    make_directory(order.root)
    groups = [
        [(one, one.job(order, sets[one.data].mark)) for one in group] for group in plan.families(plans, order.scale)
    ]
    lock = threading.Lock()

    def group_of(group: Group, /, *, stop: threading.Event) -> None:
        with Family() as family:
            for one, job in group:
                outcome = run_cell(job, stop=stop, train=family.train if len(group) > 1 else None)
                if outcome.status == "stopped":
                    return
                with lock:
                    ended.append((one, outcome))
                    say(_line(one, outcome, len(ended), len(plans)))

    with contextlib.closing(here(groups, group_of, jobs=jobs)) as running:  # left early, what is running saves and ends
        for _ in running:
            pass


def _line(one: Planned, outcome: Outcome, count: int, total: int) -> str:
    said = outcome.status if outcome.status != "failed" else f"failed: {outcome.error}"
    took = f" in {outcome.seconds:.0f} s" if outcome.status == "done" else ""
    again = "" if outcome.new else " (done before)"
    return f"{count}/{total}  {plan.run_name(one.training, one.side, one.seed)}: {said}{took}{again}"


def _done(ended: Ended) -> int:
    return sum(outcome.status == "done" for _, outcome in ended)


def _tell(
    book: Book, entries: dict[str, Entry], order: Order, plans: Sequence[Planned], ended: Ended,
    sets: dict[str, DataSet], joined: Elsewhere, *, out: Path, cache: Path | None, say: Callable[[str], None],
) -> dict[str, Any]:  # fmt: skip
    runs: dict[Key, Run] = {
        (one.training, one.side, one.seed): Run(order.root / str(outcome.run))
        for one, outcome in ended if outcome.status == "done"
    }  # fmt: skip
    bench = Bench(
        root=order.root, data={name: one.path for name, one in sets.items()}, quick=order.scale == "quick", cache=cache
    )  # fmt: skip
    material = Material(book=book, order=order, runs=runs, elsewhere=joined, data=sets, bench=bench, out=out, say=say)
    make_directory(out / "figures")
    cells = [results.result(entry, material) for entry in entries.values()]
    by_plan = {(one.training, one.side, one.seed): outcome for one, outcome in ended}
    trainings = [
        {
            **_told(book, one, by_plan[key], order),
            **elsewhere.told(one, sets[one.data], material.readings.get(key, {})),
            "warnings": (runs[key].metrics() or {}).get("warnings", []) if key in runs else [],
        }
        for one in plans
        for key in [(one.training, one.side, one.seed)]
    ]
    trainings += [dict(one) for one in joined.trainings.values()]
    found: dict[str, Any] = {
        "scale": order.scale, "seeds": material.seeds, "cells": cells, "trainings": trainings,
        "failed": sum(one["status"] != "done" for one in trainings),
        "trained": sum(outcome.new for _, outcome in ended),
        "seconds": round(sum(one["seconds"] for one in trainings), 3),
        "machine": engine.environment(order.backend), "elsewhere": list(joined.machines),
        "data": {name: _about(one) for name, one in sets.items()},
    }  # fmt: skip
    content = page.compose(found, book, place=out)
    write_json(out / "reproduce.json", found)
    write_text(out / "reproduce.md", markdown.render(content, places={page.TAG: "."}))
    write_text(out / "index.html", html.render(content))
    files = [str(out / name) for name in ("index.html", "reproduce.md", "reproduce.json")]
    return {"page": files[0], "files": files, **found}


def _told(book: Book, one: Planned, outcome: Outcome, order: Order) -> dict[str, Any]:
    return {
        "name": plan.run_name(one.training, one.side, one.seed), "what": book.trainings[one.training].what,
        "status": outcome.status, "run": outcome.run, "seconds": outcome.seconds, "error": outcome.error,
        "command": plan.by_hand(book, one, order),
    }  # fmt: skip


def _about(data: DataSet) -> dict[str, Any]:
    manifest = data.content.manifest
    about = {"count": manifest["count"], "fingerprint": data.mark[:12]}
    if "pools" in manifest:
        return {**about, "pools": manifest["pools"], "digits": manifest["digits"]["name"]}
    return {**about, "cartoon": data.is_cartoon, "source": manifest["source"]["name"]}
