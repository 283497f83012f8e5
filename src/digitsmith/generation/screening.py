"""Images that the digit-net does not recognise as what they should be are made again."""

from dataclasses import dataclass
from numbers import Real

import numpy as np
from numpy.typing import NDArray

from digitsmith.errors import ConfigError, ModelError
from digitsmith.models.digitnet import as_digits, digit_net, usual_scale
from digitsmith.models.generator import Model
from digitsmith.models.noise import BLOCK, Span

_MOST_ATTEMPTS = 100


@dataclass(frozen=True, eq=False)
class Screen:
    """What an image must pass.

    Attributes:
        min_confidence: the digit-net's probability of its most likely digit, at least.
        digits: int64, the digit of each class, which the most likely one must be.
        scale: at which the digit-net sees the images.
    """

    min_confidence: float
    digits: NDArray[np.int64]
    scale: float

    def remake(self, model: Model, span: Span, labels: NDArray[np.int64] | None, images: NDArray[np.uint8]) -> int:
        """Replace, in place, the images of a span that do not pass; return how many were refused in all attempts.

        Raises:
            ModelError: an image that never passes.
        """
        refused, waiting = 0, np.arange(len(images))
        for attempt in range(1, _MOST_ATTEMPTS + 1):
            predictions = digit_net().predict(images[waiting], self.scale)
            wrong = predictions.confidence < self.min_confidence
            if labels is not None:
                wrong |= predictions.digits != self.digits[labels[waiting]]
            waiting = waiting[wrong]
            if not len(waiting):
                return refused
            refused += len(waiting)
            images[waiting] = model.make(span, labels, attempt)[waiting]
        raise ModelError(
            f"of {_MOST_ATTEMPTS} images that {model.name} made for number {span.start + waiting[0]}, none is "
            f"recognised with a probability of {self.min_confidence}: lower it, or choose a better model.",
            parameter="min_confidence",
        )


def screen_for(model: Model, min_confidence: float) -> Screen | None:
    """The screen for a model's images; None if all pass, with a `min_confidence` of 0.

    Raises:
        ConfigError: a confidence that is no probability, or of classes that are no digits.
    """
    if not isinstance(min_confidence, Real) or not 0 <= min_confidence < 1:
        raise ConfigError(
            f"{min_confidence!r:.60} is no probability: give a number above 0 and below 1, or 0 to take all.",
            parameter="min_confidence",
        )
    if not min_confidence:
        return None
    classes = model.record.classes
    digits = as_digits(classes)
    if digits is None:
        raise ConfigError(
            f"only digits can be recognised; the classes of {model.name} are {' '.join(classes)}.",
            parameter="min_confidence",
        )
    examples = model.sample(np.arange(BLOCK) % len(classes)) if classes else model.sample(count=BLOCK)
    return Screen(float(min_confidence), digits, usual_scale(examples))
