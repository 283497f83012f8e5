"""The camera: how a page becomes an image, as one matrix, through which every line stays straight."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from digitsmith.config.style import MOST_SIDE, Style, Wear
from digitsmith.numbers.layouts import Page
from digitsmith.numbers.line import apply

_EDGE = 2.0  # pixels that stay free around what must be in the image


@dataclass(frozen=True, eq=False)
class View:
    """How a page is seen.

    Attributes:
        matrix: float64[3, 3], from heights of a digit on the page to pixels.
        width: of the image, in pixels.
        scale: pixels of the height of a digit, in the middle.
    """

    matrix: NDArray[np.float64]
    width: int
    scale: float


def view(page: Page, style: Style, wear: Wear, random: np.random.Generator) -> View:
    """See a page, turned and from aside as the wear says, and so that all that must be in the image is.

    What is too large is made smaller; what leaves room stands anywhere in it.
    """
    turn, aside, above, across, down = random.uniform(-1, 1, 5)
    left, top, right, bottom = page.area
    middle = np.array([(left + right) / 2, (top + bottom) / 2])
    half = np.array([right - left, bottom - top]) / 2
    angle = np.radians(turn * wear.skew)
    cos, sin = np.cos(angle), np.sin(angle)
    turned = np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]])
    far = np.array([aside, above]) * wear.perspective / 2 / np.maximum(half, 2.0)
    seen = np.array([[1, 0, 0], [0, 1, 0], [*far, 1]]) @ turned
    corners = np.array([[-1, -1, 1], [1, -1, 1], [1, 1, 1], [-1, 1, 1]]) * [*half, 1]
    points = apply(seen, corners)
    low, high = points.min(0), points.max(0)
    scale = page.digit * style.height
    room = np.array([(style.width or MOST_SIDE) - 2 * _EDGE, style.height - 2 * _EDGE])
    scale *= min(1.0, float((room / ((high - low) * scale)).min()))
    size = (high - low) * scale
    width = style.width or min(MOST_SIDE, int(np.ceil(size[0] + 2 * _EDGE)))
    slack = np.array([width, style.height]) - 2 * _EDGE - size
    start = _EDGE + slack * (np.array([across, down]) + 1) / 2
    place = np.array([[scale, 0, start[0] - low[0] * scale], [0, scale, start[1] - low[1] * scale], [0, 0, 1]])
    to_middle = np.array([[1, 0, -middle[0]], [0, 1, -middle[1]], [0, 0, 1]])
    return View(place @ seen @ to_middle, width, scale)

