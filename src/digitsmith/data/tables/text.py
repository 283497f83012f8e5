"""Tables as text: CSV with any usual mark between its cells, JSON lines, and the list of files in StyleGAN's JSON."""

import contextlib
import csv
import io
import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from digitsmith.data import limits
from digitsmith.errors import DataError
from digitsmith.untrusted import read_bytes

ENDINGS = (".csv", ".tsv", ".tab", ".txt", ".jsonl", ".ndjson")
"""Of files that may be tables, in lower case."""

STYLEGAN = "dataset.json"
"""What StyleGAN calls its list of files and labels."""

UNREADABLE = "\ufffd"
"""Stands for characters in another encoding."""

Row = Sequence[Any]
"""Cells: texts, or what JSON has."""

_MARKS = "\t;,|"
_HEAD = 2**20  # bytes that show how a table is written
_SHOWN = 200  # rows that do


@dataclass(frozen=True)
class Table:
    """Rows of cells.

    Attributes:
        path: of the file.
        columns: their names; `column 1`, … where the table has none.
        has_names: whether it has.
        mark: between cells; empty for JSON.
        encoding: of the text; what is not in it is read as `UNREADABLE`.
    """

    path: Path
    columns: tuple[str, ...]
    has_names: bool
    mark: str
    encoding: str = "utf-8-sig"

    def rows(self) -> Iterator[tuple[int, Row]]:
        """Number of the line, or of the entry, and cells; empty lines are passed over.

        Raises:
            DataError: too large, or a line of another number of cells.
        """
        most = limits.MAX_TABLE if self.path.name != STYLEGAN else limits.MAX_JSON
        if self.path.stat().st_size > most:
            raise DataError(f"{self.path} is larger than the {most:,} bytes that are read of a table: divide it.")
        yield from self._rows()

    def head(self, most: int = _SHOWN) -> list[Row]:
        """The cells of its first rows that are whole, however large it is: it may be no table of what is looked for."""
        found = list[Row]()
        with contextlib.suppress(DataError, ValueError, csv.Error, RecursionError):
            for _, cells in islice(self._raw_rows(), most):
                if len(cells) == len(self.columns):
                    found.append(cells)
        return found

    def _raw_rows(self) -> Iterator[tuple[int, Row]]:
        rows = _raw_rows(self.path, self.mark, self.encoding, self.columns)
        yield from islice(rows, 1 if self.has_names and self.mark else 0, None)

    def _rows(self) -> Iterator[tuple[int, Row]]:
        for line, cells in self._raw_rows():
            if len(cells) != len(self.columns):
                raise DataError(
                    f"{self.path}, line {line}: {len(cells)} cells, where there are {len(self.columns)} columns. "
                    f"Mend that line."
                )
            yield line, cells


def open_table(path: Path, is_row: Callable[[Sequence[str]], bool]) -> Table | None:
    """See how a table is written; None if it is none.

    Args:
        path: of a file.
        is_row: whether the first line is a row, and has no names of columns.
    """
    if path.name == STYLEGAN:
        return Table(path, ("file", "label"), False, "") if is_stylegan(path) else None
    with path.open("rb") as file:
        start = file.read(_HEAD)
    encoding = "utf-16" if start[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    text = (start[: len(start) // 2 * 2] if encoding == "utf-16" else start).decode(encoding, "replace")
    if not text.strip() or "\0" in text:
        return None
    lines = io.StringIO(text, newline="").readlines()
    lines = [line for line in lines[: len(lines) if len(start) < _HEAD else -1] or lines if line.strip()][:_SHOWN]
    try:
        if path.suffix.lower() in (".jsonl", ".ndjson"):
            return _of_objects(path, lines, encoding)
        mark = _find_mark(lines, path.suffix.lower() == ".txt")
        first = next(cells for _, cells in _cut(iter(lines), mark))
    except (ValueError, csv.Error, RecursionError, StopIteration):
        return None
    return _of_lines(path, [cell.strip() for cell in first], mark, encoding, is_row)


def _of_lines(path: Path, names: list[str], mark: str, encoding: str, is_row: Callable[[Sequence[str]], bool]) -> Table:
    if is_row(names):
        return Table(path, tuple(f"column {i}" for i in range(1, len(names) + 1)), False, mark, encoding)
    counted = Counter(names)
    names = [name if name and counted[name] == 1 else f"{name} (column {i})".strip() for i, name in enumerate(names, 1)]
    return Table(path, tuple(names), True, mark, encoding)


def is_stylegan(path: Path) -> bool:
    """Whether a `dataset.json` is no record of ours but StyleGAN's, `{"labels": [["00000/img00000000.png", 5], …]}`."""
    try:
        with path.open("rb") as file:
            return starts_stylegan(file.read(256))
    except OSError:
        return False


def starts_stylegan(content: bytes) -> bool:
    """The same of its content, or the beginning of that."""
    return re.match(rb"\s*\{\s*\"labels\"\s*:", content) is not None


def _find_mark(lines: Sequence[str], by_space: bool) -> str:
    """What stands between cells: what divides all lines into the same number of them, the more the better."""
    best, most = None, 1
    first = next(iter(lines), "")
    for mark in [mark for mark in _MARKS + " " * by_space if mark in first]:
        widths = [len(cells) for _, cells in _cut(iter(lines), mark)]
        alike = bool(widths) and widths.count(widths[0]) * 10 >= len(widths) * 9
        if alike and widths[0] > most and (mark != " " or best is None):
            best, most = mark, widths[0]
    return best or ","


def _of_objects(path: Path, lines: Sequence[str], encoding: str) -> Table | None:
    columns: dict[str, None] = {}
    for entry in map(json.loads, lines):
        if not isinstance(entry, dict):
            return None
        columns |= dict.fromkeys(entry)
    return Table(path, tuple(columns), True, "", encoding)


def _raw_rows(path: Path, mark: str, encoding: str, columns: Sequence[str]) -> Iterator[tuple[int, Row]]:
    if path.name == STYLEGAN:
        yield from enumerate(_listed_labels(path), 1)
        return
    with path.open(encoding=encoding, errors="replace", newline="") as file:
        if mark:
            yield from _cut(file, mark, len(columns))
            return
        known = set(columns)
        for number, line in enumerate(file, 1):
            if line.strip():
                entry = json.loads(line)
                if not isinstance(entry, dict):
                    raise DataError(f"{path}, line {number} is no JSON object: mend that line.")
                if more := [key for key in entry if key not in known]:
                    raise DataError(f"{path}, line {number} has a key {more[0]!r}, which the first lines do not have.")
                yield number, [entry.get(key) for key in columns]


def _cut(lines: Iterator[str], mark: str, width: int = 0) -> Iterator[tuple[int, Row]]:
    reader = csv.reader(lines, delimiter=mark, skipinitialspace=mark == " ")
    for cells in reader:
        if reader.line_num == 1 and cells and cells[0].lower() == "sep=":  # Excel's
            continue
        if len(cells) > width > 0:
            while len(cells) > width and not cells[-1].strip():
                cells.pop()
        if any(cell.strip() for cell in cells):
            yield reader.line_num, cells


def _listed_labels(path: Path) -> list[Row]:
    """StyleGAN's rows; none for labels of null."""
    labels = json.loads(read_bytes(path, limits.MAX_JSON))["labels"]
    rows: list[Any] = list(labels.items()) if isinstance(labels, dict) else labels or []
    if not isinstance(rows, list) or not all(isinstance(row, list | tuple) and len(row) == 2 for row in rows):
        raise DataError(f"{path}: its labels are no list of pairs, file and label: correct it.")
    return rows
