"""The data sets that the report's trainings need: built where they are missing, and what is to be read off them."""

import dataclasses
import io
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from idlcli.data import arithmetic, face_set, faces
from idlcli.data.arithmetic import Arithmetic
from idlcli.data.digits import BUNDLED, SIDE
from idlcli.data.face_set import Faces
from idlcli.errors import DataError
from idlcli.experiments.provenance import fingerprint
from idlcli.settings import ArithmeticSettings, FacesSettings

FOLDERS = {"shared": "arithmetic-shared", "disjoint": "arithmetic", "faces": "faces"}
BLOCK = 4096
"""Bytes that a file takes at least, and whole multiples of, on most file systems."""
LOOKED_AT = 500
"""Pictures that are written as files to see how large they are."""


@dataclasses.dataclass(frozen=True)
class DataSet:
    """A built data set: where it lies, its fingerprint, and itself."""

    path: Path
    mark: str
    content: Arithmetic | Faces

    @property
    def is_cartoon(self) -> bool:
        """Whether it holds faces that were drawn here, not the report's."""
        return isinstance(self.content, Faces) and self.content.manifest["source"].get("kind") == "cartoon"

    @property
    def command(self) -> str:
        """What to type to have it again; of what it was built from only the name is known."""
        about, out = self.content.manifest, f"--out {shlex.quote(str(self.path))}"
        if isinstance(self.content, Faces):
            source = "" if self.is_cartoon else f" --source {shlex.quote(str(about['source']['name']))}"
            return f"idl data build faces{source} {out}"
        name = str(about["digits"]["name"])
        digits = "" if name == BUNDLED else f" --digits {shlex.quote(name)}"
        usual = ArithmeticSettings()
        asked = f" --ops {shlex.quote(about['ops'])}" if about["ops"] != usual.ops else ""
        asked += f" --max {about['max']}" if about["max"] != usual.max else ""
        return f"idl data build arithmetic{asked} --pools {about['pools']}{digits} {out}"


def obtain(name: str, *, root: Path, given: Path | None, say: Callable[[str], None]) -> DataSet:
    """Return a data set under ``root``, or the faces at ``given``; it is built with its defaults if it is missing.

    Raises :class:`DataError` if what is there has not the pools of digits that it must have.
    """
    path = place(name, root=root, given=given)
    if name == "faces":
        if given is None and not (path / "manifest.json").exists():
            say(f"Drawing cartoon faces in {path}.")
            faces.build(settings=FacesSettings(), out=path)
        found = face_set.load(path=path)
        return DataSet(path, fingerprint(found.manifest), found)
    if not (path / "manifest.json").exists():
        say(f"Building every query with handwritten digits, in {name} pools, in {path}.")
        arithmetic.build(settings=ArithmeticSettings(pools=name), out=path)  # type: ignore[arg-type]
    data = arithmetic.load(path)
    if data.manifest["pools"] != name:
        raise DataError(
            f"{path} has {data.manifest['pools']} pools of digits; the report's trainings need {name} ones there.",
            hint=f"idl data build arithmetic --pools {name} --out {shlex.quote(str(path))} --overwrite builds those.",
        )
    return DataSet(path, fingerprint(data.manifest), data)


def place(name: str, *, root: Path, given: Path | None) -> Path:
    """Return where a data set lies."""
    return given if name == "faces" and given is not None else root / FOLDERS[name]


def facts(data: DataSet) -> dict[str, Any]:
    """Return what the report says of its data, of these."""
    return _of_faces(data.content) if isinstance(data.content, Faces) else _of_queries(data.content)


def _of_queries(data: Arithmetic) -> dict[str, Any]:
    asked, answered = (array.shape[1] for array in (data.queries.queries, data.queries.answers))
    return {
        "instances": len(data.queries.queries), "x_text": asked, "y_text": answered,
        "x_image": f"{asked}x{SIDE}x{SIDE}", "y_image": f"{answered}x{SIDE}x{SIDE}",
    }  # fmt: skip


def _of_faces(data: Faces) -> dict[str, Any]:
    from PIL import Image

    rows = np.linspace(0, len(data.images) - 1, min(LOOKED_AT, len(data.images))).astype(int)
    taken = 0
    for row in rows:
        file = io.BytesIO()
        Image.fromarray(np.asarray(data.images[row])).save(file, format="PNG")
        taken += -(-file.tell() // BLOCK) * BLOCK
    return {"npy_bytes": float(data.images[0].nbytes), "png_bytes": taken / len(rows)}
