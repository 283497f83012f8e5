"""The digit-net: a small, frozen classifier of MNIST digits, whose penultimate layer gives the features of digits."""

import functools
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from digitsmith.data.dataset import Dataset
from digitsmith.data.images.framing import INK, SIDE
from digitsmith.data.images.ink import to_ink
from digitsmith.data.images.pixels import to_planes, to_unit
from digitsmith.data.labels import DIGITS
from digitsmith.progress import Progress

FEATURES = 128
"""Features of an image."""

LEAST_IMAGES = 2 * (FEATURES + 1)
"""Real images, half of them held out, so that the features of each half vary in every direction."""

_BATCH = 250


@dataclass(frozen=True, eq=False)
class Predictions:
    """What the digit-net predicts for images.

    Attributes:
        features: float32[n, 128], its penultimate layer.
        probabilities: float32[n, 10], of each digit.
    """

    features: NDArray[np.float32]
    probabilities: NDArray[np.float32]

    def __getitem__(self, which: Any) -> "Predictions":
        return Predictions(self.features[which], self.probabilities[which])

    def __len__(self) -> int:
        return len(self.features)

    @property
    def digits(self) -> NDArray[np.int64]:
        """The most likely digit of each image: int64[n]."""
        digits: NDArray[np.int64] = self.probabilities.argmax(1)
        return digits

    @property
    def confidence(self) -> NDArray[np.float32]:
        """The probability of the most likely digit: float32[n]."""
        confidence: NDArray[np.float32] = self.probabilities.max(1)
        return confidence


class DigitNet:
    """The shipped feature extractor. Get it from `digit_net`."""

    def __init__(self, content: bytes) -> None:
        self.sha256 = hashlib.sha256(content).hexdigest()
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4  # what it would write itself, escapes and all: errors are raised
        self._session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])

    def predict(
        self, images: NDArray[np.uint8], scale: float = 1.0, *, progress: Progress | None = None, work: str = ""
    ) -> Predictions:
        """Classify images, each independently of the others.

        Args:
            images: uint8[n, h, w], 0 background to 255 ink, or in colour uint8[n, h, w, 3], as for `to_ink`.
            scale: to enlarge them by, about their centre, before they are cut or padded to 28x28 (see `usual_scale`).
            progress: told after each batch how many images are done, of a piece of work that is named `work`.
        """
        features, probabilities = [], []
        for start in range(0, len(images), _BATCH):
            batch = as_input(images[start : start + _BATCH], scale)
            penultimate, logits = self._session.run(["features", "logits"], {"image": batch})
            exponentials = np.exp(logits - logits.max(1, keepdims=True))
            features.append(penultimate)
            probabilities.append(exponentials / exponentials.sum(1, keepdims=True))
            if progress:
                progress.update(work, start + len(batch), len(images))
        return Predictions(np.concatenate(features), np.concatenate(probabilities))


def as_input(images: NDArray[np.uint8], scale: float = 1.0) -> NDArray[np.float32]:
    """What the digit-net sees of images, as for `DigitNet.predict`: float32[n, 1, 28, 28] in [-1, 1]."""
    return to_unit(to_planes(_framed(to_ink(images), scale)).astype(np.float32))


def usual_scale(images: NDArray[np.uint8]) -> float:
    """The scale at which the digits in images are as large as MNIST's; 1 if they nearly are.

    Args:
        images: as for `DigitNet.predict`.
    """
    sides = []
    for start in range(0, len(images), _BATCH):  # ink of colour images takes ten times their memory
        ink = to_ink(images[start : start + _BATCH]) > 64
        sides.append(np.maximum(*(_extent(np.asarray(ink.any(axis))) for axis in (2, 1))))
    scale = INK / max(float(np.median(np.concatenate(sides))), 1.0)
    return 1.0 if abs(scale - 1) < 0.15 else scale


def _extent(marked: NDArray[np.bool_]) -> NDArray[np.int64]:
    """From the first to the last mark in each row of bool[n, side]: int64[n]."""
    side = marked.shape[1]
    first, last = marked.argmax(1), side - 1 - marked[:, ::-1].argmax(1)
    return np.where(marked.any(1), last - first + 1, 0)


def _framed(images: NDArray[np.uint8], scale: float) -> NDArray[np.uint8]:
    """Scale images about their centre, and cut or pad them to uint8[n, SIDE, SIDE]."""
    h, w = images.shape[1:]
    if scale != 1:
        h, w = max(1, round(h * scale)), max(1, round(w * scale))
        images = Dataset(images).resize((h, w)).images
    if (h, w) == (SIDE, SIDE):
        return images
    top, left = (SIDE - h) // 2, (SIDE - w) // 2
    padded = np.pad(
        images, ((0, 0), *((max(edge, 0), max(SIDE - side - edge, 0)) for edge, side in ((top, h), (left, w))))
    )
    return padded[:, max(-top, 0) :][:, :SIDE, max(-left, 0) :][:, :, :SIDE]


def as_digits(classes: Sequence[str]) -> NDArray[np.int64] | None:
    """The digit that each class name is: int64[len(classes)]; None if one is no digit."""
    return np.array([int(name) for name in classes], np.int64) if set(classes) <= set(DIGITS) else None


@functools.cache
def digit_net() -> DigitNet:
    """The digit-net that comes with the package."""
    return DigitNet((resources.files("digitsmith.models") / "zoo" / "digitnet" / "digitnet.onnx").read_bytes())
