"""Every stage once, on small data, in minutes: what a newcomer runs first."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from idlcli.data import arithmetic
from idlcli.errors import DataError
from idlcli.experiments import driver
from idlcli.experiments.solver import Solver
from idlcli.report.write import report
from idlcli.runs import Run
from idlcli.settings import ArithmeticSettings, Seq2seqSettings
from idlcli.settings.resolve import resolve
from idlcli.training.reporter import Reporter

QUERIES = ("23+45", "7-99", "58+67", "99+99", "80-8", "31-31")


def quickstart(
    *, data: Path, runs: Path, flags: dict[str, Any], environ: Mapping[str, str], where: str,
    say: Callable[[str], None], reporter: Reporter,
) -> dict[str, Any]:  # fmt: skip
    """Build the arithmetic data (unless they are there), train text-text, answer a few queries, write a page.

    ``flags`` and ``environ`` (IDL_*) change the settings of recipe `quick`; ``say`` is told what happens; ``where``
    stands behind the commands to type next. Returns ``data``, ``run``, ``test``, ``answers``, ``report`` (the page, in
    the run's directory), ``files`` and ``next`` (commands).
    """
    place = data / "arithmetic"
    told = {**flags, "data": str(place)}
    settings = resolve(Seq2seqSettings, command="seq2seq train", flags=told, environ=environ, recipe="quick").settings
    if (place / "manifest.json").exists():
        held = arithmetic.load(place).queries
        absent = set(QUERIES) - set(held.text(held.queries))
        if absent:
            raise DataError(
                f"{place}: does not hold the query {min(absent)}.", hint="Set IDL_DATA_ROOT to another directory."
            )
        say(f"1/4 The arithmetic data are in {place} already.")
    else:
        say(f"1/4 Building every query of two numbers up to 99, with handwritten digits, in {place}.")
        arithmetic.build(settings=ArithmeticSettings(seed=settings.seed), out=place)
    say("2/4 Training an encoder-decoder LSTM on half of the queries; it has never seen the other half.")
    result = driver.start(kind="seq2seq", settings=settings, root=runs, name=None, reporter=reporter)
    say("3/4 Asking it a few queries.")
    run = Run(Path(result["run"]))
    number = str(int(run.name.split("-")[0]))
    answers = Solver(run).solve(list(QUERIES))
    page = run.path / "report.html"
    say(f"4/4 Writing what there is to see of it to {page}.")
    report(runs=[run], out=page)
    return {
        "data": str(place),
        "run": result["run"],
        "test": result["test"],
        "answers": answers,
        "report": str(page),
        "files": [
            str(path) for path in sorted(run.path.rglob("*")) if path.is_file() and not path.name.startswith(".")
        ],
        "next": [
            f'idl seq2seq solve {number} "12+34"{where}',
            f"idl seq2seq eval {number}{where}",
            f"idl runs show {number}{where}",
            f"idl report {number}{where} --out report.html --md report.md",
            "idl seq2seq train --recipe paper",
            "idl recipes list",
        ],
    }
