"""What a run directory tells: each of its files read by itself, so that a broken one costs what it holds and no more.

Nothing here raises for what is wrong in a run: it is noted, in words for the page. A run that was stopped, or that
failed, has a story too.
"""

import csv
import dataclasses
import functools
import re
import shlex
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from idlcli.errors import DataError
from idlcli.files import read_bytes, read_json_object
from idlcli.report.words import number
from idlcli.runs import NUMBERED, Run

LARGEST_CSV = 64 * 2**20
MOST_EPOCHS = 8
"""Epochs whose samples are shown: the first, the last, and evenly between."""


@dataclasses.dataclass(frozen=True, eq=False)
class Story:
    """What is known of a run. ``tag`` is what it is called in figures and narrow columns: its number.

    ``notes`` say what is wrong or missing; ``whole`` is False where a file could not be read.
    """

    run: Run
    tag: str
    kind: str
    status: str
    created: str
    settings: dict[str, Any]
    environment: dict[str, Any]
    data: dict[str, Any]
    log: list[dict[str, Any]]
    metrics: dict[str, Any]
    notes: list[str]
    whole: bool

    @property
    def family(self) -> str:
        """What it can be compared with: runs of its kind, and of its mode where there are several."""
        mode = self.settings.get("mode")
        return f"{self.kind} {mode}" if isinstance(mode, str) else self.kind

    def side(self, name: str) -> dict[str, Any]:
        """Return the scores on one part of the data, ``train``, ``validation`` or ``test``; none is empty."""
        found = self.metrics.get(name)
        return found if isinstance(found, dict) else {}

    @functools.cached_property
    def epochs(self) -> int:
        """Epochs that are logged."""
        return max((row["epoch"] for row in self.log), default=0)

    @functools.cached_property
    def seconds(self) -> float:
        """What those epochs took."""
        return sum(number(row.get("seconds")) or 0.0 for row in self.log)

    def answers(self, name: str) -> list[dict[str, str]]:
        """Return the rows of one of the run's CSV files of answers; one that is missing or broken has none."""
        try:
            content = read_bytes(self.run.path / name, limit=LARGEST_CSV).decode(errors="replace")
            rows = csv.DictReader(content.replace("\0", "").splitlines(), restval="")
            return [{str(key): str(value) for key, value in row.items()} for row in rows]
        except (DataError, csv.Error):
            return []


def gather(runs: Sequence[Run]) -> list[Story]:
    """Return the story of each run, in the order given; the same run twice is told once."""
    unique = list({run.path.resolve(): run for run in runs}.values())
    tags: list[str] = []
    for index, run in enumerate(unique, start=1):
        match = NUMBERED.fullmatch(run.name)
        tag = str(int(match[1])) if match else f"R{index}"
        tags.append(tag if tag not in tags else f"{tag}-{index}")
    return [_tell(run, tag) for run, tag in zip(unique, tags, strict=True)]


def _tell(run: Run, tag: str) -> Story:
    notes: list[str] = []

    def read(what: Callable[[], Any], otherwise: Any) -> Any:
        try:
            return what()
        except DataError as error:
            said = f"{error.message} {error.hint}".rstrip()
            notes.append(said.replace(f"{run.path}/", "").replace(str(run.path), "it"))
            return otherwise

    config = read(run.config, {})
    environment = read(lambda: _optional(run.path / "environment.json"), {})
    data = read(lambda: _optional(run.path / "data.json"), {})
    rows = read(run.log, [])
    metrics = read(run.metrics, None)
    failure = read(lambda: _optional(run.path / "failure.json"), {})
    log = [row for row in rows if type(row.get("epoch")) is int and 0 < row["epoch"] < 10**9]
    whole = not notes
    if len(log) < len(rows):
        notes.append(f"{len(rows) - len(log):,} lines of log.jsonl do not say their epoch and are left out.")
    settings = config.get("settings", {})
    status = run.status()
    story = Story(
        run, tag, str(config.get("kind", "unknown")), status, str(config.get("created", "")), settings, environment,
        data, sorted(log, key=lambda row: row["epoch"]), metrics or {}, notes, whole,
    )  # fmt: skip
    notes += _what_is_missing(story, failure)
    warnings = story.metrics.get("warnings")
    notes += [str(one) for one in warnings] if isinstance(warnings, list) else []
    return story


def _optional(path: Path) -> dict[str, Any]:
    return read_json_object(path) if path.exists() else {}


def _what_is_missing(story: Story, failure: dict[str, Any]) -> list[str]:
    planned = story.settings.get("epochs")
    of = f" of {planned:,}" if number(planned) is not None else ""
    reached = f"after epoch {story.epochs:,}{of}" if story.log else "before its first epoch was done"
    again = f"Go on with: idl runs resume {shlex.quote(story.run.name)} (and --runs, unless it lies in ./runs)"
    notes = []
    if story.status == "running":
        notes.append(f"The run is still going: this page shows it {reached}.")
    elif story.status == "stopped":
        notes.append(f"The run was stopped {reached} and has no scores. {again}")
    elif story.status == "failed":
        why = f": {failure['error']}: {failure.get('message', '')}" if "error" in failure else ""
        notes.append(f"The run failed {reached}{why.rstrip(': ')}. {again}".replace("..", "."))
    elif not story.log:
        notes.append("No epoch is logged: there are no curves.")
    for name, what in (("environment", "what the run was made on"), ("data", "which data the run was made with")):
        if not (story.run.path / f"{name}.json").exists():
            notes.append(f"{name}.json is missing: nothing says {what}.")
    return notes


def by_epoch(paths: Sequence[Path]) -> list[tuple[str, Path]]:
    """Return files named after an epoch, ``epoch-0025.png``, as (what it is called, file) in order of epoch.

    Of many, :data:`MOST_EPOCHS` are kept. Files of other names come last, by name.
    """
    numbered = []
    for path in paths:
        match = re.fullmatch(r"epoch-(\d{1,9})", path.stem)
        numbered.append((0, int(match[1]), f"epoch {int(match[1]):,}", path) if match else (1, 0, path.stem, path))
    found = [(name, path) for _, _, name, path in sorted(numbered, key=lambda one: (one[0], one[1], one[3].name))]
    if len(found) <= MOST_EPOCHS:
        return found
    step = (len(found) - 1) / (MOST_EPOCHS - 1)
    return [found[round(index * step)] for index in range(MOST_EPOCHS)]
