"""The pictures of a run, as text that a page can hold: bounded in number, in bytes and in pixels."""

import base64
import dataclasses
import struct
from collections.abc import Sequence
from pathlib import Path

from idlcli.errors import DataError
from idlcli.files import read_bytes
from idlcli.report.story import Story, by_epoch

LARGEST = 3 * 2**20
"""Bytes of a picture that is put into a page."""
BUDGET = 15 * 2**20
"""Bytes of all pictures of a page; each run has an equal part of them. As text they are a third more."""
MOST_PIXELS = 40_000_000
LONGEST_SIDE = 16_384

SIGNATURE = b"\x89PNG\r\n\x1a\n"
END = b"\x00\x00\x00\x00IEND\xaeB`\x82"

ABOUT = {
    "confusion": "Which character was taken for which: the diagonal is right, shades show what is wrong.",
    "misreadings": "Which glyph was read as which.",
    "answers": "Answers to test queries, the wrong ones first; what is wrong is marked.",
    "strip": "The same codes from epoch to epoch, one row each.",
    "curves": "Loss and metrics over the epochs, as the run drew them.",
}
"""What is seen in the plots that trainings make."""


@dataclasses.dataclass(frozen=True)
class Picture:
    """A PNG: ``path`` inside the run's directory, what it shows, its size in pixels and its bytes."""

    path: str
    caption: str
    width: int
    height: int
    content: bytes

    @property
    def uri(self) -> str:
        """The picture as a data URI."""
        return f"data:image/png;base64,{base64.b64encode(self.content).decode()}"


@dataclasses.dataclass(frozen=True)
class Album:
    """The pictures of a run: what it drew of its test (``plots``) and on its way (``samples``), and what was left."""

    plots: list[Picture]
    samples: list[Picture]
    left_out: list[str]


def album(story: Story, *, budget: int) -> Album:
    """Return the pictures of a run that fit into ``budget`` bytes; those left out are named with the reason."""
    plots = sorted(_pngs(story.run.path / "plots"), key=lambda path: (path.stem == "curves", path.name))
    found: dict[str, list[Picture]] = {"plots": [], "samples": []}
    left_out: list[str] = []
    sheets = by_epoch(_pngs(story.run.path / "samples"))
    for folder, name, path in [*(("plots", "", p) for p in plots), *(("samples", name, p) for name, p in sheets)]:
        caption = name or caption_of(path.stem)
        try:
            picture = read(path, inside=story.run.path, caption=caption)
        except DataError as error:
            left_out.append(error.message)
            continue
        if len(picture.content) > budget:
            left_out.append(f"{picture.path} does not fit into this page: its pictures may have {BUDGET // 2**20} MiB.")
            continue
        budget -= len(picture.content)
        found[folder].append(picture)
    return Album(found["plots"], found["samples"], left_out)


def caption_of(stem: str) -> str:
    """Return what is seen in a plot of this name; `answers-other-digits` are answers in other digits."""
    what, *others = stem.split("-other-")
    said = ABOUT.get(what, what.replace("-", " ").replace("_", " "))
    return f"With other {', '.join(others)}: {said[:1].lower()}{said[1:]}" if others else said


def read(path: Path, *, inside: Path, caption: str) -> Picture:
    """Return a PNG file, or raise :class:`DataError` if it is broken, too large, or not ``inside`` its run.

    Only its frame is read, not its pixels: a browser that is given many more than it says will not draw them.
    """
    name = f"{path.parent.name}/{path.name}"
    if not path.resolve().is_relative_to(inside.resolve()):
        raise DataError(f"{name} leads out of the run's directory.")
    try:
        content = read_bytes(path, limit=LARGEST)
    except DataError as error:
        raise DataError(error.message.replace(f"{inside}/", "")) from error
    if not content.startswith(SIGNATURE) or content[12:16] != b"IHDR" or not content.endswith(END):
        raise DataError(f"{name} is not a whole PNG.")
    width, height = struct.unpack(">II", content[16:24])
    if not (0 < width <= LONGEST_SIDE and 0 < height <= LONGEST_SIDE and width * height <= MOST_PIXELS):
        raise DataError(f"{name} has too many pixels for a page: {width:,} x {height:,}.")
    return Picture(name, caption, width, height, content)


def _pngs(folder: Path) -> Sequence[Path]:
    return sorted(folder.glob("*.png")) if folder.is_dir() else []
