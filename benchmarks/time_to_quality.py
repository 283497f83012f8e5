"""Time to quality: minutes of training until the digits are first so and so near to real ones.

    python benchmarks/time_to_quality.py [--preset residual] [--epochs N] [--seed N]

The nearness is the Fréchet distance in the digit-net's features, after each epoch, to a tenth of MNIST's training
images that are held out, over the distance of as many images that are trained on: what `train --during-training 1`
plots. The time is the wall clock since the first step, all measuring but the last included. Fewer epochs let the
learning rates fall sooner.
"""

import argparse
import tempfile
from pathlib import Path

import torch

import digitsmith

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
        run = digitsmith.train(arguments.preset, "mnist", Path(folder) / "run", changes=changes, quiet=False).run
        lines = run.read_metrics()
    measured = [(line["seconds"] / 60, line["frechet_distance"] / line["frechet_floor"]) for line in lines]
    print(f"{arguments.preset}, {len(lines)} epochs, seed {arguments.seed}, {torch.get_num_threads()} threads")
    for minutes, ratio in measured:
        print(f"  {minutes:5.1f} min  {ratio:6.2f} times real's")
    for mark in MARKS:
        first = next((minutes for minutes, ratio in measured if ratio < mark), None)
        print(f"under {mark:>4}: " + (f"{first:.1f} min" if first is not None else "not reached"))


if __name__ == "__main__":
    main()
