"""A table of labels beside images: CSV, TSV, JSON lines, or StyleGAN's `dataset.json`. It is only read.

The images lie anywhere below the table's folder, in whatever folders. Every row names one, and every image is named: a
table that does not fit its folder would give wrong data, so it is refused, or what does not fit is left out on request.

Labels are in a column that the user names, or that has a usual name of labels. Else they are the names of the class
folders that the images lie in, so that a table may list their files, or say which of them are for the test. Else they
are in the only other column that may be.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from digitsmith.data.assemble import assemble
from digitsmith.data.class_folders import digit_levels
from digitsmith.data.dataset import Dataset
from digitsmith.data.folders import Place, chosen_part
from digitsmith.data.formats import decoding
from digitsmith.data.images.many import decode_files
from digitsmith.data.labels import class_titles, natural
from digitsmith.data.names import Part, part_of
from digitsmith.data.reading import Reading, listed
from digitsmith.data.tables.choice import ImageTable, around, choose_table, image_tables, named_elsewhere
from digitsmith.data.tables.columns import (
    FileColumn,
    SplitColumn,
    Values,
    find_files,
    find_labels,
    find_split,
    tells_split,
)
from digitsmith.data.tables.image_index import ImageIndex
from digitsmith.data.tables.text import STYLEGAN, UNREADABLE, Table
from digitsmith.errors import DataError, MissingSplitError


@dataclass(frozen=True)
class _Columns:
    """What is where in a table.

    Attributes:
        files: the column of files.
        label: place of the column of labels; None if there is none.
        split: the column of splits.
        titles: classes of images by their place in the index, if class folders give them.
    """

    files: FileColumn
    label: int | None
    split: SplitColumn | None = None
    titles: dict[int, str] = field(default_factory=dict)

    @property
    def classes(self) -> list[str]:
        """The classes that folders give, in their order."""
        return sorted(set(self.titles.values()), key=natural)


@dataclass
class _Rows:
    """What the rows of a table say.

    Attributes:
        labels: label and split of each image that is named, by its place in the index, in the order of the rows.
        missing: names of files that are not there, each with its line.
        twice: those that come again with another label.
        elsewhere: those that come again in another split.
        again: how many rows say what another one says.
    """

    labels: dict[int, tuple[Any, Part | None]] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    twice: list[str] = field(default_factory=list)
    elsewhere: list[str] = field(default_factory=list)
    again: int = 0


def holds(place: Place) -> bool:
    """Whether there is a table that names images."""
    tables = [found.table for found in image_tables(place)]
    return any(place.takes_all or place.splits or part_of(table.path.name) or tells_split(table) for table in tables)


def read(place: Place, reading: Reading) -> Dataset:
    """Read the images that a table names."""
    found = choose_table(place, image_tables(place))
    table, index = found.table, found.index
    with decoding(table.path):
        if table.path.name == STYLEGAN and not any(table.rows()):  # its labels are null
            order = sorted(range(len(index.files)), key=lambda i: natural(index.files[i]))
            columns, rows = _Columns(FileColumn(0, 0), None), _Rows(dict.fromkeys(order, (None, None)))
        else:
            columns = _find_columns(table, index, reading)
            rows = _collect(table, index, columns)
        chosen = _of_split(place, found, rows, reading)
        labels = [rows.labels[i][0] for i in chosen]
        return _assembled(table, [index.files[i] for i in chosen], labels, columns.classes, reading)


def _find_columns(table: Table, index: ImageIndex, reading: Reading) -> _Columns:
    """Where files, labels and splits are; the layout is told."""
    files = FileColumn(0, 0) if table.path.name == STYLEGAN else None
    files = find_files(table, index, reading.column("image_column")) or files
    if files is None:
        raise DataError(
            f"{table.path} has no column that names images below {table.path.parent}: its columns are "
            f"{listed(table.columns, 20)}.",
            parameter="image_column",
        )
    first = table.columns[files.place]
    if table.has_names and table.mark and {*"/\\"} & {*first}:
        raise DataError(
            f"{table.path}: its first line says {first!r}, which is no file that is there, but looks like one. Mend "
            f"it, or give the columns names in that line."
        )
    columns = _Columns(files, 1)
    if table.path.name != STYLEGAN:
        values = Values.of_all(table)
        found = [index.find(cells[files.place], files.passed) for _, cells in table.rows()]
        named = [i for i in dict.fromkeys(found) if i is not None]
        paths = [index.files[i] for i in named]
        titles = _titles_of_folders(paths, lambda _: None)
        of_image: dict[int | None, str] = dict(zip(named, titles, strict=bool(titles)))
        folders = [of_image.get(i, "") for i in found] if titles else []
        label = find_labels(table, files, values, reading, folders)
        titles = _titles_of_folders(paths, reading.note) if label is None else []
        columns = _Columns(
            files, label, find_split(table, values, reading.note), dict(zip(named, titles, strict=bool(titles)))
        )
    own = "class folders" if columns.titles else "no labels"
    if columns.label is None:
        what = "its images are of the classes whose folders they lie in" if columns.titles else "its images have none"
        reading.note(f"{table.path} has no column of labels: {what}.")
    else:
        own = table.columns[columns.label]
    reading.layout = f"images named in {table.path.name}, columns {table.columns[files.place]}, {own}"
    if files.passed != 0:
        reading.note(f"{table.path}: images are found by the ends of their paths; it has other folders for them.")
    return columns


def _collect(table: Table, index: ImageIndex, columns: _Columns) -> _Rows:
    """All that the rows say of images that are there, and those that are not."""
    rows = _Rows()
    for line, cells in table.rows():
        named, label = cells[columns.files.place], "" if columns.label is None else cells[columns.label]
        if UNREADABLE in f"{named}{label}":
            raise DataError(f"{table.path}, line {line} is no UTF-8: save the table as UTF-8 (in Excel: CSV UTF-8).")
        i, shown = index.find(named, columns.files.passed), f"{str(named)[-100:]} (line {line})"
        if i is None:
            rows.missing.append(shown)
            continue
        label = columns.titles.get(i, label)
        part = columns.split.part(cells) if columns.split else None
        said = (label.strip() if isinstance(label, str) else label, part)
        first = rows.labels.setdefault(i, said)
        if first is not said:
            rows.again += 1
            if str(first[0]) != str(said[0]):
                rows.twice.append(shown)
            elif first[1] != said[1]:
                rows.elsewhere.append(shown)
    if not rows.labels:
        raise DataError(f"{table.path}: none of the files that it names is there, such as {listed(rows.missing, 3)}.")
    return rows


def _titles_of_folders(files: Sequence[str], note: Callable[[str], None]) -> list[str]:
    """Names of the classes of files by the folders that they lie in; empty if those are no class folders."""
    levels = digit_levels(files)
    if len(levels) != 1:
        return []
    folders = [file.split("/")[levels[0]] for file in files]
    titles = class_titles([*set(folders)], note)
    return [titles[folder] for folder in folders]


def _of_split(place: Place, found: ImageTable, rows: _Rows, reading: Reading) -> list[int]:
    """Places of the images of the split; what does not fit its rows is refused or left out."""
    table, index = found.table, found.index
    of_folder: dict[str, Part] = {name: part for part, name in around(place).splits.items()}
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
    unnamed = {i for i, part in enumerate(folders) if i not in parts and part in (None, wanted)}
    if unnamed:
        unnamed -= named_elsewhere(found, unnamed, place)
    _require_fit(table, rows, [index.files[i][-100:] for i in sorted(unnamed)], reading)
    return chosen


def _require_fit(table: Table, rows: _Rows, unnamed: Sequence[str], reading: Reading) -> None:
    """Refuse rows and images that do not fit, all of them at once; or leave them out."""
    if rows.twice:
        raise DataError(
            f"{table.path}: {len(rows.twice):,} files come again with another label: {listed(rows.twice, 3)}. Say "
            f"there which one is right."
        )
    if rows.elsewhere:
        raise DataError(
            f"{table.path}: {len(rows.elsewhere):,} files come again in another split: {listed(rows.elsewhere, 3)}. "
            f"Say there which one is right."
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


def _assembled(
    table: Table, files: Sequence[str], labels: Sequence[Any], classes: Sequence[str], reading: Reading
) -> Dataset:
    """The images, with their labels."""
    decoded = decode_files(table.path.parent, files, reading)
    kept = [labels[i] for i in decoded.kept.tolist()]
    if any(isinstance(label, list) for label in kept):
        return assemble(table.path, reading, decoded.images, np.array(kept))
    data = assemble(table.path, reading, decoded.images, kept, () if reading.record else classes)
    if empty := len(data) - len(data.labelled()):
        reading.note(f"{table.path}: {empty:,} of {len(data):,} images have no label.")
    if data.labels is not None:
        named = [data.classes[label] if label is not None else "" for label in data.labels.tolist()]
        _compare_with_folders(table, [files[i] for i in decoded.kept.tolist()], named, reading)
        if len(named) > 1 == len(set(named)):
            reading.note(f"{table.path}: all {len(named):,} images have the same label, {named[0]}.")
    return data


def _compare_with_folders(table: Table, files: Sequence[str], names: Sequence[str], reading: Reading) -> None:
    """Say it if images lie in folders of other classes than their labels."""
    titles = [] if table.path.name == STYLEGAN else _titles_of_folders(files, lambda _: None)
    pairs = {pair for pair in zip(titles, names, strict=bool(titles)) if pair[1]}
    if len(pairs) == len({title for title, _ in pairs}) == len({name for _, name in pairs}):
        return
    wrong = [i for i, title in enumerate(titles) if names[i] not in ("", title)]
    if set(titles) <= set(names):
        shown = f"{len(wrong):,} images lie in folders of another class than it gives them, such as {files[wrong[0]]}"
    else:
        shown = f"its images lie in folders that look like other classes, such as {files[wrong[0]]}"
    reading.note(f"{table.path}: {shown}; its labels are taken.")
