"""Where the digits of numbers come from: a model that makes them, or images of real ones."""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from digitsmith.data.dataset import Dataset
from digitsmith.data.images.ink import to_ink
from digitsmith.errors import ConfigError, ModelError
from digitsmith.models.digitnet import as_digits, digit_net, usual_scale
from digitsmith.models.generator import Model
from digitsmith.models.noise import BLOCK, Span
from digitsmith.numbers.chance import POOL, chance

DRAWN = BLOCK
"""Images of a class that are drawn at once: as many as a model makes in one run."""

_REFERENCE = 2**63 - 1  # the seed of the images that a source is measured on
_LEAST = 8  # images of a class, among which a hand can choose


class Source(Protocol):
    """Images of single characters, bright ink on dark paper.

    Attributes:
        name: what the user calls it.
        classes: names of its classes; a character is written with the class of that name.
    """

    name: str
    classes: tuple[str, ...]

    def __hash__(self) -> int: ...

    def draw(self, seed: int, block: int, label: int) -> NDArray[np.uint8]:
        """Images of a class, others for each block and seed: uint8[n, h, w], n at most `DRAWN`."""
        ...

    def mixed(self) -> NDArray[np.uint8]:
        """Images of all classes, always the same: uint8[n, h, w]."""
        ...

    def reference(self, label: int) -> NDArray[np.uint8]:
        """Images of a class, always the same: uint8[n, h, w]."""
        ...


class FromModel:
    """Digits that a conditional model makes.

    Raises:
        ModelError: an unconditional model.
    """

    def __init__(self, model: Model) -> None:
        if not model.conditional:
            raise ModelError(
                f"{model.name} is unconditional: which digit it makes cannot be said. Choose a model with classes.",
                parameter="model",
            )
        self.name, self.classes, self._model = model.name, model.record.classes, model

    def draw(self, seed: int, block: int, label: int) -> NDArray[np.uint8]:
        """As in `Source`."""
        run = block * len(self.classes) + label
        return self._make(seed, run, np.full(DRAWN, label))

    def mixed(self) -> NDArray[np.uint8]:
        """As in `Source`."""
        return self._make(_REFERENCE, len(self.classes), np.arange(DRAWN) % len(self.classes))

    def reference(self, label: int) -> NDArray[np.uint8]:
        """As in `Source`."""
        return self.draw(_REFERENCE, 0, label)

    def _make(self, seed: int, run: int, labels: NDArray[np.int64]) -> NDArray[np.uint8]:
        return to_ink(self._model.make(Span(seed, run * DRAWN, DRAWN), labels))


class FromDataset:
    """Digits out of a data set, such as real ones.

    Raises:
        ConfigError: it has no labels.
    """

    def __init__(self, data: Dataset, name: str = "a data set") -> None:
        if data.labels is None:
            raise ConfigError(f"{name} has no labels: which digit an image is cannot be said.", parameter="model")
        self.name, self.classes, self._images = name, data.classes, data.images
        self._of_class = [np.flatnonzero(data.labels == label) for label in range(len(data.classes))]

    def draw(self, seed: int, block: int, label: int) -> NDArray[np.uint8]:
        """As in `Source`; images of a small class come again."""
        among = self._of_class[label]
        random = chance(POOL, seed, block * len(self.classes) + label)
        return to_ink(self._images[random.permutation(among)[:DRAWN]])

    def mixed(self) -> NDArray[np.uint8]:
        """As in `Source`."""
        every = np.sort(np.concatenate(self._of_class))
        return to_ink(self._images[chance(POOL, _REFERENCE, 2**32).permutation(every)[:DRAWN]])

    def reference(self, label: int) -> NDArray[np.uint8]:
        """As in `Source`."""
        return self.draw(_REFERENCE, 0, label)


class Recognised:
    """The images of another source that the digit-net recognises as what they should be.

    Raises:
        ConfigError: classes that are no digits.
    """

    def __init__(self, source: Source, min_confidence: float) -> None:
        digits = as_digits(source.classes)
        if digits is None:
            raise ConfigError(
                f"only digits can be recognised; the classes of {source.name} are {' '.join(source.classes)}.",
                parameter="min_confidence",
            )
        self.name, self.classes = source.name, source.classes
        self._source, self._min_confidence, self._digits = source, min_confidence, digits
        self._scale = usual_scale(source.mixed())

    def draw(self, seed: int, block: int, label: int) -> NDArray[np.uint8]:
        """As in `Source`.

        Raises:
            ModelError: nearly all images are refused.
        """
        images = self._source.draw(seed, block, label)
        predictions = digit_net().predict(images, self._scale)
        passed = (predictions.confidence >= self._min_confidence) & (predictions.digits == self._digits[label])
        if passed.sum() < min(_LEAST, len(images)):
            raise ModelError(
                f"of {len(images)} images that {self.name} has of {self.classes[label]}, {passed.sum()} are recognised "
                f"with a probability of {self._min_confidence}: lower it, or choose a better model.",
                parameter="min_confidence",
            )
        kept: NDArray[np.uint8] = images[passed]
        return kept

    def mixed(self) -> NDArray[np.uint8]:
        """As in `Source`."""
        return self._source.mixed()

    def reference(self, label: int) -> NDArray[np.uint8]:
        """As in `Source`."""
        return self._source.reference(label)
