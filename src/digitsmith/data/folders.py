"""Folders as people keep them: what counts in one, and where in it the files of a split are."""

import os
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal, get_args

from digitsmith.data import limits
from digitsmith.data.images.decoding import ENDINGS, PHONE_ENDINGS
from digitsmith.data.labels import natural
from digitsmith.data.names import Part, is_of_split, part_of
from digitsmith.data.reading import Reading, listed
from digitsmith.errors import DataError

Split = Literal["train", "test"]
SPLITS: tuple[Split, ...] = get_args(Split)

_JUNK = frozenset({"__macosx", "@eadir", "#recycle", "thumbs.db", "desktop.ini", "preview.png", "dataset.json"})
_DIGIT = re.compile(r"(digit|class|label|cls)[ _-]*\d+|0*(\d|10)|3\d|zero|one|two|three|four|five|six|seven|eight|nine")
_SHARD = re.compile(r"(.*?)[0-9]+-of-([0-9]{1,9})(.*)")  # one of several files, as Hugging Face names them
_DEPTH = 16  # of folders in folders
_OUTER = 6  # folders around the data


def counts(name: str) -> bool:
    """Whether a file or folder of that name may hold data: it is not hidden, nor one that systems leave, nor ours."""
    return not name.startswith(".") and name.lower() not in _JUNK


def is_in(path: Path, folder: Path) -> bool:
    """Whether a file lies, or would lie, in a folder or in one of the folders in it."""
    parent = path.parent.resolve()  # not of what a link leads to, which is not what is written
    return folder.resolve() in (parent, *parent.parents)


def is_image(name: str) -> bool:
    """Whether that is the name of an image."""
    return _ending(name) in ENDINGS or is_phone_photo(name)


def is_phone_photo(name: str) -> bool:
    """Whether that is the name of a photo that is to be converted."""
    return _ending(name) in PHONE_ENDINGS


def without_originals(names: list[str]) -> list[str]:
    """Names in a folder, without photos of phones that lie there again as an image that can be read."""
    if not any(map(is_phone_photo, names)):
        return names
    converted = {os.path.splitext(name)[0] for name in names if _ending(name) in ENDINGS}  # noqa: PTH122  # as below
    return [name for name in names if not (is_phone_photo(name) and os.path.splitext(name)[0] in converted)]  # noqa: PTH122


def _ending(name: str) -> str:
    return os.path.splitext(name)[1].lower()  # noqa: PTH122  # a hundred thousand paths are slow


def look_like_digits(names: Collection[str]) -> bool:
    """Whether all names are such as people give to classes of digits: 7, digit_7, seven."""
    return all(_DIGIT.fullmatch(name.lower()) for name in names)


def splits_in(files: Iterable[str]) -> str:
    """The first folder in some paths that is called as a split is; empty if there is none."""
    return next((name for file in files for name in file.split("/")[:-1] if is_of_split(name)), "")


def subfolders(folder: Path) -> list[str]:
    """Names of the folders in a folder that count, in natural order."""
    with os.scandir(folder) as entries:
        return sorted((entry.name for entry in entries if entry.is_dir() and counts(entry.name)), key=natural)


def walk(folder: Path) -> Iterator[str]:
    """Files that count, in a folder and all folders in it: their paths from there, with slashes, in no certain order.

    Each folder is gone into once, wherever links lead.

    Raises:
        DataError: too many files, or folders in folders.
    """
    waiting, seen, files = [("", 0)], set[tuple[int, int]](), 0
    while waiting:
        prefix, depth = waiting.pop()
        place = folder / prefix
        status = place.stat()
        if (status.st_dev, status.st_ino) in seen:
            continue
        seen.add((status.st_dev, status.st_ino))
        if depth > _DEPTH:
            raise DataError(f"{place} lies more than {_DEPTH} folders deep: take it out of there.")
        inside: list[str] = []
        with os.scandir(place) as entries:
            for entry in entries:
                if not counts(entry.name):
                    continue
                if entry.is_dir():
                    waiting.append((f"{prefix}{entry.name}/", depth + 1))
                elif entry.is_file():
                    files += 1
                    if files > limits.MAX_FILES:
                        raise DataError(f"{folder} holds more than {limits.MAX_FILES:,} files: divide it into parts.")
                    inside.append(entry.name)
        yield from (prefix + name for name in without_originals(inside))


@dataclass(frozen=True)
class Place:
    """A file, or a folder in which files of a split may be.

    Attributes:
        path: of it.
        split: the one that is asked for.
        whole: whether all there is of that split, unless names say otherwise: a file, or a folder such as `Test`.
        reading: what is asked for; it is told what is chosen and left out.
    """

    path: Path
    split: Split
    whole: bool
    reading: Reading

    @property
    def note(self) -> Callable[[str], None]:
        """Tells the user a sentence."""
        return self.reading.note

    @cached_property
    def splits(self) -> dict[Part, str]:
        """The folders of splits in a folder that is not of one as a whole.

        A name that says more, such as `MNIST - JPG - training`, counts where there is no other, and another part.
        """
        if self.whole or not self.path.is_dir():
            return {}
        told: dict[Part, list[str]] = {}
        for name in subfolders(self.path):
            if part := part_of(name):
                told.setdefault(part, []).append(name)
        chosen = {part: name for part, names in told.items() if (name := self._folder_of(part, names))}
        if len(chosen) < 2:
            chosen = {part: name for part, name in chosen.items() if is_of_split(name)}
        return chosen if chosen.keys() & set(SPLITS) else {}

    def _folder_of(self, part: Part, names: list[str]) -> str:
        """Which of some folders holds a split; empty if none does."""
        plain = [name for name in names if is_of_split(name)]
        if len(plain or names) == 1:
            return (plain or names)[0]
        holding = [name for name in plain or names if any(map(is_image, walk(self.path / name)))]
        if len(holding) == 1 or not (holding or plain):
            return holding[0] if holding else ""
        first, second, *_ = holding or plain
        raise DataError(f"{self.path} has two folders for {part}, {first} and {second}: take one out.")

    @property
    def takes_all(self) -> bool:
        """Whether what tells no split is of the one that is asked for."""
        return self.whole or (self.split == "train" and not self.splits)

    def all_files(self, *endings: str) -> list[Path]:
        """The files whose names have one of the endings, in natural order; not those in folders.

        Args:
            endings: such as ".npz", in lower case; those of the files may be in any.
        """
        if self.path.is_file():
            return [self.path] if self.path.name.lower().endswith(endings) else []
        with os.scandir(self.path) as entries:
            names = [e.name for e in entries if e.name.lower().endswith(endings) and counts(e.name) and e.is_file()]
        return [self.path / name for name in sorted(names, key=natural)]

    def files(self, *endings: str, untold: bool = False, tell: bool = False) -> list[Path]:
        """The files of the split whose names have one of the endings: `of_split` of `all_files`."""
        return self.of_split(self.all_files(*endings), untold=untold, tell=tell)

    def of_split(self, files: Sequence[Path], *, untold: bool = False, tell: bool = False) -> list[Path]:
        """Those of some files of the place that are of the split.

        Where names tell splits, they are obeyed. Where none does, all files are of the place's split if it is whole,
        and of the train split else.

        Args:
            files: all that there are of a kind.
            untold: take files whose names tell no split for any: they may hold several.
            tell: say which files are left out, and of how many that there should be some are not there.
        """
        if self.path.is_file():
            return [*files]
        parts = {file: part_of(file.name) for file in files}
        wanted = self._part(Counter(part for part in parts.values() if part), "files")
        found = [file for file, part in parts.items() if part == wanted]
        told = any(part in SPLITS for part in parts.values())
        if not found and (untold or self.takes_all) and (self.whole or not told):
            found = [file for file, part in parts.items() if part is None or self.whole]
        if tell and found:
            left = [file.name for file, part in parts.items() if part is None and file not in found]
            self._tell_left_out([file.name for file in found], left)
        return found

    def inner(self) -> "Place | None":
        """Where to look next: the folder of the split, or the only folder; None if there is neither."""
        if self.path.is_file():
            return None
        if self.splits:
            self._tell_others()
            counted = {part: _count(self.path / name) if part == "val" else 1 for part, name in self.splits.items()}
            part = self._part(counted, "images")
            return Place(self.path / self.splits[part], self.split, True, self.reading) if part in self.splits else None
        inside = subfolders(self.path)
        if len(inside) != 1 or look_like_digits(inside):  # a class
            return None
        return Place(self.path / inside[0], self.split, self.whole, self.reading)

    def _tell_left_out(self, found: list[str], untold: list[str]) -> None:
        """Say which files beside those of splits tell none, and of which series some are missing."""
        if untold:
            self.note(
                f"{self.path}: left out, as only the names of others tell their split: {listed(untold)}. Give its path "
                f"to read it."
            )
        shards = Counter(match.groups() for name in found if (match := _SHARD.fullmatch(name)))
        for (start, total, end), count in shards.items():
            if count < int(total):
                self.note(
                    f"{self.path}: of the {int(total):,} files {start}…-of-{total}{end} only {count:,} are there."
                )

    def _tell_others(self) -> None:
        """Say which images lie beside the folders of splits."""
        with os.scandir(self.path) as entries:
            beside = {entry.name: 1 for entry in entries if is_image(entry.name) and counts(entry.name)}
        others = set(subfolders(self.path)) - set(self.splits.values())
        beside |= {name: _count(self.path / name) for name in sorted(others, key=natural)}
        if left := {name: count for name, count in beside.items() if count}:
            self.note(
                f"{self.path}: {sum(left.values()):,} images are left out, as they are in no folder of a split: "
                f"{listed([*left])}."
            )

    def _part(self, counted: dict[Part, int], what: str) -> Part:
        """What stands for the split among those that are there, with how many there are of each."""
        return chosen_part(self.split, counted, what, str(self.path), self.note)


def chosen_part(split: Split, counted: dict[Part, int], what: str, where: str, note: Callable[[str], None]) -> Part:
    """What stands for a split: itself, or the validation part where there is no test part. It is said what is not used.

    Args:
        split: the one that is asked for.
        counted: how many there are of each part.
        what: is counted.
        where: they are.
        note: told.
    """
    if not counted.get("val"):
        return split
    if "test" in counted:
        note(f"{where}: {counted['val']:,} {what} for validation are left out; there is a test split.")
        return split
    if split == "test":
        note(f"{where}: the {what} for validation stand for the test split, of which there is none.")
        return "val"
    return split


def places(path: Path, split: Split, reading: Reading) -> Iterator[Place]:
    """Where the files of a split may be, outer folders first: at the path itself, in its folder of the split, in a
    folder that lies alone there.
    """
    place: Place | None = Place(path, split, path.is_file(), reading)
    for _ in range(_OUTER):
        if place is None:
            return
        yield place
        place = place.inner()


def _count(folder: Path) -> int:
    return sum(map(is_image, walk(folder)))
