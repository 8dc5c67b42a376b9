"""docs/benchmarks.md from the rows of results.json: a table, what was missed, and the conditions of each pair."""

import json
import statistics
from typing import Any

HEAD = """# Against what you would use instead

Made by `make bench` from `benchmarks/results.json`; not written by hand. Each row is `idl` and a peer doing the same
thing on the same machine, in turns (ours, peer, ours, peer, ...); figures are medians. Peers are written as their own
documentation writes them, in `benchmarks/`, and are given the same number of threads. A ratio is ours / peer. In
brackets are the least and the most of the turns. *Target* is what was aimed at before measuring, *besides* what else a
turn reported; a commit is `-dirty` whose sources had changes that were not committed.
"""


def render(rows: list[dict[str, Any]]) -> str:
    """The whole page."""
    lines = [HEAD, "| what | ours | peer | ratio | target | |", "|---|---|---|---|---|---|"]
    for row in rows:
        about = row["conditions"]
        lines.append(
            f"| [{about['what']}](#{row['pair']}) | {with_range(row, 'ours')} | {with_range(row, 'peer')} | "
            f"{row['ratio']:.3f} | {aim(row)} | {verdict(row)} |"
        )
    missed = [row for row in rows if not row["met"]]
    lines += ["", "## What was missed", ""]
    lines += [f"- {row['conditions']['what']}: {said(row)}" for row in missed] or ["Nothing."]
    for row in rows:
        lines += ["", f"## {row['pair']}", "", *section(row)]
    return "\n".join(lines) + "\n"


def section(row: dict[str, Any]) -> list[str]:
    about = row["conditions"]
    lines = [f"{about['what'][0].upper()}{about['what'][1:]}. {about['how'][0].upper()}{about['how'][1:]}."]
    lines += ["", "| side | median | turns | processor time of a turn | load at the start | besides |"]
    lines += ["|---|---|---|---|---|---|"]
    for name in ("ours", "peer"):
        turns = about["turns"][name]
        values = ", ".join(f"{turn['value']:.4g}" for turn in turns)
        used = statistics.median(turn["processor"] for turn in turns)
        loads = ", ".join(f"{turn['load']:.1f}" for turn in turns)
        besides = "; ".join(dict.fromkeys(notes(turn["notes"]) for turn in turns if turn["notes"])) or "-"
        median = figure(row[name], about["unit"])
        lines.append(f"| {about[name]} | {median} | {values} | {used:.3g} s | {loads} | {besides} |")
    lines += ["", f"Faces: {about['faces']}. Measured on:", ""]
    lines += ["- " + ", ".join(f"{key} {value}" for key, value in machine.items()) for machine in about["machine"]]
    return lines


def with_range(row: dict[str, Any], side: str) -> str:
    """The median of a side with the least and the most of its turns."""
    values = [turn["value"] for turn in row["conditions"]["turns"][side]]
    return f"{figure(row[side], row['conditions']['unit'])} ({min(values):.3g} to {max(values):.3g})"


def notes(note: dict[str, Any]) -> str:
    found = {key: f"{value:.4g}" if isinstance(value, float) else json.dumps(value) for key, value in note.items()}
    return ", ".join(f"{key} {value}" for key, value in found.items())


def figure(value: float, unit: str) -> str:
    return f"{value:.3g} {unit}" if value < 1000 else f"{value:,.0f} {unit}"


def aim(row: dict[str, Any]) -> str:
    return f"{row['target']:.3f} or {'less' if row['better'] == 'lower' else 'more'}"


def verdict(row: dict[str, Any]) -> str:
    return "met" if row["met"] else "missed"


def said(row: dict[str, Any]) -> str:
    """One line on how a pair came out."""
    about = row["conditions"]
    why = f"; {about['missed']}" if about["missed"] else ""
    return (
        f"{figure(row['ours'], about['unit'])} against {figure(row['peer'], about['unit'])}, ratio {row['ratio']:.3f}, "
        f"target {aim(row)}: {verdict(row)}{why}"
    )
