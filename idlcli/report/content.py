"""What a page consists of, whatever it is written as: sections of blocks. HTML and Markdown are two ways to show it."""

import dataclasses
from collections.abc import Sequence

from idlcli.report.charts import Chart
from idlcli.report.markup import clean
from idlcli.report.pictures import Picture
from idlcli.report.words import number, plain


@dataclasses.dataclass(frozen=True)
class Cell:
    """``text`` as it is read, ``value`` to sort by where it is a number, and a smaller ``note`` beside it."""

    text: str
    value: float | None = None
    note: str = ""


@dataclasses.dataclass(frozen=True)
class Table:
    """Rows under a header; the first column says what each is about. ``folded``: shown only when asked for."""

    caption: str
    header: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    folded: bool = False
    about: str = ""

    def is_numeric(self, column: int) -> bool:
        """Whether a column holds numbers, and dashes where there is none."""
        cells = [row[column] for row in self.rows]
        return any(c.value is not None for c in cells) and all(c.value is not None or c.text == "–" for c in cells)


@dataclasses.dataclass(frozen=True)
class Tile:
    """One number large: what it is, and under which conditions it holds."""

    text: str
    what: str
    note: str


@dataclasses.dataclass(frozen=True)
class Tiles:
    """The numbers to see first."""

    tiles: Sequence[Tile]


@dataclasses.dataclass(frozen=True)
class Notes:
    """What a reader must know before trusting the rest."""

    notes: Sequence[str]


@dataclasses.dataclass(frozen=True)
class Words:
    """A paragraph."""

    text: str


@dataclasses.dataclass(frozen=True)
class Command:
    """What to type."""

    text: str


@dataclasses.dataclass(frozen=True)
class Charts:
    """Curves, one drawing a metric; ``said`` puts them in words for who cannot see them."""

    title: str
    charts: Sequence[Chart]
    said: str


@dataclasses.dataclass(frozen=True)
class Gallery:
    """Pictures of the run that is called ``tag``; ``film``: one after the other, in a row to scroll."""

    tag: str
    pictures: Sequence[Picture]
    film: bool = False


@dataclasses.dataclass(frozen=True)
class Insert:
    """A page of its own, such as a map that answers to the mouse, put in whole: ``page`` is its HTML."""

    title: str
    page: str


Block = Table | Tiles | Notes | Words | Command | Charts | Gallery | Insert


@dataclasses.dataclass(frozen=True)
class Section:
    """Blocks under a heading; ``name`` is its anchor, ``state`` a word that stands beside the heading."""

    name: str
    title: str
    blocks: Sequence[Block]
    state: str = ""


@dataclasses.dataclass(frozen=True)
class Content:
    """All of a page."""

    title: str
    lead: str
    sections: Sequence[Section]


def cell(value: object, note: str = "") -> Cell:
    """Return a cell of any value of a JSON file."""
    return Cell(clean(plain(value)), number(value), note)


NOTHING = Cell("–")
