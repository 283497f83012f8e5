"""`labels.txt`, as TextRecognitionDataGenerator writes it: in each line the path of an image, a space, and its text."""

from pathlib import Path

from digitsmith.numbers.annotations import IMAGES, Entry


class Writer:
    """Writes a line for each number."""

    def __init__(self, folder: Path, characters: tuple[str, ...]) -> None:
        self._file = (folder / "labels.txt").open("w", encoding="utf-8", newline="\n")

    def add(self, entry: Entry) -> None:
        """Write a line."""
        self._file.write(f"{IMAGES}/{entry.file} {entry.text}\n")

    def close(self) -> None:
        """Close the file."""
        self._file.close()
