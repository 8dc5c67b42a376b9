"""Where each value of a settings object comes from: flag > IDL_* > --config > --recipe > default."""

import dataclasses
from collections.abc import Mapping
from difflib import get_close_matches
from importlib.resources import files
from pathlib import Path
from typing import Any

from idlcli.errors import UsageError
from idlcli.files import read_toml
from idlcli.settings.common import PLACE
from idlcli.settings.fields import Field, as_dict, fields_of, shorten

NOT_SETTINGS = ("IDL_DATA_ROOT", "IDL_RUNS_ROOT", "IDL_CACHE_ROOT", "IDL_REAL_DATA")
"""Variables that are known but set no hyperparameter."""


@dataclasses.dataclass(frozen=True)
class Resolved:
    """A checked settings object, and for each of its fields a few words that say where the value came from."""

    settings: Any
    origins: dict[str, str]


def resolve(
    kind: type,
    *,
    command: str,
    flags: Mapping[str, Any],
    environ: Mapping[str, str],
    config: Path | None = None,
    recipe: str | None = None,
    places: Mapping[str, tuple[str, str]] | None = None,
) -> Resolved:
    """Return the settings of ``command`` from every place that may set them.

    ``flags`` holds the options given on the command line by field name; ``places`` holds computed defaults
    (value, origin), such as where data lies. What a recipe sets is left out where it means nothing beside what was
    asked for over it. Raises :class:`UsageError` for an unknown key or variable, a value out of range, and a setting
    that means nothing beside the others.
    """
    fields = fields_of(kind)
    values: dict[str, Any] = {name: field.default for name, field in fields.items()}
    origins = dict.fromkeys(fields, "default")

    def take(found: Mapping[str, Any], origin: str) -> None:
        for name, value in found.items():
            values[name], origins[name] = value, origin

    from_flags = {name: fields[name].check(value, subject=fields[name].option) for name, value in flags.items()}
    from_environ = _from_environ(fields, environ)
    from_config = _from_table(fields, read_toml(config), where=str(config)) if config else {}
    asked, from_recipe = {**from_config, **from_environ, **from_flags}, {}
    for name, (value, origin) in (places or {}).items():
        take({name: value}, origin)
    if recipe is not None:
        mode = asked.get("mode", values.get("mode"))
        path = find_recipe(command=command, name=recipe, mode=mode, mode_given="mode" in asked)
        found = _from_table(fields, read_toml(path), where=f"recipe {path.stem}")
        from_recipe = {name: value for name, value in found.items() if _means_something(fields[name], asked)}
        take(from_recipe, f"recipe {path.stem}")
    take(from_config, str(config))
    for name, value in from_environ.items():
        take({name: value}, _variable(name))
    take(from_flags, "flag")
    given = from_recipe.keys() | asked.keys()
    told = {name: f"{fields[name].key} ({origins[name]})" for name in given}
    _check_applies(fields, values, told | {name: fields[name].option for name in from_flags})
    return Resolved(kind(**values), origins)


def _means_something(field: Field, asked: Mapping[str, Any]) -> bool:
    """Whether what a recipe sets means anything beside what was asked for over the recipe."""
    return field.name in asked or all(asked[other] in field.only[other] for other in field.only if other in asked)


def _from_table(fields: Mapping[str, Field], table: Mapping[str, Any], *, where: str) -> dict[str, Any]:
    keys = {field.key: field for field in fields.values()}
    found = {}
    for key, value in table.items():
        if key not in keys:
            raise UsageError(f"{where}: unknown key {shorten(key)}.", hint=did_you_mean(key, keys))
        found[keys[key].name] = keys[key].check(value, subject=f"{where}: {key}")
    return found


def _variable(name: str) -> str:
    return "IDL_" + name.upper()


def _from_environ(fields: Mapping[str, Field], environ: Mapping[str, str]) -> dict[str, Any]:
    return {
        name: field.parse(environ[variable], subject=variable)
        for name, field in fields.items()
        if (variable := _variable(name)) in environ
    }


def variables(environ: Mapping[str, str]) -> list[str]:
    """Return the names of the `IDL_*` variables that set a hyperparameter, or that nobody knows."""
    return [variable for variable in environ if variable.startswith("IDL_") and variable not in NOT_SETTINGS]


def check_environ(environ: Mapping[str, str], *, kinds: tuple[type, ...]) -> None:
    """Raise :class:`UsageError` for an `IDL_*` variable that no command knows."""
    given = variables(environ)
    if not given:
        return
    known = {_variable(name) for kind in kinds for name in fields_of(kind)} | set(NOT_SETTINGS)
    for variable in given:
        if variable not in known:
            raise UsageError(f"Unknown environment variable {shorten(variable)}.", hint=did_you_mean(variable, known))


def _check_applies(fields: Mapping[str, Field], values: Mapping[str, Any], told: Mapping[str, str]) -> None:
    """Raise :class:`UsageError` for a setting of those that were ``told``, here as they are called, without meaning."""
    for name, field in fields.items():
        if name in told and not field.applies(values):
            beside = " and ".join(f"{fields[other].option} {values[other]}" for other in field.only)
            raise UsageError(f"{told[name]} does not apply to {beside}.", hint=f"It applies to {field.only_text}.")


def changed(settings: Any, changes: Mapping[str, Any]) -> Any:
    """Return a settings object with some values changed, checked as flags are."""
    fields = fields_of(type(settings))
    checked = {name: fields[name].check(value, subject=fields[name].option) for name, value in changes.items()}
    values = {**as_dict(settings), **checked}
    _check_applies(fields, values, {name: fields[name].option for name in checked})
    return type(settings)(**values)


def applicable(settings: Any) -> dict[str, Any]:
    """Return a settings object as a flat dictionary, without what its other settings make meaningless."""
    values = as_dict(settings)
    return {name: values[name] for name, field in fields_of(type(settings)).items() if field.applies(values)}


def without_place(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings that say what is trained, and not where."""
    return {name: value for name, value in settings.items() if name not in PLACE}


def differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Return a few words on each setting of what is trained that differs, e.g. ``units 8, now 16``."""
    before, now = without_place(before), without_place(now)
    return [
        f"{name.replace('_', '-')} {shorten(before.get(name))}, now {shorten(now.get(name))}"
        for name in sorted(before.keys() | now.keys())
        if before.get(name) != now.get(name)
    ]


def recipes() -> dict[str, Path]:
    """Return the packaged recipes by full name, e.g. ``seq2seq-text-text-paper``."""
    directory = Path(str(files("idlcli").joinpath("recipes")))
    return {path.stem: path for path in sorted(directory.glob("*.toml"))}


def find_recipe(*, command: str, name: str, mode: str | None, mode_given: bool = True) -> Path:
    """Return the recipe ``name`` (``paper``, or a full name) that fits a command such as ``seq2seq train`` and its mode."""
    known = recipes()
    group = command.split()[0]
    for candidate in filter(None, [mode and f"{group}-{mode}-{name}", f"{group}-{name}"]):
        if candidate in known:
            return known[candidate]
    fitting = [
        full for full in known if full.startswith(f"{group}-") and not (mode_given and mode and f"-{mode}-" not in full)
    ]
    if name in fitting:
        return known[name]
    if name in known:
        raise UsageError(
            f"Recipe {shorten(name)} is not one for `idl {command}`.",
            hint=f"Those are: {', '.join(fitting) or 'none'}.",
        )
    raise UsageError(
        f"No recipe {shorten(name)} for `idl {command}`.", hint=f"There are: {', '.join(fitting) or 'none'}."
    )


def did_you_mean(word: str, known: Any) -> str:
    """Return a hint that names what was probably meant, or all there is when that is little."""
    close = get_close_matches(word, list(known), n=2, cutoff=0.6)
    if close:
        return f"Did you mean {' or '.join(close)}?"
    names = sorted(known)
    return f"Known: {', '.join(names)}." if len(names) <= 12 else ""
