"""`idl report`: run directories in, one HTML page and one Markdown file out. The same runs give the same bytes."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from idlcli.errors import DataError, UsageError
from idlcli.files import make_directory, read_bytes, write_text
from idlcli.report import markdown, page, pictures
from idlcli.report.compose import compose
from idlcli.report.content import Insert
from idlcli.report.story import Story, gather
from idlcli.runs import Run

LARGEST_INSERT = 16 * 2**20
MOST_RUNS = 200


def report(
    *, runs: Sequence[Run], out: Path | None, markdown_out: Path | None = None, inserts: Sequence[Path] = (),
    map_of: Callable[[Run], str | None] = lambda run: None,
) -> dict[str, Any]:  # fmt: skip
    """Write what is known of ``runs`` to a page ``out`` (.html), to ``markdown_out`` (.md), or to both.

    ``inserts`` are HTML pages of their own, such as maps, that the page frames; so it does with what ``map_of`` a run
    returns, and notes what :class:`DataError` it raises. Returns ``files``, ``runs`` (each with
    ``run``, ``kind``, ``status``, ``notes``), ``pictures`` (how many are in the page) and ``bytes`` of each file.
    """
    for path, ending in ((out, ".html"), (markdown_out, ".md")):
        if path is not None and path.suffix.lower() != ending:
            raise UsageError(f"Cannot write a report to {path.name!r:.80}.", hint=f"Give a file that ends in {ending}.")
    if not 0 < len(runs) <= MOST_RUNS:
        raise UsageError(f"A report is about 1 to {MOST_RUNS} runs, not {len(runs):,}.")
    framed = [Insert(path.stem, read_bytes(path, limit=LARGEST_INSERT).decode(errors="replace")) for path in inserts]
    stories = gather(runs)
    for story in stories:
        try:
            found = map_of(story.run)
        except DataError as error:
            story.notes.append(f"It has no map: {error.message}")
        else:
            framed += [Insert(f"codes of {story.run.name}", found)] if found else []
    albums = [pictures.album(story, budget=pictures.BUDGET // len(stories)) for story in stories]
    content = compose(stories, albums=albums, inserts=framed)
    written = {}
    if out is not None:
        written[out] = page.render(content)
    if markdown_out is not None:
        written[markdown_out] = markdown.render(content, places=_places(stories, beside=markdown_out))
    for path, text in written.items():
        make_directory(path.parent)
        write_text(path, text)
    return {
        "files": [str(path) for path in written],
        "runs": [_told(story, album) for story, album in zip(stories, albums, strict=True)],
        "pictures": sum(len(album.plots) + len(album.samples) for album in albums),
        "bytes": [path.stat().st_size for path in written],
    }


def _told(story: Story, album: pictures.Album) -> dict[str, Any]:
    notes = [*story.notes, *album.left_out]
    return {"run": story.run.name, "kind": story.kind, "status": story.status, "notes": notes}


def _places(stories: Sequence[Story], *, beside: Path) -> dict[str, str]:
    """Return where each run lies as seen from a file beside it, with forward slashes."""
    start = beside.resolve().parent
    return {story.tag: Path(os.path.relpath(story.run.path.resolve(), start)).as_posix() for story in stories}
