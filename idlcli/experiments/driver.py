"""From settings to a finished run directory, for every kind of experiment; and on from where a run stopped.

An experiment is a module with three functions: ``prepare(settings, root)`` loads and checks the data, and the runs
under ``root`` that it builds on, before anything is made; ``slug(settings)`` names the run;
``train(prepared, run, reporter)`` trains and returns the metrics.
Only ``train`` needs the engine, and imports what needs it: bad input is refused before the engine is loaded.
"""

import contextlib
import dataclasses
import importlib
import time
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol

from idlcli import runs
from idlcli.errors import DataError, IdlError
from idlcli.experiments import followers, initial, provenance
from idlcli.experiments.provenance import settings_of
from idlcli.files import only_one, read_json_object, write_json
from idlcli.runs import Run
from idlcli.settings.resolve import applicable, changed, differences, without_place
from idlcli.training import devices, engine
from idlcli.training.reporter import Reporter

LOOK_SECONDS = 0.2


class Prepared(Protocol):
    """What an experiment works on."""

    settings: Any
    data: dict[str, Any]
    """What ``data.json`` holds: the data's fingerprint and how it was parted."""


def start(
    *, kind: str, settings: Any, root: Path, name: str | None, reporter: Reporter | None = None, obtained: bool = False
) -> dict[str, Any]:
    """Make a run under ``root``, train it, and return the contract's result of a training.

    Of several processes only the first makes the run; the others train along with it and keep nothing.
    """
    engine.check(settings.backend)
    devices.check(settings)
    experiment = _module(kind)
    if not settings.process_id:
        settings = pinned(settings, kind=kind, root=root)
    prepared = experiment.prepare(settings, root=root)
    source = None if settings.process_id else initial.find(settings, kind=kind, data=prepared.data, root=root)
    devices.join(settings)
    if settings.process_id:
        return followers.follow(experiment, prepared)
    slug, applied = experiment.slug(settings), applicable(settings)
    run = runs.create(root=root, slug=slug, name=name, kind=kind, settings=applied, obtained=obtained)
    with runs.hold(run):
        _describe(run, prepared, source)
        return _train(experiment, prepared, run, reporter, resumed=False)


def resume(
    *, run: Run, data: str | None = None, reporter: Reporter | None = None, spread: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Go on with a run from its last checkpoint; a run that is done is left as it is.

    ``data`` says where the data lie now, if they were moved; ``spread`` over which devices and processes the training
    is spread now (settings by name): nothing else may change. Raises :class:`DataError` if they are not the same data,
    or if the settings are not those that the checkpoint was trained with.
    """
    settings = changed(settings_of(run), {**(spread or {}), **({} if data is None else {"data": data})})
    devices.check(settings)
    if settings.process_id:
        engine.check(settings.backend)
        experiment = _module(run.kind)
        prepared = experiment.prepare(settings, root=run.path.parent)
        devices.join(settings)
        return followers.follow(experiment, prepared)
    with runs.hold(run):
        metrics = run.metrics()
        if metrics is not None:
            return _result(run, metrics, resumed=False)
        _check_unchanged(run)
        engine.check(settings.backend)
        experiment = _module(run.kind)
        prepared = experiment.prepare(settings, root=run.path.parent)
        if not (run.path / "data.json").exists():  # stopped before anything was written
            _describe(run, prepared, initial.find(settings, kind=run.kind, data=prepared.data, root=run.path.parent))
        other_conditions = _other_conditions(run, settings.backend)
        provenance.check(
            run, prepared.data["fingerprint"], place=Path(settings.data),
            hint="Say where those lie with --data, or start a new run.",
        )  # fmt: skip
        devices.join(settings)
        result = _train(experiment, prepared, run, reporter, resumed=True)
        warnings = [*result.get("warnings", ()), *other_conditions]
        return result | ({"warnings": warnings} if warnings else {})


def _check_unchanged(run: Run) -> None:
    from idlcli.training import checkpoint

    run.log()  # a broken one is refused here, before the engine is loaded
    trained_with = checkpoint.settings_of(run.last) if run.last.exists() else None
    if trained_with is None:
        return
    found = differences(trained_with, run.config()["settings"])
    if found:
        raise DataError(
            f"The settings of {run.name} were changed since its checkpoint: {'; '.join(found)}.",
            hint="Put them back in its config.json, or start a new run.",
        )


def _other_conditions(run: Run, backend: str) -> list[str]:
    """Return what to say of libraries and cores that are not those the run was begun with."""
    path = run.path / "environment.json"
    about = read_json_object(path) if path.exists() else {}
    versions = about.get("versions")
    machine = {name: about.get(name) for name in ("processor", "cores")}
    before = {**machine, **(versions if isinstance(versions, dict) else {})}
    now = {"processor": engine.processor(), "cores": engine.cores(), **engine.versions()}
    found = [
        f"{name} {before[name]} is now {now.get(name)}"
        for name in ("processor", "cores", "keras", backend, "numpy")
        if before.get(name) is not None and before[name] != now.get(name)
    ]
    return [f"The numbers may not be those of an unbroken run: {', '.join(found)}."] if found else []


def obtain(*, kind: str, settings: Any, root: Path, reporter: Reporter | None = None) -> Run:
    """Return a finished run of these settings on these data under ``root``: one that is there, or a new one.

    One that was stopped goes on. So whatever builds on another training says what it needs, not where it lies.
    Of several processes the first does so alone, and hands the run to the others.
    """
    if devices.current().process:
        return followers.receive(root)
    with devices.apart():
        run = _obtained(kind=kind, settings=settings, root=root, reporter=reporter)
    followers.hand_out(run)
    return run


def _obtained(*, kind: str, settings: Any, root: Path, reporter: Reporter | None) -> Run:
    mark = data_mark(kind=kind, settings=settings, root=root)
    with only_one(root / f".obtain-{kind}.lock"):  # of two that need the same run, one trains it and the other waits
        run = matching(kind=kind, settings=settings, root=root, mark=mark)
        if run is None:
            made = start(kind=kind, settings=settings, root=root, name=None, reporter=reporter, obtained=True)
            return Run(Path(made["run"]))
        if run.metrics() is None:
            _wait_until_free(run, reporter)
            resume(run=run, data=settings.data, reporter=reporter)
        return run


def _wait_until_free(run: Run, reporter: Reporter | None) -> None:
    if runs.is_locked(run) and reporter is not None:
        reporter.warn(f"{run.name} is being trained by another process; it is waited for.")
    while runs.is_locked(run):
        time.sleep(LOOK_SECONDS)


def data_mark(*, kind: str, settings: Any, root: Path) -> str:
    """Return the fingerprint of the data that a training of these settings works on; they are loaded and checked."""
    return str(_module(kind).prepare(settings, root=root).data["fingerprint"])


def matching(*, kind: str, settings: Any, root: Path, mark: str) -> Run | None:
    """Return the run under ``root`` of these settings on the data that ``mark`` is the fingerprint of.

    The newest that is done, or else the newest. A setting that there was not yet when a run was made has its default.
    """
    wanted, unfinished = _what(settings, kind=kind, root=root), None
    for run in reversed(runs.list_runs(root)):
        with contextlib.suppress(DataError):
            if run.kind == kind and without_place(applicable(settings_of(run))) == wanted:
                about = run.path / "data.json"  # not there yet: stopped before anything was written
                if not about.exists() or read_json_object(about).get("fingerprint") == mark:
                    if run.metrics() is not None:
                        return run
                    unfinished = unfinished or run
    return unfinished


def pinned(settings: Any, *, kind: str, root: Path) -> Any:
    """Return settings that name the runs they build on as a run under ``root`` keeps them: what `latest` means passes.

    Raises :class:`DataError` where there is no such run.
    """
    named = {"init": (kind,), "judge": ("judge",)}
    found = {
        name: runs.find(reference, root=root, kinds=kinds)
        for name, kinds in named.items()
        if (reference := getattr(settings, name, ""))
    }
    return dataclasses.replace(settings, **{name: initial.name_of(run, root=root) for name, run in found.items()})


def _what(settings: Any, *, kind: str, root: Path) -> dict[str, Any]:
    """Return the settings that say what is trained, however the runs that it builds on were named."""
    with contextlib.suppress(DataError):  # one that is gone has the name that it had
        settings = pinned(settings, kind=kind, root=root)
    return without_place(applicable(settings))


def _describe(run: Run, prepared: Prepared, source: Run | None) -> None:
    write_json(run.path / "environment.json", engine.environment(prepared.settings.backend))
    started = {"init": initial.copy(source, run=run)} if source else {}
    write_json(run.path / "data.json", prepared.data | started)


def _train(
    experiment: ModuleType, prepared: Prepared, run: Run, reporter: Reporter | None, *, resumed: bool
) -> dict[str, Any]:
    failure = run.path / "failure.json"
    failure.unlink(missing_ok=True)
    try:
        engine.start(prepared.settings.backend, deterministic=prepared.settings.deterministic)
        followers.hand_out(run)
        metrics = experiment.train(prepared, run=run, reporter=reporter)
        write_json(run.path / "metrics.json", metrics)
    except Exception as error:
        with contextlib.suppress(IdlError):  # the disk may be what failed
            write_json(failure, {"error": type(error).__name__, "message": str(error)[:1000]})
        raise
    return _result(run, metrics, resumed=resumed)


def _result(run: Run, metrics: dict[str, Any], *, resumed: bool) -> dict[str, Any]:
    seconds = sum(row.get("seconds", 0.0) for row in run.log())
    return {"run": str(run.path), **metrics, "seconds": round(seconds, 3), "resumed": resumed}


def _module(kind: str) -> ModuleType:
    return importlib.import_module(f"idlcli.experiments.{kind}")
