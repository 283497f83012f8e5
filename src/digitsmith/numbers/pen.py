"""Separators, drawn as strokes of the pen that wrote the digits."""

import cv2
import numpy as np
from numpy.typing import NDArray

from digitsmith.numbers.pools import TALL, Tile, tile

Stroke = tuple[tuple[float, float], ...]
"""Points that a pen passes, from the first to the last: to the right, and up from the line, in heights of a digit."""

_STROKES: dict[str, tuple[Stroke, ...]] = {
    "-": (((0.0, 0.44), (0.2, 0.46), (0.38, 0.45)),),
    "/": (((0.0, -0.12), (0.2, 0.45), (0.42, 1.05)),),
    ".": (((0.0, 0.03), (0.03, 0.0)),),
    ",": (((0.07, 0.06), (0.08, -0.04), (0.0, -0.2)),),
    ":": (((0.02, 0.6), (0.04, 0.57)), ((0.0, 0.14), (0.02, 0.11))),
    "(": (((0.27, 1.08), (0.06, 0.85), (0.0, 0.45), (0.06, 0.08), (0.25, -0.16)),),
    ")": (((0.0, 1.08), (0.2, 0.85), (0.27, 0.45), (0.2, 0.08), (0.0, -0.16)),),
    "+": (((0.0, 0.44), (0.25, 0.45), (0.5, 0.44)), ((0.25, 0.7), (0.26, 0.44), (0.25, 0.18))),
    "€": (
        ((0.66, 0.84), (0.52, 1.0), (0.28, 0.97), (0.1, 0.7), (0.1, 0.3), (0.28, 0.03), (0.5, 0.0), (0.66, 0.15)),
        ((-0.04, 0.6), (0.25, 0.61), (0.48, 0.62)),
        ((-0.06, 0.4), (0.2, 0.41), (0.42, 0.41)),
    ),
}
SEPARATORS = "".join(_STROKES)
"""The characters that are drawn so."""

_SHAKE = 0.025  # deviation of a point, in heights of a digit
_SPLIT = 4  # parts of a pixel in which strokes are drawn, before they are made soft
_ROOM = 12  # pixels around the strokes
_SOFT = 1.0  # deviation of a Gaussian, in pixels: as soft as enlarged digits are


def draw(character: str, width: float, random: np.random.Generator) -> Tile:
    """Draw a separator.

    Args:
        character: one of `SEPARATORS`.
        width: of the pen, in pixels of a tile.
        random: shakes the hand.
    """
    strokes = [_smooth(np.array(points) + random.standard_normal((len(points), 2)) * _SHAKE)
               for points in _STROKES[character]]  # fmt: skip
    every = np.concatenate(strokes)
    left, bottom = every.min(0)
    right, top = every.max(0)
    base = top * TALL + _ROOM
    size = (round(base - bottom * TALL) + _ROOM, round((right - left) * TALL) + 2 * _ROOM)
    canvas = np.zeros((size[0] * _SPLIT, size[1] * _SPLIT), np.uint8)
    dots = character in ".:"
    for stroke in strokes:
        points = np.stack([(stroke[:, 0] - left) * TALL + _ROOM, base - stroke[:, 1] * TALL], axis=1) * _SPLIT
        thickness = max(2, round(width * _SPLIT * (1.3 if dots else 1.0)))
        cv2.polylines(canvas, [np.rint(points).astype(np.int32)], False, 255, thickness)
    ink = cv2.GaussianBlur(cv2.resize(canvas, size[::-1], interpolation=cv2.INTER_AREA), (0, 0), _SOFT)
    drawn = tile(np.asarray(ink, np.uint8), base)
    assert drawn
    return drawn


def _smooth(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """The curve along some points, float64[n, 2], whose ends it keeps: corners are cut three times (Chaikin 1974)."""
    for _ in range(3):
        if len(points) < 3:
            break
        first, second = points[:-1], points[1:]
        cut = np.stack([first * 0.75 + second * 0.25, first * 0.25 + second * 0.75], axis=1).reshape(-1, 2)
        points = np.concatenate([points[:1], cut[1:-1], points[-1:]])
    return points
