"""What every `train` command does: start the training, say what it warns of, tell how it ended."""

from typing import Any

from idlcli.cli.console import Console
from idlcli.cli.options import Plan


def train(kind: str, plan: Plan, console: Console) -> dict[str, Any]:
    """Train what the settings say and return the contract's result of a training."""
    from idlcli.cli.progress import reporter
    from idlcli.experiments import driver

    data = driver.start(kind=kind, settings=plan.settings, root=plan.runs, name=plan.name, reporter=reporter(console))
    console.warn(*data.get("warnings", ()))
    return data


def ended(data: dict[str, Any]) -> str:
    """Return where the run is and how long it took, as a person reads it."""
    return f"The run is {data['run']} ({data['epochs']} epochs, {data['seconds']:.0f} s)."
