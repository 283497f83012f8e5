"""Which of the tables in a folder has the labels of its images."""

import contextlib
import csv
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from digitsmith.data.folders import Place
from digitsmith.data.names import part_of, words
from digitsmith.data.reading import listed
from digitsmith.data.tables.columns import find_files, is_row
from digitsmith.data.tables.image_index import ImageIndex
from digitsmith.data.tables.text import ENDINGS, STYLEGAN, Table, is_stylegan, open_table
from digitsmith.errors import DataError

_USUAL = ("metadata", "labels", "dataset", "annotations")
"""Names of tables, without endings, that come before others."""

_ANSWERS = frozenset(["submission", "submissions", "prediction", "predictions", "predicted", "pred", "preds"])
"""Words in names of tables that hold what a model says, or what is to be filled in."""


@dataclass(frozen=True)
class ImageTable:
    """A table, and the images that it may name."""

    table: Table
    index: ImageIndex

    @property
    def named(self) -> set[int]:
        """Places in the index of the images that it names, as far as it can be read."""
        found = set[int | None]()
        with contextlib.suppress(DataError, ValueError, csv.Error, RecursionError):
            if files := find_files(self.table, self.index):
                found = {self.index.find(cells[files.place], files.passed) for _, cells in self.table.rows()}
        return {place for place in found if place is not None}


def around(place: Place) -> Place:
    """The folder that a table is in, which may have folders of splits."""
    return Place(place.path.parent, place.split, False, place.reading) if place.path.is_file() else place


def image_tables(place: Place) -> list[ImageTable]:
    """The tables of a split that name images; it is said which tables of a folder are not used."""
    stylegan = place.path / STYLEGAN if place.path.is_dir() else place.path
    only = stylegan.name == STYLEGAN and is_stylegan(stylegan)
    files = [stylegan] if only else place.all_files(*ENDINGS)
    splits, indices, found = around(place).splits, dict[str, ImageIndex](), dict[Path, ImageTable]()
    for path in files:
        part = part_of(path.name)
        outer = splits.get(part, "") if part else ""  # names of files may leave it out
        index = indices.setdefault(outer, ImageIndex(path.parent, [outer] if outer else []))
        table = open_table(path, partial(is_row, index=index))
        if table and (place.path.is_file() or _names_images(table, index, place)):
            if not place.path.is_file() and not _ANSWERS.isdisjoint(words(path.stem)):
                place.note(f"{path} is not used: by its name, it holds answers and no labels. Give its path to use it.")
            else:
                found[path] = ImageTable(table, index)
        elif path.suffix.lower() != ".txt":
            place.note(f"{path} is not used: none of its columns names images.")
    return [found[path] for path in place.of_split([*found], untold=True)]


def _names_images(table: Table, index: ImageIndex, place: Place) -> bool:
    if table.path.name == STYLEGAN or place.reading.options.image_column in table.columns:
        return True
    try:
        return find_files(table, index) is not None
    except DataError:  # which column it is must be said
        return True


def choose_table(place: Place, tables: Sequence[ImageTable]) -> ImageTable:
    """The one of a usual name, or that names all images that others name, and more.

    Raises:
        DataError: it is not clear which.
    """
    if len(tables) == 1:
        return tables[0]
    names = [found.table.path.name for found in tables]
    best = [found for found in tables if found.table.path.stem.lower() in _USUAL]
    if not best:
        named = [found.named if len(found.table.columns) > 1 else set[int]() for found in tables]
        every = set[int]().union(*named)
        best = [found for found, some in zip(tables, named, strict=True) if some == every]
    if len(best) != 1:
        raise DataError(f"{place.path} has several tables that name images, {listed(names)}: give the path of one.")
    place.note(f"{place.path}: labels are those of {best[0].table.path.name}, of the tables {listed(names)}.")
    return best[0]


def named_elsewhere(chosen: ImageTable, images: set[int], place: Place) -> set[int]:
    """Those of some images that other tables name: of other splits, or samples of what is to be handed in."""
    own, elsewhere = chosen.table.path, set[int]()
    for path in sorted(own.parent.iterdir()):
        if path == own or not path.name.lower().endswith(ENDINGS) or not path.is_file():
            continue
        other = open_table(path, partial(is_row, index=chosen.index))
        found = ImageTable(other, chosen.index).named & images if other else set[int]()
        if found and part_of(path.name) is None:
            place.note(f"{own}: {len(found):,} images that only {path.name} names are left out.")
        elsewhere |= found
    return elsewhere
