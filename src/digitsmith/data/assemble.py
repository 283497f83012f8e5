"""From what a reader found to a `Dataset`: labels and names, ink, framing, size."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from digitsmith.data import limits
from digitsmith.data.dataset import Dataset, scale
from digitsmith.data.images.even_light import even_light
from digitsmith.data.images.framing import frame
from digitsmith.data.images.ink import Images, settle_ink, to_ink
from digitsmith.data.labels import index_labels
from digitsmith.data.reading import UNREADABLE, Reading, listed
from digitsmith.errors import DataError
from digitsmith.records.base import ReadOptions

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
    if indices is not None:
        counts = np.bincount(indices[indices >= 0], minlength=len(found))
        empty = [name for name, count in zip(found, counts, strict=True) if not count]
        if empty and reading.ignored[UNREADABLE]:
            raise DataError(f"{path}: of class {listed(empty)} no image can be read: replace one.")
        if lone := [name for name, count in zip(found, counts, strict=True) if count == 1]:
            reading.note(f"{path}: there is one image only of class {listed(lone)}.")
    if not reading.sizes:
        reading.sizes.update(image.shape[:2] for image in images)
    _require_one_size(path, reading)
    images = settle_ink(images, reading, path, known=record is not None and record.generated is not None)
    fitted = fit(images, reading.options, path)
    if reading.options.frame and (blank := len(fitted) - np.count_nonzero(fitted.any((1, 2)))):
        reading.note(f"{path}: {blank:,} of {len(fitted):,} images hold no ink, and became empty ones.")
    if record and record.channels == 3 and fitted.ndim == 3 and not reading.options.frame:
        limits.check_images(path, (*fitted.shape, 3), fitted.nbytes)
        fitted = np.repeat(fitted[..., None], 3, axis=3)
    elif record and record.channels == 1 and fitted.ndim == 4:
        raise DataError(f"{path} has colour images, but its dataset.json says that they have one channel: correct it.")
    try:
        return Dataset(fitted, indices, found)
    except DataError as error:
        raise DataError(f"{path}: {error}") from error


def fit(images: Images, options: ReadOptions, what: object) -> NDArray[np.uint8]:
    """Frame or scale images as it is asked for, each from its own pixels: uint8[n, h, w] or uint8[n, h, w, 3].

    If one image is in colour, all are, unless they are framed: then they are grey.

    Args:
        images: of one size, if they are neither framed nor scaled.
        options: what is asked for.
        what: they are, for errors.

    Raises:
        DataError: more than may be held.
    """
    if not len(images):
        return np.zeros((0, 1, 1), np.uint8) if isinstance(images, list) else images
    coloured = not options.frame and any(image.ndim == 3 for image in images)
    size = options.resize or ((28, 28) if options.frame else images[0].shape[:2])
    if not isinstance(images, list) and images.shape[1:3] == size and not options.frame:
        return images
    shape = (len(images), *size, *((3,) if coloured else ()))
    limits.check_images(what, shape, sum(image.nbytes for image in images))
    fitted = np.empty(shape, np.uint8)
    for place, image in enumerate(images):
        if options.frame:
            grey = to_ink(even_light(image)[None])[0] if image.ndim == 3 else image
            image = frame(grey, options.frame, size)
        elif image.shape[:2] != size:
            image = scale(image, size)
        fitted[place] = image[..., None] if coloured and image.ndim == 2 else image
    return fitted


def _require_one_size(what: object, reading: Reading) -> None:
    """Refuse images of several sizes that are neither framed nor scaled."""
    options, sizes = reading.options, reading.sizes.most_common()
    if options.frame or options.resize or len(sizes) < 2:
        return
    shown = [f"{count:,} of {size[0]}x{size[1]}" for size, count in sizes]
    if all(size in reading.examples for size, _ in sizes):
        shown = [f"{text} (such as {reading.examples[size]})" for text, (size, _) in zip(shown, sizes, strict=True)]
    raise DataError(
        f"{what} has images of {'two' if len(sizes) == 2 else len(sizes)} sizes: {listed(shown, 3)}. Crop them to "
        "their ink and frame them as MNIST is, or scale them to one size.",
        parameter="frame",
    )
