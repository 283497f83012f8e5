"""The second feature space of an evaluation, which nothing is tuned to: an autoencoder's, that knows no classes.

Styles are found, and images and recipes chosen, by the digit-net, in whose features distances are measured, too. So
distances in it may flatter. These features have no such part: no training, filter or choice may use them, which an
import contract says (`pyproject.toml`).
"""

import functools
import hashlib
from importlib import resources

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from digitsmith.evaluation.neighbours import Features
from digitsmith.models.digitnet import as_input
from digitsmith.progress import Progress

FEATURES = 64
"""Features of an image."""

_BATCH = 250


class Autoencoder:
    """The shipped encoder (`FeatureExtractor`), at the scale at which the digit-net sees the images.

    `tools/autoencoder.py` says how it was made. A feature has mean 0 and variance 1 over MNIST's training images.
    """

    name, dimensions = "autoencoder", FEATURES

    def __init__(self, scale: float = 1.0) -> None:
        self._session, self.sha256 = _session()
        self._scale = scale

    def extract(self, images: NDArray[np.uint8], progress: Progress) -> Features:
        """Features, float64[n, 64]."""
        features = []
        for start in range(0, len(images), _BATCH):
            batch = as_input(images[start : start + _BATCH], self._scale)
            features.append(self._session.run(["features"], {"image": batch})[0])
            progress.update("features of the autoencoder", start + len(batch), len(images))
        return np.concatenate(features).astype(np.float64)


@functools.cache
def _session() -> tuple[onnxruntime.InferenceSession, str]:
    content = (resources.files("digitsmith.models") / "zoo" / "autoencoder" / "autoencoder.onnx").read_bytes()
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4  # errors are raised
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    return session, hashlib.sha256(content).hexdigest()
