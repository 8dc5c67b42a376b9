"""What the scripts that train and score share: `idl` as a program, spreads, and tables between two marks of a page."""

import hashlib
import json
import os
import statistics
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from idlcli.settings import RUN_KINDS
from idlcli.settings.fields import fields_of

ROOT = Path(__file__).resolve().parent.parent


def idl(*words: object, engine: str = "") -> Any:
    """Return the data of an `idl` command; its progress goes to the terminal."""
    argv = [sys.executable, "-m", "idlcli", *map(str, words), "--json"]
    environ = {**os.environ, "IDL_BACKEND": engine} if engine else None
    done = subprocess.run(argv, stdout=subprocess.PIPE, text=True, env=environ)
    if done.returncode:
        sys.exit(f"{' '.join(argv[2:])}: exit code {done.returncode}\n{done.stdout}")
    return json.loads(done.stdout)["data"]


def told(run: Path) -> dict[str, Any]:
    """Return how long a run's training took, on which engine and with how many cores."""
    about = json.loads((run / "environment.json").read_text("utf-8"))
    log = [json.loads(line) for line in (run / "log.jsonl").read_text("utf-8").splitlines()]
    minutes = sum(line["seconds"] for line in log) / 60
    return {"minutes": minutes, "engine": about["backend"], "cores": about["cores"]}


def digest(settings: Mapping[str, Any], *, kind: str) -> str:
    """Return what tells these settings of a kind of run from a recipe as it was before.

    The seed does not tell, nor where the data lie, nor what is left at its default, so that a new setting
    changes no recipe.
    """
    defaults = {name: field.default for name, field in fields_of(RUN_KINDS[kind]).items()}
    chosen = {name: value for name, value in settings.items() if value != defaults.get(name)}
    return short_hash({name: value for name, value in chosen.items() if name not in ("seed", "data")})


def short_hash(told: Mapping[str, Any]) -> str:
    """Return eight hexadecimal digits that tell these values from others."""
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:8]


def fresh(rows: Iterable[dict[str, Any]], row: dict[str, Any], *, of: Iterable[str]) -> list[dict[str, Any]]:
    """Return the rows with a new one in the place of its seed's, and without those of its kind by another recipe.

    Rows of one kind agree in the keys ``of``; ``recipe`` is the digest of the settings they were trained with.
    """
    kind = tuple(of)

    def goes(old: dict[str, Any]) -> bool:
        is_alike = all(old[key] == row[key] for key in kind)
        return is_alike and (old["seed"] == row["seed"] or old.get("recipe") != row.get("recipe"))

    return [old for old in rows if not goes(old)] + [row]


def machines(rows: Iterable[Mapping[str, Any]]) -> str:
    """Return the engines and cores of some rows, each once; a dash for nothing."""
    places = dict.fromkeys(f"{row['engine']}, cores: {row['cores']}" for row in rows if "engine" in row)
    return "; ".join(places) or "–"


def spread(values: Iterable[float], decimals: int | None = None) -> str:
    """Return mean and standard deviation, to ``decimals`` or to three figures and two; a dash for nothing."""
    found = list(values)
    if not found:
        return "–"
    forms = (".3g", ".2g") if decimals is None else (f".{decimals}f", f".{decimals}f")
    mean = f"{statistics.mean(found):{forms[0]}}"
    return f"{mean} ± {statistics.stdev(found):{forms[1]}}" if len(found) > 1 else mean


def inserted(page: Path, tables: Mapping[str, str]) -> str:
    """Return a page's text with each table between its two marks."""
    text = page.read_text("utf-8")
    for mark, table in tables.items():
        begin, end = f"<!-- {mark} -->\n", f"<!-- end of {mark} -->"
        before, found, rest = text.partition(begin)
        _, closed, after = rest.partition(end)
        if not (found and closed):
            sys.exit(f"{page} has no place for a table: {begin}{end}")
        text = before + begin + table + end + after
    return text


def land(texts: Mapping[Path, str]) -> None:
    """Write files, each whole or not at all."""
    for path, text in texts.items():
        path.with_suffix(".tmp").write_text(text, "utf-8")
        os.replace(path.with_suffix(".tmp"), path)
