"""Fidelity: how close generated images are to real ones."""

import numpy as np

from digitsmith.errors import DataError
from digitsmith.evaluation import metrics
from digitsmith.evaluation.measures.verdicts import ENOUGH, at_least, at_most
from digitsmith.evaluation.neighbours import Features
from digitsmith.evaluation.real import MOST
from digitsmith.evaluation.samples import FeatureSets
from digitsmith.records.evaluation import Measure


def fidelity(features: FeatureSets, others: Features | None) -> list[Measure]:
    """How close the distribution of generated images is to that of real ones.

    Args:
        features: of the images.
        others: of as many other images of the reference's split, if there are so many.

    Raises:
        DataError: held-out images that are those of the reference.
    """
    return [
        *frechet(features),
        *hard_ratio(features, others),
        *_at_infinity(features),
        _kid(features),
        precision(features),
        _density(features),
        two_sample(features),
    ]


def frechet(features: FeatureSets) -> list[Measure]:
    """The Fréchet distance, and its ratio to that of held-out images.

    Raises:
        DataError: held-out images that are those of the reference.
    """
    moments = features.moments
    distance, floor = (
        metrics.frechet_distance(moments.reference, other) for other in (moments.generated, moments.held_out)
    )
    if floor <= 1e-9 * np.trace(moments.reference.covariance):
        raise DataError(
            "the held-out real images are those of the reference over again (they have no distance to them), so that "
            "nothing can be measured beside them: choose other real images.",
            parameter="reference",
        )
    ratio = distance / floor
    verdict = at_most(_scaled_to_most(ratio, len(features.generated)), 3, 30)
    return [
        Measure(
            key="frechet_ratio", group="fidelity", title="Fréchet distance ratio", unit="x", value=ratio, real=1.0,
            better="down", verdict=verdict,
            meaning="Fréchet distance to the reference images, over that of held-out real images. "
            "1.0: as close as unseen real digits.",
        ),
        Measure(
            key="frechet_distance", group="fidelity", title="Fréchet distance", value=distance, real=floor,
            better="down", verdict=verdict,
            meaning="Distance between the normal distributions of the features. Real images have one too, as any two "
            "samples differ.",
        ),
    ]  # fmt: skip


def hard_ratio(features: FeatureSets, others: Features | None) -> list[Measure]:
    """The Fréchet distance over that of other images of the reference's split; nothing without such images."""
    if others is None:
        return []
    moments = features.moments
    generated, held_out, floor = (
        metrics.frechet_distance(moments.reference, of)
        for of in (moments.generated, moments.held_out, metrics.moments(others))
    )
    ratio, real = generated / floor, held_out / floor
    scaled, of_real = (_scaled_to_most(of, len(others)) for of in (ratio, real))
    return [
        Measure(
            key="hard_ratio", group="fidelity", title="Ratio to other training images", unit="x", value=ratio,
            real=real, better="down", verdict=at_most(scaled, max(3, of_real), 30),
            meaning="The same distance, over that of other real images of the same split, by the same writers: a "
            "harder floor. 1.0: as close as more of the training images.",
        )
    ]  # fmt: skip


def _at_infinity(features: FeatureSets) -> list[Measure]:
    """The Fréchet distance that infinitely many images would have; nothing where there are too few to tell."""
    value, real = features.against_reference(metrics.frechet_at_infinity)
    if value is None or real is None:
        return []
    moments = features.moments
    floor = metrics.frechet_distance(moments.reference, moments.held_out)  # of which chance is a large part
    return [
        Measure(
            key="frechet_infinity", group="fidelity", title="Fréchet distance, infinitely many", value=value, real=real,
            better="down", verdict=at_most(value, real + 2 * floor, real + 29 * floor),
            meaning="What the distance tends to with more and more images. That of few is mostly one of chance, which "
            "hides what is left.",
        )
    ]  # fmt: skip


def _scaled_to_most(ratio: float, n: int) -> float:
    """What a ratio at n images would be at `MOST`, where verdicts are given.

    The distance of real images shrinks as 1 / n, that of others by as much only: with few images all look alike. What
    chance moves it by is left out.
    """
    return 1 + max(ratio - 1 - (0.25 if n < ENOUGH else 0), 0) * MOST / n


def _kid(features: FeatureSets) -> Measure:
    (value, error), (real, real_error) = features.against_reference(metrics.kernel_distance)
    floor = max(real, 3 * real_error)
    return Measure(
        key="kid", group="fidelity", title="KID", value=value, real=real, better="down", error=error,
        verdict=at_most(value, floor, 10 * floor),
        meaning="Kernel distance: the squared maximum mean discrepancy of the features, unbiased. "
        "0: the same distribution.",
    )  # fmt: skip


def precision(features: FeatureSets) -> Measure:
    """Which share of generated images real ones are near to."""
    (value, _), (real, _) = features.precision_recall
    return Measure(
        key="precision", group="fidelity", title="Precision", value=value, real=real, better="up", unit="%",
        verdict=at_least(value, 0.95 * real, 0.75 * real),
        meaning="Share of generated images that lie among real ones.",
    )  # fmt: skip


def _density(features: FeatureSets) -> Measure:
    (value, _), (real, _) = features.density_coverage
    return Measure(
        key="density", group="fidelity", title="Density", value=value, real=real, better="up",
        verdict=at_least(value, 0.9 * real, 0.6 * real),
        meaning="How densely real images surround a generated one. Above the real value: generated images keep to "
        "what is typical.",
    )  # fmt: skip


def two_sample(features: FeatureSets) -> Measure:
    """How well a nearest neighbour tells generated from real images."""
    value, real = features.against_reference(metrics.two_sample_accuracy)
    return Measure(
        key="two_sample", group="fidelity", title="1-NN two-sample accuracy", value=value, real=real, better="near",
        unit="%", verdict=at_most(abs(value - 0.5), abs(real - 0.5) + 0.03, abs(real - 0.5) + 0.15),
        meaning="How often the nearest neighbour shows whether an image is generated or real. "
        "50 %: they are indistinguishable.",
    )  # fmt: skip
