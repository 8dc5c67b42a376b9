"""The processes of a training but the first: they train along in a directory that vanishes, and keep nothing.

What the first process begins with, they begin with too: it hands them the files, so that no disk need be shared.
"""

import tempfile
from pathlib import Path
from types import ModuleType
from typing import Any

from idlcli.errors import Interrupted, UsageError
from idlcli.files import make_directory, read_json_object, write_bytes
from idlcli.runs import Run
from idlcli.settings.resolve import applicable, differences
from idlcli.training import devices

HANDED = ("config.json", "data.json", "metrics.json", "log.jsonl", "checkpoints/*.safetensors")


def hand_out(run: Run) -> None:
    """Give the other processes a run as it is now; without others nothing happens."""
    group = devices.current()
    if group.processes > 1:
        paths = [path for pattern in HANDED for path in sorted(run.path.glob(pattern))]
        names = {f"{run.name}/{path.relative_to(run.path)}": path.read_bytes() for path in paths}
        group.agree(names)


def receive(root: Path) -> Run:
    """Return the run that the first process hands out, written under ``root``."""
    files = devices.current().agree({})
    for name, content in files.items():
        make_directory((root / name).parent)
        write_bytes(root / name, content)
    return Run(root / Path(next(iter(files))).parts[0])


def follow(experiment: ModuleType, prepared: Any) -> dict[str, Any]:
    """Train along with the first process and return the result of the training.

    Raises :class:`UsageError` if the first process trains something else.
    """
    with tempfile.TemporaryDirectory(prefix="idl-") as place:
        run = receive(Path(place))
        resumed = run.last.exists()
        settings = run.config()["settings"]
        there = {"init": settings.get("init", "")}
        judge = getattr(prepared, "judge", None)
        if judge is not None and judge.run.name == Path(settings.get("judge", "")).name:  # however it was named here
            there["judge"] = settings["judge"]
        found = differences(settings, applicable(prepared.settings) | there)
        if found:
            raise UsageError(
                f"Process 0 trains with other settings than this one: {found[0]}.",
                hint="Give all processes the same command but for --process-id.",
            )
        if read_json_object(run.path / "data.json")["fingerprint"] != prepared.data["fingerprint"]:
            raise UsageError(f"Process 0 trains on other data than {prepared.settings.data}.")
        try:
            metrics = experiment.train(prepared, run=run, reporter=None)
        except Interrupted as error:  # what this one saved vanishes with its directory
            raise Interrupted(
                f"Stopped; process 0 keeps {run.name}.", signal_number=error.exit_code - 128, hint=devices.GO_ON
            ) from error
        seconds = sum(row.get("seconds", 0.0) for row in run.log())
        return {"run": run.name, **metrics, "seconds": round(seconds, 3), "resumed": resumed}
