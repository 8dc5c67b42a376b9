"""Every command of the tree, and for each how it succeeds and how it fails.

The tree is walked: a command without a case here fails `test_every_command_has_a_case`.
"""

import dataclasses
from collections.abc import Iterator

import typer
from typer.core import TyperGroup
from typer.main import get_command

from idlcli.cli.app import app


def walk(place=None, words=()) -> Iterator[tuple[str, object]]:
    """Every command that can be typed, with its parsed form."""
    place = place if place is not None else get_command(app)
    if not isinstance(place, TyperGroup):
        yield " ".join(words), place
        return
    context = typer.Context(place)
    for name in place.list_commands(context):
        yield from walk(place.get_command(context, name), (*words, name))


TREE = dict(walk())


@dataclasses.dataclass(frozen=True)
class Case:
    """How a command succeeds and how it fails, with its exit and error codes; ``{run}`` and the like are filled in."""

    good: tuple[str, ...]
    bad: tuple[str, ...]
    code: int
    error: str
    slow: bool = False


CASES = {
    "quickstart": Case(("--epochs", "1"), ("--epochs", "0"), 2, "usage"),
    "data build faces": Case(
        ("--count", "12", "--size", "16", "--test-count", "3"), ("--source", "nowhere.zip"), 3, "data"
    ),
    "data build arithmetic": Case(("--max", "9", "--ops", "+"), ("--digits", "nowhere"), 3, "data"),
    "data build all": Case((), ("--overwrite=perhaps",), 2, "usage", slow=True),
    "data check": Case(("{data}",), ("nowhere",), 3, "data"),
    "data show": Case(("{data}", "--count", "4", "--out", "sheet.png"), ("nowhere",), 3, "data"),
    "seq2seq train": Case(
        ("--data", "{data}", "--epochs", "1", "--units", "4", "--batch-size", "100", "--jit", "off"),
        ("--data", "nowhere"),
        3,
        "data",
    ),
    "judge train": Case(
        ("--data", "{data}", "--epochs", "1", "--width", "4", "--steps-per-epoch", "2", "--distortion", "0.5"),
        ("--width", "0"),
        2,
        "usage",
    ),
    "seq2seq eval": Case(("{run}",), ("nowhere",), 3, "data"),
    "seq2seq solve": Case(("{run}", "3+4"), ("{run}", "123+4"), 2, "usage"),
    "sweep": Case(("text-image-tuning", "--dry-run"), ("text-image-tunin", "--dry-run"), 2, "usage"),
    "vae train": Case(
        ("--data", "{faces}", "--epochs", "1", "--latent", "4", "--width", "2", "--depth", "2", "--jit", "off"),
        ("--data", "{faces}", "--depth", "7"),
        2,
        "usage",
    ),
    "cae train": Case(
        ("--data", "{faces}", "--epochs", "1", "--codes", "4", "--width", "2", "--depth", "2", "--jit", "off"),
        ("--data", "nowhere"),
        3,
        "data",
    ),
    "gan train": Case(
        ("--data", "{faces}", "--epochs", "1", "--latent", "4", "--width", "2", "--discriminator-width", "2"),
        ("--data", "{faces}", "--condition", "hairdo"),
        2,
        "usage",
    ),
    "vae sample": Case(("{vae}", "--count", "4", "--out", "faces.npy"), ("{gan}",), 3, "data"),
    "vae reconstruct": Case(("{vae}", "--count", "4", "--out", "faces.png"), ("{vae}", "--count", "0"), 2, "usage"),
    "vae interpolate": Case(("{vae}", "--seeds", "0-2", "--out", "walk.gif"), ("{vae}", "--seeds", "0-"), 2, "usage"),
    "cae reconstruct": Case(("{cae}", "--count", "4", "--out", "faces.png"), ("{cae}", "--out", "x.jpg"), 2, "usage"),
    "gan sample": Case(("{gan}", "--seeds", "0,4-6", "--out", "faces.png"), ("{gan}", "--label", "x"), 2, "usage"),
    "gan interpolate": Case(("{gan}", "--steps", "3", "--out", "walk.png"), ("{gan}", "--count", "1"), 2, "usage"),
    "eval fid": Case(("{features}", "{features}"), ("nowhere", "{features}"), 3, "data"),
    "eval kid": Case(("{features}", "{features}", "--count", "9"), ("{features}", "{faces}"), 2, "usage"),
    "eval prdc": Case(("{features}", "{features}"), ("{features}", "{features}", "--fail-above", "1"), 2, "usage"),
    "eval mse": Case(("{vae}",), ("{run}",), 3, "data"),
    "eval neighbours": Case(
        ("{faces}/images.npy", "{faces}", "--count", "20", "--out", "near.png"), ("{faces}/images.npy",), 2, "usage"
    ),
    "viz tsne": Case(
        ("{faces}", "--out", "map.png", "--html", "map.html"), ("{faces}", "--space", "latent"), 2, "usage"
    ),
    "viz curves": Case(("{run}", "--out", "curves.svg"), ("nowhere",), 3, "data"),
    "viz grid": Case(("{faces}", "--count", "6"), ("{faces}", "--out", "grid.gif"), 2, "usage"),
    "viz walk": Case(("{vae}", "--out", "walk.gif"), ("{run}",), 3, "data"),
    "viz model": Case(("{run}",), ("{run}", "--out", "model.gv"), 2, "usage"),
    "runs list": Case((), ("--sort", "loss"), 2, "usage"),
    "runs show": Case(("{run}",), ("nowhere",), 3, "data"),
    "runs compare": Case(("{run}", "{run}"), ("{run}",), 2, "usage"),
    "runs resume": Case(("{run}",), ("nowhere",), 3, "data"),
    "runs rm": Case(("{run}",), ("nowhere",), 3, "data"),
    "report": Case(("{run}", "--out", "page.html", "--md", "page.md"), ("nowhere",), 3, "data"),
    "doctor": Case((), ("--backend", "pascal"), 2, "usage"),
    "reproduce": Case(("--only", "table2,figure18", "--dry-run"), ("--only", "tabel2"), 2, "usage"),
    "recipes list": Case((), ("surplus",), 2, "usage"),
    "recipes show": Case(("seq2seq-text-text-paper",), ("seq2seq-text-text-papr",), 2, "usage"),
}
