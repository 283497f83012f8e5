r"""Tesseract's ground truth beside each image: `NAME.gt.txt`, its text, and `NAME.box`, the box of each character.

A line of a box file is `character left bottom right top page`, in pixels from the lower left corner. A space has the
box between its neighbours. The last line has a tab as its character, for the end of the line of text, as Tesseract
wants it to train with.
"""

from collections.abc import Iterator
from pathlib import Path

from digitsmith.numbers.annotations import IMAGES, Entry
from digitsmith.numbers.written import Box


class Writer:
    """Writes two files for each number."""

    def __init__(self, folder: Path, characters: tuple[str, ...]) -> None:
        self._folder = folder / IMAGES

    def add(self, entry: Entry) -> None:
        """Write its files."""
        (self._folder / f"{entry.name}.gt.txt").write_text(f"{entry.text}\n", encoding="utf-8", newline="\n")
        height = entry.size[0]
        with (self._folder / f"{entry.name}.box").open("w", encoding="utf-8", newline="\n") as file:
            for box in _all(entry):
                file.write(f"{box.text} {box.left} {height - box.bottom} {box.right} {height - box.top} 0\n")

    def close(self) -> None:
        """Nothing is left to do."""


def _all(entry: Entry) -> Iterator[Box]:
    """The boxes of all characters, those without ink among them, and of the end."""
    top, bottom = min(box.top for box in entry.boxes), max(box.bottom for box in entry.boxes)
    left, following = entry.boxes[0].left, iter(entry.boxes)
    box = next(following, None)
    for character in entry.text:
        if box is not None and character == box.text:
            yield box
            left, box = box.right, next(following, None)
        else:
            right = max(left + 1, box.left if box is not None else left + 1)
            yield Box(character, left, top, right, bottom)
    yield Box("\t", left, top, left + 1, bottom)
