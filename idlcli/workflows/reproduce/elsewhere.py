"""What other reproductions measured: with other seeds, on another machine, or at another time; their runs are not here.

A reproduction writes what it read of each of its runs into ``reproduce.json``. That is all another one needs of it.
"""

import dataclasses
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from idlcli.errors import DataError
from idlcli.files import read_json_object
from idlcli.settings.resolve import applicable, differences, without_place
from idlcli.workflows.reproduce import plan
from idlcli.workflows.reproduce.book import Book, Entry, SideName, Value
from idlcli.workflows.reproduce.data_sets import DataSet
from idlcli.workflows.reproduce.plan import Order, Planned

Key = tuple[str, SideName, int]
"""A run of the reproduction: training, side, seed."""

KEPT = ("why", "command", "files", "captions", "pages")
"""What is said of a figure that was drawn elsewhere."""
ROW = {
    "training": str, "side": str, "seed": int, "data": str, "settings": dict, "readings": dict, "seconds": int | float,
}  # fmt: skip
"""What is needed of a training, and of which kind it is."""


@dataclasses.dataclass(frozen=True)
class Elsewhere:
    """The trainings of other reproductions as their files tell of them, and the machines they were made on.

    ``figures`` are those that were drawn there, each with the directory that it is in.
    """

    trainings: Mapping[Key, Mapping[str, Any]] = dataclasses.field(default_factory=dict)
    machines: tuple[Mapping[str, Any], ...] = ()
    figures: Mapping[str, tuple[Path, Mapping[str, Any]]] = dataclasses.field(default_factory=dict)

    @property
    def seeds(self) -> list[int]:
        """The seeds that were trained elsewhere."""
        return sorted({seed for _, _, seed in self.trainings})

    def readings(self, key: Key) -> Mapping[str, Value]:
        """Return what was read of a run, by metric."""
        found: Mapping[str, Value] = self.trainings[key]["readings"]
        return found


def read(
    files: Sequence[Path], *, book: Book, entries: Mapping[str, Entry], order: Order, sets: Mapping[str, DataSet]
) -> Elsewhere:
    """Return the done trainings in ``files`` that the ``entries`` need, of seeds that are not asked for here.

    What two files say of the same training is joined; the first counts. Raises :class:`DataError` for a file that is
    not the outcome of a reproduction of the same scale, or where a training had other settings or other data.
    """
    trainings: dict[Key, Mapping[str, Any]] = {}
    machines: list[Mapping[str, Any]] = []
    figures: dict[str, tuple[Path, Mapping[str, Any]]] = {}
    for path in files:
        outcome, rows = _open(path, order)
        by_key = {(row["training"], row["side"], row["seed"]): row for row in rows}
        seeds = tuple(sorted({row["seed"] for row in rows} - set(order.seeds)))
        taken = set()
        for one in plan.plan(book, entries.values(), dataclasses.replace(order, seeds=seeds)):
            key = one.training, one.side, one.seed
            if key in by_key:
                row = by_key[key]
                _check(path, row, one, sets[one.data])
                known = trainings.get(key, row)
                trainings[key] = {**known, "readings": {**row["readings"], **known["readings"]}}
                taken.add(one.seed)
        machines += [{**one, "seeds": kept} for one in _machines(outcome) if (kept := taken & {*one["seeds"]})]
        figures = {cell["id"]: (path.parent, cell) for cell in outcome["cells"] if cell.get("files")} | figures
    return Elsewhere(trainings, tuple(_each_once(machines)), figures)


def told(one: Planned, data: DataSet, readings: Mapping[str, Value]) -> dict[str, Any]:
    """Return what a reproduction says of a training so that another one can take it."""
    return {
        "training": one.training, "side": one.side, "seed": one.seed, "data": data.mark,
        "settings": _settings(one), "readings": dict(sorted(readings.items())),
    }  # fmt: skip


def _settings(one: Planned) -> dict[str, Any]:
    """Return the settings that say what is trained, as JSON holds them."""
    plain: dict[str, Any] = json.loads(json.dumps(without_place(applicable(one.settings))))
    return plain


def _machines(outcome: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return which seeds were trained on which machine."""
    others = list(outcome["elsewhere"])
    here = set(outcome["seeds"]).difference(*(one["seeds"] for one in others))
    return [{"seeds": sorted(here), "machine": outcome["machine"]}, *others]


def _each_once(machines: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return each machine once, with all of its seeds."""
    found: list[dict[str, Any]] = []
    for one in machines:
        known = next((other for other in found if other["machine"] == one["machine"]), None)
        if known is None:
            found.append({**one, "seeds": sorted(one["seeds"])})
        else:
            known["seeds"] = sorted({*known["seeds"], *one["seeds"]})
    return found


def _open(path: Path, order: Order) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    outcome = read_json_object(path)
    try:
        scale = outcome["scale"]
        rows = [row for row in outcome["trainings"] if row["status"] == "done"]
        whole = all(
            all(isinstance(row[name], kind) for name, kind in ROW.items())
            and all(isinstance(value, int | float | str) for value in row["readings"].values())
            for row in rows
        )
        whole = whole and all(
            isinstance(one["machine"]["versions"], dict) and all(isinstance(seed, int) for seed in one["seeds"])
            for one in _machines(outcome)
        )
        drawn = [cell for cell in outcome["cells"] if cell.get("files")]
        whole = whole and all(
            {"id", *KEPT} <= cell.keys()
            and all(isinstance(text, str) for text in (*cell["files"], *cell["pages"], *cell["captions"]))
            and len(cell["files"]) == len(cell["captions"])
            for cell in drawn
        )
    except (KeyError, TypeError, AttributeError):
        whole = False
    if not whole:
        raise DataError(
            f"{path} is not what a reproduction writes, or was written by an older one.",
            hint="--with takes the reproduce.json of `idl reproduce`.",
        )
    if scale != order.scale:
        raise DataError(f"{path} is a {scale} reproduction, this is a {order.scale} one: they are not joined.")
    return outcome, rows


def _check(path: Path, row: Mapping[str, Any], one: Planned, data: DataSet) -> None:
    name = plan.run_name(one.training, one.side, one.seed)
    now, default = _settings(one), type(one.settings)()
    before = {setting: getattr(default, setting) for setting in now}  # what there was not yet had its default
    if other := differences(before | row["settings"], now):
        raise DataError(f"{path}: {name} was trained with other settings: {'; '.join(other)}.")
    if row["data"] != data.mark:
        raise DataError(
            f"{path}: {name} was trained on other data than {data.path}.",
            hint="Build the set as it was built there, or point --data and --faces at it.",
        )
