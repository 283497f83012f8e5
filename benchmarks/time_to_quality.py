"""Time to quality: minutes of training until the digits are first so and so near to real ones.

    python benchmarks/time_to_quality.py [--preset residual] [--epochs N] [--seed N]

The measure is the Fréchet distance ratio: the distance in the digit-net's features, after each epoch, to a tenth of
MNIST's training images that are held out, over the distance of as many images of the test split, with the same labels,
to them. The time is the wall clock, from finding the styles on, all measuring but the last included. With fewer epochs
the learning rates fall sooner.
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np
import torch

import digitsmith
from digitsmith.data.sources import load_dataset
from digitsmith.evaluation import metrics
from digitsmith.models.digitnet import digit_net
from digitsmith.training.gans.validation import hold_out

MARKS = (10, 5, 3, 2, 1.5)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--preset", default="residual")
    parser.add_argument("--epochs", type=int, help="default: the preset's")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    changes = {"seed": arguments.seed, "evaluate_every": 1, "log_every": 1_000_000}
    changes |= {"epochs": arguments.epochs} if arguments.epochs else {}
    with tempfile.TemporaryDirectory() as folder:
        run = digitsmith.train(arguments.preset, "mnist", Path(folder) / "run", changes=changes).run
        lines = run.read_metrics()
    real = distance_of_real()
    measured = [
        (line.seconds / 60, line.frechet_distance / real) for line in lines if line.frechet_distance is not None
    ]
    print(f"{arguments.preset}, {len(lines)} epochs, seed {arguments.seed}, {torch.get_num_threads()} threads")
    print(f"distance of real images: {real:.4f}")
    for minutes, ratio in measured:
        print(f"  {minutes:5.1f} min  Fréchet distance ratio {ratio:6.2f}")
    for mark in MARKS:
        first = next((minutes for minutes, ratio in measured if ratio < mark), None)
        print(f"under {mark:>4}: " + (f"{first:.1f} min" if first is not None else "not reached"))


def distance_of_real() -> float:
    """Of images of the test split, as many of each label, to the held-out ones, to which the digits are measured."""
    _, held_out = hold_out(load_dataset("mnist", "train"))
    test = load_dataset("mnist", "test")
    assert test.labels is not None
    assert held_out.labels is not None
    test = test.take(np.random.default_rng(0).permutation(len(test)))  # its first half is easier
    of_labels = [np.flatnonzero(test.labels == label) for label in range(10)]
    wanted = np.bincount(held_out.labels)
    some = np.concatenate([places[:count] for places, count in zip(of_labels, wanted, strict=True)])
    seen, expected = (metrics.moments(digit_net().predict(x).features) for x in (test.images[some], held_out.images))
    return metrics.frechet_distance(seen, expected)


if __name__ == "__main__":
    main()
