"""The settings of `idl data build`."""

import dataclasses
from typing import ClassVar, Literal

from idlcli.settings.fields import UNSIGNED_32, setting

DRAWN = {"source": ("cartoon",)}


@dataclasses.dataclass(frozen=True, kw_only=True)
class FacesSettings:
    """`idl data build faces`: pictures from any source to one array of uint8 RGB squares."""

    PLACE: ClassVar = ("out", "faces")

    source: str = setting("cartoon", "`cartoon` (drawn here, no network), or a ZIP, a directory, or an .npy of images.")
    out: str = setting("", "Directory to write (default: faces, in IDL_DATA_ROOT or ./data).")
    count: int = setting(0, "How many faces; 0: all of the source (cartoon: 6,000).", low=0, high=10_000_000)
    size: int = setting(64, "Side of the square images, in pixels.", low=8, high=512)
    style: str = setting("adventurer", "Style of the cartoons (a name of the dicebear-styles package).", only=DRAWN)
    seed: int = setting(0, "Seed of the cartoons.", low=0, high=UNSIGNED_32, only=DRAWN)
    test_count: int = setting(
        2048, "Images held out of training, chosen by content hash (a fifth, if that is less).", low=0, high=10_000_000
    )
    labels: str = setting("", "CSV of labels: a column `id` (file name without ending), then one column a label.")
    strict: bool = setting(
        False, "Refuse a source with any unreadable file, instead of skipping and listing it.", off="skip-bad"
    )
    overwrite: bool = setting(False, "Replace what stands at the output directory.")


@dataclasses.dataclass(frozen=True, kw_only=True)
class ArithmeticSettings:
    """`idl data build arithmetic`: every query of two integers with its answer, as text and as handwriting."""

    PLACE: ClassVar = ("out", "arithmetic")

    digits: str = setting(
        "auto",
        "Handwritten digits: `mnist-5k` (bundled; what auto takes), `keras` (Keras's cache of the full MNIST), or a "
        "directory or file of MNIST as idx, idx.gz or npz.",
    )
    out: str = setting("", "Directory to write (default: arithmetic, in IDL_DATA_ROOT or ./data).")
    ops: str = setting("+-", "Operators of the queries: any of + - *.")
    max: int = setting(99, "Largest operand.", low=1, high=999)
    pools: Literal["disjoint", "shared"] = setting(
        "disjoint", "Whether test queries are written in other digit images than training queries, or in the same."
    )
    test_share: float = setting(0.2, "Share of the digit images in the test pool.", low=0.01, high=0.9)
    seed: int = setting(0, "Seed of the glyphs and of the materialised images.", low=0, high=UNSIGNED_32)
    materialise: bool = setting(False, "Also write the full image arrays of every query (Table 1 of the report).")
    overwrite: bool = setting(False, "Replace what stands at the output directory.")
