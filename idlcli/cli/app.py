"""The tree of commands, and `main`: the one place that turns a failure into an exit status.

Each group is a module that is imported only when one of its commands is typed, so that `idl --help` costs no more
than importing typer.
"""

import importlib
import os
import signal
import sys
import traceback
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command as build_command

from idlcli import __version__
from idlcli.cli.console import Console
from idlcli.cli.errors import describe
from idlcli.errors import Interrupted

GROUPS = {
    "quickstart": "Build small data, train, evaluate and show: a few minutes, no network.",
    "data": "Build, check and show data sets: faces and arithmetic.",
    "vae": "Variational autoencoders: faces to Gaussian codes and back, and new faces.",
    "cae": "Convolutional autoencoders: faces to a few numbers and back.",
    "gan": "Generative adversarial networks that draw faces.",
    "seq2seq": "Encoder-decoder LSTMs that solve 23+45 in text and in handwriting.",
    "judge": "The classifier of glyphs that reads written answers.",
    "reproduce": "Make the report's tables, figures and claims again, beside its numbers, on one page.",
    "sweep": "Train every combination that a file lists, here or on a Ray cluster, and rank them.",
    "eval": "Measure: FID, KID, precision and recall, reconstruction error, copies.",
    "viz": "Show: maps of latent spaces, curves, samples, walks, architectures.",
    "runs": "List, show, compare, resume and remove runs.",
    "report": "Write a page on one run or more: scores, curves, samples, errors, settings, and what is missing.",
    "doctor": "Check the installation: versions, engines, places to write, one training step.",
    "recipes": "List and show the packaged settings.",
}
"""Top-level command -> its help. `idlcli/cli/NAME.py` holds its `app`."""

INTERRUPTED = 128 + signal.SIGINT


class LazyGroup(TyperGroup):
    """The top of the tree. Its commands are stubs with a name and a help line until one of them is needed."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        self.commands = {name: TyperCommand(name, help=help) for name, help in GROUPS.items()}

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return the real command, importing its module."""
        if cmd_name not in GROUPS:
            return None
        module = importlib.import_module(f"idlcli.cli.{cmd_name.replace('-', '_')}")
        command = build_command(module.app)
        command.name = cmd_name
        if isinstance(command, TyperGroup):
            command.help = GROUPS[cmd_name]
        return command

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """List the commands from the table, importing nothing."""
        with formatter.section("Commands"):
            formatter.write_dl(list(GROUPS.items()))


app = typer.Typer(
    cls=LazyGroup, no_args_is_help=True, rich_markup_mode=None, pretty_exceptions_enable=False, add_completion=True
)


def _print_version(asked: bool) -> None:
    if asked:
        sys.stdout.write(f"idl {__version__}\n")
        raise typer.Exit


@app.callback()
def idl(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Build data, train, evaluate and show small generative and sequence models."""


def main(arguments: list[str] | None = None) -> int:
    """Run one command and return its exit status."""
    arguments = sys.argv[1:] if arguments is None else arguments
    words = arguments[: arguments.index("--")] if "--" in arguments else arguments
    signal.signal(signal.SIGTERM, _on_sigterm)
    try:
        _check_environ()
        status = build_command(app).main(arguments, prog_name="idl", standalone_mode=False)
        sys.stdout.flush()
        if status == INTERRUPTED:  # Typer has taken Ctrl-C for itself; it is to be said like every other failure
            raise KeyboardInterrupt
        return status if isinstance(status, int) else 0
    except BrokenPipeError:
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115 - the reader has gone; nothing is left to say
        return 128 + signal.SIGPIPE
    except BaseException as error:
        return _fail(error, words)


def _fail(error: BaseException, words: list[str]) -> int:
    if isinstance(error, SystemExit):
        return error.code if isinstance(error.code, int) else 1
    if "--debug" in words:
        traceback.print_exception(error)
    if type(error).__name__ == "NoArgsIsHelpError":
        sys.stderr.write(str(error) + "\n")
        return 2
    status, entry, data = describe(error)
    Console(_command_of(words), json="--json" in words).failure(entry, data)
    return status


def _command_of(words: list[str]) -> str:
    """Return the command that was meant, for the envelope of a failure: the words that name one, walking the tree."""
    named: list[str] = []
    place: Any = build_command(app)
    context = typer.Context(place)
    for word in words:
        place = place.get_command(context, word) if isinstance(place, TyperGroup) else None
        if place is None:
            break
        named.append(word)
    return " ".join(named)


def _check_environ() -> None:
    if any(name.startswith("IDL_") for name in os.environ):
        from idlcli.settings import COMMANDS
        from idlcli.settings.resolve import check_environ

        check_environ(os.environ, kinds=tuple(COMMANDS.values()))


def _on_sigterm(number: int, frame: object) -> None:
    raise Interrupted("Terminated.", signal_number=number)
