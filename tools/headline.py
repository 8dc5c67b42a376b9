"""The README's table of headline numbers, from the landed outcome of `idl reproduce --scale full`.

    python tools/headline.py        # writes the table into README.md, between its two marks

A test holds README.md against docs/report/reproduce.json, so that neither changes alone.
"""

import json
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
OUTCOME = ROOT / "docs" / "report" / "reproduce.json"
BEGIN, END = "<!-- headline: written by tools/headline.py -->", "<!-- end of headline -->"
NONE = "No full reproduction has landed yet."
ASIDE = (
    "`paper` does as the report: one pool of digits, queries parted at random. `best` is tested on what is harder: "
    "digits that no training query has, queries without a twin in training. Frechet distances depend on the features "
    "and on how many faces there are, so that ours cannot stand beside the report's, nor beside those of docs/faces.md."
)
VERDICTS = ("better", "agrees", "differs", "not judged")


def block(outcome: dict[str, Any] | None) -> str:
    """Return what stands between the marks for an outcome, or for none."""
    if outcome is None:
        return f"{BEGIN}\n{NONE}\n{END}"
    if outcome["scale"] != "full":
        raise SystemExit("The outcome is of a quick reproduction, whose numbers mean nothing.")
    seeds = len(outcome["seeds"])
    rows = [
        f"| {cell['what']} | {_number(cell['report'], cell['unit'])} "
        f"| {_side(cell, 'paper', seeds)} | {_side(cell, 'best', seeds)} |"
        for cell in outcome["cells"]
        if cell.get("headline")
    ]
    words = [cell["verdict"] for cell in outcome["cells"]]
    taken = sum(cell["verdict"] == "agrees" and cell.get("fact", False) for cell in outcome["cells"])
    about = {"agrees": f" ({taken} of them settings and shapes taken from it)"}
    counts = ", ".join(f"{words.count(word)} {word}{about.get(word, '')}" for word in VERDICTS)
    head = "|  | report | `paper` recipe | `best` recipe |\n| --- | ---: | ---: | ---: |"
    had = f"Mean ± standard deviation over {seeds} seeds" if seeds > 1 else "One seed"
    said = (
        f"{had}. Of {len(words)} cells, claims and figures: {counts}; [docs/report](docs/report/reproduce.md) has all."
    )
    return "\n".join([BEGIN, head, *rows, "", said, "", ASIDE, END])


def _side(cell: dict[str, Any], side: str, seeds: int) -> str:
    found = cell.get(side)
    if not found or found["mean"] is None:
        return "–"
    spread = f" ± {_number(found['sd'], cell['unit'])}" if found["sd"] is not None else ""
    fewer = f" ({found['n']} of {seeds})" if found["n"] < seeds else ""
    return f"{_number(found['mean'], cell['unit'])}{spread}{fewer}"


def _number(value: Any, unit: str) -> str:
    if value is None:
        return "–"
    if isinstance(value, str):
        return value
    return f"{value:.2f}%" if unit.startswith("%") else f"{value:.4g}"


def inserted(readme: str, outcome: dict[str, Any] | None) -> str:
    """Return the README with the table of an outcome between its marks."""
    before, _, rest = readme.partition(BEGIN)
    _, found, after = rest.partition(END)
    if not found:
        raise SystemExit(f"README.md has no place for the table: {BEGIN} ... {END}")
    return before + block(outcome) + after


def landed() -> dict[str, Any] | None:
    """Return the landed outcome, if there is one."""
    return dict(json.loads(OUTCOME.read_text("utf-8"))) if OUTCOME.exists() else None


if __name__ == "__main__":
    README.write_text(inserted(README.read_text("utf-8"), landed()), "utf-8")
