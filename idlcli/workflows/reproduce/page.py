"""The outcome as a page: the report's tables in its own layout, claims, figures, contradictions, and how it was had.

Made from the outcome's JSON alone, beside the book's layout, so that what stands in one stands in the other.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from idlcli.errors import DataError
from idlcli.report import pictures
from idlcli.report.content import NOTHING, Block, Cell, Content, Gallery, Notes, Section, Table, Tile, Tiles, Words
from idlcli.report.content import cell as cell_of
from idlcli.report.markup import clean
from idlcli.report.words import duration, spelt
from idlcli.workflows.reproduce import book as books

TAG = "here"
"""What the page's own directory is called among places."""
WORDS = ("better", "agrees", "differs", "not judged")
MARKS = {"better": "✓✓", "agrees": "✓", "differs": "✗", "not judged": "·"}
LEGEND = ", ".join(f"{mark} {word}" for word, mark in MARKS.items())
ORDER_OF_CLAIMS = {"differs": 0, "agrees": 1, "better": 1, "not judged": 2}

Results = Mapping[str, dict[str, Any]]


def compose(data: dict[str, Any], book: books.Book, *, place: Path) -> Content:
    """Return the page of an outcome; its figures are those that lie under ``place``."""
    results = {cell["id"]: cell for cell in data["cells"]}
    sections = [
        Section("headline", "In short", [*_cautions(data), _counts(data), *_headlines(results)]),
        *_refuted(results),
        *(found for section in book.sections if (found := _section(section, results, place)).blocks),
        Section("trainings", "Trainings", [_trainings(data)]),
        Section("circumstances", "Time, machine and data", _circumstances(data)),
    ]
    seeds = data["seeds"]
    said = f"seeds {', '.join(map(str, seeds))}" if len(seeds) > 1 else f"seed {seeds[0]}"
    lead = (
        f"The report's tables, figures and claims beside ours: a {data['scale']} reproduction, {said}, "
        f"in {duration(data['seconds'])} of training."
    )
    return Content("The report, reproduced", lead, sections)


def _cautions(data: dict[str, Any]) -> list[Block]:
    notes = []
    if data["scale"] == "quick":
        notes.append(
            "A quick run: fewer epochs and fewer images, so no number that depends on training is judged. It shows "
            "that everything runs; --scale full gives numbers that mean something."
        )
    if data["data"].get("faces", {}).get("cartoon"):
        notes.append(
            "The faces are cartoons drawn here, not the report's anime faces: numbers on faces are not judged."
        )
    failed = [f"{one['name']}: {one['error']}" for one in data["trainings"] if one["status"] != "done"]
    notes += [f"Failed: {clean(one)}" for one in failed]
    return [Notes(notes)] if notes else []


def _counts(data: dict[str, Any]) -> Tiles:
    words = [cell["verdict"] for cell in data["cells"]]
    about = {
        "better": "than the report", "agrees": "with the report", "differs": "from the report",
        "not judged": "pictures, and numbers that cannot be compared",
    }  # fmt: skip
    return Tiles([Tile(str(words.count(word)), word, about[word]) for word in WORDS])


def _headlines(results: Results) -> list[Table]:
    found = [one for one in results.values() if one.get("headline")]
    if not found:
        return []
    rows = [
        [Cell(one["what"]), _told(one), _ours(one, "paper"), _ours(one, "best"), _verdict(one)] for one in found
    ]  # fmt: skip
    return [Table("The numbers that matter most", ["what", "report", "paper recipe", "best recipe", "verdict"], rows)]


def _refuted(results: Results) -> list[Section]:
    """Return what the report says and what does not hold here, with the evidence."""
    found = [one for one in results.values() if one["kind"] == "claim" and one["verdict"] == "differs"]
    if not found:
        return []
    rows = [[_spoken(one), _evidence(one), *_reason(one)] for one in found]
    return [
        Section(
            "refuted",
            "Claims that do not hold here",
            [Table("Claims", ["the report says", "measured", "why", "entry"], rows)],
        )
    ]


def _section(section: books.Section, results: Results, place: Path) -> Section:
    blocks: list[Block] = []
    for table in section.tables:
        if any(id in results for id in table.places.values()):
            blocks.append(_layout(table, results))
            blocks.append(_details(f"{table.caption.split(':')[0]}, number by number", table.places.values(), results))
    in_tables = {id for table in section.tables for id in table.places.values()}
    found = [results[entry.id] for entry in section.entries if entry.id in results]
    sentences = [one["id"] for one in found if one["kind"] == "cell" and one["id"] not in in_tables]
    if sentences:
        blocks.append(_details("Numbers in the text", sentences, results, folded=False))
    claims = sorted((one for one in found if one["kind"] == "claim"), key=lambda one: ORDER_OF_CLAIMS[one["verdict"]])
    if claims:
        rows = [[_spoken(one), _evidence(one), _verdict(one), *_reason(one)] for one in claims]
        blocks.append(Table("Claims", ["the report says", "measured", "verdict", "why", "entry"], rows))
        blocks.append(_commands("What measures these claims", claims))
    blocks += _figures([one for one in found if one["kind"] == "figure"], place)
    said = [one.text for one in section.contradictions if any(id in results for id in one.cells)]
    if said:
        blocks.append(Notes([f"Contradiction: {text}" for text in said]))
    if blocks and section.about:
        blocks.insert(0, Words(section.about))
    return Section(section.id, section.title, blocks)


def _layout(table: books.Table, results: Results) -> Table:
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
    ours = _ours(one, "paper")
    return Cell(
        f"{ours.text} {MARKS[one['verdict']]}",
        ours.value,
        ", ".join(filter(None, [ours.note, f"report {_told(one).text}"])),
    )


def _details(caption: str, ids: Iterable[str], results: Results, *, folded: bool = True) -> Table:
    rows = []
    for one in (results[id] for id in ids if id in results):
        difference = one["difference"]
        gap = NOTHING if difference is None else Cell(_signed(difference), difference)
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


def _spoken(one: dict[str, Any]) -> Cell:
    return Cell(one["what"], None, " ".join(one["notes"]))


def _reason(one: dict[str, Any]) -> tuple[Cell, Cell]:
    return Cell(_sentence(one["why"])), Cell(one["id"])


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


def _signed(value: float) -> str:
    return f"{'+' if value > 0 else '−' if value < 0 else ''}{spelt(abs(value))}"


def _verdict(one: dict[str, Any], *, why: bool = False) -> Cell:
    said = " ".join([_sentence(one["why"]), *(one["notes"] if one["kind"] == "cell" else [])]) if why else ""
    return Cell(f"{MARKS[one['verdict']]} {one['verdict']}", None, said)


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}." if text and not text.endswith(".") else text


def _figures(found: Sequence[dict[str, Any]], place: Path) -> list[Block]:
    blocks: list[Block] = []
    missing = []
    shown = []
    for one in found:
        for file, caption in zip(one.get("files", ()), one.get("captions", ()), strict=True):
            try:
                shown.append(pictures.read(place / file, inside=place, caption=" ".join([caption, *one["notes"]])))
            except DataError as error:
                missing.append(error.message)
        if not one.get("files"):
            missing.append(f"{one['what']}: {one['why']}.")
    if shown:
        blocks.append(Gallery(TAG, shown))
        blocks.append(_commands("What draws these figures", [one for one in found if one.get("files")]))
    if missing:
        blocks.append(Notes(missing))
    return blocks


def _commands(caption: str, found: Sequence[dict[str, Any]]) -> Table:
    rows = [[Cell(one["what"], None, one["id"]), Cell(one["command"])] for one in found]
    return Table(caption, ["entry", "command"], rows, folded=True)


def _trainings(data: dict[str, Any]) -> Table:
    rows = [
        [Cell(one["name"]), Cell(one["status"]), cell_of(one["run"]), Cell(duration(one["seconds"]), one["seconds"]),
         Cell(one["command"])]
        for one in data["trainings"]
    ]  # fmt: skip
    return Table("Every training", ["training", "state", "run", "took", "command"], rows)


def _circumstances(data: dict[str, Any]) -> list[Block]:
    machine = [[Cell(name), cell_of(value)] for name, value in data["machine"].items() if name != "versions"]
    machine += [[Cell(name), cell_of(value)] for name, value in data["machine"]["versions"].items()]
    held = [[Cell(name), cell_of({**about})] for name, about in data["data"].items()]
    return [
        Table("Machine and versions", ["fact", "value"], machine),
        Table("Data", ["set", "what it is"], held),
    ]
