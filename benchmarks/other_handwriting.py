"""Other handwriting: the preset `residual`, untouched, on other images than MNIST's training split.

    python benchmarks/other_handwriting.py [--only NAME] [--runs FOLDER]

    digits  the embedded data set: 1,438 training images
    odd     a folder of PNGs, 3,000 of MNIST's odd digits scaled to 20x16, in five classes with names
    few     300 of those, with 1,200 steps of 64 images, as the README has it for a folder of your own

Each run is measured beside as many real images, and says whether it collapsed. Its pictures are in the run folder: the
last of samples/ is a sheet of images, none chosen. Over an hour on two cores.
"""

import argparse
from pathlib import Path

import numpy as np

import digitsmith
from digitsmith import formats
from digitsmith.dataset import Dataset
from digitsmith.sources import load_dataset

NAMES = {1: "one", 3: "three", 5: "five", 7: "seven", 9: "nine"}
SIZE = (20, 16)
CASES = {"odd": 3000, "few": 300, "digits": 0}
CHANGES = {"few": {"steps": 1200, "batch_size": 64}}
KEYS = ("frechet_ratio", "precision", "recall", "coverage", "spread", "agreement", "copies")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=CASES)
    parser.add_argument("--runs", type=Path, default=Path("runs/other"))
    arguments = parser.parse_args()
    for name in [arguments.only] if arguments.only else CASES:
        data: str | Path = "digits"
        if CASES[name]:
            data = arguments.runs / f"{name}-images"
            formats.write(odd_digits(CASES[name]), data, "png")
        run = digitsmith.train("residual", data, arguments.runs / name, changes=CHANGES.get(name, {}), quiet=False).run
        result = digitsmith.evaluate(run.folder)
        minutes, images = run.read_metrics()[-1]["seconds"] / 60, result.protocol["images"]
        print(f"{name}: {minutes:.1f} min, {images:,} images of each kind")
        for measure in result.measures:
            if measure.key in KEYS:
                print(f"  {measure.title}: {measure.value:.4g}, real: {measure.real:.4g}")
        print("  collapsed: " + " ".join(result.collapse.reasons) if result.collapse.collapsed else "  no collapse")


def odd_digits(count: int) -> Dataset:
    """Odd digits of MNIST, the first of each, with names for classes."""
    mnist = load_dataset("mnist", "train", resize=SIZE)
    assert mnist.labels is not None
    chosen = np.flatnonzero(np.isin(mnist.labels, list(NAMES)))[:count]
    return Dataset(mnist.images[chosen], mnist.labels[chosen] // 2, tuple(NAMES.values()))


if __name__ == "__main__":
    main()
