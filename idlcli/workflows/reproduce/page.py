"""The outcome as a page: the report's tables in its own layout, claims, figures, contradictions, and how it was had.

Made from the outcome's JSON alone, beside the book's layout, so that what stands in one stands in the other.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from idlcli.errors import DataError
from idlcli.files import read_bytes
from idlcli.report import pictures
from idlcli.report.content import Block, Cell, Content, Gallery, Insert, Notes, Section, Table, Tile, Tiles, Words
from idlcli.report.content import cell as cell_of
from idlcli.report.markup import clean
from idlcli.report.words import duration
from idlcli.report.write import LARGEST_INSERT
from idlcli.workflows.reproduce import book as books
from idlcli.workflows.reproduce import tables
from idlcli.workflows.reproduce.tables import Results

TAG = "here"
"""What the page's own directory is called among places."""
NAMED = 12
"""The most entries that are named where they are left out."""
ORDER_OF_CLAIMS = {"differs": 0, "agrees": 1, "better": 1, "not judged": 2}


def compose(data: dict[str, Any], book: books.Book, *, place: Path) -> Content:
    """Return the page of an outcome; its figures are those that lie under ``place``."""
    results = {cell["id"]: cell for cell in data["cells"]}
    sections = [
        Section("headline", "In short", [*_cautions(data, book, results), _counts(data), *_headlines(results)]),
        *_refuted(results),
        *(found for section in book.sections if (found := _section(section, results, place)).blocks),
        Section("trainings", "Trainings", [_trainings(data)]),
        Section("circumstances", "Time, machine and data", _circumstances(data)),
    ]
    lead = (
        f"The report's tables, figures and claims beside ours: a {data['scale']} reproduction, "
        f"{_seeds(data['seeds'])}, in {duration(data['seconds'])} of training."
    )
    return Content("The report, reproduced", lead, sections)


def _seeds(seeds: Sequence[int]) -> str:
    return f"seeds {', '.join(map(str, sorted(seeds)))}" if len(seeds) > 1 else f"seed {seeds[0]}"


def _cautions(data: dict[str, Any], book: books.Book, results: Results) -> list[Block]:
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
    if left := [id for id in book.entries if id not in results]:
        few = len(left) <= NAMED
        notes.append(f"Left out: {', '.join(left)}." if few else f"{len(results)} of {len(book.entries)} entries.")
    failed = [f"{one['name']}: {one['error']}" for one in data["trainings"] if one["status"] != "done"]
    notes += [f"Failed: {clean(one)}" for one in failed]
    notes += [clean(f"{one['name']}: {said}") for one in data["trainings"] for said in one.get("warnings", [])]
    return [Notes(notes)] if notes else []


def _counts(data: dict[str, Any]) -> Tiles:
    words = [cell["verdict"] for cell in data["cells"]]
    taken = sum(cell["verdict"] == "agrees" and cell.get("fact", False) for cell in data["cells"])
    about = {
        "better": "than the report", "agrees": f"with the report, {taken} of them settings and shapes taken from it",
        "differs": "from the report",
        "not judged": "pictures, numbers that cannot be compared, and what is too close to call",
    }  # fmt: skip
    return Tiles([Tile(str(words.count(word)), word, about[word]) for word in tables.MARKS])


def _headlines(results: Results) -> list[Table]:
    found = [one for one in results.values() if one.get("headline")]
    return [tables.headlines(found)] if found else []


def _refuted(results: Results) -> list[Section]:
    """Return what the report says and what does not hold here, with the evidence."""
    found = [one for one in results.values() if one["verdict"] == "differs"]
    claims = [one for one in found if one["kind"] == "claim"]
    numbers = [one["id"] for one in found if one["kind"] == "cell"]
    blocks: list[Block] = [tables.claims(claims)] if claims else []
    if numbers:
        blocks.append(tables.details("Numbers that are not had here", numbers, results, folded=False))
    return [Section("refuted", "What does not hold here", blocks)] if blocks else []


def _section(section: books.Section, results: Results, place: Path) -> Section:
    blocks: list[Block] = []
    for table in section.tables:
        if any(id in results for id in table.places.values()):
            blocks.append(tables.layout(table, results))
            blocks.append(
                tables.details(f"{table.caption.split(':')[0]}, number by number", table.places.values(), results)
            )
    in_tables = {id for table in section.tables for id in table.places.values()}
    found = [results[entry.id] for entry in section.entries if entry.id in results]
    sentences = [one["id"] for one in found if one["kind"] == "cell" and one["id"] not in in_tables]
    if sentences:
        blocks.append(tables.details("Numbers in the text", sentences, results, folded=False))
    claims = sorted((one for one in found if one["kind"] == "claim"), key=lambda one: ORDER_OF_CLAIMS[one["verdict"]])
    if claims:
        blocks.append(tables.claims(claims))
        blocks.append(tables.commands("What measures these claims", claims))
    blocks += _figures([one for one in found if one["kind"] == "figure"], place)
    said = [one.text for one in section.contradictions if any(id in results for id in one.cells)]
    if said:
        blocks.append(Notes([f"Contradiction: {text}" for text in said]))
    if blocks and section.about:
        blocks.insert(0, Words(section.about))
    return Section(section.id, section.title, blocks)


def _figures(found: Sequence[dict[str, Any]], place: Path) -> list[Block]:
    blocks: list[Block] = []
    missing = []
    shown = []
    framed: list[Block] = []
    for one in found:
        for file in one.get("pages", ()):
            framed.append(Insert(one["what"], read_bytes(place / file, limit=LARGEST_INSERT).decode(errors="replace")))
        for file, caption in zip(one.get("files", ()), one.get("captions", ()), strict=True):
            try:
                shown.append(pictures.read(place / file, inside=place, caption=". ".join([caption, *one["notes"]])))
            except DataError as error:
                missing.append(error.message)
        if not one.get("files"):
            missing.append(f"{one['what']}: {one['why']}.")
    if shown:
        blocks += [Gallery(TAG, shown), *framed]
        blocks.append(tables.commands("What draws these figures", [one for one in found if one.get("files")]))
    if missing:
        blocks.append(Notes(missing))
    return blocks


def _trainings(data: dict[str, Any]) -> Table:
    rows = [
        [Cell(one["name"]), Cell(one["status"]), cell_of(one["run"]), Cell(duration(one["seconds"]), one["seconds"]),
         Cell(one["command"])]
        for one in data["trainings"]
    ]  # fmt: skip
    return Table("Every training", ["training", "state", "run", "took", "command"], rows)


def _circumstances(data: dict[str, Any]) -> list[Block]:
    machines = [data["machine"], *(one["machine"] for one in data["elsewhere"])]
    facts = [{**one, **one["versions"]} for one in machines]
    names = dict.fromkeys(name for one in facts for name in one if name != "versions")
    machine = [[Cell(name), *(cell_of(one.get(name, "")) for one in facts)] for name in names]
    header = ["fact", "value" if not data["elsewhere"] else "this machine"]
    header += [f"that of {_seeds(one['seeds'])}" for one in data["elsewhere"]]
    held = [[Cell(name), cell_of({**about})] for name, about in data["data"].items()]
    return [
        Table("Machine and versions", header, machine),
        Table("Data", ["set", "what it is"], held),
    ]
