"""The data set: images with labels and class names."""

import hashlib
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from digitsmith.errors import DataError
from digitsmith.records.base import SIDES, Channels, DataRecord, ReadOptions, check_class_names

UNLABELLED = -1
"""The label of an image whose class is not known."""


@dataclass(frozen=True, eq=False)
class Dataset:
    """Images of one size, grey or colour, with labels or without.

    Attributes:
        images: uint8[n, h, w] grey, or uint8[n, h, w, 3] red, green and blue. Of grey ones, 0 is background (black) and
            255 ink (white), as in MNIST.
        labels: int64[n], indices into `classes`, or -1 for an image that is not labelled; None if none is.
        classes: the name of each class; empty if no image is labelled.

    Raises:
        DataError: shapes, dtypes or label values that do not fit together.

    Examples:
        >>> import numpy as np
        >>> digits = Dataset(np.zeros((2, 28, 28), np.uint8), np.array([3, 7]), tuple("0123456789"))
        >>> len(digits), digits.image_size, digits.channels
        (2, (28, 28), 1)
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.int64] | None = None
    classes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        labels = None if self.labels is None else np.asarray(self.labels)
        if not isinstance(self.images, np.ndarray):
            raise DataError("images must be a NumPy array.")
        try:
            require_images(self.images.dtype, self.images.shape)
            if labels is not None:
                require_labels(labels.dtype, labels.shape, len(self.images))
                object.__setattr__(self, "classes", check_class_names(self.classes))
        except ValueError as error:
            raise DataError(f"{error}.") from error
        if labels is None:
            if self.classes:
                raise DataError(f"{len(self.classes)} class names, but no labels.")
            return
        object.__setattr__(self, "labels", labels.astype(np.int64, copy=False))
        if not self.classes and (labels == UNLABELLED).all():
            object.__setattr__(self, "labels", None)
        elif len(labels) and not (labels.min() >= UNLABELLED and labels.max() < len(self.classes)):
            raise DataError(
                f"labels run from {labels.min()} to {labels.max()}, but there are {len(self.classes)} class names: "
                f"labels index class names from 0, and -1 is unlabelled."
            )

    def __repr__(self) -> str:
        height, width = self.image_size
        return f"Dataset({len(self):,} images of {height}x{width}x{self.channels}, classes {self.classes})"

    def _repr_html_(self) -> str:
        from digitsmith.data.sheet import as_html

        return as_html(self)

    def __len__(self) -> int:
        return len(self.images)

    @property
    def image_size(self) -> tuple[int, int]:
        """Height and width, in pixels."""
        return self.images.shape[1], self.images.shape[2]

    @property
    def channels(self) -> Channels:
        """1 if grey, 3 if colour."""
        return 1 if self.images.ndim == 3 else 3

    def labelled(self) -> "Dataset":
        """Those of the images whose class is known."""
        if self.labels is None:
            return self.take(slice(0, 0))
        return self if self.labels.min(initial=0) >= 0 else self.take(np.flatnonzero(self.labels >= 0))

    def among(self, classes: tuple[str, ...]) -> "Dataset":
        """The same images, labelled among other classes, which have all names of its own."""
        if self.labels is None or self.classes == classes:
            return self
        places = np.array([*(classes.index(name) for name in self.classes), UNLABELLED])  # -1 is the last
        return Dataset(self.images, places[self.labels], classes)

    def resize(self, image_size: tuple[int, int]) -> "Dataset":
        """Scale every image to (height, width), with anti-aliasing (bicubic, support widened when shrinking)."""
        if image_size == self.image_size:
            return self
        scaled = np.empty((len(self), *image_size, *self.images.shape[3:]), np.uint8)
        for i, image in enumerate(self.images):
            scaled[i] = scale(image, image_size)
        return Dataset(scaled, self.labels, self.classes)

    def take(self, places: "NDArray[np.integer[Any]] | slice") -> "Dataset":
        """Some of the images, by their places."""
        return Dataset(self.images[places], None if self.labels is None else self.labels[places], self.classes)

    def record(
        self, source: str, read: ReadOptions | None = None, split: Literal["train", "test"] = "train"
    ) -> DataRecord:
        """What a record says of it, as a split of a source."""
        return DataRecord(
            source=source,
            split=split,
            sha256=self.sha256(),
            images=len(self),
            image_size=self.image_size,
            channels=self.channels,
            classes=self.classes,
            read=read or ReadOptions(),
        )

    def sha256(self) -> str:
        """A hash of the content, whatever file it came from: pixels, labels and class names."""
        digest = hashlib.sha256(repr((self.images.shape, self.classes, self.labels is None)).encode())
        digest.update(np.ascontiguousarray(self.images).data)
        if self.labels is not None:
            digest.update(self.labels.astype("<i8").data)
        return digest.hexdigest()


def scale(image: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    """Scale uint8[h, w] or uint8[h, w, 3] to (height, width), as `Dataset.resize` does."""
    return np.asarray(Image.fromarray(image).resize(size[::-1], Image.Resampling.BICUBIC))


def require_images(dtype: np.dtype[Any], shape: tuple[int, ...]) -> None:
    """Raise `ValueError` on an array of images of another kind than those of `Dataset`."""
    grey, colour = len(shape) == 3, len(shape) == 4 and shape[3] == 3
    if not (grey or colour) or dtype != np.uint8:
        raise ValueError(
            f"images must be grey, uint8[n, h, w], or colour, uint8[n, h, w, 3]; these are {dtype}{list(shape)}"
        )


def require_labels(dtype: np.dtype[Any], shape: tuple[int, ...], count: int) -> None:
    """Raise `ValueError` on an array that cannot be the labels of `count` images."""
    if shape != (count,) or dtype.kind not in "iu":
        raise ValueError(f"{count} images need as many whole-number labels; these are {dtype}{list(shape)}")


def check_image_size(data: Dataset, what: str) -> None:
    """Refuse images of a size that models do not take; `what` names them."""
    if any(side not in SIDES for side in data.image_size):
        h, w = data.image_size
        raise DataError(
            f"{what}: images of {h}x{w}; models take sides from {SIDES.start} to {SIDES.stop - 1} pixels. Frame them, "
            f"which crops each to its ink, or scale them, for example to 28x28.",
            parameter="frame",
        )
