"""From features and readings to measures: each number beside what unseen real images get, with a verdict.

The verdicts are ours. They say at a glance where to look; the numbers are what counts.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from digitsmith.errors import DataError
from digitsmith.evaluation import metrics
from digitsmith.evaluation.metrics import Features
from digitsmith.evaluation.reference import MOST
from digitsmith.models.digitnet import DIGITS, Predictions
from digitsmith.records.results import ClassRow, Collapse, Confusion, Measure, Verdict

SURE = 0.9
"""Probability of its top class from which an image counts as recognisable."""

_ENOUGH = 5000  # images, from which on chance hardly moves the ratio of distances
_FEW = 30  # images of a digit from which on a verdict on it alone is given

CLOSE = 0.01
"""Share of real images whose nearest other is taken to be too near: its distance marks near-duplicates."""


@dataclass(frozen=True, eq=False)
class Sides:
    """The same number of images of each kind, in one space of features: float[n, d] each.

    Attributes:
        made: those evaluated.
        seen: of the reference split.
        unseen: other real ones, which are measured as if they were made.
    """

    made: Features
    seen: Features
    unseen: Features


def realness(sides: Sides) -> list[Measure]:
    """How close the made images are to real ones, as a distribution."""
    seen = metrics.moments(sides.seen)
    distance, floor = (metrics.frechet_distance(seen, metrics.moments(side)) for side in (sides.made, sides.unseen))
    (kernel, kernel_error), (real_kernel, real_error) = (
        metrics.kernel_distance(sides.seen, side) for side in (sides.made, sides.unseen)
    )
    kernel_floor = max(real_kernel, 3 * real_error)
    (precision, recall), (real_precision, real_recall) = (
        metrics.precision_recall(sides.seen, side) for side in (sides.made, sides.unseen)
    )
    (density, coverage), (real_density, real_coverage) = (
        metrics.density_coverage(sides.seen, side) for side in (sides.made, sides.unseen)
    )
    told, real_told = (metrics.two_sample_accuracy(sides.seen, side) for side in (sides.made, sides.unseen))
    if floor <= 1e-9 * np.trace(seen.covariance):
        raise DataError(
            "the unseen real images are those of the reference over again (they have no distance to them), so that "
            "nothing can be measured beside them: choose another --reference."
        )
    ratio = distance / floor
    verdict = _at_most(_scaled_to_most(ratio, len(sides.made)), 3, 30)
    return [
        Measure(
            key="frechet_ratio", group="real", title="Fréchet distance over real's", unit="x",
            value=ratio, real=1.0, better="down", verdict=verdict,
            meaning="How many times further from the real images these are, as a whole, than unseen real ones.",
        ),
        Measure(
            key="frechet_distance", group="real", title="Fréchet distance", value=distance, real=floor, better="down",
            verdict=verdict,
            meaning="Distance between the normal distributions of features. Real images have one too, as any two "
            "samples differ.",
        ),
        Measure(
            key="kid", group="real", title="Kernel distance (KID)", value=kernel, real=real_kernel, better="down",
            error=kernel_error, verdict=_at_most(kernel, kernel_floor, 10 * kernel_floor),
            meaning="The same question asked without assuming normal distributions, and unbiased: real images get 0.",
        ),
        Measure(
            key="precision", group="real", title="Precision", value=precision, real=real_precision, better="up",
            unit="%", verdict=_at_least(precision, 0.95 * real_precision, 0.75 * real_precision),
            meaning="Share of these images that lie where real ones do.",
        ),
        Measure(
            key="density", group="real", title="Density", value=density, real=real_density, better="up",
            verdict=_at_least(density, 0.9 * real_density, 0.6 * real_density),
            meaning="Whether they lie where many real ones do. Above the real value: they crowd at what is typical.",
        ),
        Measure(
            key="two_sample", group="real", title="Told apart from real", value=told, real=real_told, better="near",
            unit="%", verdict=_at_most(abs(told - 0.5), abs(real_told - 0.5) + 0.03, abs(real_told - 0.5) + 0.15),
            meaning="How often the nearest neighbour tells whether an image is real. 50%: by chance only.",
        ),
        Measure(
            key="recall", group="varied", title="Recall", value=recall, real=real_recall, better="up", unit="%",
            verdict=_at_least(recall, 0.9 * real_recall, 0.7 * real_recall),
            meaning="Share of real images that lie where these do: what the generator could make.",
        ),
        Measure(
            key="coverage", group="varied", title="Coverage", value=coverage, real=real_coverage, better="up",
            unit="%", verdict=_at_least(coverage, 0.95 * real_coverage, 0.75 * real_coverage),
            meaning="Share of real images that have one of these close by: what it did make.",
        ),
    ]  # fmt: skip


def _scaled_to_most(ratio: float, n: int) -> float:
    """What a ratio at n images would be at `MOST`, where verdicts are given.

    The distance of real images shrinks as 1 / n, that of others by as much only: with few images all look alike. What
    chance moves it by is left out.
    """
    return 1 + max(ratio - 1 - (0.25 if n < _ENOUGH else 0), 0) * MOST / n


def near_duplicates(
    sides: Sides, readings: tuple[Predictions, Predictions, Predictions] | None
) -> tuple[Measure, NDArray[np.bool_]]:
    """The share of images that have a double among themselves, and which do: bool[n].

    Args:
        sides: the features.
        readings: of made, seen and unseen images: each digit then has a limit of its own, as ones are more alike than
            others. None where images are no digits.
    """
    made, seen, unseen = (
        (np.zeros(len(sides.made), np.int64),) * 3 if readings is None else (r.digits for r in readings)
    )
    own = metrics.nearest(sides.seen)[0][:, 0]
    limits = np.zeros(len(DIGITS))
    for digit in np.unique(seen):
        limits[digit] = np.quantile(own[seen == digit], CLOSE)
    doubled = metrics.nearest(sides.made)[0][:, 0] <= limits[made]
    value, real = float(doubled.mean()), float((metrics.nearest(sides.unseen)[0][:, 0] <= limits[unseen]).mean())
    measure = Measure(
        key="near_duplicates", group="varied", title="Near-duplicates", value=value, real=real, better="down",
        unit="%", verdict=_at_most(value, real + min(max(real, 0.01), 0.1), real + min(max(7 * real, 0.07), 0.25)),
        meaning=f"Share of images with a double: another, nearer than {1 - CLOSE:.0%} of real ones of a digit have.",
    )  # fmt: skip
    return measure, doubled


def variety(
    made: Predictions, seen: Predictions, unseen: Predictions, doubled: NDArray[np.bool_]
) -> tuple[list[Measure], tuple[ClassRow, ...], Collapse]:
    """How the images spread within the digits and over them, and whether they collapsed. Digits are as read."""
    shares, real_shares, unseen_shares = (
        np.bincount(side.digits, minlength=len(DIGITS)) / len(side) for side in (made, seen, unseen)
    )
    spread, real_spread, unseen_spread = (
        metrics.class_spread(side.features, side.digits, len(DIGITS)) for side in (made, seen, unseen)
    )
    relative, unseen_relative = spread / real_spread, unseen_spread / real_spread
    # A digit that is hardly there says little about spread; the imbalance says that it is hardly there.
    enough = np.isfinite(relative) & (shares >= 0.01)
    middle = _mean_of_finite(relative[enough])
    imbalance, real_imbalance = (float(np.abs(s - real_shares).sum() / 2) for s in (shares, unseen_shares))
    present = np.flatnonzero(real_shares >= 0.01)  # others are only misread
    rows = tuple(
        ClassRow(
            name=DIGITS[i],
            share=float(shares[i]),
            real_share=float(real_shares[i]),
            spread=float(relative[i]) if np.isfinite(relative[i]) else None,
        )
        for i in present
    )
    measures = [
        Measure(
            key="spread", group="varied", title="Spread within a digit", value=middle,
            real=_mean_of_finite(unseen_relative[present]), better="near", unit="x",
            verdict=_at_most(abs(middle - 1), 0.1, 0.3),
            meaning="How much the images of a digit differ, over how much real ones do; mean of the digits.",
        ),
        Measure(
            key="imbalance", group="varied", title="Imbalance of the digits", value=imbalance, real=real_imbalance,
            better="down", unit="%", verdict=_at_most(imbalance, real_imbalance + 0.05, real_imbalance + 0.15),
            meaning="Share of images that would have to be another digit for real images' frequencies.",
        ),
    ]  # fmt: skip
    return measures, rows, _collapse(made, present, shares, real_shares, relative, doubled)


def _collapse(
    made: Predictions,
    present: NDArray[np.int64],
    shares: NDArray[np.float64],
    real_shares: NDArray[np.float64],
    relative: NDArray[np.float64],
    doubled: NDArray[np.bool_],
) -> Collapse:
    reasons = []
    for i in present:
        members, name = made.digits == i, DIGITS[i]
        if shares[i] < real_shares[i] / 5 and real_shares[i] * len(made) >= _FEW:
            reasons.append(
                f"The digit {name} is all but missing: {shares[i]:.1%}, of real images {real_shares[i]:.1%}."
            )
        elif shares[i] > 3 * real_shares[i]:
            reasons.append(f"{shares[i]:.0%} of the images are the digit {name}, of real ones {real_shares[i]:.0%}.")
        if members.sum() >= _FEW and doubled[members].mean() > 0.5:
            reasons.append(f"{doubled[members].mean():.0%} of the images of {name} are near-duplicates.")
        elif members.sum() >= _FEW and relative[i] < 0.5:
            reasons.append(f"Images of {name} vary {relative[i]:.2f} times as much as real ones.")
    return Collapse(collapsed=bool(reasons), reasons=tuple(reasons))


def collapse_of_any(doubled: NDArray[np.bool_]) -> Collapse:
    """The verdict for images that are no digits: only repetition can be told."""
    share = doubled.mean()
    reasons = (f"{share:.0%} of the images are near-duplicates.",) if share > 0.5 else ()
    return Collapse(collapsed=bool(reasons), reasons=reasons)


def with_coverage(collapse: Collapse, found: Sequence[Measure]) -> Collapse:
    """The same verdict, unless the images are so far from most real ones that kinds of these must be missing."""
    coverage = _measure(found, "coverage")
    if coverage.value >= coverage.real / 2:
        return collapse
    reason = (
        f"Only {coverage.value:.0%} of real images have one of these near them; unseen real ones are near "
        f"{coverage.real:.0%}."
    )
    return Collapse(collapsed=True, reasons=(*collapse.reasons, reason))


def near_real(found: Sequence[Measure]) -> bool:
    """Whether the images lie near enough to real ones for a reader to be believed."""
    precision = _measure(found, "precision")
    return precision.value >= precision.real / 2


def recognisability(made: Predictions, unseen: Predictions, trusted: bool) -> Measure:
    """The share of images that the digit-net is sure of; it can be sure of noise too, and is not `trusted` then."""
    value, real = (float((side.confidence >= SURE).mean()) for side in (made, unseen))
    good = max(1 - 2 * (1 - real) - 0.005, 0.95 * real)
    fair = max(1 - 5 * (1 - real) - 0.05, 0.75 * real)
    return Measure(
        key="recognisable", group="readable", title="Recognisable", value=value, real=real, better="up", unit="%",
        verdict=_at_least(value, good, fair) if trusted else "fails",
        meaning=f"Of 100 images, a reader is sure of {value * 100:.0f} (of real ones {real * 100:.0f}): it gives its "
        f"top class {SURE:.0%} or more.",
    )  # fmt: skip


def agreement(
    labels: NDArray[np.int64], made: Predictions, real_labels: NDArray[np.int64], unseen: Predictions
) -> tuple[Measure, Confusion]:
    """The share of images that are read as their label says, and what the others are read as."""
    counts, real_counts = (
        metrics.confusion_matrix(asked, side.digits, len(DIGITS))
        for asked, side in ((labels, made), (real_labels, unseen))
    )
    present = np.flatnonzero(counts.sum(1))
    value, real = (float(np.trace(c) / c.sum()) for c in (counts, real_counts))
    measure = Measure(
        key="agreement", group="readable", title="Labels are right", value=value, real=real, better="up", unit="%",
        verdict=_at_least(value, real - 0.005, real - 0.05),
        meaning="Share of images that are read as the digit that they are labelled as.",
    )  # fmt: skip
    own, totals, real_totals = counts.diagonal(), counts.sum(1), real_counts.sum(1)
    confusion = Confusion(
        labels=tuple(DIGITS[i] for i in present),
        digits=DIGITS,
        counts=counts[present].tolist(),
        agreement=[float(own[i] / totals[i]) for i in present],
        real_agreement=[float(real_counts[i, i] / real_totals[i]) if real_totals[i] else None for i in present],
    )
    return measure, confusion


def originality(distances: NDArray[np.float64], real_distances: NDArray[np.float64]) -> list[Measure]:
    """Whether the images were made, or remembered: from distances [n, k] to the nearest training images."""
    value = float(np.median(distances[:, 0]) / np.median(real_distances[:, 0]))
    copied, real_copied = (float(metrics.copies(side).mean()) for side in (distances, real_distances))
    by_chance = real_copied + 3 * (real_copied * (1 - real_copied) / len(distances)) ** 0.5
    return [
        Measure(
            key="nearest_training", group="original", title="Nearest training image", value=value,
            real=1.0, better="up", unit="x", verdict=_at_least(value, 0.75, 0.5),
            meaning="Median distance to it, in pixels, over that of unseen real images. Far below 1: images come back.",
        ),
        Measure(
            key="copies", group="original", title="Copies", value=copied, real=real_copied, better="down", unit="%",
            verdict=_at_most(copied, by_chance + 0.001, by_chance + 0.01),
            meaning="Share of images less than half as far from one training image as from the 50 nearest on average.",
        ),
    ]  # fmt: skip


def cautions(found: Sequence[Measure], n: int) -> list[str]:
    """What a reader should know before believing some of these numbers."""
    notes = []
    if not near_real(found):
        notes.append(
            "A reader can be sure of images that are no digits at all: with a precision this low, "
            "do not trust that they are recognisable."
        )
    if n < _ENOUGH:
        notes.append(
            f"With {n:,} images of each kind, chance moves the ratio of distances by a half, for real images too: "
            f"use {MOST:,} if there are so many."
        )
    return notes


def _measure(found: Sequence[Measure], key: str) -> Measure:
    return next(measure for measure in found if measure.key == key)


def _mean_of_finite(values: NDArray[np.float64]) -> float:
    """0 if there are none: a digit of which there is one image at most does not vary."""
    finite = values[np.isfinite(values)]
    return float(finite.mean()) if len(finite) else 0.0


def _at_most(value: float, good: float, fair: float) -> Verdict:
    return "good" if value <= good else "weak" if value <= fair else "fails"


def _at_least(value: float, good: float, fair: float) -> Verdict:
    return "good" if value >= good else "weak" if value >= fair else "fails"
