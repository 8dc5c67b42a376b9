"""docs/commands.md is what the commands say of themselves."""

from pathlib import Path

from idlcli.cli.reference import commands, markdown

PAGE = Path(__file__).parents[2] / "docs" / "commands.md"


def test_the_reference_is_up_to_date() -> None:
    assert PAGE.read_text("utf-8") == markdown(), "run: python -m idlcli.cli.reference > docs/commands.md"


def test_the_reference_has_every_command() -> None:
    text = PAGE.read_text("utf-8")
    names = [name for name, _ in commands()]
    assert "seq2seq train" in names
    assert "data build faces" in names
    assert all(f"\n## idl {name}\n" in text for name in names)
