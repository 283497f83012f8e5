"""The pictures that go with a result: PNGs in base64, small enough to lie in its JSON file."""

import numpy as np
from numpy.typing import NDArray

from digitsmith.data.images.grid import png_text, tile
from digitsmith.data.labels import DIGITS
from digitsmith.evaluation.real import RealSplit
from digitsmith.evaluation.samples import Sample

_PAIRS = 20
_LARGEST = 128  # side of an image in a picture


def contact_sheets(generated: Sample, reference: RealSplit) -> dict[str, str]:
    """Contact sheets: generated images by digit, real ones, and those that the digit-net is least sure of."""
    images = generated.images
    assert images is not None
    pictures = {"generated": _sheet(images, _digits(generated))}
    if reference.images is not None:
        pictures["real"] = _sheet(reference.images[reference.places], _digits(reference))
    hardest = np.argsort(generated.predictions.confidence, kind="stable")[:_PAIRS]
    pictures["hardest"] = png_text(tile(_small(images[hardest]), _PAIRS // 2))
    return pictures


def _digits(images: Sample | RealSplit) -> NDArray[np.int64]:
    return images.predictions.digits if images.labels is None else images.labels


def _sheet(images: NDArray[np.uint8], digits: NDArray[np.int64], rows: int = 10) -> str:
    """A column for each digit, of the first images that are one."""
    images = _small(images)
    sheet = np.zeros((rows, len(DIGITS), *images.shape[1:]), np.uint8)
    for digit in range(len(DIGITS)):
        members = images[np.flatnonzero(digits == digit)[:rows]]
        sheet[: len(members), digit] = members
    return png_text(tile(sheet.reshape(-1, *images.shape[1:]), len(DIGITS)))


def closest_pairs(
    images: NDArray[np.uint8], training: NDArray[np.uint8], distances: NDArray[np.float64], places: NDArray[np.int64]
) -> str:
    """The images nearest to a training image for what its neighbourhood is, each over that image."""
    nearness = distances[:, 0] / np.maximum(distances.mean(1), 1e-12)
    closest = np.argsort(nearness, kind="stable")[:_PAIRS].reshape(2, -1)
    rows = [pictures for line in closest for pictures in (images[line], training[places[line, 0]])]
    return png_text(tile(_small(np.concatenate(rows)), closest.shape[1]))


def _small(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Images thinned to at most `_LARGEST` pixels a side."""
    every = -(-max(images.shape[1:3]) // _LARGEST)
    return images[:, ::every, ::every]
