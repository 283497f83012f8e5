"""Hugging Face's ImageFolder: `images/metadata.jsonl`, with text, writer and boxes of each image.

`load_dataset("imagefolder", data_dir="OUT/images")` reads it. A box is `[x, y, width, height]`, as in COCO.
"""

import json
from pathlib import Path

from digitsmith.numbers.annotations import IMAGES, Entry


class Writer:
    """Writes a line for each number."""

    def __init__(self, folder: Path, characters: tuple[str, ...]) -> None:
        self._file = (folder / IMAGES / "metadata.jsonl").open("w", encoding="utf-8", newline="\n")

    def add(self, entry: Entry) -> None:
        """Write a line."""
        objects = {
            "bbox": [[box.left, box.top, box.right - box.left, box.bottom - box.top] for box in entry.boxes],
            "category": [box.text for box in entry.boxes],
        }
        line = {"file_name": entry.file, "text": entry.text, "writer": entry.writer, "objects": objects}
        self._file.write(json.dumps(line, ensure_ascii=False) + "\n")

    def close(self) -> None:
        """Close the file."""
        self._file.close()
