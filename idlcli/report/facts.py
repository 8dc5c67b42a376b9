"""Under which conditions the runs were made: settings, data, machine, time; and what to type to make them again."""

import shlex
from collections.abc import Sequence
from typing import Any

from idlcli.report.content import NOTHING, Cell, Table, cell
from idlcli.report.markup import clean
from idlcli.report.scores import heads
from idlcli.report.story import Story
from idlcli.report.words import duration, moment, plain
from idlcli.settings import RUN_KINDS
from idlcli.settings.fields import Field, fields_of


def settings(stories: Sequence[Story]) -> list[Table]:
    """Return the settings in which the runs differ, then those that are the same in all.

    Of one run: those that were changed from their defaults, then those that were not.
    """
    names = list(dict.fromkeys(name for story in stories for name in story.settings))
    if len(stories) == 1:
        defaults = {name: field.default for name, field in _fields(stories[0]).items()}
        own = stories[0].settings
        first = [name for name in names if name not in defaults or own[name] != defaults[name]]
        captions = ("Settings that were chosen", "Settings left at their defaults")
    else:
        first = [name for name in names if len({plain(story.settings.get(name)) for story in stories}) > 1]
        captions = ("Settings in which the runs differ", "Settings that are the same in all runs")
    rest = [name for name in names if name not in first]
    found = []
    if first:
        rows = [[_setting(name), *(_value(story.settings, name) for story in stories)] for name in first]
        found.append(Table(captions[0], ["setting", *heads(stories, stories, "value")], rows))
    if rest:
        rows = [[_setting(name), _value(stories[0].settings, name)] for name in rest]
        found.append(Table(captions[1], ["setting", "value"], rows, folded=bool(first)))
    return found


def _setting(name: str) -> Cell:
    return Cell(clean(name.replace("_", "-"), 80))


def _value(values: dict[str, Any], name: str) -> Cell:
    return cell(values[name]) if name in values else NOTHING


def circumstances(stories: Sequence[Story]) -> list[Table]:
    """Return two tables with one column a run: how long each took and on what, and which data it had."""
    columns = [_circumstances(story) for story in stories]
    data = [{name: _shortened(name, value) for name, value in story.data.items()} for story in stories]
    tables = []
    for caption, found in (("Time and machine", columns), ("Data", data)):
        names = dict.fromkeys(name for column in found for name in column)
        rows = [[Cell(clean(name, 80)), *(column.get(name, NOTHING) for column in found)] for name in names]
        if rows:
            tables.append(Table(caption, ["fact", *heads(stories, stories, "value")], rows))
    return tables


def _circumstances(story: Story) -> dict[str, Cell]:
    found = {"kind": cell(story.kind), "state": Cell(story.status), "made": Cell(clean(moment(story.created)) or "–")}
    if story.log:
        each = story.seconds / len(story.log)
        found["epochs"] = Cell(f"{story.epochs:,}", float(story.epochs))
        found["training took"] = Cell(duration(story.seconds), story.seconds)
        found["an epoch took"] = Cell(duration(each), each, "mean")
    if "best_epoch" in story.metrics:
        found["best epoch"] = cell(story.metrics["best_epoch"])
    versions = story.environment.get("versions")
    for name, value in story.environment.items():
        if name != "versions":
            found["engine" if name == "backend" else name] = cell(value)
    if isinstance(versions, dict):
        found |= {str(name): cell(value) for name, value in versions.items()}
    return found


def _shortened(name: str, value: Any) -> Cell:
    """Return a fact about the data; of a hash the first twelve characters, which are enough to tell two apart."""
    is_hash = isinstance(value, str) and len(value) == 64 and (name == "fingerprint" or name.endswith("_sha256"))
    return Cell(f"{clean(value)[:12]}…") if is_hash else cell(value)


def command(story: Story) -> str:
    """Return what to type to make a run again: the settings that are not the defaults; nothing for what is unknown."""
    fields = _fields(story)
    if not fields or set(story.settings) - set(fields):
        return ""
    words = ["idl", story.kind, "train"]
    for name, value in story.settings.items():
        field = fields[name]
        if value == field.default or not isinstance(value, str | int | float | bool):
            continue
        if isinstance(value, bool):
            words.append(field.option if value else f"--{field.off or f'no-{field.key}'}")
        else:
            words += [field.option, shlex.quote(clean(value))]
    return " ".join(words)


def _fields(story: Story) -> dict[str, Field]:
    return fields_of(RUN_KINDS[story.kind]) if story.kind in RUN_KINDS else {}
