"""Lines of handwriting: where each character stands, how large and how far it leans.

Places are in heights of a digit: to the right, and down from the line that the writer keeps to. Many lines are written
at once, as what is done character by character takes NumPy as long for one as for a hundred.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from digitsmith.config.style import Style
from digitsmith.numbers.pen import SEPARATORS
from digitsmith.numbers.pools import BELOW, ROW, ROWS, TALL, Tile

SPACE = 0.5
"""Width of a space, beside the gap."""

Matrices = NDArray[np.float64]
"""float64[n, 3, 3], of points in homogeneous coordinates."""

_LEAST = 0.04  # between characters that do not touch
_LEAST_BESIDE = 0.1  # between a separator and its neighbours, which it never touches: a comma would look like a tail
_OVERLAP = 0.5  # of those that do, as a share of the pen's width
_NEAR = 2  # rows above and below, in which neighbours keep clear of each other
_NEAR_BESIDE = 4  # the same for a separator
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
        glyphs: the characters.
        at: float64[n], where on the line the left side of each tile is.
        down: float64[n], how far each stands below the line.
        to_place: from the pixels of each tile to where it is from there.
        ink: float64[n, 4], left, top, right and bottom of the ink of each, from there.
    """

    glyphs: Sequence[Glyph]
    at: NDArray[np.float64]
    down: NDArray[np.float64]
    to_place: Matrices
    ink: NDArray[np.float64]

    @property
    def matrices(self) -> Matrices:
        """From the pixels of each tile to its place on the line."""
        placed = self.to_place.copy()
        placed[:, 0, 2] += self.at
        placed[:, 1, 2] += self.down
        return placed


def write_lines(
    lines: Sequence[Sequence[Glyph]], pens: Sequence[float], style: Style, randoms: Sequence[np.random.Generator]
) -> list[Line]:
    """Write characters on lines, each line independently of the others.

    Args:
        lines: characters of each, at least one.
        pens: width of the pen of each, in pixels of a tile.
        style: options.
        randoms: what each line's own randomness is drawn from.
    """
    glyphs = [glyph for line in lines for glyph in line]
    counts = [len(line) for line in lines]
    ends = np.cumsum(counts).tolist()
    of_lines = np.stack([random.standard_normal(2) for random in randoms])
    z = np.concatenate([random.standard_normal((n, 4)) for random, n in zip(randoms, counts, strict=True)])
    touching = np.concatenate([random.random(n) for random, n in zip(randoms, counts, strict=True)]) < style.touching
    unit = np.exp(z[:, 0] * style.size_spread) / TALL
    shear, stretch, spaces = np.array([(glyph.shear, glyph.stretch, glyph.spaces) for glyph in glyphs]).T
    gaps = style.spacing + style.spacing_spread * (np.repeat(of_lines[:, 0], counts) + z[:, 1])
    overlaps = np.repeat(pens, counts) * (-_OVERLAP / TALL)
    steps = (
        _steps(glyphs, shear * unit, stretch * unit, gaps, overlaps, touching & (spaces == 0)) + spaces * SPACE
    ).tolist()
    off = (z[:, 2] * style.drift).tolist()
    to_place = _to_place(glyphs, unit, shear * unit, stretch * unit, z[:, 3] * _TURN)
    corners = apply(to_place, corners_of(glyphs))
    ink = np.concatenate([corners.min(1), corners.max(1)], axis=1)
    written = []
    for line, end, climb in zip(lines, ends, (of_lines[:, 1] * _CLIMB).tolist(), strict=True):
        part = slice(end - len(line), end)
        at, down = [0.0], [off[part.start]]
        for i in range(part.start + 1, end):
            at.append(at[-1] + steps[i])
            down.append(_KEPT * down[-1] + off[i] - climb * steps[i])
        written.append(Line(line, np.array(at), np.array(down), to_place[part], ink[part]))
    return written


def corners_of(glyphs: Sequence[Glyph]) -> NDArray[np.float64]:
    """The corners of the ink of each tile, with ones: float64[n, 4, 3]."""
    bounds = np.array([glyph.tile.bounds for glyph in glyphs], np.float64)
    corners = np.ones((len(glyphs), 4, 3))
    corners[:, :, 0] = bounds[:, [0, 2, 2, 0]]
    corners[:, :, 1] = bounds[:, [1, 1, 3, 3]]
    return corners


def apply(matrix: NDArray[np.float64], points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Where a matrix, or each of several, takes points: float64[..., k, 3], with ones, to float64[..., k, 2]."""
    moved = points @ np.swapaxes(matrix, -1, -2)
    return np.asarray(moved[..., :2] / moved[..., 2:])


def _to_place(
    glyphs: Sequence[Glyph],
    unit: NDArray[np.float64],
    shear: NDArray[np.float64],
    stretch: NDArray[np.float64],
    turn: NDArray[np.float64],
) -> Matrices:
    """x becomes stretch * x - shear * (y - base), and y unit * (y - base); all is turned about the left of the base."""
    base = np.array([glyph.tile.base for glyph in glyphs])
    cos, sin = np.cos(turn), np.sin(turn)
    made = np.zeros((len(glyphs), 3, 3))
    made[:, 0, 0] = cos * stretch
    made[:, 0, 1] = -cos * shear - sin * unit
    made[:, 0, 2] = -base * made[:, 0, 1]
    made[:, 1, 0] = sin * stretch
    made[:, 1, 1] = -sin * shear + cos * unit
    made[:, 1, 2] = -base * made[:, 1, 1]
    made[:, 2, 2] = 1
    return made


def _steps(
    glyphs: Sequence[Glyph],
    shear: NDArray[np.float64],
    stretch: NDArray[np.float64],
    gaps: NDArray[np.float64],
    overlaps: NDArray[np.float64],
    touching: NDArray[np.bool_],
) -> NDArray[np.float64]:
    """How far each character is from the one before it, so that the gap between their ink is what is wanted.

    The gap is the mean of that between their boxes, and of that where they come closest.
    """
    separators = np.array([glyph.text in SEPARATORS for glyph in glyphs])
    beside = separators | np.append(False, separators[:-1])
    lean = shear[:, None] * ((np.arange(ROWS) - BELOW + 0.5) * ROW)
    left = np.stack([glyph.tile.left for glyph in glyphs]) * stretch[:, None] + lean
    right = np.stack([glyph.tile.right for glyph in glyphs]) * stretch[:, None] + lean
    apart, exact = np.zeros((2, len(glyphs)))
    apart[1:] = left[1:].min(1) - right[:-1].max(1)
    exact[1:] = (left[1:] - right[:-1]).min(1)
    near = np.where(beside, _closest(left, right, _NEAR_BESIDE), _closest(left, right, _NEAR))
    near = np.where(np.isfinite(near), near, apart)  # they have no row in common
    steps = np.maximum(gaps - (apart + near) / 2, np.where(beside, _LEAST_BESIDE, _LEAST) - near)
    return np.where(touching & ~beside & np.isfinite(exact), overlaps - exact, steps)


def _closest(left: NDArray[np.float64], right: NDArray[np.float64], rows: int) -> NDArray[np.float64]:
    """How far each character is from the one before it where they come closest, within so many rows: float64[n]."""
    wide = np.full((len(left), ROWS + 2 * rows), np.inf)
    wide[:, rows:-rows] = left
    nearest = np.minimum.reduce([wide[:, i : i + ROWS] for i in range(2 * rows + 1)])
    closest = np.zeros(len(left))
    closest[1:] = (nearest[1:] - right[:-1]).min(1)
    return closest
