"""Content as Markdown that GitHub and most others show: tables, and links to the pictures where they lie."""

import os
from collections.abc import Mapping
from urllib.parse import quote

from idlcli import __version__
from idlcli.report.content import Block, Cell, Charts, Command, Content, Gallery, Insert, Notes, Table, Tiles, Words
from idlcli.report.markup import printable
from idlcli.report.words import name_of

SPECIAL = {ord(c): f"\\{c}" for c in "\\`*_{}[]#+!|~$"} | {ord("<"): "&lt;", ord(">"): "&gt;", ord("&"): "&amp;"}
"""What Markdown, or the HTML in it, would take for its own."""


def render(content: Content, *, places: Mapping[str, str]) -> str:
    """Return the Markdown. ``places`` says by tag where each run lies, seen from the file that is written."""
    lines = [f"# {text(content.title)}", "", text(content.lead), ""]
    for section in content.sections:
        state = f" ({text(section.state)})" if section.state else ""
        lines += [f"## {text(section.title)}{state}", ""]
        for block in section.blocks:
            lines += [*_block(block, places), ""]
    lines += ["---", "", f"Made by idl {__version__} from run directories."]
    return "\n".join(lines) + "\n"


def text(value: str) -> str:
    """Return any text so that it is shown as it is."""
    return printable(value).translate(SPECIAL).replace("://", ":&#8203;//").replace("@", "&#64;")


def _block(block: Block, places: Mapping[str, str]) -> list[str]:
    match block:
        case Table():
            return table(block)
        case Tiles():
            return [f"- **{text(tile.text)}** {text(tile.what)} ({text(tile.note)})" for tile in block.tiles]
        case Notes():
            return [line for note in block.notes for line in (f"> {text(note)}", ">")][:-1]
        case Words():
            return [text(block.text)]
        case Command():
            return [f"    {printable(block.text)}"]
        case Charts():
            names = ", ".join(name_of(chart.metric) for chart in block.charts)
            return [f"The HTML page draws the curves of {text(f'{block.title}: {names}'.removeprefix(': '))}."]
        case Gallery():
            place = places[block.tag]
            return [
                line
                for picture in block.pictures
                for line in (f"![{text(picture.caption)}]({quote(os.fsencode(f'{place}/{picture.path}'))})", "")
            ][:-1]
        case Insert():
            return [f"The HTML page holds {text(block.title)}, which answers to the mouse."]


def table(table: Table) -> list[str]:
    """Return a table as lines of Markdown, its caption first."""
    rule = ["---:" if column and table.is_numeric(column) else "---" for column in range(len(table.header))]
    rows = [[_cell(cell) for cell in row] for row in table.rows]
    head = [text(name) or " " for name in table.header]
    about = [text(table.about), ""] if table.about else []
    return [f"**{text(table.caption)}**", "", *about, *(f"| {' | '.join(row)} |" for row in (head, rule, *rows))]


def _cell(cell: Cell) -> str:
    return f"{text(cell.text)} ({text(cell.note)})" if cell.note else text(cell.text)
