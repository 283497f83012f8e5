r"""PaddleOCR's lists: `paddle/rec_gt.txt` for recognition, `paddle/det_gt.txt` for detection, and `paddle/dict.txt`.

Paths are relative to the folder of the numbers, which is PaddleOCR's `data_dir`. A line for recognition is
`path\ttext`; one for detection is `path\t[{"transcription": text, "points": [[x, y], …]}]`, with the corners of the box
of the whole number, clockwise from the upper left. The dictionary has a character in each line, and no space
(`use_space_char`).
"""

import json
from pathlib import Path

from digitsmith.numbers.annotations import IMAGES, Entry


class Writer:
    """Writes a line into each list."""

    def __init__(self, folder: Path, characters: tuple[str, ...]) -> None:
        home = folder / "paddle"
        home.mkdir()
        (home / "dict.txt").write_text("".join(f"{character}\n" for character in characters), encoding="utf-8")
        self._recognition = (home / "rec_gt.txt").open("w", encoding="utf-8", newline="\n")
        self._detection = (home / "det_gt.txt").open("w", encoding="utf-8", newline="\n")

    def add(self, entry: Entry) -> None:
        """Write a line into each."""
        path = f"{IMAGES}/{entry.file}"
        self._recognition.write(f"{path}\t{entry.text}\n")
        left, top = min(box.left for box in entry.boxes), min(box.top for box in entry.boxes)
        right, bottom = max(box.right for box in entry.boxes), max(box.bottom for box in entry.boxes)
        points = [[left, top], [right, top], [right, bottom], [left, bottom]]
        region = json.dumps([{"transcription": entry.text, "points": points}], ensure_ascii=False)
        self._detection.write(f"{path}\t{region}\n")

    def close(self) -> None:
        """Close the lists."""
        with self._recognition:
            self._detection.close()
