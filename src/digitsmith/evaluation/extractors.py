"""Feature extractors: what turns images into the features that are compared. Any of them serves all measures."""

from pathlib import Path
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from digitsmith.errors import ConfigError, DataError
from digitsmith.evaluation.inception import InceptionV3
from digitsmith.evaluation.neighbours import Features
from digitsmith.evaluation.samples import Sample
from digitsmith.models.digitnet import FEATURES, digit_net
from digitsmith.progress import Progress

FeatureSpace = Literal["digitnet", "inception"]


class FeatureExtractor(Protocol):
    """A frozen network.

    Attributes:
        name: in results.
        sha256: of its weights.
        dimensions: of a feature.
    """

    name: str
    sha256: str
    dimensions: int

    def extract(self, images: NDArray[np.uint8], progress: Progress) -> Features:
        """Features of uint8[n, h, w] or uint8[n, h, w, 3], each of which depends on its own image alone.

        Returns:
            float[n, dimensions]
        """


class DigitNetFeatures:
    """The shipped digit-net's, at the scale at which it sees the images that are compared."""

    def __init__(self, scale: float = 1.0) -> None:
        self.name, self.sha256, self.dimensions = "digitnet", digit_net().sha256, FEATURES
        self._scale = scale

    def extract(self, images: NDArray[np.uint8], progress: Progress) -> Features:
        """Features, float32[n, 128]: the digit-net's penultimate layer."""
        return digit_net().predict(images, self._scale, progress=progress, work="digit-net features").features


def feature_extractor(
    features: FeatureSpace, inception_weights: Path | None, scale: float, progress: Progress
) -> FeatureExtractor:
    """The extractor of a name, for images that the digit-net sees at this scale.

    Raises:
        ConfigError: no such extractor, or weights for one that takes none.
        DependencyError: libraries that it needs are not installed.
    """
    if features == "inception":
        return InceptionV3(inception_weights, progress)
    if features != "digitnet":
        raise ConfigError(f"there are no features {features!r:.60}: use digitnet or inception.", parameter="features")
    if inception_weights is not None:
        raise ConfigError(
            "weights of Inception v3 are of use with its features only (features: inception).",
            parameter="inception_weights",
        )
    return DigitNetFeatures(scale)


def features_of(sample: Sample, extractor: FeatureExtractor, progress: Progress) -> Features:
    """Features of a sample. Those of the digit-net were extracted with its predictions: they are not made again.

    Raises:
        DataError: the images are not on this computer.
    """
    if extractor.sha256 == digit_net().sha256:
        return sample.predictions.features.astype(np.float64)
    if sample.images is None:
        raise DataError(
            f"the features of {extractor.name} are taken of the real images themselves; MNIST is not on this "
            f"computer, but it can be downloaded (11 MB).",
            parameter="fetch",
        )
    return extractor.extract(sample.images, progress)
