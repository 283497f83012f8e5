"""A folder for each class: which files are of which class."""

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from digitsmith.data.dataset import UNLABELLED
from digitsmith.data.folders import (
    Split,
    counts,
    is_image,
    look_like_digits,
    splits_in,
    subfolders,
    walk,
    without_originals,
)
from digitsmith.data.labels import class_titles, natural
from digitsmith.data.names import part_of, words
from digitsmith.data.reading import Reading, listed
from digitsmith.data.tables.text import ENDINGS
from digitsmith.errors import DataError

UNLABELLED_FOLDER = "unlabelled"
"""Of images without a label, unless a class is called so."""

_UNLABELLED = (UNLABELLED_FOLDER, "unlabeled")
_TOLD = tuple(ending for ending in ENDINGS if ending != ".txt")
_OF_LABELS = frozenset({"label", "labels", "annotation", "annotations", "metadata"})
_OF_NONE = frozenset({"readme", "notes", "names", "prediction", "predictions", "submission"})
"""Words in names of files that would give labels, and in those of files that would not."""

_TABLES = (*ENDINGS, ".xlsx", ".xls", ".ods")
_MOST_AT_ONCE = 3  # names in a message


@dataclass(frozen=True)
class Labelled:
    """Image files and their classes.

    Attributes:
        files: paths within the folder: class by class, in each in natural order.
        labels: indices into `classes`, -1 for a file that has no class.
        classes: names; empty if there are no class folders.
    """

    files: list[str]
    labels: list[int]
    classes: tuple[str, ...]


def has_images(folder: Path) -> bool:
    """Whether there are images in a folder, or in folders in it that may be classes."""
    if any(map(is_image, _files_in(folder))):
        return True
    inside = subfolders(folder)
    if len(inside) == 1 and not look_like_digits(inside):  # what a download was unpacked to is no class
        is_again = part_of(inside[0]) is not None or inside[0].lower() == folder.name.lower()  # as in testSet/testSet
        return not is_again and any(map(is_image, _files_in(folder / inside[0])))
    return any(is_image(file) for name in inside for file in walk(folder / name))


def labelled_files(folder: Path, split: Split, names: Sequence[str], reading: Reading) -> Labelled:
    """Find the images in class folders, however deep in them; or in a folder without any.

    Where folders of writers, or of other things, hold the folders of the classes, those are taken: the folders that
    have names of digits, however deep they are.

    Args:
        folder: in which they are.
        split: that is read: tables of the other one are not missed.
        names: of the classes in their order, where a record has them; else the folders give them.
        reading: told what is left out and guessed.

    Raises:
        DataError: an image beside the class folders, a class without any, or folders that may be read in two ways.
    """
    found = {name: _images(folder / name, reading) for name in _class_folders(folder, names)}
    beside = sorted(filter(is_image, _files_in(folder)), key=natural)
    bare = [name for name in found if name.lower() in _UNLABELLED and name not in names]
    unlabelled = [file for name in bare for file in _within(name, found.pop(name))]
    if found and beside:
        raise DataError(
            f"{folder / beside[0]} lies beside the class folders: move it into one, or into a folder "
            f"{UNLABELLED_FOLDER}, or take it out."
        )
    _tell_others(folder, split, reading, labelled=len(found) > 1)
    classes = {name: _within(name, files) for name, files in found.items()}
    if level := _level_of_classes(folder, found, names):
        reading.note(f"The classes are the folders in {listed([*found], _MOST_AT_ONCE)} of {folder}.")
        files = [file for some in classes.values() for file in some]
        classes = {}
        for file in files:
            classes.setdefault(file.split("/")[level], []).append(file)
    titles = {name: name for name in names} or class_titles([*classes], reading.note)
    if unknown := sorted(classes.keys() - titles.keys(), key=natural):
        raise DataError(f"{folder} has folders that are no class of its dataset.json: {listed(unknown)}.")
    if empty := [name for name, files in classes.items() if not files and not names]:
        raise DataError(
            f"{folder / empty[0]} holds no image: a class needs some. Take the folder out if it is no class."
        )
    if len(classes) == 1 and not names:
        reading.note(f"{folder} has one folder, {next(iter(classes))}, which is taken for the only class.")
    places = {title: label for label, title in enumerate(titles.values())}
    pairs = [(file, places[titles[name]]) for name in titles for file in classes.get(name, [])]
    pairs += [(file, UNLABELLED) for file in unlabelled + beside]
    reading.layout = "class folders" if classes else "images without labels"
    return Labelled([file for file, _ in pairs], [label for _, label in pairs], tuple(titles.values()))


def _class_folders(folder: Path, names: Sequence[str]) -> list[str]:
    """Those that count; a class may have a name that does not."""
    with os.scandir(folder) as entries:
        named = {entry.name for entry in entries if entry.name in names and entry.is_dir()}
    return sorted(named.union(subfolders(folder)), key=natural)


def _files_in(folder: Path) -> list[str]:
    with os.scandir(folder) as entries:
        return without_originals([entry.name for entry in entries if counts(entry.name) and entry.is_file()])


def _images(folder: Path, reading: Reading) -> list[str]:
    """Images in the folder of a class and all folders in it; it is said what else is there."""
    files = list(walk(folder))
    if inside := splits_in(files):
        raise DataError(
            f"{folder} has the folder of a split in it, {inside}: put the folders of classes into those of splits, or "
            f"call it something else."
        )
    if others := [file for file in files if not is_image(file)]:
        reading.ignored["no image"] += len(others)
        reading.note(f"{folder}: left out, as no images: {listed(sorted(others), 1)}.")
    return sorted(filter(is_image, files), key=natural)


def _within(folder: str, files: Sequence[str]) -> list[str]:
    return [f"{folder}/{file}" for file in files]


def _gives_labels(name: str, split: Split) -> bool:
    """Whether a file is a table of labels by its name, and not of the other split."""
    said = {*words(name)}
    of_other = part_of(name) not in (None, split)
    return name.lower().endswith(_TABLES) and bool(said & _OF_LABELS) and not said & _OF_NONE and not of_other


def _tell_others(folder: Path, split: Split, reading: Reading, *, labelled: bool) -> None:
    """Say which files lie beside images or class folders, and are neither images nor tables, of which others tell.

    Raises:
        DataError: one is meant to give the labels of images that would have none.
    """
    names = [name for name in _files_in(folder) if not is_image(name)]
    meant = [name for name in names if _gives_labels(name, split)]
    if meant and not labelled:
        raise DataError(
            f"{folder / meant[0]} would give the labels, by its name, but names none of these images. Labels are read "
            f"of a table, such as a CSV, with the name of a file in each row: mend it, say which column has the names, "
            f"or take it out of the folder.",
            parameter="image_column",
        )
    if others := [name for name in names if not name.lower().endswith(_TOLD)]:
        reading.note(f"{folder}: left out, as no images: {listed(sorted(others), _MOST_AT_ONCE)}.")
    if others:
        reading.ignored["no image"] += len(others)


def digit_levels(files: Sequence[str]) -> list[int]:
    """How deep the folders are that have names of digits, several of them, on the ways to all of some files."""
    levels = zip(*(file.split("/")[:-1] for file in files), strict=False)
    return [level for level, names in enumerate(map(set, levels)) if len(names) > 1 and look_like_digits(names)]


def _level_of_classes(folder: Path, found: Mapping[str, Sequence[str]], names: Sequence[str]) -> int:
    """How deep the classes are in the folders that were found: 0 if they are those.

    Raises:
        DataError: folders of two depths may be the classes.
    """
    files = [file for name, some in found.items() for file in _within(name, some)]
    if len(found) < 2 or not all(found.values()):
        return 0
    depth = min(file.count("/") for file in files)
    if names:
        fits = [level for level in range(depth) if {file.split("/")[level] for file in files} <= set(names)]
        return next(iter(fits), 0)
    digits = digit_levels(files)
    if not digits and not look_like_digits(found):
        _require_no_digits(folder, found)
    inner = next((level for level in digits if level), 1 if depth > 1 and not digits else 0)
    if not inner or (0 in digits and not _is_shared(files, inner)):
        return 0
    if digits == [inner] and _is_shared(files, inner):
        return inner
    if digits == [inner] or _is_shared(files, inner):
        inside = sorted({file.split("/")[inner] for file in files}, key=natural)
        raise DataError(
            f"{folder} may be read in two ways: its classes are {listed([*found], _MOST_AT_ONCE)}, or the folders in "
            f"them, {listed(inside, _MOST_AT_ONCE)}. Give those that are no classes other names than digits have, or "
            f'name the classes in {folder / "dataset.json"}: {{"classes": […]}}.'
        )
    return 0


def _is_shared(files: Sequence[str], level: int) -> bool:
    """Whether most of the folders at a depth have names that come again in other folders, as classes of writers do."""
    places = {tuple(file.split("/")[: level + 1]) for file in files}
    counted = Counter(place[-1] for place in places)
    return len(counted) > 1 and 2 * sum(count > 1 for count in counted.values()) >= len(counted)


def _require_no_digits(folder: Path, found: Mapping[str, Sequence[str]]) -> None:
    """Refuse folders some of which hold folders with names of digits, and others do not."""
    for name, files in found.items():
        inner = {file.partition("/")[0] for file in files if "/" in file}
        if len(inner) > 1 and look_like_digits(inner):
            raise DataError(
                f"{folder / name} holds folders that look like classes, but not all folders beside it do: give the "
                f'path of that folder, or name the classes in {folder / "dataset.json"}: {{"classes": […]}}.'
            )
