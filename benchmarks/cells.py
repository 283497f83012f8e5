"""How the reader in the box reads digits in cells of forms: lines of several kinds and widths, cells of several sizes.

    python benchmarks/cells.py [--images 600]

Digits of MNIST's test split, in dark ink on bright paper, 72 % of the cell's side; `tests/cells.py` draws them. Shown
is the share that is read, and how many of these are right.
"""

import argparse
import sys
from pathlib import Path

import numpy as np

import digitsmith

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from cells import KINDS, cell

SIZES = (28, 40, 64, 100)
CASES = ((1, 0), (2, 1), (3, 2))
"""Widths of lines, and how far from the border they are."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=600)
    images = digitsmith.load_dataset("mnist", "test", progress=False)
    chosen = np.random.default_rng(0).permutation(len(images))[: parser.parse_args().images]
    assert images.labels is not None
    reader = digitsmith.load_reader()
    print("lines".ljust(16), *(f"{width} px, {margin} in".center(14 * len(SIZES)) for width, margin in CASES))
    print("cell".ljust(16), *(str(side).rjust(13) for _ in CASES for side in SIZES))
    for kind in ("none", *KINDS):
        cells = []
        for width, margin in CASES:
            for side in SIZES:
                dark = np.stack([cell(images.images[i], side, kind, width, margin) for i in chosen])
                readings = reader.read(255 - dark)
                right = (readings.labels == images.labels[chosen])[readings.accepted]
                cells.append(f"{readings.accepted.mean():.1%} {right.mean() if len(right) else 0:.1%}".rjust(13))
        print(kind.ljust(16), *cells, flush=True)


if __name__ == "__main__":
    main()
