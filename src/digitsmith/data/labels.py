"""From labels as people keep them to class indices and class names."""

import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from digitsmith.data.dataset import UNLABELLED
from digitsmith.data.reading import listed
from digitsmith.records.base import MOST_CLASSES

DIGITS = tuple("0123456789")
"""The names of classes that are digits."""

_HIGHEST = 2**31 - 1
_NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]*)?")
"""A number in text. `1e3` and the digits of other scripts are names, as they are written."""

_NOTHING = frozenset(["", "nan", "na", "n/a", "null", "none", "?", "-"])
"""What stands among numbers where there is none."""

_ASCII_DIGITS = tuple(f"{code:02x}" for code in range(0x30, 0x3A))
"""What NIST calls the classes of digits: the codes of their characters."""


def index_labels(
    labels: "NDArray[Any] | Sequence[object]",
    names: Sequence[str],
    note: Callable[[str], None],
    *,
    by_value: bool = False,
) -> tuple[NDArray[np.int64] | None, tuple[str, ...]]:
    """Class indices and class names of labels.

    Args:
        labels: of n images: whole numbers, [n] or [n, 1]; names; or one-hot rows, [n, classes]. -1, NaN, None and the
            empty name are unlabelled, and so are NA, ? and the like among numbers. (One-hot rows may have -1 for 0.)
        names: of the classes, in the order of their numbers, where the source has them.
        note: told what is not as everybody would expect.
        by_value: where all names are digits, a label of 9 is the class "9" wherever that stands; so it always is of
            labels that are text.

    Returns:
        int64[n], -1 for an image that is not labelled, and the class names: `names`, or those that occur, in natural
        order. None and no names if no image is labelled.

    Raises:
        ValueError: labels that are neither, or that have no name among `names`.
    """
    given = labels if isinstance(labels, np.ndarray) else np.fromiter(labels, object, len(labels))
    values = _plain(given, set(names), note)
    if values.dtype.kind == "U":
        return _of_names(values, tuple(names), note)
    of_text = given.dtype.kind in "SU" or (
        given.dtype.kind == "O" and any(isinstance(v, str | bytes) for v in given.flat)
    )
    by_value = (by_value or of_text) and set(names) <= set(DIGITS)
    return _of_numbers(values, {int(name) if by_value else i: name for i, name in enumerate(names)}, note)


def values_of(classes: Sequence[str]) -> list[int]:
    """The numbers that stand for classes in files that have no names: digits themselves, or their places among them.

    Examples:
        >>> values_of(["0", "1", "9"]), values_of(["a", "b"])
        ([0, 1, 9], [0, 1])
    """
    are_digits = set(classes) <= set(DIGITS)
    return [int(name) if are_digits else place for place, name in enumerate(classes)]


def natural(name: str) -> list[tuple[bool, int, str]]:
    """A key to sort names by, with numbers in them by their value: 9 before 10."""
    return [
        (not part.isdecimal(), int(part) if part.isdecimal() else 0, part) for part in re.split(r"(\d+)", name) if part
    ]


def class_titles(folders: Sequence[str], note: Callable[[str], None]) -> dict[str, str]:
    """The class names that stand for names of folders: `digit_7` and `07` are 7, where all are so; NIST's `37` is 7."""
    ordered = sorted(folders, key=natural)
    if set(folders) == set(_ASCII_DIGITS):
        note("Folders 30 to 39 are taken for the digits 0 to 9, by the codes of their characters, as NIST names them.")
        return {folder: chr(int(folder, 16)) for folder in ordered}
    prefixed = {folder: re.fullmatch(r"(?:(\D+?)[ _-]*)?([0-9]+)", folder) for folder in ordered}
    matches = [match for match in prefixed.values() if match is not None]
    if len(matches) == len(ordered) > 1 and len({match[1] for match in matches}) == 1:
        titles = {folder: str(int(match[2])) for folder, match in zip(ordered, matches, strict=True)}
        if len(set(titles.values())) == len(titles):
            if changed := [folder for folder in ordered if titles[folder] != folder]:
                note(f"Classes {changed[0]} to {changed[-1]} are called {titles[changed[0]]} to {titles[changed[-1]]}.")
            return titles
    return {folder: folder for folder in ordered}


def _as_array(labels: Sequence[object], names: set[str], note: Callable[[str], None]) -> NDArray[Any]:
    """Numbers if all are, and are no names; else names."""
    if all(label is None or (isinstance(label, int | float) and not isinstance(label, bool)) for label in labels):
        return np.array([UNLABELLED if label is None else label for label in labels])
    texts = np.array(["" if label is None else str(label).strip() for label in labels], np.str_)
    if names and set(texts.tolist()) - {""} <= names:
        return texts
    found = set(texts.tolist())
    rest = {text for text in found if not _NUMBER.fullmatch(text)}
    other = sorted(text for text in rest if text.lower() not in ("", "nan"))
    if not {text.lower() for text in rest} <= _NOTHING or (other and rest == found):
        return texts
    if other:
        note(f"Labels {listed(other)} stand among numbers, and are taken for none.")
    if padded := sorted(text for text in found - rest if re.match(r"[+-]?0[0-9]", text)):
        note(f"Labels such as {padded[0]} are taken for numbers: {float(padded[0]):g}.")
    return np.where(np.isin(texts, [*rest]), str(UNLABELLED), texts).astype(np.float64)


def _text(value: object) -> object:
    return value.decode() if isinstance(value, bytes) else value


def _plain(values: NDArray[Any], names: set[str], note: Callable[[str], None]) -> NDArray[Any]:
    """Labels one by one, as whole numbers or names."""
    if values.dtype.kind in "SU":
        texts, places = np.unique(values, return_inverse=True)
        values = _as_array([_text(text) for text in texts.tolist()], names, note)[places].reshape(values.shape)
    elif values.dtype.kind == "O":
        values = _as_array([_text(value) for value in values.ravel().tolist()], names, note).reshape(values.shape)
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    if values.ndim == 2 and values.dtype.kind in "biuf":
        low = -1 if values.dtype.kind != "b" and (values == -1).any() else 0
        if not (np.isin(values, (low, 1)).all() and ((values == 1).sum(1) == 1).all()):
            raise ValueError(f"labels of {values.shape[1]} numbers each are no one-hot rows")
        values = values.argmax(1)
    if values.ndim != 1:
        raise ValueError(f"labels of the shape {list(values.shape)} are not one for each image")
    if values.dtype.kind == "f":
        known = ~np.isnan(values)
        whole = np.where(known, values, UNLABELLED)
        if len(wrong := whole[(whole != np.round(whole)) | (np.abs(whole) > _HIGHEST)]):
            raise ValueError(f"labels must be whole numbers or names; one is {wrong[0]:g}")
        values = whole.astype(np.int64)
    if values.dtype.kind == "b":
        values = values.astype(np.int64)
    if values.dtype.kind not in "iuU":
        raise ValueError(f"labels must be whole numbers or names; these are {values.dtype}")
    return values


def _of_numbers(
    values: NDArray[Any], names: dict[int, str], note: Callable[[str], None]
) -> tuple[NDArray[np.int64] | None, tuple[str, ...]]:
    """Numbers that stand for names; for themselves where there are no names."""
    found = [value for value in np.unique(values).tolist() if value != UNLABELLED]
    if not found:
        return (np.full(len(values), UNLABELLED), tuple(names.values())) if names else (None, ())
    if found[0] < 0 or found[-1] > _HIGHEST or len(found) > MOST_CLASSES:
        raise ValueError(
            f"{len(found):,} different labels from {found[0]} to {found[-1]}: labels count classes from 0, of which "
            f"there are at most {MOST_CLASSES:,}, and {UNLABELLED} is unlabelled"
        )
    if names:
        if unknown := [value for value in found if value not in names]:
            raise ValueError(f"a label of {unknown[0]}, but the classes are {' '.join([*names.values()][:20])}")
    elif found == list(range(1, 11)):
        note("Labels run from 1 to 10, without 0: 10 is taken for the digit 0, as in SVHN.")
        values, names = np.where(values == 10, 0, values), dict(enumerate(DIGITS))
    else:
        names = {value: str(value) for value in found}
    known = np.array([UNLABELLED, *names])
    order = np.argsort(known)
    return order[np.searchsorted(known, values, sorter=order)] - 1, tuple(names.values())


def _of_names(
    values: NDArray[Any], names: tuple[str, ...], note: Callable[[str], None]
) -> tuple[NDArray[np.int64] | None, tuple[str, ...]]:
    different, places = np.unique(values, return_inverse=True)
    found = [name for name in different.tolist() if name]
    if not found:
        return (np.full(len(values), UNLABELLED), names) if names else (None, ())
    if len(found) > MOST_CLASSES:
        raise ValueError(f"{len(found):,} different labels, such as {found[0]!r}: at most {MOST_CLASSES:,} are read")
    if names and set(found) <= set(names):
        titles, classes = {name: name for name in found}, names
    else:
        titles = class_titles(found, note)
        classes = names or tuple(titles.values())
        if unknown := [name for name in found if titles[name] not in classes]:
            raise ValueError(f"a label {unknown[0]!r}, but the classes are {' '.join(names[:20])}")
    index = {name: i for i, name in enumerate(classes)}
    table = {"": UNLABELLED} | {name: index[title] for name, title in titles.items()}
    return np.array([table[name] for name in different.tolist()], np.int64)[places], classes
