"""How distortions and layers of the study of scarce data were chosen: what helps a classifier with few examples.

    python benchmarks/distortions.py [--source mnist] [--per-class 10] [--seeds 4] [--sets wide,thickness]

Examples are drawn from the training split, and the classifiers tested on 5,000 others of it: the test split has no part
in the choice. It was made on MNIST with ten examples of each class.
"""

import argparse
import statistics
from dataclasses import replace

import numpy as np

from digitsmith.data.dataset import Dataset
from digitsmith.data.sources import load_dataset
from digitsmith.progress import Silent
from digitsmith.training.readers.classifier import Recipe, classify
from digitsmith.training.readers.mixing import RECIPE, draw_examples, one_epoch
from digitsmith.training.readers.teaching import train_classifier

TESTED = 5000
_SMALL = replace(RECIPE, rotation=12.0, scale=0.12, shear=0.15, elastic=0.0, thickness=0.0)
_WIDE = replace(RECIPE, elastic=0.0, thickness=0.0)
SETS = {
    "none": replace(_SMALL, rotation=0.0, scale=0.0, shift=0.0, shear=0.0),
    "small": _SMALL,
    "small, elastic": replace(_SMALL, elastic=0.08),
    "wide": _WIDE,
    "wide, elastic": replace(_WIDE, elastic=0.08),
    "wide, elastic, thickness 0.5": replace(_WIDE, elastic=0.08, thickness=0.5),
    "wide, elastic, thickness 0.7": replace(_WIDE, elastic=0.08, thickness=0.7),
    "wide, elastic, thickness 1": replace(_WIDE, elastic=0.08, thickness=1.0),
    "of the study": RECIPE,
    "of the study, four layers": replace(RECIPE, layers=RECIPE.layers[1:]),
    "of the study, twice as long": replace(RECIPE, epochs=2 * RECIPE.epochs),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--source", default="mnist")
    parser.add_argument("--per-class", type=int, default=10)
    parser.add_argument("--seeds", type=int, default=4)
    parser.add_argument("--sets", default="", help="parts of names; all by default")
    arguments = parser.parse_args()
    data = load_dataset(arguments.source, "train", resize=(28, 28), frame="mnist")
    order = np.random.default_rng(0).permutation(len(data))
    tested, pool = data.take(order[:TESTED]), data.take(order[TESTED:])
    print(f"{arguments.source}, {arguments.per_class} of each class, tested on {TESTED:,} others of the training split")
    for name, recipe in SETS.items():
        if any(part in name for part in arguments.sets.split(",")):
            accuracies = [
                accuracy(one_epoch(draw_examples(pool, arguments.per_class, seed)), tested, recipe, seed)
                for seed in range(arguments.seeds)
            ]
            mean, deviation = statistics.mean(accuracies), statistics.stdev(accuracies)
            print(f"  {name:30} {mean:.2%} ± {deviation:.2%}", flush=True)


def accuracy(data: Dataset, tested: Dataset, recipe: Recipe, seed: int) -> float:
    net = train_classifier(data, recipe, seed, Silent())
    return float((classify(net, tested.images) == tested.labels).mean())


if __name__ == "__main__":
    main()
