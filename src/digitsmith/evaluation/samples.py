"""What the measures are taken of: as many generated, reference and held-out images, and what is known of each."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from digitsmith.data.dataset import Dataset
from digitsmith.data.labels import DIGITS
from digitsmith.evaluation import metrics
from digitsmith.evaluation.metrics import Moments
from digitsmith.evaluation.neighbours import Features
from digitsmith.models.digitnet import Predictions, as_digits

T = TypeVar("T")
S = TypeVar("S")


@dataclass(frozen=True, eq=False)
class Sets(Generic[T]):
    """The same of three sets of images.

    Attributes:
        generated: of the images that are evaluated.
        reference: of the real images that they are compared with.
        held_out: of other real images, which are measured as if they were generated.
    """

    generated: T
    reference: T
    held_out: T

    def __iter__(self) -> Iterator[T]:
        return iter((self.generated, self.reference, self.held_out))

    def map(self, function: Callable[[T], S]) -> "Sets[S]":
        """The same function of each."""
        return Sets(function(self.generated), function(self.reference), function(self.held_out))


class FeatureSets(Sets[Features]):
    """Features of three sets of equal size, float[n, d] each, and what several measures are computed from."""

    @cached_property
    def moments(self) -> Sets[Moments]:
        """Mean and covariance of each."""
        return self.map(metrics.moments)

    def against_reference(self, metric: Callable[[Features, Features], T]) -> tuple[T, T]:
        """A metric of generated and of held-out images, each against the reference."""
        return metric(self.reference, self.generated), metric(self.reference, self.held_out)

    @cached_property
    def precision_recall(self) -> tuple[tuple[float, float], tuple[float, float]]:
        """Precision and recall of generated and of held-out images."""
        return self.against_reference(metrics.precision_recall)

    @cached_property
    def density_coverage(self) -> tuple[tuple[float, float], tuple[float, float]]:
        """Density and coverage of generated and of held-out images."""
        return self.against_reference(metrics.density_coverage)


@dataclass(frozen=True, eq=False)
class Sample:
    """Images of one kind.

    Attributes:
        images: uint8[n, h, w] or uint8[n, h, w, 3]; None where they are not on this computer.
        predictions: what the digit-net makes of them.
        labels: int64[n], the digits that they are labelled as, -1 where one is not labelled; None where none is, or
            where classes are no digits.
        weights: float64[n], how many images of the data set each stands for, relative to the others, where digits were
            drawn with other frequencies than they have there; else None.
    """

    images: NDArray[np.uint8] | None
    predictions: Predictions
    labels: NDArray[np.int64] | None
    weights: NDArray[np.float64] | None = None

    @property
    def classified_shares(self) -> NDArray[np.float64]:
        """How often each digit is classified: float64[10], of the whole data set that the images were drawn from."""
        return self._shares(self.predictions.digits)

    @property
    def label_shares(self) -> NDArray[np.float64]:
        """How often each digit is among the labels, of which there are some: float64[10], of the whole data set."""
        assert self.labels is not None
        return self._shares(self.labels)

    def _shares(self, digits: NDArray[np.int64]) -> NDArray[np.float64]:
        weights = np.ones(len(digits)) if self.weights is None else self.weights
        there = digits >= 0
        counts = np.bincount(digits[there], weights[there], len(DIGITS))
        shares: NDArray[np.float64] = np.minimum(counts / counts.sum(), 1.0)  # sums of weights are rounded
        return shares

    @property
    def labelled(self) -> bool:
        """Whether any of the images is labelled as a digit."""
        return self.labels is not None and bool((self.labels >= 0).any())


def digit_labels(data: Dataset) -> NDArray[np.int64] | None:
    """Labels as the digits that their names say: int64[n], -1 for an unlabelled image.

    None if no image is labelled, or if a class is no digit.
    """
    digits = as_digits(data.classes)
    if data.labels is None or digits is None or not len(digits) or not (data.labels >= 0).any():
        return None
    return np.where(data.labels < 0, -1, digits[data.labels])


def digits_in(labels: NDArray[np.int64]) -> NDArray[np.int64]:
    """The digits that occur among labels, ascending."""
    return np.unique(labels[labels >= 0])
