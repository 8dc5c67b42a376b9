"""What a run was made of: its settings, and its data where they lay when it trained.

Another set may lie there by now, parted otherwise: what is held out of that may be what the run was taught.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from idlcli.data import face_set
from idlcli.errors import DataError, UsageError
from idlcli.files import read_json_object
from idlcli.runs import Run
from idlcli.settings import RUN_KINDS
from idlcli.settings.fields import from_dict


def settings_of(run: Run) -> Any:
    """Return the settings of a run, each checked again. Raises :class:`DataError` for those this idl cannot read."""
    kind = run.kind
    if kind not in RUN_KINDS:
        raise DataError(f"{run.name} is a run of an unknown kind: {kind!r:.40}.", hint="Was it made by a newer idl?")
    try:
        return from_dict(RUN_KINDS[kind], run.config()["settings"], where=str(run.path / "config.json"))
    except UsageError as error:
        raise DataError(error.message, hint=error.hint) from error


def fingerprint(manifest: Mapping[str, Any]) -> str:
    """Return the SHA-256 of what a data set is: its manifest without when it was built, and how long that took."""
    kept = {key: value for key, value in manifest.items() if key not in ("built", "created", "seconds")}
    return hashlib.sha256(json.dumps(kept, sort_keys=True).encode()).hexdigest()


def check(run: Run, mark: str, *, place: Path, hint: str = "Name where those lie, or build them again.") -> None:
    """Raise :class:`DataError` unless the set at ``place``, of this fingerprint, is the one that the run trained on."""
    if mark != _mark_of(run):
        raise DataError(f"{place} is not the data that {run.name} was trained on.", hint=hint)


def mark_at(place: Path) -> str:
    """Return the fingerprint of the set at ``place`` by its manifest alone; an empty one where there is none."""
    try:
        return fingerprint(read_json_object(place / "manifest.json"))
    except DataError:
        return ""


def are_at(run: Run, place: Path) -> bool:
    """Whether what the run trained on lies at ``place``."""
    try:
        return mark_at(place) == _mark_of(run)
    except DataError:
        return False


def faces_of(run: Run) -> Path:
    """Return where the faces lie that a run was trained on. Raises :class:`DataError` if they are not there."""
    place = Path(settings_of(run).data)
    check(run, fingerprint(face_set.load(path=place).manifest), place=place)
    return place


def _mark_of(run: Run) -> Any:
    return read_json_object(run.path / "data.json").get("fingerprint")
