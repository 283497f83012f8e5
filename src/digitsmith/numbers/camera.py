"""The camera: how a page becomes an image, as one matrix, through which every line stays straight."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from digitsmith.config.style import MOST_SIDE, Style, Wear
from digitsmith.numbers.layouts import Page

_EDGE = 2.0  # pixels that stay free around what must be in the image
_NARROW = 2.0  # half the side of a page, in heights of a digit, below which it is seen as if it were as large


@dataclass(frozen=True, eq=False)
class View:
    """How a page is seen.

    Attributes:
        matrix: float64[3, 3], from heights of a digit on the page to pixels.
        size: height and width of the image, in pixels.
        scale: pixels of the height of a digit, in the middle.
    """

    matrix: NDArray[np.float64]
    size: tuple[int, int]
    scale: float


def view(page: Page, style: Style, wear: Wear, random: np.random.Generator) -> View:
    """See a page, turned and from aside as the wear says, and so that all that must be in the image is.

    What is too large is made smaller; what leaves room stands anywhere in it.
    """
    turn, aside, above, across, down = random.random(5).tolist()
    left, top, right, bottom = page.area
    x, y, half_x, half_y = (left + right) / 2, (top + bottom) / 2, (right - left) / 2, (bottom - top) / 2
    angle = math.radians((2 * turn - 1) * wear.skew)
    cos, sin = math.cos(angle), math.sin(angle)
    far_x = (aside - 0.5) * wear.perspective / max(half_x, _NARROW)
    far_y = (above - 0.5) * wear.perspective / max(half_y, _NARROW)
    # turned about the middle, then divided by 1 + far_x x + far_y y
    far_x, far_y = far_x * cos + far_y * sin, far_y * cos - far_x * sin
    xs, ys = [], []
    for u, v in ((-half_x, -half_y), (half_x, -half_y), (half_x, half_y), (-half_x, half_y)):
        w = 1 + far_x * u + far_y * v
        xs.append((cos * u - sin * v) / w)
        ys.append((sin * u + cos * v) / w)
    low_x, low_y, wide, tall = min(xs), min(ys), max(xs) - min(xs), max(ys) - min(ys)
    scale = page.digit * style.height
    room = (style.width or MOST_SIDE) - 2 * _EDGE
    scale = min(scale, room / wide, (style.height - 2 * _EDGE) / tall)
    width = style.width or math.ceil(min(wide * scale + 2 * _EDGE, MOST_SIDE))
    start_x = _EDGE + (width - 2 * _EDGE - wide * scale) * across - low_x * scale
    start_y = _EDGE + (style.height - 2 * _EDGE - tall * scale) * down - low_y * scale
    seen = np.array([
        [scale * cos + start_x * far_x, -scale * sin + start_x * far_y, start_x],
        [scale * sin + start_y * far_x, scale * cos + start_y * far_y, start_y],
        [far_x, far_y, 1],
    ])  # fmt: skip
    seen[:, 2] -= seen[:, 0] * x + seen[:, 1] * y
    return View(seen, (style.height, width), scale)
