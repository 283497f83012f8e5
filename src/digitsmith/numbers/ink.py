"""Ink: characters and printed lines as layers of coverage, and both on paper.

The coverage of a layer is uint8[h, w], 0 for none to 255.
"""

import functools
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from digitsmith.config.style import Ink
from digitsmith.numbers.line import Glyph, Matrices, apply, corners_of
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
    glyphs: Sequence[Glyph], matrices: Matrices, corners: NDArray[np.float64], size: tuple[int, int], scale: float
) -> tuple[NDArray[np.uint8], tuple[Box, ...]]:
    """Draw each character where its matrix puts it, and measure its box in what was drawn.

    Args:
        glyphs: the characters.
        matrices: from pixels of each tile to pixels of the image.
        corners: float64[n, 4, 2], of the ink of each, in the image.
        size: height and width of the image.
        scale: pixels of the height of a digit.

    Returns:
        The coverage of all together, and the box of each.
    """
    layer = np.zeros(size, np.uint8)
    low = np.maximum(np.floor(corners.min(1)) - 2, 0)
    high = np.minimum(np.ceil(corners.max(1)) + 2, [size[1], size[0]])
    moved = matrices.copy()
    moved[:, :2] -= low[:, :, None] * matrices[:, 2:]
    zoom = scale / TALL
    way = cv2.INTER_CUBIC if zoom > 1.3 else cv2.INTER_LINEAR
    boxes, sides = list[Box](), np.concatenate([low, high], axis=1).astype(np.int64).tolist()
    for glyph, matrix, (left, top, right, bottom) in zip(glyphs, moved, sides, strict=True):
        if right <= left or bottom <= top:  # of what is on the back, some is not in the image
            continue
        ink = cv2.warpPerspective(glyph.tile.ink, matrix, (right - left, bottom - top), flags=way)
        ink = cv2.LUT(ink, _edges(round(zoom * 8), round(glyph.heavier * (_STEPS / _MOST))))
        x, y, w, h = cv2.boundingRect(cv2.threshold(ink, SEEN - 1, 255, cv2.THRESH_BINARY)[1])
        if w:
            boxes.append(Box(glyph.text, left + x, top + y, left + x + w, top + y + h))
        part = layer[top:bottom, left:right]
        cv2.max(part, ink, part)
    return layer, tuple(boxes)


@functools.cache
def _edges(zoom: int, heavier: int) -> NDArray[np.uint8]:
    """From the soft edges of tiles to those of ink: uint8[256].

    Args:
        zoom: pixels of the image for 8 of a tile.
        heavier: by how many `_STEPS` of `_MOST` the strokes are made wider.
    """
    steep = max(1.2, _STEEP * zoom / 8)
    edge = _EDGE - 0.12 * min(max(heavier / _STEPS, -1), 1)
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
    for quad in np.rint(np.clip(points, -(2**14), 2**14) * 16 - 8).astype(np.int32):
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
    layer, _ = write(glyphs, placed, apply(placed, corners_of(glyphs)), size, scale)
    return np.asarray(cv2.GaussianBlur(layer, (0, 0), scale / 24), np.uint8)


def lay_on(
    paper: NDArray[np.float32], layer: NDArray[np.uint8], colour: tuple[int, int, int], cover: float
) -> NDArray[np.float32]:
    """Lay a layer of one colour over paper, float32[h, w] or float32[h, w, 3]."""
    share = layer * np.float32(cover / 255)
    if paper.ndim == 2:
        return paper + (np.float32(sum(colour) / 3) - paper) * share
    return paper + (np.array(colour, np.float32) - paper) * share[..., None]


def inked(
    paper: NDArray[np.float32], layer: NDArray[np.uint8], ink: Ink, random: np.random.Generator
) -> NDArray[np.float32]:
    """Lay handwriting on paper, in an ink that varies from number to number, and is not everywhere as dark."""
    look = LOOKS[ink]
    lighter, cover = float(random.standard_normal()) * look.spread, random.uniform(*look.cover)
    colour = np.array([min(max(level + lighter, 0.0), 255.0) for level in look.colour], np.float32)
    left = piece(_grain_of(ink), layer.shape, random)
    share = np.asarray(cv2.multiply(layer, left, scale=cover / 255**2, dtype=cv2.CV_32F), np.float32)
    if paper.ndim == 2:
        return np.asarray(paper + (colour.mean() - paper) * share, np.float32)
    return paper + (colour - paper) * share[..., None]


@functools.cache
def _grain_of(ink: Ink) -> NDArray[np.uint8]:
    """How much of an ink is on each pixel, to cut pieces from: uint8, 255 for all of it."""
    left = 255 * (1 - np.abs(grain(smooth=True)) * LOOKS[ink].grain)
    return np.asarray(np.clip(left, 0, 255), np.uint8)
