"""Evaluation: time and memory of all measures, and of precision and recall against the products that they need.

    python benchmarks/evaluation.py [--rounds N]

The whole is `digitsmith evaluate mnist`, 10,000 images, in a process of its own, start included. With MNIST at hand
(see DIGITSMITH_DATA_HOME) that includes the search for copies among its 60,000 training images.
"""

import argparse
import statistics
import time
from collections.abc import Callable

import numpy as np

from digitsmith.data.downloads.cache import at_hand
from digitsmith.data.sources import Source
from digitsmith.evaluation.metrics import precision_recall
from digitsmith.evaluation.real import load_real_images
from digitsmith.progress import Silent
from memory import peak


def products(real: np.ndarray, generated: np.ndarray) -> None:
    """The three products that precision and recall cannot do without, in blocks of rows."""
    for a, b in ((real, real), (generated, generated), (generated, real)):
        for start in range(0, len(a), 1000):
            a[start : start + 1000] @ b.T


def seconds(work: Callable[[np.ndarray, np.ndarray], object], real: np.ndarray, generated: np.ndarray) -> float:
    start = time.perf_counter()
    work(real, generated)
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    what = "with" if at_hand("mnist") else "without"
    for _ in range(2):
        megabytes, took = peak("evaluate", "mnist")
        print(f"digitsmith evaluate mnist, {what} the search for copies: {took:.1f} s, peak {megabytes:,.0f} MB")
    mnist = load_real_images(Source("mnist"), None, progress=Silent())
    real, generated = (split.predictions.features.astype(np.float64) for split in (mnist.reference, mnist.held_out))
    times = [(seconds(precision_recall, real, generated), seconds(products, real, generated)) for _ in range(rounds)]
    ratios = sorted(whole / needed for whole, needed in times)
    whole = statistics.median(whole for whole, _ in times)
    print(
        f"precision and recall of {len(real):,} x {len(generated):,}: {whole:.2f} s, "
        f"{statistics.median(ratios):.2f} times the products alone ({ratios[0]:.2f}-{ratios[-1]:.2f})"
    )


if __name__ == "__main__":
    main()
