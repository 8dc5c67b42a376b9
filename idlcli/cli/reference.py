"""The reference of all commands as Markdown, made from the commands themselves: `python -m idlcli.cli.reference`."""

import sys
from collections.abc import Iterator
from typing import Any

import typer
from typer.core import TyperGroup
from typer.main import get_command

from idlcli.cli.app import app


def commands() -> Iterator[tuple[str, Any]]:
    """Yield each command of the tree that does something, as (the words a person types after `idl`, the command)."""
    root: Any = get_command(app)
    context = typer.Context(root)
    yield from _walk(root, context, [])


def _walk(group: Any, context: Any, words: list[str]) -> Iterator[tuple[str, Any]]:
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if isinstance(command, TyperGroup):
            yield from _walk(command, context, [*words, name])
        else:
            yield " ".join([*words, name]), command


def markdown() -> str:
    """Return one section a command: what it does, its arguments and its options with ranges and defaults."""
    lines = [
        "# Commands",
        "",
        "Made from the commands themselves (`python -m idlcli.cli.reference > docs/commands.md`); a test holds it.",
        "",
    ]
    for words, command in commands():
        lines += [f"## idl {words}", "", command.help or "", ""]
        context = typer.Context(command, info_name=words)
        rows = [p.get_help_record(context) for p in command.get_params(context)]
        lines += ["| argument or option | what |", "|---|---|"]
        lines += [f"| `{_cell(left)}` | {_cell(right)} |" for left, right in filter(None, rows)]
        lines.append("")
    return "\n".join(lines)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


if __name__ == "__main__":
    sys.stdout.write(markdown())
