"""A table of labels beside images: CSV, TSV, JSON lines, or StyleGAN's `dataset.json`. It is only read.

The images lie anywhere below the table's folder, in whatever folders. Every row names one, and every image is named: a
table that does not fit its folder would give wrong data, so it is refused, or what does not fit is left out on request.
"""

import contextlib
import csv
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from digitsmith.data.assemble import assemble
from digitsmith.data.dataset import Dataset
from digitsmith.data.folders import Place, chosen_part, look_like_digits, part_of
from digitsmith.data.formats import decoding
from digitsmith.data.images.many import decode_files
from digitsmith.data.labels import class_titles, natural
from digitsmith.data.names import Part
from digitsmith.data.reading import Reading, listed
from digitsmith.data.tables.columns import FileColumn, Values, find_files, find_labels, find_split, is_row, tells_split
from digitsmith.data.tables.image_index import ImageIndex
from digitsmith.data.tables.text import ENDINGS, STYLEGAN, Table, is_stylegan, open_table
from digitsmith.errors import DataError, MissingSplitError

_USUAL = ("metadata", "labels", "dataset", "annotations")
"""Names of tables, without endings, that come before others."""


@dataclass
class _Rows:
    """What the rows of a table say.

    Attributes:
        labels: label and split of each image that is named, by its place in the index, in the order of the rows.
        missing: names of files that are not there, each with its line.
        twice: those that come again with another label.
        again: how many rows say what another one says.
    """

    labels: dict[int, tuple[Any, Part | None]] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    twice: list[str] = field(default_factory=list)
    again: int = 0


def holds(place: Place) -> bool:
    """Whether there is a table that names images."""
    return any(
        place.takes_all or place.splits or part_of(table.path.name) or tells_split(table) for table, _ in _tables(place)
    )


def read(place: Place, reading: Reading) -> Dataset:
    """Read the images that a table names."""
    table, index = _choose(place, _tables(place), reading)
    with decoding(table.path):
        rows = _collect(table, index, reading)
        chosen = _of_split(place, table, index, rows, reading)
        return _assembled(table, [index.files[i] for i in chosen], [rows.labels[i][0] for i in chosen], reading)


def _tables(place: Place) -> list[tuple[Table, ImageIndex]]:
    """Tables that name images, each with those that it may name."""
    found, splits = [], _around(place).splits
    for path in _files(place):
        outer = splits.get(part_of(path.name) or "val")
        index = ImageIndex(path.parent, [outer] if outer and part_of(path.name) else [])
        table = open_table(path, partial(is_row, index=index))
        if table and (place.path.is_file() or _names_images(table, index)):
            found.append((table, index))
    return found


def _files(place: Place) -> list[Path]:
    stylegan = place.path / STYLEGAN if place.path.is_dir() else place.path
    if stylegan.name == STYLEGAN and is_stylegan(stylegan):
        return [stylegan]
    return place.files(*ENDINGS, untold=True)


def _names_images(table: Table, index: ImageIndex) -> bool:
    try:
        return table.path.name == STYLEGAN or find_files(table, index) is not None
    except DataError:  # which column it is must be said
        return True


def _around(place: Place) -> Place:
    """The folder that a table is in, which may have folders of splits."""
    return Place(place.path.parent, place.split, False, place.note) if place.path.is_file() else place


def _choose(place: Place, tables: Sequence[tuple[Table, ImageIndex]], reading: Reading) -> tuple[Table, ImageIndex]:
    if len(tables) == 1:
        return tables[0]
    names = [table.path.name for table, _ in tables]
    usual = [found for found in tables if found[0].path.stem.lower() in _USUAL]
    if len(usual) != 1:
        raise DataError(f"{place.path} has several tables that name images, {listed(names)}: give the path of one.")
    reading.note(f"{place.path}: labels are those of {usual[0][0].path.name}, of the tables {listed(names)}.")
    return usual[0]


def _collect(table: Table, index: ImageIndex, reading: Reading) -> _Rows:
    """All that the rows say of images that are there, and those that are not."""
    if table.path.name == STYLEGAN and not table.head(1):  # its labels are null
        order = sorted(range(len(index.files)), key=lambda i: natural(index.files[i]))
        return _Rows(dict.fromkeys(order, (None, None)))
    files = FileColumn(0, 0) if table.path.name == STYLEGAN else None
    files = find_files(table, index, reading.column("image_column")) or files
    if files is None:
        raise DataError(
            f"{table.path} has no column that names images below {table.path.parent}: its columns are "
            f"{listed(table.columns, 20)}.",
            parameter="image_column",
        )
    label, split = 1, None
    if table.path.name != STYLEGAN:
        values = Values.of_all(table)
        label, split = find_labels(table, files, values, reading), find_split(table, values, reading.note)
    reading.layout = f"images named in {table.path.name}, columns {table.columns[files.place]}, {table.columns[label]}"
    if files.passed != 0:
        reading.note(f"{table.path}: images are found by the ends of their paths; it has other folders for them.")
    rows = _Rows()
    for line, cells in table.rows():
        said = cells[label]
        i = index.find(cells[files.place], files.passed)
        if i is None:
            rows.missing.append(_shown(line, cells[files.place]))
            continue
        said = (said.strip() if isinstance(said, str) else said, None if split is None else part_of(str(cells[split])))
        if rows.labels.setdefault(i, said) is not said:
            if str(rows.labels[i]) != str(said):
                rows.twice.append(_shown(line, cells[files.place]))
            rows.again += 1
    if not rows.labels:
        raise DataError(f"{table.path}: none of the files that it names is there, such as {listed(rows.missing, 3)}.")
    return rows


def _shown(line: int, named: object) -> str:
    return f"{str(named)[-100:]} (line {line})"


def _of_split(place: Place, table: Table, index: ImageIndex, rows: _Rows, reading: Reading) -> list[int]:
    """Places of the images of the split; what does not fit its rows is refused or left out."""
    of_folder: dict[str, Part] = {name: part for part, name in _around(place).splits.items()}
    folders = (
        [of_folder.get(file.partition("/")[0]) for file in index.files] if of_folder else [None] * len(index.files)
    )
    parts = {i: part or folders[i] for i, (_, part) in rows.labels.items()}
    counted = Counter(part for part in parts.values() if part)
    wanted = chosen_part(place.split, dict(counted), "images", str(table.path), reading.note)
    of_split = not counted if place.path.is_file() else place.whole or part_of(table.path.name) is not None
    all_else = place.split == "train" or of_split
    chosen = [i for i, part in parts.items() if part == wanted or (part is None and all_else)]
    if not chosen:
        only = ", ".join(sorted({part or "train" for part in parts.values()}))
        raise MissingSplitError(f"{table.path} has no {place.split} split, only {only}.")
    unnamed = [i for i, part in enumerate(folders) if i not in parts and part in (None, wanted)]
    if unnamed:
        elsewhere = _named_elsewhere(table, index, reading)
        unnamed = [i for i in unnamed if i not in elsewhere]
    _require_fit(table, rows, [index.files[i][-100:] for i in unnamed], reading)
    return chosen


def _named_elsewhere(table: Table, index: ImageIndex, reading: Reading) -> set[int]:
    """Images that other tables name: those of other splits, or such as samples of what is to be handed in."""
    found = set[int]()
    for path in table.path.parent.iterdir():
        if path == table.path or not path.name.lower().endswith(ENDINGS) or not path.is_file():
            continue
        places = set[int | None]()
        with contextlib.suppress(DataError, ValueError, csv.Error):  # it is not what is read
            other = open_table(path, partial(is_row, index=index))
            if other and (files := find_files(other, index)):
                places = {index.find(cells[files.place], files.passed) for _, cells in other.rows()} - {None}
        if places and part_of(path.name) is None:
            reading.note(f"{table.path}: {len(places):,} images that {path.name} names are left out.")
        found |= {i for i in places if i is not None}
    return found


def _require_fit(table: Table, rows: _Rows, unnamed: Sequence[str], reading: Reading) -> None:
    """Refuse rows and images that do not fit, all of them at once; or leave them out."""
    if rows.twice:
        raise DataError(
            f"{table.path}: {len(rows.twice):,} files come again with another label: {listed(rows.twice, 3)}. Say "
            f"there which one is right."
        )
    wrong = []
    if rows.missing:
        reading.ignored["no such file"] += len(rows.missing)
        wrong.append(f"{len(rows.missing):,} rows name no file that is there, or several: {listed(rows.missing, 3)}")
    if unnamed:
        reading.ignored["image without a row"] += len(unnamed)
        wrong.append(f"{len(unnamed):,} images are named by no row: {listed(unnamed, 3)}")
    if wrong and not reading.options.skip_bad:
        raise DataError(
            f"{table.path}: {'; '.join(wrong)}. Mend it, leave them out, or take the table out of the folder.",
            parameter="skip_bad",
        )
    for text in wrong:
        reading.note(f"{table.path}: left out, as {text}.")
    if rows.again:
        reading.note(f"{table.path}: {rows.again:,} rows say again what others say; each image is taken once.")


def _assembled(table: Table, files: Sequence[str], labels: Sequence[Any], reading: Reading) -> Dataset:
    """The images, with their labels; it is said which classes have hardly any."""
    decoded = decode_files(table.path.parent, files, reading)
    kept = [labels[i] for i in decoded.kept.tolist()]
    if any(isinstance(label, list) for label in kept):
        return assemble(table.path, reading, decoded.images, np.array(kept))
    data = assemble(table.path, reading, decoded.images, kept)
    if empty := len(data) - len(data.labelled()):
        reading.note(f"{table.path}: {empty:,} of {len(data):,} images have no label.")
    if data.labels is not None:
        named = [data.classes[label] if label >= 0 else "" for label in data.labels.tolist()]
        _compare_with_folders(table, [files[i] for i in decoded.kept.tolist()], named, reading)
        counts = np.bincount(data.labels[data.labels >= 0], minlength=len(data.classes))
        if lone := [name for name, count in zip(data.classes, counts, strict=True) if count == 1]:
            reading.note(f"{table.path}: there is one image only of {listed(lone)}.")
    return data


def _compare_with_folders(table: Table, files: Sequence[str], names: Sequence[str], reading: Reading) -> None:
    """Say it if images lie in folders of other classes than their labels."""
    folders = [file.rpartition("/")[0].rpartition("/")[2] for file in files]
    every = set(folders)
    if table.path.name == STYLEGAN or len(every) < 2 or "" in every or not look_like_digits(every):
        return
    titles = class_titles([*every], lambda _: None)
    wrong = [i for i, name in enumerate(names) if name and name != titles[folders[i]]]
    if wrong and set(titles.values()) <= set(names):
        reading.note(
            f"{table.path}: {len(wrong):,} images lie in folders of another class than it gives them, such as "
            f"{files[wrong[0]]}; its labels are taken."
        )
