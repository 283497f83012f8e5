"""Other handwriting than MNIST's: the preset `residual` on other images, of another number, size and classes.

As docs/recipes.md has it: without distortion, which would follow from the number of images, as would batches and steps.

    python benchmarks/other_handwriting.py RUNS [--only NAME] [--steps N]

    digits  the embedded data set, 1,438 training images: 5,000 steps of 128
    odd     a folder of 3,000 PNGs, MNIST's odd digits scaled to 20x16, in five classes with names: 5,000 steps of 128
    few     300 of those: 1,200 steps of 64

Each run is in a folder of that name in RUNS, which must not be there yet; the last of its samples/ is a sheet of
images, none chosen. It is measured beside real images: of `digits` the test split; of the folders, which have none,
half of the training images. The notes of the evaluation say how rough that is. Over an hour on two cores.
"""

import argparse
from pathlib import Path

import numpy as np

import digitsmith
from digitsmith.data import formats
from digitsmith.data.dataset import Dataset
from digitsmith.data.sources import load_dataset

CLASSES = {1: "one", 3: "three", 5: "five", 7: "seven", 9: "nine"}
SIZE = (20, 16)
CASES = ("digits", "odd", "few")
KEYS = ("frechet_ratio", "precision", "recall", "coverage", "spread", "agreement", "copies")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", type=Path)
    parser.add_argument("--only", choices=CASES)
    parser.add_argument("--steps", type=int)
    arguments = parser.parse_args()
    for name in [arguments.only] if arguments.only else CASES:
        length = {"steps": 1200, "batch_size": 64} if name == "few" else {"steps": 5000, "batch_size": 128}
        changes = {"augment": 0.0, **length}
        changes |= {"steps": arguments.steps} if arguments.steps else {}
        data, out = source(name, arguments.runs), arguments.runs / name
        run = digitsmith.train("residual", data, out, changes=changes).run
        result = digitsmith.evaluate(run.folder)
        print(f"{name}: {run.read_record().seconds / 60:.1f} min, {result.protocol.images:,} images of each kind")
        for measure in result.measures:
            if measure.key in KEYS:
                print(f"  {measure.title}: {measure.value:.4g}, real: {measure.real:.4g}")
        print("  collapsed: " + " ".join(result.collapse.reasons) if result.collapse.collapsed else "  no collapse")
        print("".join(f"  {note}\n" for note in result.notes), end="", flush=True)


def source(name: str, runs: Path) -> str | Path:
    """What to train on; a folder of PNGs is made."""
    if name == "digits":
        return name
    images = runs / f"{name}-images"
    formats.write(odd_digits(3000 if name == "odd" else 300), images, "png")
    return images


def odd_digits(count: int) -> Dataset:
    """Odd digits of MNIST, the first of each, with names for classes."""
    mnist = load_dataset("mnist", "train", resize=SIZE)
    assert mnist.labels is not None
    chosen = np.flatnonzero(np.isin(mnist.labels, list(CLASSES)))[:count]
    return Dataset(mnist.images[chosen], mnist.labels[chosen] // 2, tuple(CLASSES.values()))


if __name__ == "__main__":
    main()
