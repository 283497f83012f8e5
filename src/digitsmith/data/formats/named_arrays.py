"""Files of named arrays, such as NPZ, MATLAB's and HDF5: which of them are images, which labels, which class names."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from digitsmith.data import limits, names
from digitsmith.data.arrays import Array, find_layout, may_be_images, to_images
from digitsmith.data.assemble import assemble
from digitsmith.data.dataset import Dataset
from digitsmith.data.folders import chosen_part
from digitsmith.data.formats import Split, as_classes
from digitsmith.data.formats.row_splits import rows_of_split
from digitsmith.data.reading import Column, Reading, listed, no_such, unclear
from digitsmith.errors import DataError, MissingSplitError

_NUMBERS, _TEXTS = "buif", "US"  # kinds of dtypes
_SPLIT_WORD = re.compile("|".join(sorted(names.PARTS, key=len, reverse=True)))


@dataclass(frozen=True)
class Claim:
    """What is said of an array before its content.

    Attributes:
        shape: of it.
        dtype: of its numbers; that of objects for what is no array of numbers or texts.
        kind: what such a thing is called.
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    kind: str = "pickled objects"

    @property
    def nbytes(self) -> int:
        """In memory."""
        return int(np.prod(self.shape, dtype=object)) * self.dtype.itemsize


class Arrays(Protocol):
    """A file of named arrays."""

    @property
    def claims(self) -> Mapping[str, Claim]:
        """What is in it, by name."""

    def read(self, name: str) -> Array:
        """An array: in memory, or one that is read as it is cut."""


@dataclass(frozen=True)
class Choice:
    """Names of arrays that belong together.

    Attributes:
        images: of the images.
        labels: of their labels; empty without any.
        classes: of the class names; empty without any.
        splits: of the words that tell the split of each image; empty without any.
    """

    images: str
    labels: str = ""
    classes: str = ""
    splits: str = ""


def read_arrays(path: Path, arrays: Arrays, split: Split, reading: Reading, *, reverse: bool = False) -> Dataset:
    """Read the images of a split, and their labels and class names if there are any.

    Args:
        path: of the file.
        arrays: its content.
        split: which one, if there are several in the file.
        reading: what is asked for; it is told what is guessed.
        reverse: as for `find_layout`.

    Raises:
        DataError: no images, several arrays that may be them, or what they are is not certain.
        MissingSplitError: images of another split only.
    """
    chosen, stored = choose(path, arrays.claims, split, reading), path.stat().st_size
    labels = _one_each(path, arrays, chosen.labels, chosen.images) if chosen.labels else None
    words = _one_each(path, arrays, chosen.splits, chosen.images) if chosen.splits else None
    kept = None if words is None else rows_of_split(words.tolist(), chosen.splits, split, path, reading.note)
    count = next((len(array) for array in (labels, words) if array is not None), None)
    claim, what = arrays.claims[chosen.images], f"{path}, {chosen.images}"
    exact = reading.record is not None and claim.dtype == np.uint8  # our writers leave such files
    layout = find_layout(claim.shape, what, count, reverse=reverse, exact=exact)
    limits.check_images(what, layout.shape, stored)
    images = to_images(arrays.read(chosen.images), layout, what, reading.note, exact=exact)
    if kept is not None:
        if len(kept) != len(images):
            raise DataError(f"{path}: {chosen.splits} is for {len(kept):,} images, but there are {len(images):,}.")
        images, labels = images[kept], labels if labels is None else labels[kept]
    reading.layout = f"arrays of {path.name}: images {chosen.images}, labels {chosen.labels or 'none'}"
    reading.count_pixels(claim.dtype, images.shape)
    classes: tuple[str, ...] = ()
    if chosen.classes:
        if (size := arrays.claims[chosen.classes].nbytes) > limits.MAX_RECORD:
            raise ValueError(f"class names of {size:,} bytes; at most {limits.MAX_RECORD:,} are read")
        classes = as_classes(np.asarray(arrays.read(chosen.classes)[...]).tolist())
    return assemble(path, reading, images, labels, classes)


def _one_each(path: Path, arrays: Arrays, name: str, images: str) -> NDArray[Any]:
    """Labels, or whatever there is one of for each image: [n], or [n, classes]."""
    claim = arrays.claims[name]
    count, first = _count(claim, arrays.claims[images].shape, f"{path}, {name}")
    limits.check_images(path, (count, 1, claim.nbytes // max(1, count)), path.stat().st_size)
    values = np.asarray(arrays.read(name)[...])
    values = (values if first else values.T).reshape(count, -1)
    return values[:, 0] if values.shape[1] == 1 else values


def choose(path: Path, claims: Mapping[str, Claim], split: Split, reading: Reading) -> Choice:
    """Which arrays are what, by their names and shapes; what looks like labels and is none is noted."""
    images = _choose_images(path, claims, split, reading)
    of = _told(images)
    rest = {name: claim for name, claim in claims.items() if name != images and _told(name) in ("", of)}
    classes = [
        name for name, claim in rest.items()
        if names.parts(name)[0] in names.CLASS_NAMES and claim.dtype.kind not in _NUMBERS
    ]  # fmt: skip
    splits = [name for name in claims if _tells_splits(name, claims[name], claims[images].shape)][:1]
    labels = _choose_labels(path, images, claims, [name for name in rest if name not in classes + splits], reading)
    if not labels and len(classes) == 1 and len(claims[classes[0]].shape) == 1:  # names of images, not of classes
        of_images = claims[classes[0]].shape[0] in claims[images].shape
        labels, classes = (classes[0], []) if of_images else ("", classes)
    if len(classes) > 1:
        raise DataError(f"{path} has class names in {listed(classes)}: take all but one out.")
    return Choice(images, labels, *(classes or [""]), *(name for name in splits if name != labels))


def _choose_images(path: Path, claims: Mapping[str, Claim], split: Split, reading: Reading) -> str:
    if asked := reading.column("image_column"):
        name = _asked(path, asked, claims, split, "image_column", reading)
        if claims[name].dtype.kind in _NUMBERS:
            return name
        raise DataError(f"{path}: {name} is {_shown(claims[name])}: images are numbers.", parameter="image_column")
    possible = [n for n, claim in claims.items() if may_be_images(claim.shape) and claim.dtype.kind in _NUMBERS]
    called = [name for name in possible if names.parts(name)[0] in names.IMAGES | {""}]
    found = called or [name for name in possible if names.parts(name)[0] not in names.LABELS]
    splits: dict[str, names.Part] = {name: part for name in found if (part := _told(name))}
    if splits:
        part = chosen_part(split, Counter(splits.values()), "arrays", str(path), reading.note)
        if part not in splits.values():
            raise MissingSplitError(f"{path} has no {split} split, only {listed(sorted({*splits.values()}))}.")
        found = [name for name, of in splits.items() if of == part]
    if len(found) > 1 and not called:
        found = [name for name in found if len(claims[name].shape) > 2] or found
    shown = listed([f"{name} ({_shown(claim)})" for name, claim in claims.items()])
    if not found:
        what = f"the arrays {shown}" if claims else "no arrays"
        raise DataError(f"{path} has {what}, but none of images: save images and labels as arrays of numbers.")
    if len(found) > 1:
        raise unclear(path, "arrays", "images", found)
    if not called and len(claims) > 1:
        reading.note(f"{path}: {found[0]} is taken for the images, of the arrays {shown}.")
    return found[0]


def _choose_labels(path: Path, images: str, claims: Mapping[str, Claim], rest: Sequence[str], reading: Reading) -> str:
    if asked := reading.column("label_column"):
        return _asked(path, asked, claims, _told(images), "label_column", reading)
    called = [name for name in rest if names.parts(name)[0] in names.LABELS]
    if len(called) > 1:
        called = [name for name in called if {*claims[name].shape} & {*claims[images].shape}]
    if len(called) > 1:
        raise unclear(path, "arrays", "labels", called)
    like = [name for name in rest if _like_labels(claims[name], claims[images].shape) and name not in called]
    if called and like:
        reading.note(f"{path}: the labels are {called[0]}; not used: {listed(like)}.")
    if called:
        return called[0]
    if len(like) == 1 and like[0].startswith("arr_"):  # NumPy's for one without a name
        reading.note(f"{path}: {like[0]} is taken for the labels.")
        return like[0]
    if like:
        reading.note(f"{path}: {listed(like)} may be labels, but are not called so, and are not read: say which are.")
    return ""


def _asked(
    path: Path, asked: str, claims: Mapping[str, Claim], of: names.Part | Literal[""], option: Column, reading: Reading
) -> str:
    """The array that the user names; if its name tells another split than `of`, the one of the same name for that.

    Raises:
        DataError: there is none.
        MissingSplitError: only such of other splits.
    """
    kin = _kin(asked, claims)
    if of and kin and (_told(asked) or len(kin) > 1):
        part = chosen_part(of, dict.fromkeys(kin, 1), "arrays", str(path), reading.note) if of != "val" else of
        if part not in kin:
            there = ", ".join(sorted(kin.values()))
            error = MissingSplitError if option == "image_column" else DataError
            raise error(f"{path} has no {of} split of {asked}, only {there}.")
        if kin[part] != asked:
            reading.note(f"{path}: {kin[part]} is taken for the {part} split, as {asked} is asked for.")
        return kin[part]
    if asked not in claims:
        raise no_such(path, "array", asked, [*claims], option)
    return asked


def _kin(asked: str, there: Iterable[str]) -> dict[names.Part, str]:
    """The names that are equal to one but for the word for the split, by that."""
    alike = [name for name in there if _SPLIT_WORD.sub("#", name.lower()) == _SPLIT_WORD.sub("#", asked.lower())]
    return {names.PARTS[match[0]]: name for name in alike if (match := _SPLIT_WORD.search(name.lower()))}


def _told(name: str) -> names.Part | Literal[""]:
    """The split that a name tells: `x_train`, `xtrain`, `test/data`, `train_set_x`, `trainScans`."""
    return names.parts(name)[1] or names.part_of(name) or ""


def _tells_splits(name: str, claim: Claim, images: tuple[int, ...]) -> bool:
    words = names.plain(name) in names.SPLIT_COLUMNS and claim.dtype.kind in _TEXTS
    flags = names.plain(name) in names.FLAGS and claim.dtype.kind in _NUMBERS
    return (words or flags) and _like_labels(claim, images)


def _shown(claim: Claim) -> str:
    kind = claim.kind if claim.dtype.hasobject else str(claim.dtype)
    return f"{kind[:40]} of {'x'.join(map(str, claim.shape))}" if claim.shape else kind[:40]


def _like_labels(claim: Claim, images: tuple[int, ...]) -> bool:
    sides = [side for side in claim.shape if side != 1]
    return len(sides) == 1 and sides[0] in images and claim.dtype.kind in _NUMBERS + _TEXTS + "O"


def _count(claim: Claim, images: tuple[int, ...], what: str) -> tuple[int, bool]:
    """How many labels there are, and whether they are along the first axis.

    Raises:
        DataError: no labels.
    """
    shape = claim.shape
    if claim.dtype.kind not in _NUMBERS + _TEXTS or len(shape) not in (1, 2):
        raise DataError(f"{what} is {_shown(claim)}: labels are whole numbers or names, one for each image.")
    if len(shape) == 1:
        return shape[0], True
    first = shape[0] in images if (shape[0] in images) != (shape[1] in images) else shape[0] != 1
    return shape[0 if first else 1], first
