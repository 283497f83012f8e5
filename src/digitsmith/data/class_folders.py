"""A folder for each class: which files are of which class."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from digitsmith.data.dataset import UNLABELLED
from digitsmith.data.folders import counts, is_image, look_like_digits, splits_in, subfolders, walk
from digitsmith.data.labels import class_titles, natural
from digitsmith.data.reading import Reading, listed
from digitsmith.errors import DataError

UNLABELLED_FOLDER = "unlabelled"
"""Of images without a label, unless a class is called so."""

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
        return any(map(is_image, _files_in(folder / inside[0])))
    return any(is_image(file) for name in inside for file in walk(folder / name))


def labelled_files(folder: Path, names: Sequence[str], reading: Reading) -> Labelled:
    """Find the images in class folders, however deep in them; or in a folder without any.

    Where folders of writers, or of other things, hold the folders of the classes, those are taken.

    Args:
        folder: in which they are.
        names: of the classes in their order, where a record has them; else the folders give them.
        reading: told what is left out and guessed.

    Raises:
        DataError: an image beside the class folders, a class without any, or folders that may be read in two ways.
    """
    found = {name: _images(folder / name, reading) for name in _class_folders(folder, names)}
    beside = sorted(filter(is_image, _files_in(folder)), key=natural)
    unlabelled = [] if UNLABELLED_FOLDER in names else _within(UNLABELLED_FOLDER, found.pop(UNLABELLED_FOLDER, []))
    if found and beside:
        raise DataError(
            f"{folder / beside[0]} lies beside the class folders: move it into one, or into a folder "
            f"{UNLABELLED_FOLDER}, or take it out."
        )
    if _are_inner(folder, found, names):
        reading.note(f"The classes are the folders in {listed([*found], _MOST_AT_ONCE)} of {folder}.")
        classes = _inner(found)
    else:
        classes = {name: _within(name, files) for name, files in found.items()}
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
        return [entry.name for entry in entries if counts(entry.name) and entry.is_file()]


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


def _are_inner(folder: Path, found: Mapping[str, Sequence[str]], names: Sequence[str]) -> bool:
    """Whether the classes are the folders in the folders that were found, and not those."""
    inner = [{file.partition("/")[0] for file in files if "/" in file} for files in found.values()]
    holding = [name for name, some in zip(found, inner, strict=True) if len(some) > 1 and look_like_digits(some)]
    mixed = holding and not all(some and look_like_digits(some) for some in inner)
    if mixed and not names and not look_like_digits(found):
        raise DataError(
            f"{folder / holding[0]} holds folders that look like classes, but not all folders beside it do: give the "
            f'path of that folder, or name the classes in {folder / "dataset.json"}: {{"classes": […]}}.'
        )
    if not found or not all(inner) or any("/" not in file for files in found.values() for file in files):
        return False
    every = set[str]().union(*inner)
    if names:
        return not found.keys() <= set(names) and every <= set(names)
    if len(every) == 1 or len(found) == 1:
        return False
    outer_digits, inner_digits = look_like_digits(found), look_like_digits(every)
    if inner_digits and not outer_digits:
        return all(len(some) * 2 >= len(every) for some in inner)
    if inner_digits == outer_digits and all(some == every for some in inner):
        shown = sorted(every, key=natural)
        outer, inside = listed([*found], _MOST_AT_ONCE), listed(shown, _MOST_AT_ONCE)
        raise DataError(
            f"{folder} may be read in two ways: its classes are {outer}, or the folders in them, {inside}. Give those "
            f"that are no classes other names than digits have, or name the classes in {folder / 'dataset.json'}: "
            f'{{"classes": […]}}.'
        )
    return False


def _inner(found: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """Files by the folders in folders."""
    classes: dict[str, list[str]] = {}
    for outer, files in found.items():
        for file in files:
            classes.setdefault(file.partition("/")[0], []).append(f"{outer}/{file}")
    return classes
