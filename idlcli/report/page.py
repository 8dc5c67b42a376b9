"""Content as one HTML page that needs nothing else: no network, no file beside it, no script but its own."""

import base64
import hashlib
from collections.abc import Sequence
from html.parser import HTMLParser
from importlib.resources import files

from idlcli import __version__
from idlcli.report.content import (
    Block,
    Cell,
    Charts,
    Command,
    Content,
    Gallery,
    Insert,
    Notes,
    Section,
    Table,
    Tiles,
    Words,
)  # fmt: skip
from idlcli.report.markup import Html, joined, tag
from idlcli.report.pictures import Picture
from idlcli.report.words import name_of

LONG = 60
"""Characters from which a text in a cell needs room, so that it does not become a tower of words; a note, from half."""
NARROW = 3
"""The most columns of a table that another one can stand beside on a wide screen."""


def render(content: Content) -> str:
    """Return the page. Its security policy lets nothing in from elsewhere, and only its own scripts run."""
    style, script = (files("idlcli.report").joinpath(name).read_text("utf-8") for name in ("page.css", "page.js"))
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", http_equiv="Content-Security-Policy", content=_policy(script, content)),
        tag("meta", name="color-scheme", content="light dark"),
        tag("title", f"{content.title} · idl"),
        tag("style", Html(style)),
    )
    body = tag(
        "body",
        tag("a", "To the content", href="#content", class_="skip"),
        tag("header", tag("h1", content.title), tag("p", content.lead, class_="lead")),
        _contents(content.sections),
        tag("main", [_section(section) for section in content.sections], id="content"),
        tag("footer", f"Made by idl {__version__} from run directories. Nothing on this page comes from elsewhere."),
        tag("dialog", id="zoom", aria_label="Picture in full size"),
        tag("script", Html(script)),
    )
    return f"<!doctype html>\n{tag('html', head, body, lang='en')}\n"


def _policy(script: str, content: Content) -> str:
    scripts = [script]
    for section in content.sections:
        for block in section.blocks:
            scripts += _scripts_of(block.page) if isinstance(block, Insert) else []
    hashes = [base64.b64encode(hashlib.sha256(one.encode()).digest()).decode() for one in dict.fromkeys(scripts)]
    allowed = " ".join(f"'sha256-{one}'" for one in hashes)
    return (
        "default-src 'none'; img-src data:; style-src 'unsafe-inline'; "
        f"script-src {allowed}; base-uri 'none'; form-action 'none'"
    )


def _scripts_of(page: str) -> list[str]:
    """Return the scripts inside a page: a frame is under the policy of the page around it."""
    reader = _Scripts()
    reader.feed(page)
    reader.close()
    return reader.found


class _Scripts(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[str] = []
        self._inside = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "script":
            self._inside = True
            self.found.append("")

    def handle_endtag(self, tag: str) -> None:
        self._inside = self._inside and tag != "script"

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.found[-1] += data


def _contents(sections: Sequence[Section]) -> Html:
    items = [tag("li", tag("a", section.title, href=f"#{section.name}"), _state(section.state)) for section in sections]
    return tag("nav", tag("details", tag("summary", "Contents"), tag("ol", items), open=True), aria_label="Contents")


def _section(section: Section) -> Html:
    heading = tag("h2", tag("a", section.title, href=f"#{section.name}"), _state(section.state))
    return tag("section", heading, [_block(block) for block in section.blocks], id=section.name)


def _state(state: str) -> Html | None:
    return tag("span", state, class_=f"state {state}") if state else None


def _block(block: Block) -> Html:
    match block:
        case Table():
            return _table(block)
        case Tiles():
            tiles = [
                tag("div", tag("dt", tile.what), tag("dd", tag("b", tile.text), tag("small", tile.note)))
                for tile in block.tiles
            ]
            return tag("dl", tiles, class_="tiles")
        case Notes():
            return tag("ul", [tag("li", note) for note in block.notes], class_="notes")
        case Words():
            return tag("p", block.text)
        case Command():
            first, *options = block.text.split(" --")
            words = [first, *([" ", tag("span", f"--{option}")] for option in options)]
            return tag("pre", tag("code", words), tabindex="0")
        case Charts():
            charts = [
                tag("figure", chart.svg, class_="chart", role="img", aria_label=f"Curve of {name_of(chart.metric)}")
                for chart in block.charts
            ]
            title = tag("h3", block.title) if block.title else None
            return joined([title, tag("p", block.said, class_="about"), tag("div", charts, class_="charts")])
        case Gallery():
            pictures = [_picture(picture) for picture in block.pictures]
            return tag("div", pictures, class_="film" if block.film else "plots", tabindex="0" if block.film else None)
        case Insert():
            frame = tag("iframe", srcdoc=Html(block.page), sandbox="allow-scripts", title=block.title, loading="lazy")
            return tag("figure", tag("figcaption", block.title), frame, class_="insert")


def _picture(picture: Picture) -> Html:
    size = {"width": picture.width, "height": picture.height}
    image = tag("img", src=picture.uri, alt=picture.caption, **size, decoding="async")
    return tag("figure", image, tag("figcaption", picture.caption, " ", tag("small", picture.path)))


def _table(table: Table) -> Html:
    numeric = [table.is_numeric(column) for column in range(len(table.header))]
    head = [
        tag("th", name, scope="col", class_="number" if numeric[column] and column else None)
        for column, name in enumerate(table.header)
    ]
    rows = [tag("tr", [_cell(cell, i, numeric[i]) for i, cell in enumerate(row)]) for row in table.rows]
    inner = tag("table", tag("thead", tag("tr", head)), tag("tbody", rows))
    scroller = tag("div", inner, class_="scroll", tabindex="0", role="region", aria_label=table.caption)
    about = tag("p", table.about, class_="about") if table.about else None
    is_narrow = len(table.header) <= NARROW and all(len(cell.text) < 2 * LONG for row in table.rows for cell in row)
    width = "table narrow" if is_narrow else "table"
    if table.folded:
        return tag("details", tag("summary", f"{table.caption} ({len(table.rows)})"), about, scroller, class_=width)
    return tag("div", tag("h3", table.caption), about, scroller, class_=width)


def _cell(cell: Cell, column: int, is_numeric: bool) -> Html:
    note = [" ", tag("small", cell.note)] if cell.note else None
    value = None if cell.value is None else repr(cell.value)
    if column == 0:
        return tag("th", cell.text, note, scope="row", data_value=value)
    long = "wide" if len(cell.text) > LONG else "noted" if len(cell.note) > LONG // 2 else None
    return tag("td", cell.text, note, class_="number" if is_numeric else long, data_value=value)
