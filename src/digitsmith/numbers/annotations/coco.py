"""COCO: `coco.json`, with a box for each character, and the text and the writer of each image.

Images have their index as id, characters `1000 * index + place + 1`, so that the lists of shards fit together. The id
of a category is that of the character, counted from 1. Files are named as they are in the folder of images.
"""

import json
import shutil
import tempfile
from pathlib import Path

from digitsmith.numbers.annotations import Entry

_PER_IMAGE = 1000


class Writer:
    """Writes images into the file, and characters into one without a name, which is appended at the end."""

    def __init__(self, folder: Path, characters: tuple[str, ...]) -> None:
        self._ids = {character: i for i, character in enumerate(characters, 1)}
        self._file = (folder / "coco.json").open("w", encoding="utf-8", newline="\n")
        self._boxes = tempfile.TemporaryFile("w+", dir=folder, encoding="utf-8", newline="\n")
        categories = [{"id": i, "name": character} for character, i in self._ids.items()]
        about = {"info": {"description": "numbers written by Digitsmith"}, "licenses": [], "categories": categories}
        self._file.write(json.dumps(about, ensure_ascii=False)[:-1] + ', "images": [')
        self._before = "\n"

    def add(self, entry: Entry) -> None:
        """Write an image and its characters."""
        height, width = entry.size
        image = {"id": entry.index, "file_name": entry.file, "height": height, "width": width}
        self._file.write(self._before + _json(image | {"text": entry.text, "writer": entry.writer}))
        for place, box in enumerate(entry.boxes):
            width, height = box.right - box.left, box.bottom - box.top
            found = {
                "id": _PER_IMAGE * entry.index + place + 1, "image_id": entry.index,
                "category_id": self._ids[box.text], "bbox": [box.left, box.top, width, height],
                "area": width * height, "iscrowd": 0,
            }  # fmt: skip
            self._boxes.write((self._before if place == 0 else ",\n") + _json(found))
        self._before = ",\n"

    def close(self) -> None:
        """Append the characters."""
        with self._file, self._boxes:
            self._file.write('\n], "annotations": [')
            self._boxes.seek(0)
            shutil.copyfileobj(self._boxes, self._file)
            self._file.write("\n]}\n")


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
