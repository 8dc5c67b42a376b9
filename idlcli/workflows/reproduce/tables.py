"""The outcome's cells as tables: the report's own layout, number by number, and what to type for each."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from idlcli.report.content import NOTHING, Cell, Table
from idlcli.report.markup import clean
from idlcli.report.words import signed, spelt
from idlcli.workflows.reproduce import book as books

MARKS = {"better": "✓✓", "agrees": "✓", "differs": "✗", "not judged": "·"}
LEGEND = ", ".join(f"{mark} {word}" for word, mark in MARKS.items())

Results = Mapping[str, dict[str, Any]]
"""What is said of each entry, by id."""


def layout(table: books.Table, results: Results) -> Table:
    """Return a table as the report has it: in each cell ours, below it the report's."""
    rows = []
    for i, name in enumerate(table.rows):
        cells = [
            _both(results[table.places[i, j]]) if table.places.get((i, j)) in results else NOTHING
            for j in range(len(table.columns))
        ]
        rows.append([Cell(name), *cells])
    about = f"Ours with the paper recipe, below it the report's: {LEGEND}. {table.about}".strip()
    return Table(table.caption, ["", *table.columns], rows, about=about)


def _both(one: dict[str, Any]) -> Cell:
    mine, theirs = _ours(one, "paper"), f"report {_told(one).text}"
    return Cell(f"{mine.text} {MARKS[one['verdict']]}", mine.value, ", ".join(filter(None, [mine.note, theirs])))


def headlines(found: Sequence[dict[str, Any]]) -> Table:
    """Return the numbers to see first."""
    rows = [
        [Cell(one["what"]), _told(one), _ours(one, "paper"), _ours(one, "best"), _verdict(one)] for one in found
    ]  # fmt: skip
    return Table("The numbers that matter most", ["what", "report", "paper recipe", "best recipe", "verdict"], rows)


def claims(found: Sequence[dict[str, Any]]) -> Table:
    """Return what the report observes, what was measured of it, and what that says."""
    rows = [
        [Cell(one["what"], None, " ".join(one["notes"])), _evidence(one), _verdict(one), Cell(_sentence(one["why"])),
         Cell(one["id"])]
        for one in found
    ]  # fmt: skip
    return Table("Claims", ["the report says", "measured", "verdict", "why", "entry"], rows)


def commands(caption: str, found: Sequence[dict[str, Any]]) -> Table:
    """Return what to type for each of some entries, shown when asked for."""
    rows = [[Cell(one["what"], None, one["id"]), Cell(one["command"])] for one in found]
    return Table(caption, ["entry", "command"], rows, folded=True)


def details(caption: str, ids: Iterable[str], results: Results, *, folded: bool = True) -> Table:
    """Return some numbers in rows: the report's, ours by both recipes, the difference, the verdict, what to type."""
    rows = []
    for one in (results[id] for id in ids if id in results):
        difference = one["difference"]
        gap = NOTHING if difference is None else Cell(signed(difference), difference)
        rows.append(
            [Cell(one["what"], None, one["id"]), _told(one), _ours(one, "paper"), gap, _ours(one, "best"),
             _verdict(one, why=True), Cell(one["command"])]
        )  # fmt: skip
    header = ["what", "report", "paper recipe", "difference", "best recipe", "verdict", "command"]
    return Table(caption, header, rows, folded=folded)


def _told(one: dict[str, Any]) -> Cell:
    value = one["report"]
    if value is None:
        return NOTHING
    return Cell(clean(_number(value, one["unit"])), float(value) if isinstance(value, int | float) else None)


def _ours(one: dict[str, Any], side: str) -> Cell:
    found = one.get(side)
    if not found:
        return NOTHING
    if found["mean"] is None:
        return Cell(clean(found.get("text", "–")))
    return Cell(_number(found["mean"], one["unit"]), found["mean"], _around(found))


def _around(found: dict[str, Any]) -> str:
    return "" if found["sd"] is None else f"± {spelt(found['sd'])}, n {found['n']}"


def _evidence(one: dict[str, Any]) -> Cell:
    """Return both sides of a claim's comparison as they were measured."""
    own = _ours(one, "paper")
    others = [_number(other["mean"], one["unit"]) for other in one.get("than", ()) if other["mean"] is not None]
    return Cell(f"{own.text} against {', '.join(others) or '–'}", None, own.note)


def _number(value: Any, unit: str) -> str:
    if not isinstance(value, int | float):
        return str(value)
    if unit.startswith("%"):
        return f"{value:.2f}%"
    return spelt(float(value))


def _verdict(one: dict[str, Any], *, why: bool = False) -> Cell:
    said = " ".join([_sentence(one["why"]), *(one["notes"] if one["kind"] == "cell" else [])]) if why else ""
    return Cell(f"{MARKS[one['verdict']]} {one['verdict']}", None, said)


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}." if text and not text.endswith(".") else text
