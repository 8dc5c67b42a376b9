"""What is known of each picture: columns of words, from a CSV, from folder names, or from the drawing itself.

On disk a column is an array of codes (``labels.npy``, int32 (N, columns), -1 where unknown) and its list of words (in
the manifest). So labels stay small, are read without a pickle, and need no parsing.
"""

import array
import csv
import dataclasses
import io
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from idlcli.data.sources import ENDINGS
from idlcli.errors import DataError
from idlcli.files import read_bytes

MAX_COLUMNS = 200
MAX_WORDS = 10_000
"""The most different words in a column; with more it is a name or a number, not a label."""
MAX_LENGTH = 200
"""The longest word or column name, in characters."""


@dataclasses.dataclass(frozen=True)
class Column:
    """One label of every picture: ``codes`` int32 (N,) index ``words``; -1 where the label is not known."""

    words: tuple[str, ...]
    codes: NDArray[np.int32]

    def texts(self) -> list[str | None]:
        """Return the label of every picture as text, None where it is not known."""
        return [self.words[code] if code >= 0 else None for code in self.codes.tolist()]


class LabelTable:
    """Labels gathered row by row in a few bytes a label. The result does not depend on the order words came in."""

    def __init__(self, *, columns: Iterable[str]) -> None:
        self._words: dict[str, dict[str, int]] = {column: {} for column in columns}
        self._codes = {column: array.array("i") for column in self._words}
        self.labelled = 0

    def add(self, *, row: Mapping[str, str]) -> None:
        """Add one picture's labels; columns that ``row`` lacks are not known for it."""
        self.labelled += any(column in row for column in self._words)
        for column, words in self._words.items():
            word = row.get(column)
            self._codes[column].append(-1 if word is None else words.setdefault(word, len(words)))
            if len(words) > MAX_WORDS:
                raise DataError(f"The column {column!r} has over {MAX_WORDS:,} different labels.", hint="Leave it out.")

    def columns(self) -> dict[str, Column]:
        """Return the columns by name, the words of each sorted."""
        result = {}
        for name, words in self._words.items():
            ordered = sorted(words)
            recode = np.full(len(words) + 1, -1, np.int32)  # the last one stands for -1
            recode[[words[word] for word in ordered]] = np.arange(len(words), dtype=np.int32)
            result[name] = Column(tuple(ordered), recode[np.frombuffer(self._codes[name], np.int32)])
        return result


@dataclasses.dataclass(frozen=True)
class CsvLabels:
    """A CSV of labels: ``columns``, and for each id one word a column (empty: not known)."""

    path: Path
    columns: tuple[str, ...]
    rows: dict[str, tuple[str, ...]]

    def of(self, *, names: Sequence[str]) -> dict[str, dict[str, str]]:
        """Return the labels of each picture that has any, by name.

        An id is a picture's path without ending (``a/17``) or, where no other picture shares it, its file name
        without ending (``17``; of an .npy the row's number). Raises :class:`DataError` if no picture is meant by any.
        """
        short = Counter(_short(name) for name in names)
        found = {}
        for name in names:
            row = self.rows.get(_long(name)) or self.rows.get(_row_number(name))
            if row is None and (row := self.rows.get(_short(name))) is not None and short[_short(name)] > 1:
                raise DataError(
                    f"{self.path}: the id {_short(name)[:80]!r} could be any of {short[_short(name)]} pictures.",
                    hint=f"Write the id with its folder, as in {_long(name)[:80]!r}.",
                )
            if row is not None:
                found[name] = {column: word for column, word in zip(self.columns, row, strict=True) if word}
        if not found:
            ids, wanted = next(iter(self.rows)), _short(names[0])
            raise DataError(
                f"{self.path}: no id is that of a picture; the first is {ids[:80]!r}.",
                hint=f"An id is the file name without ending, such as {wanted[:80]!r}.",
            )
        return found


def _long(name: str) -> str:
    stem, dot, ending = name.rpartition(".")
    return stem if dot and ending.lower() in ENDINGS else name


def _short(name: str) -> str:
    return _long(name).rpartition("/")[2]


def _row_number(name: str) -> str:
    return (name.lstrip("0") or "0") if name.isdecimal() else name


def read_csv(*, path: Path) -> CsvLabels:
    """Return the labels in a CSV file: a first line that names the columns, one of them ``id``, then a line a picture.

    UTF-8, with or without a byte order mark. Raises :class:`DataError` that names the line that is wrong.
    """
    try:
        text = read_bytes(path, limit=64 * 2**20).decode("utf-8-sig")
        lines = csv.reader(io.StringIO(text, newline=""), strict=True)
        header = [name.strip() for name in next(lines, [])]
        _check_header(path, header)
        rows: dict[str, tuple[str, ...]] = {}
        same: dict[str, str] = {}  # the same word is the same object
        at = header.index("id")
        for cells in lines:
            if not cells:
                continue
            words = [same.setdefault(cell.strip(), cell.strip()) for cell in cells]
            where = f"{path}, line {lines.line_num}"
            if len(words) != len(header):
                raise DataError(f"{where}: {len(words)} cells under {len(header)} columns.")
            name = _long(words.pop(at))
            if not name or name in rows:
                raise DataError(f"{where}: {f'a second row for {name[:80]!r}' if name else 'an empty id'}.")
            if max(map(len, words)) > MAX_LENGTH or not all(word.isprintable() for word in words):
                raise DataError(f"{where}: a label that is not printable, or of over {MAX_LENGTH} characters.")
            rows[name] = tuple(words)
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is not UTF-8 text: byte {error.start:,}.", hint="Save it as UTF-8 CSV.") from error
    except csv.Error as error:
        raise DataError(f"{path} is not a CSV file: {error}.") from error
    if not rows:
        raise DataError(f"{path} has no rows below its first line.")
    return CsvLabels(path, tuple(name for name in header if name != "id"), rows)


def _check_header(path: Path, header: list[str]) -> None:
    if header.count("id") != 1 or len(header) < 2:
        raise DataError(
            f"{path}: the first line must name the columns: `id` once, and at least one label.",
            hint="For example: id,hair-color",
        )
    if (
        len(header) > MAX_COLUMNS
        or len(set(header)) != len(header)
        or not all(0 < len(n) <= MAX_LENGTH for n in header)
    ):
        raise DataError(f"{path}: column names must be different, not empty, short, and at most {MAX_COLUMNS}.")


def folder_labels(*, names: Sequence[str]) -> dict[str, dict[str, str]]:
    """Return ``{"folder": name}`` for each picture, if folders are labels; else nothing.

    They are where, below what all paths share, every picture lies exactly one folder deep and there are at least two
    folders, and at most :data:`MAX_WORDS`.
    """
    folders = [name.split("/")[:-1] for name in names]
    first = folders[0] if folders else []
    shared = 0
    while shared < len(first) and all(len(f) > shared and f[shared] == first[shared] for f in folders):
        shared += 1
    if not folders or any(len(folder) != shared + 1 for folder in folders):
        return {}
    words = [folder[shared][:MAX_LENGTH] for folder in folders]
    if len(set(words)) > MAX_WORDS:
        return {}
    return {name: {"folder": word} for name, word in zip(names, words, strict=True)}
