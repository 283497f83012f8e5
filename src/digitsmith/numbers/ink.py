"""Ink: characters and printed lines as layers of coverage, and both on paper.

The coverage of a layer is uint8[h, w], 0 for none to 255.
"""

import functools
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from digitsmith.config.style import Ink
from digitsmith.numbers.line import Glyph, apply, corners_of
from digitsmith.numbers.pools import TALL, Tile
from digitsmith.numbers.wear import grain, piece
from digitsmith.numbers.written import Box

SEEN = 64
"""Coverage of what counts as ink: a box is around that."""

_EDGE = 0.4  # of the ink's level, where the edge of a stroke is
_STEPS = 16  # of how much heavier strokes are made
_MOST = 0.8  # pixels of a tile by which they are
_STEEP = 2.2  # how much steeper edges are than in a tile as large as the image


@dataclass(frozen=True)
class Look:
    """An ink: its colour, how much the colour varies, how much of the paper it covers, and how grainy it is."""

    colour: tuple[int, int, int]
    spread: float
    cover: tuple[float, float]
    grain: float


LOOKS: dict[Ink, Look] = {
    "black": Look((28, 28, 32), 14, (0.88, 1.0), 0.05),
    "blue": Look((32, 52, 140), 16, (0.82, 0.98), 0.08),
    "pencil": Look((70, 70, 72), 10, (0.55, 0.8), 0.22),
    "red": Look((180, 36, 44), 14, (0.82, 0.98), 0.07),
    "green": Look((24, 105, 62), 14, (0.82, 0.98), 0.07),
}


def write(
    glyphs: list[Glyph], matrices: NDArray[np.float64], size: tuple[int, int], scale: float
) -> tuple[NDArray[np.uint8], tuple[Box, ...]]:
    """Draw each character where its matrix puts it, and measure its box in what was drawn.

    Args:
        glyphs: the characters.
        matrices: float64[n, 3, 3], from pixels of each tile to pixels of the image.
        size: height and width of the image.
        scale: pixels of the height of a digit.

    Returns:
        The coverage of all together, and the box of each.
    """
    layer = np.zeros(size, np.uint8)
    corners = apply(matrices, corners_of(glyphs))
    low = np.maximum(np.floor(corners.min(1)).astype(np.int64) - 2, 0)
    high = np.minimum(np.ceil(corners.max(1)).astype(np.int64) + 2, [size[1], size[0]])
    zoom = scale / TALL
    way = cv2.INTER_CUBIC if zoom > 1.3 else cv2.INTER_LINEAR
    boxes = list[Box]()
    for glyph, matrix, (left, top), (right, bottom) in zip(glyphs, matrices, low.tolist(), high.tolist(), strict=True):
        if right <= left or bottom <= top:  # of what is on the back, some is not in the image
            continue
        moved = matrix.copy()
        moved[:2] -= np.array([[left], [top]]) * matrix[2]
        ink = cv2.warpPerspective(glyph.tile.ink, moved, (right - left, bottom - top), flags=way)
        ink = cv2.LUT(ink, _edges(round(zoom * 8), round(_STEPS * np.clip(glyph.heavier / _MOST, -1, 1))))
        x, y, w, h = cv2.boundingRect(cv2.threshold(ink, SEEN - 1, 255, cv2.THRESH_BINARY)[1])
        if w:
            boxes.append(Box(glyph.text, left + x, top + y, left + x + w, top + y + h))
        part = layer[top:bottom, left:right]
        np.maximum(part, ink, out=part)
    return layer, tuple(boxes)


@functools.cache
def _edges(zoom: int, heavier: int) -> NDArray[np.uint8]:
    """From the soft edges of tiles to those of ink: uint8[256].

    Args:
        zoom: pixels of the image for 8 of a tile.
        heavier: by how many `_STEPS` of `_MOST` the strokes are made wider.
    """
    steep = max(1.2, _STEEP * zoom / 8)
    edge = _EDGE - 0.12 * heavier / _STEPS
    levels = (np.arange(256) / 255 - edge) * steep + 0.5
    levels[:8] = 0
    return np.clip(levels * 255, 0, 255).astype(np.uint8)


def print_lines(marks: NDArray[np.float64], matrix: NDArray[np.float64], size: tuple[int, int]) -> NDArray[np.uint8]:
    """Draw printed lines.

    Args:
        marks: float64[k, 5], from x, y to x, y, and how thick, where the matrix takes them from.
        matrix: float64[3, 3].
        size: height and width of the image.
    """
    layer = np.zeros(size, np.uint8)
    start, end, thick = marks[:, :2], marks[:, 2:4], marks[:, 4:]
    along = (end - start) / np.maximum(np.linalg.norm(end - start, axis=1, keepdims=True), 1e-9) * thick / 2
    aside = along[:, ::-1] * [-1, 1]
    quads = np.stack([start - along + aside, end + along + aside, end + along - aside, start - along - aside], axis=1)
    points = apply(matrix, np.concatenate([quads, np.ones((*quads.shape[:2], 1))], axis=2))
    for quad in np.rint(np.clip(points, -2**14, 2**14) * 16 - 8).astype(np.int32):
        cv2.fillConvexPoly(layer, quad, 255, cv2.LINE_AA, 4)
    return layer


def back(tiles: list[Tile], size: tuple[int, int], scale: float, random: np.random.Generator) -> NDArray[np.uint8]:
    """What is written on the back of the paper: some characters in a mirror, blurred by the paper.

    Args:
        tiles: from which they are drawn.
        size: height and width of the image.
        scale: pixels of the height of a digit, about.
        random: what is drawn for the number alone.
    """
    unit = scale / TALL * random.uniform(0.8, 1.2)
    count = int(size[1] / (0.9 * scale)) + 2
    start, base = random.uniform(-1, 0) * scale, random.uniform(0.4, 1.3) * size[0]
    placed = np.zeros((count, 3, 3))
    placed[:, 0, 0], placed[:, 1, 1], placed[:, 2, 2] = -unit, unit, 1
    placed[:, 0, 2] = start + np.arange(count) * 0.9 * scale + 45 * unit
    placed[:, 1, 2] = base - 45 * unit
    glyphs = [Glyph("", tiles[i]) for i in random.integers(len(tiles), size=count)]
    layer, _ = write(glyphs, placed, size, scale)
    return np.asarray(cv2.GaussianBlur(layer, (0, 0), scale / 24), np.uint8)


def lay_on(
    paper: NDArray[np.float32], layer: NDArray[np.uint8], colour: NDArray[np.float32], cover: float
) -> NDArray[np.float32]:
    """Lay a layer of one colour, float32[1 or 3], over paper, float32[h, w] or float32[h, w, 3]."""
    share = layer.astype(np.float32) * np.float32(cover / 255)
    if paper.ndim == 2:
        return paper + (colour[0] - paper) * share
    return paper + (colour - paper) * share[..., None]


def inked(
    paper: NDArray[np.float32], layer: NDArray[np.uint8], ink: Ink, random: np.random.Generator
) -> NDArray[np.float32]:
    """Lay handwriting on paper, in an ink that varies from number to number, and is not everywhere as dark."""
    look = LOOKS[ink]
    colour = np.clip(np.array(look.colour, np.float32) + np.float32(random.standard_normal() * look.spread), 0, 255)
    cover = random.uniform(*look.cover)
    share = layer.astype(np.float32) * np.float32(cover / 255)
    share *= np.clip(1 - np.abs(piece(grain(smooth=True), layer.shape, random)) * np.float32(look.grain), 0, 1)
    if paper.ndim == 2:
        return paper + (np.float32(colour.mean()) - paper) * share
    return paper + (colour - paper) * share[..., None]
