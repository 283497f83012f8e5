"""Memorisation: whether training images come back."""

import numpy as np
from numpy.typing import NDArray

from digitsmith.evaluation import metrics
from digitsmith.evaluation.measures.verdicts import at_least, at_most
from digitsmith.records.evaluation import Measure


def memorisation(distances: NDArray[np.float64], held_out_distances: NDArray[np.float64]) -> list[Measure]:
    """From distances float64[n, k], in pixels, to the k nearest training images."""
    ratio = float(np.median(distances[:, 0]) / np.median(held_out_distances[:, 0]))
    copied, real = (float(metrics.copies(of).mean()) for of in (distances, held_out_distances))
    by_chance = real + 3 * (real * (1 - real) / len(distances)) ** 0.5
    return [
        Measure(
            key="nearest_training", group="memorisation", title="Nearest training image (distance ratio)", value=ratio,
            real=1.0, better="up", unit="x", verdict=at_least(ratio, 0.75, 0.5),
            meaning="Median distance to it, in pixels, over that of held-out real images. "
            "Far below 1.0: training images come back.",
        ),
        Measure(
            key="copies", group="memorisation", title="Copies of training images", value=copied, real=real,
            better="down", unit="%", verdict=at_most(copied, by_chance + 0.001, by_chance + 0.01),
            meaning="Share of images less than half as far from one training image as from the 50 nearest on average.",
        ),
    ]  # fmt: skip
