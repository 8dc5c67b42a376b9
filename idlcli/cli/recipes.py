"""`idl recipes`: the packaged settings."""

from typing import Annotated

import typer

from idlcli.cli.console import Result, table
from idlcli.cli.options import command, make_app
from idlcli.errors import UsageError
from idlcli.settings.resolve import did_you_mean, recipes

app = make_app()


@command(app, "list", full_name="recipes list")
def list_recipes() -> Result:
    """List the recipes, each with the first line of its header."""
    rows = [(name, _header(path.read_text("utf-8"))[0]) for name, path in recipes().items()]
    data = [{"recipe": name, "what": what} for name, what in rows]
    return Result(data, table(rows, header=("recipe", "what")))


@command(app, "show", full_name="recipes show")
def show(name: Annotated[str, typer.Argument(help="Full name of the recipe, e.g. seq2seq-text-text-paper.")]) -> Result:
    """Show a recipe: what it is for, what is known of its score and cost, and every setting it makes."""
    from idlcli.files import read_toml

    known = recipes()
    if name not in known:
        raise UsageError(f"No recipe {name!r:.60}.", hint=did_you_mean(name, known))
    text = known[name].read_text("utf-8")
    return Result({"recipe": name, "about": _header(text), "settings": read_toml(known[name])}, text)


def _header(text: str) -> list[str]:
    lines = []
    for line in text.splitlines():
        if not line.startswith("#"):
            break
        lines.append(line.lstrip("# ").rstrip())
    return lines or [""]
