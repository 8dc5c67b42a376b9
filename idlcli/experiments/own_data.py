"""A run's own data, where they lay when it trained: another set may lie there by now, parted otherwise."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from idlcli.data import face_set
from idlcli.errors import DataError
from idlcli.experiments.driver import fingerprint, settings_of
from idlcli.files import read_json_object
from idlcli.runs import Run


def check(run: Run, manifest: Mapping[str, Any], *, place: Path) -> None:
    """Raise :class:`DataError` unless the set at ``place``, of this ``manifest``, is the one that the run trained on.

    What is held out of another one may be what this run was taught.
    """
    if not _is_own(run, manifest):
        raise DataError(
            f"{place} is not the data that {run.name} was trained on.",
            hint="Name where those lie, or build them again.",
        )


def are_at(run: Run, place: Path) -> bool:
    """Whether what the run trained on lies at ``place``."""
    try:
        return _is_own(run, read_json_object(place / "manifest.json"))
    except DataError:
        return False


def _is_own(run: Run, manifest: Mapping[str, Any]) -> bool:
    return bool(fingerprint(dict(manifest)) == read_json_object(run.path / "data.json").get("fingerprint"))


def faces_of(run: Run) -> Path:
    """Return where the faces lie that a run was trained on. Raises :class:`DataError` if they are not there."""
    place = Path(settings_of(run).data)
    check(run, face_set.load(path=place).manifest, place=place)
    return place
