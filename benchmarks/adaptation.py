"""How soon a training from the pair in the box is near to another hand, beside one from fresh weights.

    python benchmarks/adaptation.py SOURCE [--images 1000] [--seeds 0] [--adapted 100,200,400] [--fresh 400,1200,3600]

Both learn from the same images, drawn by the seed and framed as MNIST. Each number of steps is a training of its own,
with all of its learning-rate schedule. Of 2,000 digits of each generator: the Fréchet distance ratio, to 2,000 images
that no training saw, and the share of copies, beside real images'. All images are of the training split: the defaults
that follow from the number of images are chosen by these numbers.
"""

import argparse
import statistics
import tempfile
from pathlib import Path

import numpy as np
import torch

import digitsmith
from digitsmith.data import formats
from digitsmith.data.dataset import Dataset
from digitsmith.data.sources import load_dataset

COUNT = 2000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source")
    parser.add_argument("--images", type=int, default=1000)
    parser.add_argument("--seeds", default="0")
    parser.add_argument("--adapted", default="100,200,400")
    parser.add_argument("--fresh", default="")
    arguments = parser.parse_args()
    data = load_dataset(arguments.source, "train", resize=(28, 28), frame="mnist")
    data = data.take(np.random.default_rng(0).permutation(len(data)))
    seeds = numbers(arguments.seeds)
    print(f"{arguments.source}: {arguments.images:,} images, seeds {seeds}, {torch.get_num_threads()} threads")
    with tempfile.TemporaryDirectory() as place:
        real = Path(place) / "real"
        write(real, data.take(slice(COUNT, None)), data.take(slice(COUNT)))
        for start, lengths in (("mnist", arguments.adapted), (None, arguments.fresh)):
            for steps in numbers(lengths):
                each = [
                    one(data.take(slice(COUNT, None)), arguments.images, start, steps, seed, real) for seed in seeds
                ]
                seconds, ratios, copies, floors = (list(values) for values in zip(*each, strict=True))
                print(
                    f"  from {start or 'fresh weights'}, {steps:5} steps, {statistics.median(seconds):6.1f} s: "
                    f"Fréchet distance ratio {spread(ratios)}, copies {statistics.mean(copies):.1%} "
                    f"(real: {statistics.mean(floors):.1%})",
                    flush=True,
                )


def one(pool: Dataset, images: int, start: str | None, steps: int, seed: int, real: Path) -> tuple[float, ...]:
    """Seconds of a training, the Fréchet distance ratio of its digits, their copies, and those among real images."""
    data = pool.take(np.random.default_rng(seed).permutation(len(pool))[:images])
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "run"
        changes = {"steps": steps, "seed": seed}
        outcome = digitsmith.train("residual", data, run, start=start, changes=changes, progress=False)
        labels = np.arange(COUNT) % len(data.classes)
        made = digitsmith.load(run).sample([data.classes[label] for label in labels], seed=seed)
    result = digitsmith.evaluate(Dataset(made, labels, data.classes), real, count=COUNT, progress=False)
    ratio, copies = result.measure("frechet_ratio"), result.measure("copies")
    return outcome.seconds, ratio.value, copies.value, copies.real


def write(folder: Path, train: Dataset, test: Dataset) -> None:
    """A data set of two splits, as `evaluate` takes it."""
    formats.write(train, folder, "npz")
    formats.write(test, folder / "other", "npz", "test")
    (folder / "other" / "test.npz").rename(folder / "test.npz")


def numbers(text: str) -> list[int]:
    return [int(word) for word in text.split(",") if word]


def spread(values: list[float]) -> str:
    mean = f"{statistics.mean(values):.2f}"
    return f"{mean} ± {statistics.stdev(values):.2f}" if len(values) > 1 else mean


if __name__ == "__main__":
    main()
