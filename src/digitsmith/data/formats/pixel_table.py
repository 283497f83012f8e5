"""A table of pixels, one image in a row: CSV or TSV, such as Kaggle's `label,pixel0,…,pixel783`. It is only read.

The label is in a column of a usual name; without names, in the first or the last. Images are square.
"""

import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from digitsmith.data import limits, names
from digitsmith.data.arrays import Layout, to_images
from digitsmith.data.assemble import assemble
from digitsmith.data.dataset import Dataset
from digitsmith.data.folders import Place
from digitsmith.data.formats import decoding
from digitsmith.data.labels import natural
from digitsmith.data.reading import Reading, listed, no_such, unclear
from digitsmith.data.tables.text import UNREADABLE, Table, open_table
from digitsmith.errors import DataError
from digitsmith.records.base import SIDES

_ENDINGS = (".csv", ".tsv")
_AT_ONCE = 2**23  # bytes of text


@dataclass(frozen=True)
class _Columns:
    """Places of columns: of pixels, in their order, and of the label, if there is one."""

    pixels: list[int]
    label: int | None


def holds(place: Place) -> bool:
    """Whether there is a table of pixels."""
    return bool(_tables(place))


def read(place: Place, reading: Reading) -> Dataset:
    """Read images and, if there are any, labels."""
    tables = _tables(place)
    if len(tables) > 1:
        raise DataError(
            f"{place.path} has several tables of pixels, {listed([t.path.name for t in tables])}: give one."
        )
    (table,) = tables
    with decoding(table.path):
        columns = _find_columns(table, reading)
        side = math.isqrt(len(columns.pixels))
        chunks, labels, count = list[NDArray[Any]](), list[str](), 0
        for pixels, texts in _rows(table, columns):
            chunks.append(pixels)
            labels += texts
            count += len(pixels)
            limits.check_images(table.path, (count, side, side), table.path.stat().st_size)
        rows = np.concatenate(chunks) if chunks else np.zeros((0, side * side), np.uint8)
        shape = (len(rows), side, side)
        guess = f"{side * side} numbers are taken for an image of {side}x{side}, one row of it after the other."
        label = "no labels" if columns.label is None else f"labels in {table.columns[columns.label]}"
        reading.layout = f"a table of pixels, {table.path.name}, {label}"
        reading.count_pixels("in text", shape)
        images = to_images(rows.reshape(shape), Layout((0, 1, 2), shape, guess), table.path, reading.note)
        return assemble(table.path, reading, images, None if columns.label is None else np.array(labels, np.str_))


def _tables(place: Place) -> list[Table]:
    """Those of the split."""
    found = {path: table for path in place.all_files(*_ENDINGS) if (table := _look(path))}
    return [found[path] for path in place.of_split([*found])]


def _look(path: Path) -> Table | None:
    """See how a table is written; None if it is none of pixels."""
    table = open_table(path, _is_row)
    if table is None or len(table.columns) < SIDES.start**2:
        return None
    first = next(iter(table.head(1)), ())
    return table if sum(map(_is_number, first)) >= 0.9 * len(table.columns) else None


def _is_row(cells: Sequence[str]) -> bool:
    """Whether the first line of a table has no names of columns."""
    numbers = list(map(_is_number, cells))
    return 2 * sum(numbers) >= len(cells) and numbers[len(cells) // 2] and not _counts_up(cells)


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _counts_up(cells: Sequence[str]) -> bool:
    """Whether cells are 0, 1, 2, …, as pandas names columns."""
    numbers = [int(cell) for cell in cells if cell.strip().isdecimal() and len(cell) < 9]
    return (
        bool(numbers)
        and len(numbers) >= len(cells) - 2
        and numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    )


def _find_columns(table: Table, reading: Reading) -> _Columns:
    """Which columns are pixels, and which the label.

    Raises:
        DataError: no square number of pixels, or several labels.
    """
    kinds = [re.sub(r"\d+", "#", name) for name in table.columns]
    ((kind, _),) = Counter(kinds).most_common(1)
    label = _find_label(table, reading)
    pixels = [i for i, of in enumerate(kinds) if of == kind and i != label]
    if label is None and _is_square(len(pixels) - 1) and not (table.has_names and kind != "#"):
        label = _find_unnamed_label(table, pixels, reading)
        pixels.remove(label)
    if not _is_square(len(pixels)):
        colour = ": the order of their colours is not known" if _is_square(len(pixels) / 3) else ""
        raise DataError(
            f"{table.path} has {len(pixels)} columns of pixels, which make no square image{colour}. "
            f"Save the images as PNG or NPZ."
        )
    if table.has_names:
        order = sorted(pixels, key=lambda i: natural(table.columns[i]))
        if order != pixels:
            reading.note(f"{table.path}: columns of pixels are put in the order of their numbers.")
            pixels = order
        if other := [name for i, name in enumerate(table.columns) if i != label and i not in {*pixels}]:
            reading.note(f"{table.path}: columns that are not read: {listed(other)}.")
    return _Columns(pixels, label)


def _is_square(count: float) -> bool:
    return count > 0 and count == int(count) and math.isqrt(int(count)) ** 2 == count


def _find_label(table: Table, reading: Reading) -> int | None:
    """The column of the label, by its name."""
    if asked := reading.column("label_column"):
        if asked not in table.columns:
            raise no_such(table.path, "column", asked, [table.columns[0], "…", table.columns[-1]], "label_column")
        return table.columns.index(asked)
    called = {i: names.parts(name)[0] for i, name in enumerate(table.columns) if table.has_names}
    found = [i for i, name in called.items() if name in names.LABELS - names.WEAK_LABELS]
    found = found or [i for i, name in called.items() if name in names.WEAK_LABELS]
    if len(found) > 1:
        raise unclear(table.path, "columns", "labels", [table.columns[i] for i in found])
    return found[0] if found else None


def _find_unnamed_label(table: Table, columns: Sequence[int], reading: Reading) -> int:
    """The first or the last column: the one that is not the same in all images, as a corner is."""
    ends = {"first": columns[0], "last": columns[-1]}
    head = table.head()
    values = {end: {row[place] for row in head} for end, place in ends.items()}
    vary = [end for end in ends if len(values[end]) > 1]
    if len(vary) > 1:
        vary = [end for end in vary if len(values[end]) <= 0.5 * len(head) and _may_be_labels(values[end])]
    if len(vary) != 1:
        may_be = " or ".join(repr(table.columns[place]) for place in ends.values())
        raise DataError(
            f"{table.path} has {len(columns)} columns without names, of which {may_be} may be the labels: say which.",
            parameter="label_column",
        )
    reading.note(f"{table.path}: the {vary[0]} column is taken for the labels.")
    return ends[vary[0]]


def _may_be_labels(values: set[str]) -> bool:
    """Whether they are names, or numbers that do not go as high as levels do."""
    numbers = [float(value) for value in values if _is_number(value)]
    return len(numbers) < len(values) or (max(numbers) < 100 and all(number == int(number) for number in numbers))


def _rows(table: Table, columns: _Columns) -> Iterator[tuple[NDArray[Any], list[str]]]:
    """Pixels, uint8 or float32[n, pixels], and labels of some rows after the other."""
    with table.path.open(encoding=table.encoding, errors="replace", newline=None) as file:
        for numbered in _lines(file, 1 + table.has_names):
            lines = [*numbered.values()]
            for number, line in numbered.items():
                if line.count(table.mark) != len(table.columns) - 1:
                    raise DataError(
                        f"{table.path}, line {number}: {line.count(table.mark) + 1} cells, where there are "
                        f"{len(table.columns)} columns. Mend that line."
                    )
            labels = [] if columns.label is None else [_cell(line, columns.label, table) for line in lines]
            if any(UNREADABLE in label for label in labels):
                raise DataError(f"{table.path} has labels that are no UTF-8: save it as UTF-8 (in Excel: CSV UTF-8).")
            try:
                pixels = np.loadtxt(
                    lines,
                    np.float32,
                    comments=None,
                    delimiter=table.mark,
                    usecols=columns.pixels,
                    ndmin=2,
                    quotechar='"',
                )
            except ValueError as error:
                raise ValueError(f"in the lines from {next(iter(numbered))}: {error}") from error
            levels = pixels.astype(np.uint8) if ((pixels >= 0) & (pixels <= 255)).all() else pixels
            yield (levels if (levels == pixels).all() else pixels), labels


def _lines(file: IO[str], first: int) -> Iterator[dict[int, str]]:
    """Some lines after the other, by their numbers; empty ones, and one of names before them, are passed over."""
    for _ in islice(file, first - 1):
        pass
    while lines := file.readlines(_AT_ONCE):
        if numbered := {number: line for number, line in enumerate(lines, first) if line.strip()}:
            yield numbered
        first += len(lines)


def _cell(line: str, place: int, table: Table) -> str:
    """One cell of a line; those of the first and last column are quick to find."""
    if place == 0:
        cell = line.partition(table.mark)[0]
    elif place == len(table.columns) - 1:
        cell = line.rpartition(table.mark)[2]
    else:
        cell = line.split(table.mark, place + 1)[place]
    return cell.strip().strip('"')
