"""Help for every command, and what asking for it costs: the heavy libraries stay unloaded."""

import statistics
import subprocess
import sys
import time

import pytest
import typer
from typer.core import TyperGroup
from typer.main import get_command

from idlcli.cli.app import app
from idlcli.settings import COMMANDS
from idlcli.settings.fields import fields_of

HEAVY = [
    "tensorflow",
    "keras",
    "matplotlib",
    "sklearn",
    "scipy",
    "cv2",
    "rich.console",
    "rich.progress",
    "numpy",
    "PIL",
    "jax",
    "torch",
    "safetensors",
    "filelock",
    "mlxtend",
    "dicebear",
]


def groups_and_commands(place=None, words=()):
    place = place if place is not None else get_command(app)
    yield " ".join(words)
    if isinstance(place, TyperGroup):
        context = typer.Context(place)
        for name in place.list_commands(context):
            yield from groups_and_commands(place.get_command(context, name), (*words, name))


WORDS = list(groups_and_commands())


@pytest.mark.parametrize("words", WORDS)
def test_help_exits_0_on_stdout(words, here):
    done = here(*words.split(), "--help")
    assert done.code == 0
    assert done.out.startswith(f"Usage: idl {words}".rstrip())
    assert done.err == ""
    assert "\x1b" not in done.out


@pytest.mark.parametrize("command", COMMANDS)
def test_help_names_every_setting_with_its_range_and_default(command, here):
    told = here(*command.split(), "--help").out
    words, letters = told.split(), "".join(told.split())
    for field in fields_of(COMMANDS[command]).values():
        assert field.option in words or f"{field.option}/" in told, field.name
        assert "".join(field.help.split()) in letters, field.name
        assert "".join(field.range_text.split()) in letters, field.name
        if field.default not in ("", None):
            default = str(field.default).lower() if field.type is bool else str(field.default)
            assert f"default:{default}" in letters, field.name


def test_help_of_the_top_lists_every_group_with_a_line(here):
    told = here("--help").out
    for name in {words.split()[0] for words in WORDS if words}:
        assert f"\n  {name} " in told


def test_the_help_lines_of_the_top_are_those_of_the_groups():
    """The table that keeps `idl --help` quick says what the modules say."""
    from idlcli.cli.app import GROUPS

    root = get_command(app)
    context = typer.Context(root)
    for name, line in GROUPS.items():
        command = root.get_command(context, name)
        if isinstance(command, TyperGroup):
            assert command.help == line


@pytest.mark.parametrize("words", ["", "seq2seq", "seq2seq train", "data build faces", "runs list"])
def test_help_loads_nothing_heavy(words, environment):
    code = (
        "import sys; from idlcli.cli.app import main; status = main([*sys.argv[1].split(), '--help']);"
        "sys.stderr.write(' '.join(name for name in sys.argv[2].split() if name in sys.modules)); sys.exit(status)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, words, " ".join(HEAVY)], env=environment, capture_output=True, check=True
    )
    assert done.stderr.decode() == ""
    assert done.stdout


@pytest.mark.parametrize(
    ("words", "allowed"),
    [
        ("seq2seq train --epoch 3", ()),
        ("seq2seq train --recipe paper --dry-run", ()),
        ("recipes list", ()),
        ("runs list", ("filelock",)),
        ("seq2seq train --data nowhere", ("numpy", "filelock")),
    ],
)
def test_what_needs_no_engine_loads_none(words, allowed, environment, home):
    code = (
        "import sys; from idlcli.cli.app import main; main(sys.argv[1].split());"
        "sys.stdout.write('\\n' + ' '.join(name for name in sys.argv[2].split() if name in sys.modules))"
    )
    unwanted = [name for name in HEAVY if name not in allowed]
    done = subprocess.run(
        [sys.executable, "-c", code, words, " ".join(unwanted)],
        env=environment, cwd=home, capture_output=True, check=True,
    )  # fmt: skip
    assert done.stdout.decode().split("\n")[-1] == ""


def test_asking_for_help_costs_little_more_than_importing_typer(environment):
    """The one timed test: medians of alternating runs, so that a busy machine slows both."""

    def seconds(*arguments: str) -> float:
        started = time.perf_counter()
        subprocess.run([sys.executable, *arguments], env=environment, capture_output=True, check=True)
        return time.perf_counter() - started

    pairs = [(seconds("-m", "idlcli", "--help"), seconds("-c", "import typer")) for _ in range(11)]
    ours, typers = (statistics.median(times) for times in zip(*pairs, strict=True))
    assert ours < 1.5 * typers, (ours, typers)
