"""The packaged data of the report, read and checked: a wrong name in them is an error that says where."""

import dataclasses
import functools
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

from idlcli.errors import UsageError
from idlcli.files import read_toml
from idlcli.settings import COMMANDS
from idlcli.settings.fields import fields_of, shorten
from idlcli.settings.resolve import did_you_mean, find_recipe
from idlcli.workflows.reproduce.book import (
    DRAWINGS,
    RELATIONS,
    SIDES,
    UNITS,
    Book,
    Cell,
    Claim,
    Contradiction,
    Entry,
    Figure,
    Quantity,
    Rule,
    Section,
    Side,
    SideName,
    Table,
    Training,
)
from idlcli.workflows.reproduce.verdicts import allowance_of_change

DATA = ("shared", "disjoint", "faces")
ANY_RUN = ("train", "test", "log", "settings", "layers")
SOURCES = {
    "seq2seq": (*ANY_RUN, "interval", "errors", "diversity", "judge"), "judge": ANY_RUN,
    "vae": (*ANY_RUN, "fid", "map"), "cae": (*ANY_RUN, "map"), "gan": (*ANY_RUN, "fid", "prdc", "map"),
}  # fmt: skip
"""What a metric of each kind of run may begin with."""
QUANTITY = {"metric", "unit", "training", "data", "against"}
CELL = QUANTITY | {"rule", "report", "headline", "note", "paper-only", "id", "name"}


@functools.cache
def load() -> Book:
    """Return the packaged report."""
    return read(Path(str(files("idlcli").joinpath("reproduction"))))


def read(folder: Path) -> Book:
    """Return the report in a folder, or raise :class:`UsageError` that names the file and what is wrong in it."""
    rules = {name: _rule(name, table) for name, table in read_toml(folder / "rules.toml").items()}
    trainings = _trainings(read_toml(folder / "trainings.toml"))
    sections = []
    for path in sorted((folder / "sections").glob("*.toml")):
        try:
            sections.append(_Reader(trainings, rules).section(path.stem.split("-", 1)[1], read_toml(path)))
        except UsageError as error:
            raise UsageError(f"{path.name}: {error.message}", hint=error.hint) from error
    book = Book(trainings, tuple(sections))
    ids = [entry.id for section in sections for entry in section.entries]
    for id in ids:
        if ids.count(id) > 1:
            raise UsageError(f"two entries are called {id}.")
    for section in sections:
        for contradiction in section.contradictions:
            for id in contradiction.cells:
                _known(id, ids, f"{section.id}: a contradiction's cell")
    return book


def _known(word: Any, known: Any, what: str) -> Any:
    if word not in known:
        raise UsageError(f"{what} cannot be {shorten(word)}.", hint=did_you_mean(str(word), known))
    return word


def _only(table: Mapping[str, Any], keys: set[str], what: str) -> None:
    for key in table:
        _known(key, keys, f"{what}: a key")


def _rule(name: str, table: dict[str, Any]) -> Rule:
    _only(table, {"because", "better", "tolerance", "relative", "root", "chance"}, f"rule {name}")
    if not table.get("because"):
        raise UsageError(f"rule {name} does not say why (`because`).")
    _known(table.get("better", ""), ("higher", "lower", ""), f"rule {name}: better")
    for key in ("tolerance", "relative", "root", "chance"):
        if not isinstance(table.get(key, 0.0), int | float) or table.get(key, 0.0) < 0:
            raise UsageError(f"rule {name}: {key} must be a number from 0.")
    return Rule(name, **table)


def _trainings(table: dict[str, Any]) -> dict[str, Training]:
    _only(table, {"recipe", "training"}, "trainings.toml")
    found = {}
    for name, told in table["training"].items():
        _only(told, {"what", *SIDES}, f"training {name}")
        sides = {side: _side(f"training {name}", told[side], table["recipe"]) for side in SIDES if side in told}
        found[name] = Training(name, told["what"], sides)
    for training in found.values():
        for side in training.sides.values():
            if side.judge:
                _known(side.judge, found, f"training {training.id}: judge")
    return found


def _side(what: str, told: dict[str, Any], recipes: dict[str, Any]) -> Side:
    recipe = _known(told.get("recipe"), recipes, f"{what}: recipe")
    about = recipes[recipe]
    _only(about, {"command", "data", "judge", "quick", "epoch-seconds", "quick-seconds"}, f"recipe {recipe}")
    command = _known(about["command"], COMMANDS, f"recipe {recipe}: command")
    find_recipe(command=command, name=recipe, mode=None, mode_given=False)
    keys = {field.key: field for field in fields_of(COMMANDS[command]).values()}
    changed = {key: value for key, value in told.items() if key not in ("recipe", "data", "epoch-seconds")}
    settings, quick = (
        {keys[_known(key, keys, f"{what}: a setting")].name: value for key, value in table.items()}
        for table in (changed, about["quick"])
    )
    data = _known(told.get("data", about["data"]), DATA, f"{what}: data")
    seconds = told.get("epoch-seconds", about["epoch-seconds"])
    return Side(recipe, command, data, settings, quick, about.get("judge", ""), seconds, about["quick-seconds"])


class _Reader:
    """Reads a section: names of trainings and rules become what they name."""

    def __init__(self, trainings: dict[str, Training], rules: dict[str, Rule]) -> None:
        self.trainings, self.rules = trainings, rules

    def section(self, id: str, table: dict[str, Any]) -> Section:
        """Return the section of a file."""
        _only(table, {"title", "about", "table", "sentence", "claim", "figure", "contradiction"}, "the file")
        tables, entries = [], list[Entry]()
        for one in table.get("table", []):
            found, cells = self.table(one)
            tables.append(found)
            entries += cells
        entries += [self.cell(one, one["what"]) for one in table.get("sentence", []) if _whole(one)]
        entries += [self.claim(one) for one in table.get("claim", [])]
        entries += [self.figure(one) for one in table.get("figure", [])]
        contradictions = [Contradiction(one["text"], tuple(one["cells"])) for one in table.get("contradiction", [])]
        return Section(id, table["title"], table.get("about", ""), tuple(tables), tuple(entries), tuple(contradictions))

    def table(self, table: dict[str, Any]) -> tuple[Table, list[Cell]]:
        """Return a table's layout and its cells: each has what its column says, and its row, which counts for more.

        What a row says as a list is for its columns one by one.
        """
        _only(table, {"id", "name", "caption", "about", "training", "column", "row"}, table["id"])
        cells, places = [], {}
        for i, row in enumerate(table["row"]):
            _only(row, CELL, f"{table['id']}: a row")
            both = zip(table["column"], row["report"], strict=False)
            plain = {column.get("training"): report for column, report in both if "against" not in column}
            for j in range(len(row["report"])):
                column = table["column"][j]
                _only(column, CELL, f"{table['id']}: a column")
                own = {key: value[j] if isinstance(value, list) else value for key, value in row.items()}
                own["terms"] = [plain.get(column.get(key)) for key in ("against", "training")]
                base = {"training": table["training"]} if "training" in table else {}
                id = "-".join(filter(None, [table["id"], row.get("id"), column.get("id")]))
                cells.append(self.cell({**base, **column, **own, "id": id}, _named(table, row, column)))
                places[i, j] = id
        columns = tuple(column["name"] for column in table["column"])
        rows = tuple(row["name"] for row in table["row"])
        return Table(table["id"], table["caption"], table.get("about", ""), columns, rows, places), cells

    def cell(self, told: Mapping[str, Any], what: str) -> Cell:
        """Return a cell; where it is a change, its rule says which way is better.

        A change of what is given in points is judged by its own rule, of what is a loss or a count by `change` and by
        what does not matter to either of the report's two.
        """
        rule = self.rule(told)
        quantity = self.quantity(told, sign=-1 if rule.better == "lower" else 1)
        if not quantity.against:
            _in_points(rule, quantity, told["id"])
        elif not rule.tolerance:
            before, after = told["terms"]
            rule = dataclasses.replace(self.rules["change"], tolerance=allowance_of_change(before, after, rule))
        report = told.get("report")
        if report is not None and not isinstance(report, int | float | str):
            raise UsageError(f"{told['id']}: report must be a number or text.")
        sides: tuple[SideName, ...] = ("paper",)
        if quantity.training and rule.name != "same" and not told.get("paper-only"):
            names = filter(None, (quantity.training, quantity.against))
            sides = tuple(side for side in SIDES if all(side in self.trainings[name].sides for name in names))
        return Cell(told["id"], what, report, quantity, rule, sides, bool(told.get("headline")), _notes(told))

    def claim(self, told: dict[str, Any]) -> Claim:
        """Return a claim: a quantity, and others that it is held against."""
        _only(told, QUANTITY | {"id", "what", "is", "than", "than-metrics", "rule", "note"}, told.get("id", "a claim"))
        relation = _known(told.get("is"), RELATIONS, f"{told['id']}: is")
        base = {key: value for key, value in told.items() if key in QUANTITY}
        than = [self.quantity({**told, **base, "training": name}) for name in told.get("than", [])]
        than += [self.quantity({**told, **base, "metric": metric}) for metric in told.get("than-metrics", [])]
        if not than:
            raise UsageError(f"{told['id']} says nothing to be held against (`than`, `than-metrics`).")
        rule = self.rule(told) if "rule" in told else Rule("", "the spread over the seeds alone")
        quantity = self.quantity(told)
        _in_points(rule, quantity, told["id"])
        return Claim(told["id"], told["what"], quantity, relation, tuple(than), rule, _notes(told))

    def figure(self, told: dict[str, Any]) -> Figure:
        """Return a figure."""
        _only(told, {"id", "caption", "draw", "training", "sides", "note"}, told.get("id", "a figure"))
        draw = _known(told["draw"], DRAWINGS, f"{told['id']}: draw")
        for name in told["training"]:
            _known(name, self.trainings, f"{told['id']}: training")
        sides = tuple(_known(side, SIDES, f"{told['id']}: sides") for side in told.get("sides", ["paper"]))
        return Figure(told["id"], told["caption"], draw, tuple(told["training"]), sides, _notes(told))

    def rule(self, told: Mapping[str, Any]) -> Rule:
        """Return the rule that is named."""
        return self.rules[_known(told.get("rule"), self.rules, f"{told.get('id', 'a cell')}: rule")]

    def quantity(self, told: Mapping[str, Any], *, sign: int = 1) -> Quantity:
        """Return a quantity, once its metric can be one of its training's."""
        what, metric = told["id"], told.get("metric", "")
        training, data, against = told.get("training", ""), told.get("data", ""), told.get("against", "")
        _known(told.get("unit", ""), UNITS, f"{what}: unit")
        if data:
            _known(data, DATA, f"{what}: data")
        for name in filter(None, (training, against)):
            _known(name, self.trainings, f"{what}: training")
        allowed = SOURCES[self.trainings[training].sides["paper"].command.split()[0]] if training else ("data",)
        quantity = Quantity(metric, told.get("unit", ""), training, data, against, sign)
        for _, key in quantity.terms:
            _known(key.split(".")[0], allowed, f"{what}: metric {shorten(key)}")
        return quantity


def _in_points(rule: Rule, quantity: Quantity, what: str) -> None:
    """Refuse a tolerance, which is in points of per cent, for a number that is not in per cent."""
    if (rule.tolerance or rule.chance) and not quantity.unit.startswith("%"):
        raise UsageError(f"{what}: rule {rule.name} is in points of per cent.", hint='Give it the unit "%".')


def _named(table: Mapping[str, Any], row: Mapping[str, Any], column: Mapping[str, Any]) -> str:
    """Return what a cell is called by itself, e.g. ``Text to text, 25-75: test accuracy``."""
    name = column["name"]
    spoken = name if "_" in name else name[0].lower() + name[1:]
    return f"{table['name']}, {row['name']}: {spoken}"


def _whole(told: dict[str, Any]) -> bool:
    _only(told, CELL | {"what"}, told.get("id", "a sentence"))
    return True


def _notes(told: Mapping[str, Any]) -> tuple[str, ...]:
    return (told["note"],) if "note" in told else ()
