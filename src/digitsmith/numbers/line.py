"""A line of handwriting: where each character stands, how large and how far it leans.

Places are in heights of a digit: to the right, and down from the line that the writer keeps to.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from digitsmith.config.style import Style
from digitsmith.numbers.pools import BELOW, ROW, ROWS, TALL, Tile

SPACE = 0.5
"""Width of a space, beside the gap."""

_LEAST = 0.04  # between characters that do not touch
_OVERLAP = 0.5  # of those that do, as a share of the pen's width
_NEAR = 2  # rows above and below, in which neighbours keep clear of each other
_CLIMB = 0.015  # deviation of how far a line climbs on its way
_KEPT = 0.6  # of how far a character stands off the line, by the next
_TURN = 0.02  # deviation of how far a character is turned, in radians


@dataclass(frozen=True, eq=False)
class Glyph:
    """One character with ink.

    Attributes:
        text: the character.
        tile: its ink.
        shear: how far it is made to lean to the right, beyond what its ink does.
        stretch: how much wider it is made.
        heavier: how much wider its strokes are made, in pixels of its tile.
        spaces: how many spaces are before it.
    """

    text: str
    tile: Tile
    shear: float = 0.0
    stretch: float = 1.0
    heavier: float = 0.0
    spaces: int = 0


@dataclass(frozen=True, eq=False)
class Line:
    """Characters one after the other, the first at 0.

    Attributes:
        at: float64[n], where on the line each begins that is 0 of its tile.
        down: float64[n], how far each stands below the line.
        scale: float64[n], how large each is.
        turn: float64[n], how far each is turned, in radians.
        ink: float64[n, 4], left, top, right and bottom of the ink of each, relative to where it stands.
    """

    at: NDArray[np.float64]
    down: NDArray[np.float64]
    scale: NDArray[np.float64]
    turn: NDArray[np.float64]
    ink: NDArray[np.float64]


def line_of(glyphs: list[Glyph], pen: float, style: Style, random: np.random.Generator) -> Line:
    """Write characters on a line.

    Args:
        glyphs: at least one.
        pen: width of the pen, in pixels of a tile.
        style: options.
        random: what the number's own randomness is drawn from.
    """
    n = len(glyphs)
    mean_gap, climb, *_ = random.standard_normal(2)
    z = random.standard_normal((4, n))
    touches = random.random(n) < style.touching
    scale = np.exp(z[0] * style.size_spread)
    left, right = _outlines(glyphs, scale)
    spans = np.stack([left.min(1), right.max(1)], axis=1)
    gaps = style.spacing + style.spacing_spread * (mean_gap + z[1])
    at = np.zeros(n)
    if n > 1:
        spaces = np.array([glyph.spaces for glyph in glyphs[1:]])
        apart = spans[1:, 0] - spans[:-1, 1]
        exact = (left[1:] - right[:-1]).min(1)
        near = np.where(np.isfinite(clear := (_widened(left[1:]) - right[:-1]).min(1)), clear, apart)
        steps = np.maximum(gaps[1:] - (apart + near) / 2, _LEAST - near)
        touching = touches[1:] & np.isfinite(exact) & (spaces == 0)
        steps[touching] = (-_OVERLAP * pen / TALL - exact)[touching]
        at[1:] = np.cumsum(steps + spaces * SPACE)
    down = np.empty(n)
    off = 0.0
    for i in range(n):
        down[i] = off = _KEPT * off + style.drift * z[2, i]
    down -= climb * _CLIMB * (at - at.mean())
    line = Line(at, down, scale, z[3] * _TURN, np.zeros((n, 4)))
    corners = apply(matrices(glyphs, replace(line, at=np.zeros(n), down=np.zeros(n))), corners_of(glyphs))
    return replace(line, ink=np.concatenate([corners.min(1), corners.max(1)], axis=1))


def matrices(glyphs: list[Glyph], line: Line) -> NDArray[np.float64]:
    """From the pixels of each tile to its place: float64[n, 3, 3]."""
    unit = line.scale / TALL
    stretch = np.array([glyph.stretch for glyph in glyphs]) * unit
    shear = np.array([glyph.shear for glyph in glyphs]) * unit
    base = np.array([glyph.tile.base for glyph in glyphs])
    cos, sin = np.cos(line.turn), np.sin(line.turn)
    made = np.zeros((len(glyphs), 3, 3))
    # x to stretch * x - shear * (y - base), and y to unit * (y - base); then it is turned about the left of its base
    made[:, 0, 0] = cos * stretch
    made[:, 0, 1] = -cos * shear - sin * unit
    made[:, 0, 2] = base * (cos * shear + sin * unit) + line.at
    made[:, 1, 0] = sin * stretch
    made[:, 1, 1] = -sin * shear + cos * unit
    made[:, 1, 2] = base * (sin * shear - cos * unit) + line.down
    made[:, 2, 2] = 1
    return made


def corners_of(glyphs: list[Glyph]) -> NDArray[np.float64]:
    """The corners of the ink of each tile, with ones: float64[n, 4, 3]."""
    left, top, right, bottom = np.array([glyph.tile.bounds for glyph in glyphs], np.float64).T
    x, y = np.stack([left, right, right, left], axis=1), np.stack([top, top, bottom, bottom], axis=1)
    return np.stack([x, y, np.ones_like(x)], axis=2)


def apply(matrix: NDArray[np.float64], points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Where a matrix, or each of several, takes points: float64[..., k, 3], with ones, to float64[..., k, 2]."""
    moved = points @ np.swapaxes(matrix, -1, -2)
    return np.asarray(moved[..., :2] / moved[..., 2:])


def _outlines(glyphs: list[Glyph], scale: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Where the ink of each row of each character begins and ends: float64[n, ROWS] each, infinite if it has none."""
    lean = np.array([glyph.shear for glyph in glyphs])[:, None] * ((np.arange(ROWS) - BELOW + 0.5) * ROW)
    stretch = np.array([glyph.stretch for glyph in glyphs])[:, None]
    unit = scale[:, None] / TALL
    left = (np.stack([glyph.tile.left for glyph in glyphs]) * stretch + lean) * unit
    right = (np.stack([glyph.tile.right for glyph in glyphs]) * stretch + lean) * unit
    return left, right


def _widened(left: NDArray[np.float64]) -> NDArray[np.float64]:
    """The least of each row and those near it: float64[n, ROWS]."""
    padded = np.pad(left, ((0, 0), (_NEAR, _NEAR)), constant_values=np.inf)
    return np.min([padded[:, i : i + ROWS] for i in range(2 * _NEAR + 1)], axis=0)
