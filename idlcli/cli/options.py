"""Settings -> options, and what every command has in common.

:func:`command` registers a function as a command. The function's own parameters are its arguments and options; a
parameter named ``console`` gets the :class:`Console`, one named ``plan`` gets the resolved settings. It returns a
:class:`Result`.
"""

import dataclasses
import inspect
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from typer.core import TyperCommand

from idlcli.cli.console import Console, Result, table
from idlcli.errors import UsageError
from idlcli.settings.fields import Field, fields_of
from idlcli.settings.resolve import Resolved, applicable, resolve, variables

RunArgument = Annotated[str, typer.Argument(metavar="RUN", help="A run directory, its name, its number, or `latest`.")]
RunsOption = Annotated[str, typer.Option("--runs", metavar="DIR", help="Where runs lie (IDL_RUNS_ROOT, else ./runs).")]
OutOption = Annotated[str, typer.Option("--out", metavar="FILE", help="File to write.")]


@dataclasses.dataclass(frozen=True)
class Plan:
    """What a command with settings is to do: the settings, and for a training where its run is made."""

    settings: Any
    name: str | None
    runs: Path


class SectionedCommand(TyperCommand):
    """A command whose ``--help`` lists its options under the headings their settings name."""

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write one section a heading, in the order the headings first appear."""
        sections: dict[str, list[tuple[str, str]]] = {}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record is not None:
                is_argument = parameter.param_type_name == "argument"
                heading = "Arguments" if is_argument else getattr(parameter, "rich_help_panel", None) or "Options"
                sections.setdefault(heading, []).append(record)
        order = ("Arguments", "Task", "Model", "Loss", "Training", "Run", "Settings", "Output", "Options")
        for heading in sorted(sections, key=lambda name: order.index(name) if name in order else 1):
            with formatter.section(heading):
                formatter.write_dl(sections[heading])


def make_app(help: str = "", *, group: bool = True) -> typer.Typer:
    """Return an empty group of commands; without ``group`` its one command is the group itself.

    A group at the top of the tree has its help in the table of :mod:`idlcli.cli.app`.
    """
    app = typer.Typer(
        help=help, no_args_is_help=group, rich_markup_mode=None, pretty_exceptions_enable=False, add_completion=False
    )
    if group:  # a callback keeps Typer from folding a group of one command into that command
        app.callback()(lambda: None)
    return app


def command(
    app: typer.Typer, name: str, *, full_name: str = "", settings: type | None = None, makes_run: bool = False
) -> Callable[..., Any]:
    """Register a function as the command ``name`` of ``app``; ``full_name`` is what a person types after `idl`."""

    def register(function: Callable[..., Result]) -> Callable[..., Result]:
        words = full_name or name
        own = inspect.signature(function, eval_str=True).parameters
        options = [p for p in own.values() if p.name not in ("console", "plan")]
        if settings is not None:
            options += [_setting_option(field) for field in fields_of(settings).values()]
            options += _plan_options(makes_run)
        options += _output_options()

        def run(**given: Any) -> None:
            console = Console(words, json=given.pop("json"), quiet=given.pop("quiet"), verbose=given.pop("verbose"))
            given.pop("debug")
            started = time.perf_counter()
            if settings is not None:
                resolved, plan, dry_run = _make_plan(settings, words, given, makes_run)
                if dry_run:
                    console.result(_show_plan(resolved))
                    return
                given["plan"] = plan
                console.detail(_origins_text(resolved, without="default"))
            if "console" in own:
                given["console"] = console
            console.result(function(**given))
            console.detail(f"`idl {words}` took {time.perf_counter() - started:.1f} s.")

        run.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
            sorted(options, key=lambda p: p.kind == p.KEYWORD_ONLY)
        )
        run.__doc__ = function.__doc__
        app.command(name, cls=SectionedCommand)(run)
        return function

    return register


def _option(
    name: str, kind: Any, default: Any, *flags: str, help: str, panel: str = "Output", metavar: str | None = None
) -> inspect.Parameter:
    option = typer.Option(*flags, help=help, show_default=False, rich_help_panel=panel, metavar=metavar)
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=Annotated[kind, option])


def _setting_option(field: Field) -> inspect.Parameter:
    kind: Any = Literal[field.choices] if field.choices else field.type
    flags = (f"{field.option}/--{field.off or f'no-{field.key}'}",) if field.type is bool else (field.option,)
    notes = [field.range_text, field.only_text]
    if field.default not in ("", None):
        notes.append(f"default: {str(field.default).lower() if field.type is bool else field.default}")
    help = f"{field.help} [{'; '.join(filter(None, notes))}]".replace(" []", "")
    return _option(field.name, kind | None, None, *flags, help=help, panel=field.group)


def _plan_options(makes_run: bool) -> list[inspect.Parameter]:
    options = [
        _option("config", str | None, None, "--config", help="TOML file of settings.", panel="Run", metavar="FILE"),
        _option(
            "dry_run",
            bool,
            False,
            "--dry-run",
            help="Show each setting and where it comes from; do nothing.",
            panel="Run",
        ),
    ]
    if makes_run:
        options += [
            _option(
                "recipe",
                str | None,
                None,
                "--recipe",
                help="Named settings; `idl recipes list` shows them.",
                panel="Run",
            ),
            _option(
                "name", str | None, None, "--name", help="Name of the run directory, after its number.", panel="Run"
            ),
            _option(
                "runs",
                str,
                "",
                "--runs",
                help="Where runs lie (IDL_RUNS_ROOT, else ./runs).",
                panel="Run",
                metavar="DIR",
            ),
        ]
    return options


def _output_options() -> list[inspect.Parameter]:
    return [
        _option("json", bool, False, "--json", help="Print one JSON object instead of text."),
        _option("quiet", bool, False, "--quiet", help="Say nothing on stderr but warnings and errors."),
        _option("verbose", bool, False, "--verbose", help="Say on stderr what was set, and the time it took."),
        _option("debug", bool, False, "--debug", help="Show the traceback of a failure."),
    ]


def _make_plan(kind: type, words: str, given: dict[str, Any], makes_run: bool) -> tuple[Resolved, Plan, bool]:
    names = set(fields_of(kind))
    flags = {name: given.pop(name) for name in list(given) if name in names and given[name] is not None}
    for name in names:
        given.pop(name, None)
    config, dry_run = given.pop("config"), given.pop("dry_run")
    recipe = given.pop("recipe", None)
    field, folder = kind.PLACE  # type: ignore[attr-defined]
    resolved = resolve(
        kind,
        command=words,
        flags=flags,
        environ=os.environ,
        config=Path(config) if config is not None else None,
        recipe=recipe,
        places={field: (str(data_root() / folder), "IDL_DATA_ROOT" if os.environ.get("IDL_DATA_ROOT") else "default")},
    )
    run_name = given.pop("name", None) if makes_run else None
    plan = Plan(resolved.settings, run_name, runs_root(given.pop("runs", "") if makes_run else ""))
    return resolved, plan, dry_run


def _show_plan(resolved: Resolved) -> Result:
    values = applicable(resolved.settings)
    origins = {name: resolved.origins[name] for name in values}
    return Result({"settings": values, "origins": origins}, _origins_text(resolved))


def _origins_text(resolved: Resolved, *, without: str = "") -> str:
    """Return each setting with its value and where it comes from, but those that come from ``without``."""
    rows = [
        (name.replace("_", "-"), "-" if value == "" else str(value), resolved.origins[name])
        for name, value in applicable(resolved.settings).items()
        if resolved.origins[name] != without
    ]
    return table(rows, header=("setting", "value", "from")) if rows else ""


def runs_root(given: str) -> Path:
    """Return where runs lie: ``--runs``, else IDL_RUNS_ROOT, else ./runs."""
    return Path(given or os.environ.get("IDL_RUNS_ROOT") or "runs")


def data_root() -> Path:
    """Return where data lie: IDL_DATA_ROOT, else ./data."""
    return Path(os.environ.get("IDL_DATA_ROOT") or "data")


def forget_settings() -> None:
    """Drop the variables that set a hyperparameter: the trainings that are started next are told every setting."""
    for variable in variables(os.environ):
        del os.environ[variable]


def cache_root() -> Path | None:
    """Return where `idl` keeps what it can compute again: IDL_CACHE_ROOT, else the user's cache directory.

    That is $XDG_CACHE_HOME/idl, or ~/.cache/idl; it holds nothing of a project's, so all projects share it. None for
    a user without a home: then nothing is kept.
    """
    if given := os.environ.get("IDL_CACHE_ROOT"):
        return Path(given)
    shared = os.environ.get("XDG_CACHE_HOME", "")
    if os.path.isabs(shared):  # a relative one is to be ignored, by its specification
        return Path(shared) / "idl"
    home = os.path.expanduser("~")
    return Path(home) / ".cache" / "idl" if os.path.isabs(home) else None


def parse_seeds(text: str) -> list[int]:
    """Return the integers of a list with ranges, e.g. ``0,1,4-6`` -> [0, 1, 4, 5, 6]."""
    seeds: list[int] = []
    try:
        for part in text.split(","):
            first, dash, last = part.strip().partition("-")
            bounds = int(first), int(last if dash else first)
            if not 0 <= bounds[0] <= bounds[1] < 2**32 or bounds[1] - bounds[0] > 10_000:
                raise ValueError
            seeds += range(bounds[0], bounds[1] + 1)
    except ValueError:
        raise UsageError(f"--seeds cannot be {text!r:.60}.", hint="Give a list with ranges, such as 0,1,4-6.") from None
    return seeds
