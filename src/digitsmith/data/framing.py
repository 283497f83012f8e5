"""Framing: where in its image a digit stands, and how large it is."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from digitsmith.records.base import Frame

SIDE = 28
"""Height and width of MNIST's images, in pixels."""

INK = 20
"""The longer side of the digits in them."""

_FAINT = 0.2  # share of the darkest ink's level under which a pixel is taken for paper, its noise included


def frame(image: NDArray[np.uint8], kind: Frame, size: tuple[int, int] = (SIDE, SIDE)) -> NDArray[np.uint8]:
    """Crop an image to its ink, scale that and place it anew; an image without ink becomes an empty one.

    As MNIST was made (LeCun et al. 1998, section III.A): the longer side of the ink becomes 20 pixels of 28, with its
    aspect ratio kept, and the centre of its mass the centre of the image. In images of other sizes, the same shares.

    Args:
        image: uint8[h, w], bright ink on dark paper.
        kind: `mnist`; or `tight`, where the ink fills the longer side, and its box is centred.
        size: height and width of the result.

    Returns:
        uint8[size].
    """
    canvas = np.zeros(size, np.uint8)
    marked = image > max(_FAINT * int(image.max(initial=0)), 8)
    rows, columns = np.flatnonzero(marked.any(1)), np.flatnonzero(marked.any(0))
    if not len(rows):
        return canvas
    cut = image[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    share = INK / SIDE if kind == "mnist" else 1.0
    scale = min(size[0] * share / cut.shape[0], size[1] * share / cut.shape[1])
    height, width = (max(1, round(side * scale)) for side in cut.shape)
    ink = np.asarray(Image.fromarray(cut).resize((width, height), Image.Resampling.BICUBIC))
    centre = _centre_of_mass(ink) if kind == "mnist" else (height / 2, width / 2)
    half = 0.5 if kind == "mnist" else 0.0  # the middle of the pixel behind the centre, as it is in MNIST's own files
    top, left = (
        min(max(round(whole / 2 + half - middle), 0), whole - side)
        for whole, middle, side in zip(size, centre, (height, width), strict=True)
    )
    canvas[top : top + height, left : left + width] = ink
    return canvas


def _centre_of_mass(ink: NDArray[np.uint8]) -> tuple[float, float]:
    """Row and column of the centre, in pixels from the corner."""
    mass = ink.sum(dtype=np.float64) or 1.0
    rows, columns = ink.sum(1, dtype=np.float64), ink.sum(0, dtype=np.float64)
    return float(rows @ (np.arange(len(rows)) + 0.5) / mass), float(columns @ (np.arange(len(columns)) + 0.5) / mass)
