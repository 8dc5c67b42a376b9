"""The order of a page: what came out first, then how, then each run by itself."""

from collections.abc import Sequence

from idlcli.errors import DataError
from idlcli.report import charts, facts, pictures, scores
from idlcli.report.compare import compare
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
from idlcli.report.markup import clean
from idlcli.report.story import Story, by_epoch
from idlcli.report.words import moment, name_of


def compose(stories: Sequence[Story], *, albums: Sequence[pictures.Album], inserts: Sequence[Insert] = ()) -> Content:
    """Return what a page on these runs says, with their pictures; ``inserts`` are pages of their own that it frames."""
    alone = stories[0] if len(stories) == 1 else None
    chapters: list[tuple[str, str, Sequence[Block]]] = [
        ("headline", "In short", [*(_notes(alone, albums[0]) if alone else _cautions(stories)), *_tiles(stories)]),
        ("curves", "Curves", _curves(stories)),
        ("pictures", "Pictures", _pictures(alone, albums[0]) if alone else []),
        ("maps", "Maps", list(inserts)),
        ("scores", "Scores", scores.tables(stories)),
        ("errors", "Errors", [*scores.errors(stories), *(_answers(alone) if alone else [])]),
        ("settings", "Settings", [*facts.settings(stories), *(_command(alone) if alone else [])]),
        ("circumstances", "Time, machine and data", facts.circumstances(stories)),
    ]
    sections = [Section(name, title, blocks) for name, title, blocks in chapters if blocks]
    if alone:
        return Content(clean(alone.run.name, 120), _lead(stories), sections)
    sections += [_run(story, album) for story, album in zip(stories, albums, strict=True)]
    return Content(f"{len(stories)} runs", _lead(stories), sections)


def _run(story: Story, album: pictures.Album) -> Section:
    blocks = [*_notes(story, album), *_command(story), *_pictures(story, album), *_answers(story)]
    return Section(f"run-{story.tag}", f"Run {story.tag}: {clean(story.run.name, 90)}", blocks, state=story.status)


def _lead(stories: Sequence[Story]) -> str:
    kinds = ", ".join(clean(kind, 40) for kind in dict.fromkeys(story.kind for story in stories))
    states = [story.status for story in stories]
    counted = ", ".join(f"{states.count(state)} {state}" for state in dict.fromkeys(states))
    if len(stories) == 1:
        story = stories[0]
        made = f", made {clean(moment(story.created))}" if story.created else ""
        return f"A {kinds} run, {story.status} after {story.epochs:,} epochs{made}."
    return f"Runs of {kinds}: {counted}."


def _cautions(stories: Sequence[Story]) -> list[Block]:
    """Return why the scores of the runs cannot simply be set side by side, and which runs have none."""
    unfinished = [f"run {story.tag}" for story in stories if story.status != "done"]
    notes = [f"Not done, and so without scores: {', '.join(unfinished)}; see there."] if unfinished else []
    readable = [story.run for story in stories if story.whole]
    try:
        notes += compare(readable)["warnings"] if len(readable) > 1 else []
    except DataError as error:  # a file that has changed since it was read
        notes.append(error.message)
    return [Notes(notes)] if notes else []


def _notes(story: Story, album: pictures.Album) -> list[Block]:
    notes = [clean(note) for note in (*story.notes, *album.left_out)]
    return [Notes(notes)] if notes else []


def _tiles(stories: Sequence[Story]) -> list[Block]:
    tiles = scores.tiles(stories)
    return [Tiles(tiles)] if tiles else []


def _curves(stories: Sequence[Story]) -> list[Block]:
    """Return the curves of each family of runs: a loss of one kind means nothing beside that of another."""
    blocks: list[Block] = []
    logged = [story for story in stories if story.log]
    for index, family in enumerate(dict.fromkeys(story.family for story in logged)):
        alike = [story for story in logged if story.family == family]
        drawn, others = charts.draw(alike, prefix=f"c{index}-")
        if drawn:
            title = clean(family) if len(stories) > 1 else ""
            left_out = f" Not drawn: {', '.join(map(name_of, others))}." if others else ""
            blocks.append(Charts(title, drawn, _said(drawn, alike, alone=len(stories) == 1) + left_out))
    return blocks


def _said(drawn: Sequence[charts.Chart], alike: Sequence[Story], *, alone: bool) -> str:
    names = ", ".join(name_of(chart.metric) for chart in drawn)
    named = ", ".join(f"run {story.tag} is {clean(story.run.name, 90)}" for story in alike)
    whose = "" if alone else f" One colour a run: {named}." if len(alike) > 1 else f" Here {named}."
    thinned = any(len(story.log) > charts.MOST_POINTS for story in alike)
    some = f" Of a longer log about {charts.MOST_POINTS} epochs are drawn." if thinned else ""
    return f"Over the epochs: {names}. Solid is training, dashed is test, dotted validation.{whose}{some}"


def _command(story: Story) -> list[Block]:
    command = facts.command(story)
    return [Words("What makes this run again:"), Command(command)] if command else []


def _pictures(story: Story, album: pictures.Album) -> list[Block]:
    galleries = [Gallery(story.tag, album.samples, film=True), Gallery(story.tag, album.plots)]
    return [gallery for gallery in galleries if gallery.pictures]


def _answers(story: Story) -> list[Block]:
    return [*scores.wrong_answers(story), *_answers_by_epoch(story)]


def _answers_by_epoch(story: Story) -> list[Table]:
    """Return how the answers to the same few queries changed from epoch to epoch, where they were written as text."""
    folder = story.run.path / "samples"
    files = by_epoch(sorted(folder.glob("*.csv")) if folder.is_dir() else [])
    answered: dict[str, dict[str, tuple[str, bool]]] = {}
    truth: dict[str, str] = {}
    for name, path in files:
        for row in story.answers(f"samples/{path.name}")[:64]:
            query = row.get("query", "")
            truth.setdefault(query, row.get("answer", ""))
            answered.setdefault(query, {})[name] = (row.get("predicted", ""), row.get("correct") == "1")
    if not answered:
        return []
    epochs = [name for name, _ in files]
    rows = [
        [Cell(clean(query, 60)), Cell(clean(truth[query], 60)), *(_answer(by_name.get(name)) for name in epochs)]
        for query, by_name in sorted(answered.items())
    ]
    return [Table("The same test queries from epoch to epoch", ["query", "true answer", *epochs], rows)]


def _answer(found: tuple[str, bool] | None) -> Cell:
    if found is None:
        return Cell("–")
    text, right = found
    return Cell(f"{clean(text, 60) or 'nothing'}{'' if right else ' ✗'}")
