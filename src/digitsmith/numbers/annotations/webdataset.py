"""WebDataset: tar shards `numbers-000000.tar`, …; a sample is an image, its text (`.txt`) and its boxes (`.json`)."""

import json
from pathlib import Path

from digitsmith.data.formats.webdataset import Shards
from digitsmith.numbers.annotations import Entry


class Writer:
    """Writes a sample for each number."""

    def __init__(self, folder: Path, characters: tuple[str, ...]) -> None:
        self._shards = Shards(folder, "numbers")

    def add(self, entry: Entry) -> None:
        """Append a sample."""
        about = {"text": entry.text, "writer": entry.writer, "boxes": [vars(box) for box in entry.boxes]}
        content = json.dumps(about, ensure_ascii=False).encode()
        self._shards.add(entry.name, {entry.ending: entry.content, "txt": entry.text.encode(), "json": content})

    def close(self) -> None:
        """Close the shard that is open."""
        self._shards.close()
