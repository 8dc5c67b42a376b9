"""A sweep as data: which trainings a sweep file stands for.

A cell is one training with one set of settings and one seed. The file's ``settings`` hold for all cells; ``grid``
lists values of which every combination is a cell; each ``[[list]]`` table is a cell of its own (beside a grid: every
combination with each); ``seeds`` repeats them all.
"""

import dataclasses
import itertools
import math
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from idlcli.errors import UsageError
from idlcli.files import read_toml
from idlcli.settings import COMMANDS
from idlcli.settings.fields import Field, fields_of, shorten
from idlcli.settings.resolve import did_you_mean, resolve

MOST_CELLS = 10_000
KEYS = ("command", "recipe", "config", "settings", "grid", "list", "seeds", "metric", "better", "also")
TRAININGS = tuple(command for command in COMMANDS if command.endswith(" train"))


@dataclasses.dataclass(frozen=True)
class Cell:
    """One training: ``point`` holds where on the axes it is, by setting; ``settings`` are all of them."""

    command: str
    point: dict[str, Any]
    settings: Any

    @property
    def kind(self) -> str:
        """The kind of its run."""
        return self.command.split()[0]

    @property
    def label(self) -> str:
        """Its point as a person reads it, e.g. ``batch-size 16, loss mse``."""
        return label(self.point)


@dataclasses.dataclass(frozen=True)
class Sweep:
    """What a sweep file says. ``metric`` and ``also`` are keys of a run's ``metrics.json``, e.g. ``test.exact``."""

    name: str
    command: str
    cells: tuple[Cell, ...]
    metric: str
    better: str
    also: tuple[str, ...]


def label(point: Mapping[str, Any]) -> str:
    """Return a point as a person reads it; the one without a setting of its own is the base."""
    return ", ".join(f"{name.replace('_', '-')} {_spelt(value)}" for name, value in point.items()) or "base"


def _spelt(value: Any) -> str:
    if isinstance(value, float):
        short = f"{value:g}"
        return short if float(short) == value else str(value)
    return str(value).lower() if isinstance(value, bool) else str(value)


def packaged() -> dict[str, Path]:
    """Return the sweeps that come with the package, by name."""
    directory = Path(str(files("idlcli").joinpath("sweeps")))
    return {path.stem: path for path in sorted(directory.glob("*.toml"))}


def find(name: str) -> Path:
    """Return the sweep file that ``name`` means: the name of a packaged one, or a path."""
    known = packaged()
    if name in known:
        return known[name]
    if name.endswith(".toml") or "/" in name:
        return Path(name)
    raise UsageError(f"There is no sweep {shorten(name)}.", hint=did_you_mean(name, known) or "Give a FILE.toml.")


def read(path: Path, *, data: str, seeds: Sequence[int], environ: Mapping[str, str], data_root: Path) -> Sweep:
    """Return the sweep in a file; ``data`` (a directory) and ``seeds``, where given, beat what the file says.

    Raises :class:`UsageError`, naming the file, for anything in it that no training could be started with.
    """
    try:
        return _sweep(path, read_toml(path), data=data, seeds=seeds, environ=environ, data_root=data_root)
    except UsageError as error:
        told = error.message if str(path) in error.message else f"{path}: {error.message}"
        raise UsageError(told, hint=error.hint) from error


def _sweep(
    path: Path,
    table: Mapping[str, Any],
    *,
    data: str,
    seeds: Sequence[int],
    environ: Mapping[str, str],
    data_root: Path,
) -> Sweep:
    for key in table:
        if key not in KEYS:
            raise UsageError(f"unknown key {shorten(key)}.", hint=did_you_mean(key, KEYS))
    command = _choice(table, "command", TRAININGS)
    kind = COMMANDS[command]
    place, folder = kind.PLACE  # type: ignore[attr-defined]
    fields = {field.key: field for field in fields_of(kind).values() if field.name not in ("seed", place)}
    fixed = _settings(table.get("settings", {}), fields, where="settings")
    points = _points(table, fields)
    told = seeds or _seeds(table.get("seeds", [0]))
    _check_count(len(points) * len(told))
    config, recipe = (table.get(key) for key in ("config", "recipe"))
    for key, value in (("config", config), ("recipe", recipe)):
        if value is not None and not isinstance(value, str):
            raise UsageError(f"{key} must be text, not {shorten(value)}.")
    given = {place: data} if data else {}
    cells = [
        Cell(
            command, point,
            resolve(
                kind, command=command, flags={**fixed, **point, **given, "seed": seed}, environ=environ,
                config=path.parent / config if config is not None else None, recipe=recipe,
                places={place: (str(data_root / folder), "default")},
            ).settings,
        )
        for point, seed in itertools.product(points, told)
    ]  # fmt: skip
    seen: dict[Any, Cell] = {}
    for cell in cells:
        if seen.setdefault(cell.settings, cell) is not cell:
            raise UsageError(f"two cells are the same training: {seen[cell.settings].label} and {cell.label}.")
    metric, also = table.get("metric"), table.get("also", [])
    if not isinstance(metric, str) or not metric:
        raise UsageError("metric must name what the cells are compared by.", hint='Such as metric = "test.loss".')
    if not isinstance(also, list) or not all(isinstance(key, str) for key in also):
        raise UsageError("also must be a list of metrics.", hint='Such as also = ["test.loss"].')
    better = _choice(table, "better", ("higher", "lower"))
    return Sweep(path.stem, command, tuple(cells), metric, better, tuple(also))


def _choice(table: Mapping[str, Any], key: str, allowed: Sequence[str]) -> str:
    value = table.get(key)
    if value not in allowed:
        found = f"cannot be {shorten(value)}" if key in table else "is missing"
        raise UsageError(f"{key} {found}.", hint=f"Choose one of {', '.join(allowed)}.")
    return str(value)


def _settings(table: Any, fields: Mapping[str, Field], *, where: str) -> dict[str, Any]:
    """Return the values of a table of settings by name, each checked."""
    if not isinstance(table, dict):
        raise UsageError(f"{where} must be a table of settings, not {shorten(table)}.")
    found = {}
    for key, value in table.items():
        if key not in fields:
            said = "the seeds have a key of their own, the data are given by --data" if key in ("seed", "data") else ""
            raise UsageError(f"unknown setting {shorten(key)} in {where}.", hint=said or did_you_mean(key, fields))
        found[fields[key].name] = fields[key].check(value, subject=f"{key} in {where}")
    return found


def _points(table: Mapping[str, Any], fields: Mapping[str, Field]) -> list[dict[str, Any]]:
    """Return the points of the axes: every combination of the grid's values, with each table of the list."""
    grid, entries = table.get("grid", {}), table.get("list", [{}])
    if not isinstance(grid, dict) or not all(isinstance(values, list) and values for values in grid.values()):
        raise UsageError("grid must hold lists of values.", hint="Such as batch-size = [16, 32] under [grid].")
    if not isinstance(entries, list) or not entries:
        raise UsageError("list must be tables of settings.", hint="Write each of them under a [[list]] of its own.")
    _check_count(math.prod(map(len, grid.values())) * len(entries))
    axes = [[_settings({key: value}, fields, where="grid") for value in values] for key, values in grid.items()]
    listed = [_settings(entry, fields, where="list") for entry in entries]
    for key in grid:
        if any(fields[key].name in entry for entry in listed):
            raise UsageError(f"{key} is both in grid and in list.")
    combined = [{name: value for part in parts for name, value in part.items()} for parts in itertools.product(*axes)]
    return [point | entry for point, entry in itertools.product(combined, listed)]


def _check_count(count: int) -> None:
    if count > MOST_CELLS:
        raise UsageError(f"{count:,} cells are too many.", hint=f"At most {MOST_CELLS:,}.")


def _seeds(value: Any) -> list[int]:
    whole = isinstance(value, list) and value and all(type(seed) is int and 0 <= seed < 2**32 for seed in value)
    if not whole:
        raise UsageError(f"seeds must be a list of whole numbers, not {shorten(value)}.", hint="Such as [0, 1, 2].")
    return list(value)
