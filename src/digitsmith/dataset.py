"""The data set: grey images with labels and class names."""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from digitsmith.errors import DataError

SIDES = range(8, 65)
"""The image heights and widths that models take, in pixels."""

_CLASS_NAME = re.compile(r"[^/\\\x00-\x1f\x7f\ud800-\udfff]{1,64}")
_Pixels = TypeVar("_Pixels", bound=Any)  # a NumPy array or a torch tensor, of floats


def to_unit(pixels: _Pixels) -> _Pixels:
    """Map grey levels [0, 255] (an array or a tensor of floats) to [-1, 1], the range that networks see."""
    scaled: _Pixels = pixels * (1 / 127.5) - 1
    return scaled


def to_uint8(images: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Map float32 images in [-1, 1] to the nearest grey level, uint8. Values outside the range are clipped.

    `images` is overwritten: this runs on every generated pixel, and a copy would cost as much as the work.
    """
    np.multiply(images, 127.5, out=images)
    np.add(images, 128.0, out=images)  # 127.5, and a half so that the cast, which truncates, rounds
    np.clip(images, 0.0, 255.0, out=images)
    return images.astype(np.uint8)


def check_class_names(classes: Sequence[str]) -> tuple[str, ...]:
    """Return `classes` as a tuple if each can stand as a folder name and none comes twice, else raise `ValueError`."""
    for name in classes:
        if not _CLASS_NAME.fullmatch(name) or name in (".", ".."):
            raise ValueError(f"{name!r} cannot be a class name: use 1 to 64 printable characters, no slashes")
    if len(set(classes)) != len(classes):
        raise ValueError("two classes have the same name")
    return tuple(classes)


@dataclass(frozen=True, eq=False)
class Dataset:
    """Grey images of one size, with labels or without.

    Attributes:
        images: uint8[n, h, w]; 0 is background (black), 255 ink (white), as in MNIST.
        labels: int64[n], indices into `classes`; None for unlabelled images.
        classes: the name of each class; empty for unlabelled images.

    Raises:
        DataError: shapes, dtypes or label values that do not fit together.

    >>> import numpy as np
    >>> digits = Dataset(np.zeros((2, 28, 28), np.uint8), np.array([3, 7]), tuple("0123456789"))
    >>> len(digits), digits.image_size
    (2, (28, 28))
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.int64] | None = None
    classes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.images.ndim != 3 or self.images.dtype != np.uint8:
            raise DataError(
                f"images must be grey, uint8[n, h, w]; these are {self.images.dtype}{list(self.images.shape)}."
            )
        if self.labels is None:
            if self.classes:
                raise DataError(f"{len(self.classes)} class names, but no labels.")
            return
        labels = np.asarray(self.labels)
        if labels.shape != (len(self.images),) or labels.dtype.kind not in "iu":
            raise DataError(
                f"{len(self.images)} images need as many whole-number labels; "
                f"these are {labels.dtype}{list(labels.shape)}."
            )
        object.__setattr__(self, "labels", labels.astype(np.int64, copy=False))
        try:
            object.__setattr__(self, "classes", check_class_names(self.classes))
        except ValueError as error:
            raise DataError(f"{error}.") from error
        if len(labels) and not (labels.min() >= 0 and labels.max() < len(self.classes)):
            raise DataError(
                f"labels run from {labels.min()} to {labels.max()}, "
                f"but there are {len(self.classes)} class names: labels index class names from 0."
            )

    def __len__(self) -> int:
        return len(self.images)

    @property
    def image_size(self) -> tuple[int, int]:
        """Height and width, in pixels."""
        return self.images.shape[1], self.images.shape[2]

    def resize(self, image_size: tuple[int, int]) -> "Dataset":
        """Scale every image to (height, width), with anti-aliasing (bicubic, support widened when shrinking)."""
        if image_size == self.image_size:
            return self
        height, width = image_size
        scaled = np.empty((len(self), height, width), np.uint8)
        for i, image in enumerate(self.images):
            scaled[i] = np.asarray(Image.fromarray(image).resize((width, height), Image.Resampling.BICUBIC))
        return Dataset(scaled, self.labels, self.classes)

    def take(self, places: "NDArray[np.integer[Any]] | slice") -> "Dataset":
        """Some of the images, by their places."""
        return Dataset(self.images[places], None if self.labels is None else self.labels[places], self.classes)

    def sha256(self) -> str:
        """A hash of the content, whatever file it came from: pixels, labels and class names."""
        digest = hashlib.sha256(repr((self.images.shape, self.classes, self.labels is None)).encode())
        digest.update(np.ascontiguousarray(self.images).data)
        if self.labels is not None:
            digest.update(self.labels.astype("<i8").data)
        return digest.hexdigest()


def numbered_classes(labels: NDArray[np.integer[Any]]) -> tuple[str, ...]:
    """Class names for labels that come with none: '0', '1', … to the highest label."""
    if labels.dtype.kind not in "iu":
        raise DataError(f"labels must be whole numbers; these are {labels.dtype}.")
    highest = int(labels.max(initial=0))
    if highest > 9999:
        raise DataError(f"a label of {highest} is no class index: labels count classes from 0.")
    return tuple(str(i) for i in range(highest + 1))


def check_image_size(data: Dataset, what: str) -> None:
    """Refuse images of a size that models do not take; `what` names them."""
    if any(side not in SIDES for side in data.image_size):
        h, w = data.image_size
        raise DataError(
            f"{what}: images of {h}x{w}; models take sides from {SIDES.start} to {SIDES.stop - 1} pixels. "
            f"Scale them with --resize 28x28."
        )
