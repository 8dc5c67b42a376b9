"""What came out of the runs: the numbers to see first, a table of scores a kind, and where the answers go wrong."""

from collections.abc import Iterable, Sequence
from typing import Any

from idlcli import dotted
from idlcli.report.content import NOTHING, Cell, Table, Tile
from idlcli.report.markup import clean
from idlcli.report.story import Story
from idlcli.report.words import ERRORS, duration, headlines, name_of, number, spelt

SIDES = ("test", "validation", "train")
MOST_TILES = 8
NOT_SCORES = (*SIDES, "epochs", "best_epoch", "interval", "errors", "conditions", "warnings")
"""What metrics.json holds beside figures that have no other place."""
MOST_WRONG = 12


def tiles(stories: Sequence[Story]) -> list[Tile]:
    """Return the numbers to see first: of one run its best-known metrics, of many the first of each."""
    found = []
    for story in stories[:MOST_TILES]:
        scores = story.side("test")
        for key in headlines(story.kind, scores)[: None if len(stories) == 1 else 1]:
            whose = "" if len(stories) == 1 else f"run {story.tag}: "
            found.append(Tile(spelt(float(scores[key]), key), f"{whose}{name_of(key)}", _conditions(story, key)))
    if len(stories) == 1 and stories[0].log:
        story = stories[0]
        each = story.seconds / max(len(story.log), 1)
        found.append(Tile(duration(story.seconds), "training", f"{story.epochs:,} epochs of {duration(each)}"))
    return found


def _conditions(story: Story, key: str) -> str:
    n, between = number(story.side("test").get("n")), interval(story, key)
    parts = [f"{n:,.0f} test examples" if n else "test", f"95%: {between}" if between else ""]
    return ", ".join(filter(None, parts))


def interval(story: Story, key: str) -> str:
    """Return the 95% interval of a test score, if the run says it: that of the share of answers right."""
    found = story.metrics.get("interval")
    if key != "exact" or not isinstance(found, dict):
        return ""
    low, high = number(found.get("low")), number(found.get("high"))
    return "" if low is None or high is None else f"{100 * low:.2f} to {100 * high:.2f}"


def tables(stories: Sequence[Story]) -> list[Table]:
    """Return a table of scores for each family of runs, one row a run, and one of whatever else was measured."""
    found = []
    for family in dict.fromkeys(story.family for story in stories):
        alike = [story for story in stories if story.family == family]
        columns = [
            (side, key)
            for side in SIDES
            for key in _in_order(key for story in alike for key in story.side(side))
            if any(number(story.side(side).get(key)) is not None for story in alike)
        ]
        about = _how_intervals_were_made(alike)
        if columns and len(stories) == 1:
            found.append(_scores_of_one(stories[0], columns, about))
        elif columns:
            rows = [[_name(story), *(_score(story, *column) for column in columns)] for story in alike]
            header = ["run", *(f"{side}: {name_of(key)}" for side, key in columns)]
            found.append(Table(f"Scores: {clean(family)}", header, rows, about=about))
    others = {s: dotted.numbers({k: v for k, v in s.metrics.items() if k not in NOT_SCORES}) for s in stories}
    measured = [story for story in stories if others[story]]
    if measured:
        keys = dict.fromkeys(key for story in measured for key in others[story])
        rows = [[Cell(_path(key)), *(_number(others[s].get(key), key) for s in measured)] for key in keys]
        found.append(Table("What else was measured", ["figure", *heads(measured, stories, "value")], rows))
    return found


def _in_order(keys: Iterable[str]) -> list[str]:
    """Return each key once, how many examples there were after what was found on them."""
    return sorted(dict.fromkeys(keys), key=lambda key: key == "n")


def _scores_of_one(story: Story, columns: Sequence[tuple[str, str]], about: str) -> Table:
    sides = list(dict.fromkeys(side for side, _ in columns))
    rows = [
        [Cell(clean(name_of(key))), *(_score(story, side, key) for side in sides)]
        for key in dict.fromkeys(key for _, key in columns)
    ]
    return Table("Scores", ["metric", *sides], rows, about=about)


def _name(story: Story) -> Cell:
    place = float(story.tag) if story.tag.isdecimal() else None
    return Cell(story.tag, place, f"{clean(story.run.name, 90)}, {story.status}")


def _score(story: Story, side: str, key: str) -> Cell:
    value = number(story.side(side).get(key))
    if value is None:
        return NOTHING
    return Cell(spelt(value, key), value, interval(story, key) if side == "test" else "")


def _number(value: Any, key: str) -> Cell:
    found = number(value)
    return NOTHING if found is None else Cell(spelt(found, key.rpartition(".")[2]), found)


def heads(told: Sequence[Story], stories: Sequence[Story], alone: str) -> list[str]:
    """Return what the columns of the runs ``told`` are called, ``alone`` on a page on one run."""
    return [alone] if len(stories) == 1 else [f"run {story.tag}" for story in told]


def _path(key: str) -> str:
    return clean(": ".join(name_of(part) for part in key.split(".")), 120)


def _how_intervals_were_made(stories: Sequence[Story]) -> str:
    methods = dict.fromkeys(
        clean(s.metrics["interval"].get("method", "unknown"), 80) for s in stories if interval(s, "exact")
    )
    return f"Beside the share of answers right: its 95% interval ({', '.join(methods)})." if methods else ""


def errors(stories: Sequence[Story]) -> list[Table]:
    """Return which kinds of query go wrong (the report's Table 3) and by how much, one column a run."""
    told = [story for story in stories if isinstance(story.metrics.get("errors"), dict)]
    found = [story.metrics["errors"] for story in told]
    classes = dict.fromkeys(key for errors in found for key, entry in errors.items() if _is_class(entry))
    if not classes:
        return []
    rows = [[Cell(clean(ERRORS.get(key, name_of(key)))), *(_class(e.get(key)) for e in found)] for key in classes]
    rows.append([Cell("share of all errors with a carry or a borrow"), *(_share(e) for e in found)])
    tables = [Table("Which queries go wrong", ["kind of query", *heads(told, stories, "wrong")], rows)]
    misses = [errors["by_miss"] if isinstance(errors.get("by_miss"), dict) else {} for errors in found]
    sizes = dict.fromkeys(size for miss in misses for size in miss)
    rows = [[Cell(clean(size)), *(_count(miss.get(size), miss) for miss in misses)] for size in sizes]
    if rows:
        header = ["off by", *heads(told, stories, "answers")]
        tables.append(Table("By how much wrong answers miss", header, rows))
    return tables


def _share(errors: dict[str, Any]) -> Cell:
    share = number(errors.get("carry_or_borrow_share"))
    return NOTHING if share is None else Cell(f"{100 * share:.2f}%", share)


def _is_class(entry: Any) -> bool:
    return isinstance(entry, dict) and number(entry.get("n")) is not None and number(entry.get("wrong")) is not None


def _class(entry: Any) -> Cell:
    if not _is_class(entry):
        return NOTHING
    wrong, n = float(entry["wrong"]), float(entry["n"])
    if n <= 0:
        return Cell("–", None, "none asked")
    return Cell(f"{100 * wrong / n:.2f}%", wrong / n, f"{wrong:,.0f} of {n:,.0f}")


def _count(value: Any, miss: dict[str, Any]) -> Cell:
    count, total = number(value), sum(number(one) or 0.0 for one in miss.values())
    if count is None:
        return NOTHING
    return Cell(f"{count:,.0f}", count, f"{100 * count / total:.1f}%" if total else "")


def wrong_answers(story: Story) -> list[Table]:
    """Return the first of a run's wrong answers, those that it was surest of before others."""
    rows = [row for row in story.answers("predictions.csv") if row.get("correct") == "0"]
    if not rows:
        return []
    rows.sort(key=lambda row: -_confidence(row))
    columns = ("query", "answer", "predicted", "miss", "confidence")
    shown = [[_word(row.get(column, "")) for column in columns] for row in rows[:MOST_WRONG]]
    caption = f"Wrong answers, the surest first: {len(shown)} of {len(rows):,}"
    return [Table(caption, ["query", "true answer", "answered", "off by", "confidence"], shown)]


def _confidence(row: dict[str, str]) -> float:
    try:
        return number(float(row.get("confidence", ""))) or 0.0
    except ValueError:
        return 0.0


def _word(text: str) -> Cell:
    return Cell(clean(text, 60) or "–")
