"""Coloured digits: the preset `residual` on MNIST in random inks on random papers, 32x32x3.

    python benchmarks/coloured_digits.py [--images 60000] [--steps 5000] [--out coloured-digits] [--set KEY=VALUE ...]

Makes the data set (the digits of both splits of MNIST, padded to 32x32, each in an ink and on a paper of its own),
trains on it, writes a sheet of a hundred digits, a column for each class, and prints what `digitsmith.evaluate` finds
beside real coloured digits, and the label accuracy by the digit-net. Needs MNIST at hand, or downloads it. With the
steps of the preset, about an hour on two cores.
"""

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import digitsmith
from digitsmith.data import formats
from digitsmith.data.dataset import Dataset
from digitsmith.data.formats import SPLITS
from digitsmith.data.images.grid import save_png, tile

SIDE = 32
LEAST_CONTRAST = 110  # of ink and paper in brightness, on a scale of 255
LUMA = np.array([0.299, 0.587, 0.114])  # ITU-R BT.601


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=60_000, help="of MNIST's training split")
    parser.add_argument("--steps", type=int, help="default: the preset's")
    parser.add_argument("--out", type=Path, default=Path("coloured-digits"))
    parser.add_argument("--set", dest="changes", action="append", default=[], metavar="KEY=VALUE")
    arguments = parser.parse_args()
    data = arguments.out / "data"
    write_data(data, arguments.images)
    changes = arguments.changes + ([f"steps={arguments.steps}"] if arguments.steps else [])
    run = digitsmith.train("residual", data, arguments.out / "run", changes=changes).run
    model = digitsmith.load(run.folder)
    save_png(arguments.out / "digits.png", tile(model.sample(np.arange(100) % 10, seed=1), columns=10), scale=2)
    seconds, steps = run.read_record().seconds, run.read_metrics()[-1].step
    print(f"{steps:,} steps of {arguments.images:,} images of {SIDE}x{SIDE}x3 in {seconds / 60:.1f} min")
    report(digitsmith.evaluate(run.folder, data))
    print(f"A sheet of digits, none chosen: {arguments.out / 'digits.png'}")


def report(result: digitsmith.Evaluation) -> None:
    print(f"{result.protocol.images:,} images of each kind, beside {result.held_out.title}:")
    for measure in result.measures:
        print(f"  {measure.title}: {measure.value:.4g}, real: {measure.real:.4g}")
    if result.confusion is not None:
        counts = np.array(result.confusion.counts)
        print(f"  label accuracy by the digit-net: {np.trace(counts) / counts.sum():.1%}")
    print("  collapsed: " + " ".join(result.collapse.reasons) if result.collapse.collapsed else "  no collapse")
    print("".join(f"  {note}\n" for note in [*result.notes, *result.skipped.values()]), end="")


def write_data(folder: Path, images: int) -> None:
    """Write `train.npz`, of the first `images` digits of MNIST's training split, and `test.npz`."""
    for seed, split in enumerate(SPLITS):
        mnist = digitsmith.load_dataset("mnist", split)
        formats.write(coloured(mnist.take(slice(images)), seed), folder / split, "npz", split)
    for split in SPLITS:  # one folder of both
        (folder / split / f"{split}.npz").replace(folder / f"{split}.npz")
        (folder / split / formats.RECORD).replace(folder / formats.RECORD)
        (folder / split).rmdir()


def coloured(data: Dataset, seed: int) -> Dataset:
    """Grey digits, uint8[n, 28, 28], padded and coloured: uint8[n, 32, 32, 3]."""
    ink, paper = colours(len(data), np.random.default_rng(seed))
    edge = (SIDE - data.image_size[0]) // 2
    grey = np.pad(data.images, ((0, 0), (edge, edge), (edge, edge)))
    images = np.empty((*grey.shape, 3), np.uint8)
    for channel in range(3):
        first, last = (colour[:, channel, None, None].astype(np.int32) for colour in (paper, ink))
        images[..., channel] = first + (last - first) * grey // 255
    return Dataset(images, data.labels, data.classes)


def colours(n: int, random: np.random.Generator) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Inks and papers, uint8[n, 3] each, drawn again until they differ enough in brightness."""
    pairs = random.integers(0, 256, (n, 2, 3), np.uint8)
    while len(close := np.flatnonzero(np.abs(np.diff(pairs @ LUMA, axis=1)[:, 0]) < LEAST_CONTRAST)):
        pairs[close] = random.integers(0, 256, (len(close), 2, 3), np.uint8)
    return pairs[:, 0], pairs[:, 1]


if __name__ == "__main__":
    main()
