"""The landed outcomes of the reproduction are what the book and its rules say now of what was measured then."""

import json
from pathlib import Path

import pytest

from idlcli.workflows.reproduce import reading, results
from idlcli.workflows.reproduce.book import Cell, Claim
from idlcli.workflows.reproduce.data_sets import FOLDERS
from idlcli.workflows.reproduce.elsewhere import Elsewhere
from idlcli.workflows.reproduce.instruments import Bench
from idlcli.workflows.reproduce.material import Material
from idlcli.workflows.reproduce.plan import Order

REPORT = Path(__file__).parents[1] / "docs" / "report"
REAL_FACES = {"figure4", "figure9"}
"""Figures that show faces of the set, which are not passed on."""
LEAST = {REPORT: 100, REPORT / "mnist": 20}
"""How many numbers and claims of trainings each outcome has at least."""
SAID = ("what", "report", "unit", "paper", "best", "than", "difference", "verdict", "why", "notes", "contradictions")


@pytest.fixture(scope="module", params=LEAST, ids=["bundled digits", "all of MNIST's"])
def place(request):
    return request.param


@pytest.fixture(scope="module")
def landed(place):
    return json.loads((place / "reproduce.json").read_text("utf-8"))


@pytest.fixture
def material(landed, tmp_path):
    trainings = {(one["training"], one["side"], one["seed"]): one for one in landed["trainings"]}
    places = {name: Path(folder) for name, folder in FOLDERS.items()}
    return Material(
        book=reading.load(), order=Order(scale="full", seeds=(), backend="tensorflow", root=tmp_path, places=places),
        runs={}, elsewhere=Elsewhere(trainings), data={}, out=tmp_path, say=print,
        bench=Bench(root=tmp_path, data={}, quick=False, cache=None),
    )  # fmt: skip


def test_every_entry_has_landed_but_those_that_show_faces():
    landed = json.loads((REPORT / "reproduce.json").read_text("utf-8"))
    assert {cell["id"] for cell in landed["cells"]} == set(reading.load().select([])) - REAL_FACES


def test_all_of_it_was_trained_in_full(landed):
    assert (landed["scale"], landed["failed"]) == ("full", 0)


def test_what_is_said_of_each_number_is_what_would_be_said_now(landed, material, place):
    entries, told = material.book.select([]), 0
    for cell in landed["cells"]:
        entry = entries[cell["id"]]
        if isinstance(entry, Cell | Claim) and entry.quantity.training:
            now = json.loads(json.dumps(results.result(entry, material)))
            assert {key: cell.get(key) for key in SAID} == {key: now.get(key) for key in SAID}, cell["id"]
            told += 1
    assert told > LEAST[place]


def test_its_figures_lie_beside_it(landed, place):
    for cell in landed["cells"]:
        for file in cell.get("files", ()):
            assert (place / file).is_file(), file
