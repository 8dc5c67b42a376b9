"""`idl runs`: what has been trained, and going on with it."""

from typing import Annotated, Any

import typer

from idlcli.cli.console import Console, Result, table
from idlcli.cli.faces import check_alive
from idlcli.cli.options import RunArgument, RunsOption, command, make_app, runs_root

app = make_app()


@command(app, "list", full_name="runs list")
def list_runs(runs: RunsOption = "") -> Result:
    """List the runs, oldest first."""
    from idlcli import runs as library

    data = [library.summary(run) for run in library.list_runs(runs_root(runs))]
    rows = [(r["run"], r["status"], r["epochs"], r["created"], headline(r["metrics"])) for r in data]
    text = table(rows, header=("run", "status", "epochs", "created", "result"))
    return Result(data, text if rows else f"There are no runs in {runs_root(runs)}.")


@command(app, "show", full_name="runs show")
def show(run: RunArgument, runs: RunsOption = "") -> Result:
    """Show a run: its settings, its state and its metrics."""
    from idlcli import dotted
    from idlcli import runs as library

    found = library.find(run, root=runs_root(runs))
    settings = found.config()["settings"]
    summary = library.summary(found)
    data = {**summary, "path": str(found.path), "settings": settings}
    settings_text = table([(k.replace("_", "-"), _plain(v)) for k, v in settings.items()], header=("setting", "value"))
    metrics = table(list(dotted.leaves(summary["metrics"])), header=("metric", "value")) if summary["metrics"] else ""
    about = (
        f"{found.path}\n{summary['kind']}, {summary['status']}, {summary['epochs']} epochs, made {summary['created']}"
    )
    return Result(data, "\n\n".join(filter(None, [about, settings_text, metrics])))


@command(app, "compare", full_name="runs compare")
def compare(
    run: Annotated[list[str], typer.Argument(metavar="RUN RUN...", help="Two runs or more.")], runs: RunsOption = ""
) -> Result:
    """Show runs side by side: the settings in which they differ, and their metrics."""
    from idlcli import runs as library
    from idlcli.errors import UsageError
    from idlcli.report import compare as comparison

    if len(run) < 2:
        raise UsageError("Give two runs or more to compare.")
    found = [library.find(reference, root=runs_root(runs)) for reference in run]
    data = comparison.compare(found)
    header = ("", *(r.name for r in found))
    parts = [
        table([(k.replace("_", "-"), *map(_plain, v)) for k, v in data["settings"].items()], header=header)
        if data["settings"]
        else "The settings are the same.",
        table([(k, *v) for k, v in data["metrics"].items()], header=header)
        if data["metrics"]
        else "No run is done yet.",
        *data["warnings"],
    ]
    return Result(data, "\n\n".join(parts))


@command(app, "resume", full_name="runs resume")
def resume(
    console: Console,
    run: RunArgument,
    runs: RunsOption = "",
    data: Annotated[
        str | None, typer.Option("--data", metavar="DIR", help="Where the run's data lie now, if they were moved.")
    ] = None,
    devices: Annotated[
        int | None, typer.Option("--devices", help="Over how many devices of each machine it is spread now.")
    ] = None,
    hosts: Annotated[str | None, typer.Option("--hosts", metavar="ADDR:PORT", help="Where process 0 is now.")] = None,
    processes: Annotated[int | None, typer.Option("--processes", help="How many processes train it now.")] = None,
    process_id: Annotated[int | None, typer.Option("--process-id", help="Which of them this one is.")] = None,
) -> Result:
    """Go on with a run that was stopped or that failed, in its directory, to the same end as if it never had been."""
    from idlcli import runs as library
    from idlcli.cli.progress import reporter
    from idlcli.experiments import driver, provenance

    found = library.find(run, root=runs_root(runs))
    was_done = found.metrics() is not None
    spread = {"devices": devices, "hosts": hosts, "processes": processes, "process_id": process_id}
    given = {name: value for name, value in spread.items() if value is not None}
    result = driver.resume(run=found, data=data, reporter=reporter(console), spread=given)
    console.warn(*result.get("warnings", ()))
    check_alive(result, provenance.settings_of(found))
    said = "was done already; nothing was changed" if was_done else f"is done after {result['epochs']} epochs"
    return Result(result, f"{found.name} {said}: {headline(result)}.")


@command(app, "rm", full_name="runs rm")
def remove(
    run: Annotated[list[str], typer.Argument(metavar="RUN...", help="Runs to delete.")], runs: RunsOption = ""
) -> Result:
    """Delete runs for good; one that is running is refused."""
    from idlcli import runs as library

    found = [library.find(reference, root=runs_root(runs)) for reference in run]
    unique = list({one.path.resolve(): one for one in found}.values())
    library.remove(*unique)
    return Result({"removed": [str(one.path) for one in unique]}, "\n".join(f"removed {one.path}" for one in unique))


def headline(metrics: dict[str, Any] | None) -> str:
    """Return the one or two numbers of a run that a person looks for first."""
    if not metrics:
        return "-"
    test = metrics.get("test")
    if not isinstance(test, dict):
        return "-"
    return ", ".join(f"test {key} {value:.4g}" for key, value in list(test.items()) if isinstance(value, float))


def _plain(value: Any) -> str:
    return "-" if value in ("", None) else str(value)
