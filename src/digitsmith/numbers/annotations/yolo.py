"""YOLO, as Ultralytics reads it: `data.yaml`, and for each image `labels/NAME.txt`, with a line for each character.

A line is `id x y width height`: the centre and size of the box, as shares of the image's width and height.
"""

import json
from pathlib import Path

from digitsmith.numbers.annotations import IMAGES, Entry

_DATA = """\
# Write other numbers, with another seed, to validate with, and give the path of their images as val.
train: {images}
val: {images}
nc: {count}
names:
"""


class Writer:
    """Writes a file for each number."""

    def __init__(self, folder: Path, characters: tuple[str, ...]) -> None:
        self._ids = {character: i for i, character in enumerate(characters)}
        self._folder = folder / "labels"
        self._folder.mkdir()
        names = "".join(f"  {i}: {json.dumps(character)}\n" for character, i in self._ids.items())
        data = _DATA.format(images=IMAGES, count=len(characters)) + names
        (folder / "data.yaml").write_text(data, encoding="utf-8")

    def add(self, entry: Entry) -> None:
        """Write a file."""
        height, width = entry.size
        lines = []
        for box in entry.boxes:
            x, y = (box.left + box.right) / 2 / width, (box.top + box.bottom) / 2 / height
            w, h = (box.right - box.left) / width, (box.bottom - box.top) / height
            lines.append(f"{self._ids[box.text]} {x:.6f} {y:.6f} {w:.6f} {h:.6f}\n")
        (self._folder / f"{entry.name}.txt").write_text("".join(lines))

    def close(self) -> None:
        """Nothing is left to do."""
