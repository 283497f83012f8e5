"""Diversity: how much of what real images are the generated ones cover."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from digitsmith.data.labels import DIGITS
from digitsmith.evaluation import metrics
from digitsmith.evaluation.measures.verdicts import at_least, at_most
from digitsmith.evaluation.neighbours import nearest
from digitsmith.evaluation.samples import FeatureSets, Sample, Sets
from digitsmith.models.digitnet import Predictions
from digitsmith.records.evaluation import ClassRow, Measure

CLOSE = 0.01
"""Share of real images whose nearest other is taken to be too near: its distance marks near-duplicates."""


def diversity(features: FeatureSets) -> list[Measure]:
    """How much of the distribution of real images is covered."""
    return [recall(features), _coverage(features)]


def recall(features: FeatureSets) -> Measure:
    """Which share of real images generated ones are near to."""
    (_, value), (_, real) = features.precision_recall
    return Measure(
        key="recall", group="diversity", title="Recall", value=value, real=real, better="up", unit="%",
        verdict=at_least(value, 0.9 * real, 0.7 * real),
        meaning="Share of real images that lie among generated ones: what the generator can produce.",
    )  # fmt: skip


def _coverage(features: FeatureSets) -> Measure:
    (_, value), (_, real) = features.density_coverage
    return Measure(
        key="coverage", group="diversity", title="Coverage", value=value, real=real, better="up", unit="%",
        verdict=at_least(value, 0.95 * real, 0.75 * real),
        meaning="Share of real images with a generated one close by: what the generator did produce.",
    )  # fmt: skip


def near_duplicates(features: FeatureSets, predictions: Sets[Predictions] | None) -> tuple[Measure, NDArray[np.bool_]]:
    """The share of images that have a near-duplicate among themselves, and which do: bool[n].

    Args:
        features: of the images.
        predictions: each digit then has a limit of its own, as ones are more alike than others. None where images are
            no digits.
    """
    if predictions is None:
        digits = features.map(lambda of: np.zeros(len(of), np.int64))
    else:
        digits = predictions.map(lambda of: of.digits)
    own = nearest(features.reference)[0][:, 0]
    limits = np.zeros(len(DIGITS))
    for digit in np.unique(digits.reference):
        limits[digit] = np.quantile(own[digits.reference == digit], CLOSE)
    duplicated = nearest(features.generated)[0][:, 0] <= limits[digits.generated]
    value = float(duplicated.mean())
    real = float((nearest(features.held_out)[0][:, 0] <= limits[digits.held_out]).mean())
    measure = Measure(
        key="near_duplicates", group="diversity", title="Near-duplicates", value=value, real=real, better="down",
        unit="%", verdict=at_most(value, real + min(max(real, 0.01), 0.1), real + min(max(7 * real, 0.07), 0.25)),
        meaning=f"Share of images with another nearer than {100 - CLOSE * 100:.0f} % of real images of a digit have.",
    )  # fmt: skip
    return measure, duplicated


@dataclass(frozen=True, eq=False)
class DigitStatistics:
    """How often each digit is there, as classified, and how much its images vary.

    Attributes:
        shares: float64[10], of each set; of the whole data set that images were drawn from.
        spread: float64[10], of generated images, over that of the reference's; NaN for fewer than two images.
        held_out_spread: the same of held-out images.
        present: int64[k], the digits that the reference has; others are only misclassified.
    """

    shares: Sets[NDArray[np.float64]]
    spread: NDArray[np.float64]
    held_out_spread: NDArray[np.float64]
    present: NDArray[np.int64]

    @classmethod
    def of(cls, samples: Sets[Sample]) -> "DigitStatistics":
        """From the digit-net's predictions and features."""
        predictions = samples.map(lambda of: of.predictions)
        shares = samples.map(lambda of: of.classified_shares)
        spreads = predictions.map(lambda of: metrics.class_spread(of.features, of.digits, len(DIGITS)))
        with np.errstate(divide="ignore", invalid="ignore"):  # of a digit whose images are all the same
            generated, held_out = (spread / spreads.reference for spread in (spreads.generated, spreads.held_out))
        return cls(shares, generated, held_out, np.flatnonzero(shares.reference >= 0.01))

    def rows(self) -> tuple[ClassRow, ...]:
        """One for each digit that the reference has."""
        return tuple(
            ClassRow(
                name=DIGITS[i],
                share=float(self.shares.generated[i]),
                real_share=float(self.shares.reference[i]),
                spread=float(self.spread[i]) if np.isfinite(self.spread[i]) else None,
            )
            for i in self.present
        )


def digit_diversity(statistics: DigitStatistics) -> list[Measure]:
    """How much the images of a digit vary, and whether every digit is there as often as among real images."""
    # A digit that is hardly there says little about spread; the imbalance says that it is hardly there.
    enough = np.isfinite(statistics.spread) & (statistics.shares.generated >= 0.01)
    spread = _mean_of_finite(statistics.spread[enough])
    shares = statistics.shares
    imbalance, real_imbalance = (
        metrics.total_variation(of, shares.reference) for of in (shares.generated, shares.held_out)
    )
    return [
        Measure(
            key="spread", group="diversity", title="Within-class spread", value=spread,
            real=_mean_of_finite(statistics.held_out_spread[statistics.present]), better="near", unit="x",
            verdict=at_most(abs(spread - 1), 0.1, 0.3),
            meaning="How much the images of a digit vary, over how much real ones do; mean over the digits.",
        ),
        Measure(
            key="imbalance", group="diversity", title="Class imbalance (total variation)", value=imbalance,
            real=real_imbalance, better="down", unit="%",
            verdict=at_most(imbalance, real_imbalance + 0.05, real_imbalance + 0.15),
            meaning="Share of images that would have to be another digit for the frequencies of real images.",
        ),
    ]  # fmt: skip


def _mean_of_finite(values: NDArray[np.float64]) -> float:
    """0 if there are none: a digit of which there is one image at most does not vary."""
    finite = values[np.isfinite(values)]
    return float(finite.mean()) if len(finite) else 0.0
