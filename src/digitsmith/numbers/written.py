"""A number on paper: its text, its image, and where each character is."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Box:
    """Where one character is: its text, and the bounding box of its ink in pixels, right and bottom exclusive.

    Ink is where the pen covers a quarter of a pixel, or more, on its way from the paper to the darkest stroke; that is
    what a viewer sees of its edge. It is measured before wear, which moves no ink but by geometry.
    """

    text: str
    left: int
    top: int
    right: int
    bottom: int


@dataclass(frozen=True, eq=False)
class Written:
    """One number on paper.

    Attributes:
        text: what is written.
        image: uint8[h, w] or, in colour, uint8[h, w, 3]; paper is bright and ink dark, as scanned.
        boxes: of all characters with ink, in reading order; a space has none.
        writer: whose hand it is.
    """

    text: str
    image: NDArray[np.uint8]
    boxes: tuple[Box, ...]
    writer: int
