"""The digits of people that the studio's page Play compares with: `python tools/people.py`, or `make people`.

Twenty of each digit from the test split of the embedded digits, which no model in the box has learned from, framed as
MNIST was made: the first of each.
"""

from pathlib import Path

import numpy as np

from digitsmith.data.dataset import Dataset
from digitsmith.data.formats import Header, format_module
from digitsmith.data.sources import load_dataset

FOLDER = Path(__file__).parent.parent / "src/digitsmith/studio/static/digits"
EACH = 20

README = """These are 200 handwritten digits, 20 of each, framed as MNIST was made, and in the format of its files.

They are of "Optical Recognition of Handwritten Digits" by E. Alpaydin and C. Kaynak (UCI Machine Learning Repository,
https://doi.org/10.24432/C50P49), scans of 8x8 pixels that were scaled up, under the Creative Commons Attribution 4.0
licence (https://creativecommons.org/licenses/by/4.0/).
"""


def main() -> None:
    """Choose, and write."""
    images = load_dataset("digits:test", frame="mnist")
    assert images.labels is not None
    chosen = np.sort(np.concatenate([np.flatnonzero(images.labels == digit)[:EACH] for digit in range(10)]))
    data = Dataset(images.images[chosen], images.labels[chosen], images.classes)
    FOLDER.mkdir(parents=True, exist_ok=True)
    writer = format_module("idx").Writer(FOLDER, Header.of(data, "test"))
    writer.write(data.images, data.labels)
    writer.close()
    (FOLDER / "dataset.json").unlink()  # which says where they were made, and no more
    (FOLDER / "README.txt").write_text(README, encoding="utf-8")
    print(f"{len(data)} digits in {FOLDER}")


if __name__ == "__main__":
    main()
