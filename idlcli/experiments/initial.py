"""The run whose weights a training starts from (`--init`): found, checked, and its weights copied into the new run.

More epochs than were planned are a new run that starts from a finished one: the optimizer starts afresh, and nobody
takes it for an unbroken training. The copy makes the new run whole: the first one may be moved or deleted.
"""

from pathlib import Path
from typing import Any

from idlcli import runs
from idlcli.errors import DataError, UsageError
from idlcli.files import read_bytes, read_json_object, sha256_of_file, write_bytes
from idlcli.runs import Run
from idlcli.settings.fields import fields_of, from_dict
from idlcli.settings.resolve import applicable, differences

LARGEST = 2**33
"""Bytes of a checkpoint that is copied."""
PARTED_BY = ("validation_fraction", "split", "seed")
"""Settings that say which queries validate, of the same data."""
WEIGHTLESS = ("dropout", "reader_dropout", "state_noise", "style_scale", "pixel_temperature", "initializer")
"""Settings of the model that no weight depends on."""
SWITCHES = ("ema", "legible_weight")
"""Settings of which it matters to the model whether they are on, and not how much they weigh."""


def find(settings: Any, *, kind: str, data: dict[str, Any], root: Path) -> Run | None:
    """Return the run that ``settings.init`` means; None if it means none.

    Raises :class:`DataError` where there is none with a checkpoint, or where it was not trained and tested on the same
    parts of the same ``data``: it would be tested, or validated, on what it was taught. Raises :class:`UsageError`
    where its model is another one.
    """
    if not settings.init:
        return None
    run = runs.find(settings.init, root=root, kinds=(kind,))
    if not run.weights.exists():
        raise DataError(f"{run.name} has no checkpoint to start from.", hint="`idl runs list` shows what is done.")
    if runs.data_of(run) != runs.marks(data):
        raise DataError(
            f"{run.name} was trained and tested on other parts than this training would be.",
            hint="Give the data, the seed and the split of that run.",
        )
    before = from_dict(type(settings), run.config()["settings"], where=str(run.path / "config.json"))
    if "validation_sha256" in data and not _validates_alike(run, before, settings, data):
        raise DataError(
            f"{run.name} was trained on queries that would validate this training.",
            hint="Give the --validation-fraction of that run.",
        )
    found = differences(_shape(before), _shape(settings))
    if found:
        raise UsageError(f"The model of {run.name} is another one: {'; '.join(found)}.", hint="Give the same model.")
    return run


def _validates_alike(run: Run, before: Any, settings: Any, data: dict[str, Any]) -> bool:
    """Whether both trainings leave the same queries out to choose by; of a run that keeps no hash, by its settings."""
    kept = read_json_object(run.path / "data.json").get("validation_sha256")
    if kept is None:
        return all(getattr(before, name) == getattr(settings, name) for name in PARTED_BY)
    return bool(kept == data["validation_sha256"])


def _shape(settings: Any) -> dict[str, Any]:
    """Return the settings that say which weights a model has."""
    values, fields = applicable(settings), fields_of(type(settings))
    told = {name for name in values if fields[name].group == "Model"} - {*WEIGHTLESS} | {"condition"}
    kept = {name: value for name, value in values.items() if name in told}
    return kept | {name: values[name] > 0 for name in SWITCHES if name in values}


def name_of(source: Run, *, root: Path) -> str:
    """Return what the new run keeps of where ``source`` lies: its name, where both lie in one place that may move."""
    return source.name if source.path.parent.resolve() == root.resolve() else str(source.path)


def copy(source: Run, *, run: Run) -> dict[str, Any]:
    """Copy the weights of ``source`` to where ``run`` starts from them; return what its ``data.json`` says of that."""
    run.folder("checkpoints")
    write_bytes(run.initial, read_bytes(source.weights, limit=LARGEST))
    return {"run": source.name, "epochs": len(source.log()), "sha256": sha256_of_file(run.initial)}
