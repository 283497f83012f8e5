"""One reading of a split: what is asked for, and what is found on the way.

Whatever is left out, turned, inverted, renumbered or guessed is noted, in one line each. `digitsmith data SOURCE` shows
the rest.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from digitsmith.errors import DataError
from digitsmith.progress import Progress, Silent
from digitsmith.records.base import ReadOptions
from digitsmith.records.dataset import DatasetRecord

Column = Literal["image_column", "label_column"]
"""The options that name a column, or an array, of images or labels."""

UNREADABLE = "unreadable image"
"""What images that cannot be read are called among what is ignored."""


@dataclass(frozen=True)
class Copy:
    """A copy of what is at an address, for as long as it is read."""

    address: str
    path: Path

    def named(self, text: str) -> str:
        """A text that speaks of the address, where it spoke of the copy."""
        return text.replace(str(self.path), self.address)


class Reading:
    """What is asked for, and what is found.

    Attributes:
        options: what is asked for.
        record: what the `dataset.json` of the source says; None if there is none.
        notes: what the user should read, as it was said.
        layout: what the source is, such as "class folders".
        modes: how many images there are of each kind of pixels, as the files have them: "RGB", "16-bit grey", ….
        sizes: how many there are of each (height, width), before they are framed or scaled.
        examples: the name of the first file of each size.
        ignored: how many files of each kind are left out, such as "no image".
        ink: what was found, or asked for; empty for colour.
        copy: what is read in the place of an address; None of a name or path.
    """

    def __init__(
        self,
        options: ReadOptions | None = None,
        progress: Progress | None = None,
        before: "Reading | None" = None,
        copy: Copy | None = None,
    ) -> None:
        """A reading; of two splits, the second is told of the first, so that nothing is said twice."""
        self.options = options or ReadOptions()
        self.progress: Progress = progress or Silent()
        self.record: DatasetRecord | None = None
        self.notes: list[str] = []
        self.layout = ""
        self.modes: Counter[str] = Counter()
        self.sizes: Counter[tuple[int, int]] = Counter()
        self.examples: dict[tuple[int, int], str] = {}
        self.ignored: Counter[str] = Counter()
        self.ink: Literal["", "dark", "bright"] = ""
        self.copy = copy
        self._said: set[str] = before._said if before else set()
        self._looked_up: set[Column] = set()

    def count_pixels(self, kind: object, shape: Sequence[int]) -> None:
        """Count images of one kind of numbers and one shape, [n, h, w] or [n, h, w, 3], among `modes`."""
        self.modes[f"{'colour' if len(shape) == 4 else 'grey'}, {kind}"] += shape[0]

    def column(self, option: Column) -> str:
        """What the user calls the column of images or labels; empty if that is left open."""
        self._looked_up.add(option)
        return str(getattr(self.options, option))

    def require_columns_looked_up(self, where: str) -> None:
        """Refuse the name of a column of files that have none.

        Raises:
            DataError: it names the option.
        """
        options: tuple[Column, ...] = ("image_column", "label_column")
        for option in options:
            if (asked := getattr(self.options, option)) and option not in self._looked_up:
                kind = "images" if option == "image_column" else "labels"
                what = f"{where} ({self.layout})" if self.layout else where
                raise DataError(f"{asked}: {kind} are in no column of {what}: leave this out.", parameter=option)

    def note(self, text: str) -> None:
        """Say a sentence that the user should read, once."""
        text = self.copy.named(text) if self.copy else text
        if text not in self.notes:
            self.notes.append(text)
        if text not in self._said:
            self._said.add(text)
            self.progress.note(text)


def listed(names: Sequence[object], most: int = 5) -> str:
    """The first of some names, and how many more there are."""
    more = len(names) - most
    return ", ".join(map(str, names[:most])) + (f" and {more:,} more" if more > 0 else "")


def no_such(where: object, kind: str, asked: str, there: Sequence[str], option: Column) -> DataError:
    """What is raised if the user names a column, or an array, that is not there, or is of another kind."""
    return DataError(f"{where} has no {kind} {asked!r}, only {listed(there, 20)}.", parameter=option)


def unclear(where: object, kind: str, what: Literal["images", "labels"], found: Sequence[str]) -> DataError:
    """What is raised if several arrays, or columns, may be the images or the labels: the user says which."""
    option: Column = "image_column" if what == "images" else "label_column"
    return DataError(
        f"{where} has several {kind} that may be the {what}, {listed(found)}: say which.", parameter=option
    )
