"""From what a reader found to a `Dataset`: labels and names, ink, framing, size."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from digitsmith.data import limits
from digitsmith.data.dataset import Dataset
from digitsmith.data.framing import frame
from digitsmith.data.ink import to_ink
from digitsmith.data.labels import index_labels
from digitsmith.data.reading import Reading
from digitsmith.errors import DataError
from digitsmith.records.base import ReadOptions

Images = NDArray[np.uint8] | list[NDArray[np.uint8]]
"""uint8[n, h, w] or uint8[n, h, w, 3]; or n images, uint8[h, w] or uint8[h, w, 3] each, of any sizes."""

Labels = NDArray[Any] | Sequence[object]
"""What `index_labels` takes."""


def assemble(
    path: Path,
    reading: Reading,
    images: Images,
    labels: Labels | None,
    classes: Sequence[str] = (),
    *,
    by_value: bool = False,
) -> Dataset:
    """Put together what was read from `path` and what its record says.

    Args:
        path: for errors and notes.
        reading: what is asked for; its record gives class names, if the files have none, and makes grey images
            colour, if it says so.
        images: as the files have them.
        labels: of the images, as the files have them; None without any.
        classes: names from the files themselves.
        by_value: as for `index_labels`.

    Raises:
        DataError: parts that do not fit together.
    """
    record = reading.record
    names = tuple(classes) or (record.classes if record else ())
    if labels is None and names:
        raise DataError(f"{path} has class names, but no labels: add them, or take the names out of dataset.json.")
    try:
        indices, found = (None, ()) if labels is None else index_labels(labels, names, reading.note, by_value=by_value)
    except ValueError as error:
        raise DataError(f"{path}: {error}.") from error
    fitted = fit(images, reading.options, path)
    if record and record.channels == 3 and fitted.ndim == 3:
        limits.check_images(path, (*fitted.shape, 3), fitted.nbytes)
        fitted = np.repeat(fitted[..., None], 3, axis=3)
    elif record and record.channels == 1 and fitted.ndim == 4:
        raise DataError(f"{path} has colour images, but its dataset.json says that they have one channel: correct it.")
    try:
        return Dataset(fitted, indices, found)
    except DataError as error:
        raise DataError(f"{path}: {error}") from error


def fit(images: Images, options: ReadOptions, what: object) -> NDArray[np.uint8]:
    """Frame or scale images as it is asked for: uint8[n, h, w] or uint8[n, h, w, 3].

    Raises:
        DataError: images of two sizes that are neither framed nor scaled.
    """
    if options.frame and len(images):
        size = options.resize or (28, 28)
        grey = [to_ink(image[None])[0] for image in images]
        return np.stack([frame(image, options.frame, size) for image in grey])
    if isinstance(images, list):
        images = np.stack(images)
    if options.resize is None:
        return images
    limits.check_images(what, (len(images), *options.resize, *images.shape[3:]), images.nbytes)
    return Dataset(images).resize(options.resize).images
