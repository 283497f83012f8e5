"""Layouts: where a line of handwriting stands on its paper, and what is printed there.

Lengths are heights of a digit, to the right and down.
"""

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from digitsmith.config.style import Layout, Style
from digitsmith.numbers.line import SPACE, Line
from digitsmith.numbers.pen import SEPARATORS

_UP, _UNDER = 1.1, 0.15  # how much of the image is above the line and below it, at least
_FIELD = 0.86  # height of a box or field, as a share of the image's
_CELL = (0.72, 0.9)  # width of a box by its height, at least and at most
_NARROW = 0.45  # width of the room for a separator between boxes, by that of a box
_STRAY = 0.05  # deviation of a character from the middle of its box
_FAR = 60.0  # longer than any number
_PRINTS = ((70, 70, 70), (120, 120, 120), (170, 90, 80), (80, 110, 170), (90, 150, 100))
"""Colours of printed lines, red, green and blue."""
_RULES = ((150, 175, 215), (165, 165, 170), (190, 150, 150))
_WIDEST = 0.55  # width of a digit with what is beside it, at most; narrow writing is not counted on


@dataclass(frozen=True, eq=False)
class Page:
    """What stands on the paper.

    Attributes:
        line: the characters, in their places.
        area: left, top, right and bottom of what must be in the image.
        digit: height of a digit, as a share of the image's height.
        marks: float64[k, 5], what is printed: from x, y to x, y, and how thick it is.
        print: its colour, red, green and blue.
    """

    line: Line
    area: tuple[float, float, float, float]
    digit: float
    marks: NDArray[np.float64] = field(default_factory=lambda: np.zeros((0, 5)))
    print: tuple[int, int, int] = (0, 0, 0)


def lay(line: Line, style: Style, random: np.random.Generator) -> Page:
    """Put a line of handwriting on its paper."""
    size = style.size * np.exp(random.standard_normal() * 2 * style.size_spread)
    if style.layout == "comb":
        return _comb(line, min(size, 0.9) * _FIELD, random)
    if style.layout == "ruled":
        return _ruled(line, size * 0.9, random)
    if style.layout == "amount":
        return _amount(line, min(size, 0.9) * _FIELD, random)
    return Page(line, _around(line, *random.uniform(0.12, 0.5, 2)), min(size, 1.0))


def least_width(text: str, layout: Layout, size: float) -> float:
    """The least width of a number, as a share of the image's height: it is no more than is taken on average."""
    spaces = text.count(" ")
    separators = sum(character in SEPARATORS for character in text)
    others = len(text) - spaces - separators
    if layout == "comb":
        return _FIELD * _CELL[0] * (others + _NARROW * (separators + spaces))
    return size * (_WIDEST * others + 0.3 * separators + SPACE * spaces)


def _around(line: Line, left: float, right: float) -> tuple[float, float, float, float]:
    """The area of the ink, and of the line from below to above usual characters, with so much room beside it."""
    x, y = line.at, line.down
    ink = line.ink + np.stack([x, y, x, y], axis=1)
    low, high = ink.min(0), ink.max(0)
    return low[0] - left, min(low[1], -_UP), high[2] + right, max(high[3], _UNDER)


def _comb(line: Line, digit: float, random: np.random.Generator) -> Page:
    """One character in each box; separators and spaces stand between boxes."""
    tall = _FIELD / digit
    wide = tall * random.uniform(*_CELL)
    joined = random.random() < 0.6  # neighbours share a side
    gap = 0.0 if joined else tall * random.uniform(0.06, 0.2)
    thick = tall * random.uniform(0.02, 0.045)
    open_top = joined and random.random() < 0.35
    top = -(tall + 1) / 2
    bottom = top + tall
    middles, marks, x = np.zeros(len(line.glyphs)), list[tuple[float, ...]](), 0.0
    for i, glyph in enumerate(line.glyphs):
        x += glyph.spaces * _NARROW * wide
        if glyph.text in SEPARATORS:
            middles[i] = x + _NARROW * wide / 2
            x += _NARROW * wide
            continue
        middles[i] = x + wide / 2
        upper = bottom - tall * 0.4 if open_top else top
        sides = [(x, upper, x, bottom), (x + wide, upper, x + wide, bottom), (x, bottom, x + wide, bottom)]
        if not open_top:
            sides.append((x, top, x + wide, top))
        marks.extend((*side, thick) for side in sides)
        x += wide + gap
    stray = random.standard_normal((2, len(line.glyphs))) * _STRAY
    at = middles + stray[0] * (wide - 0.5) - line.ink[:, [0, 2]].mean(1)
    placed = replace(line, at=at, down=line.down + stray[1])
    pad = thick + random.uniform(0.1, 0.35)
    area = (-pad, top - thick, x - gap + pad, bottom + thick)
    return Page(placed, _with_ink(area, placed), digit, np.array(marks).reshape(-1, 5), _choice(_PRINTS, random))


def _ruled(line: Line, digit: float, random: np.random.Generator) -> Page:
    """On one of the lines of a notebook."""
    pitch, thick = random.uniform(1.25, 1.7), random.uniform(0.02, 0.04)
    under = random.uniform(0.0, 0.08)
    rows = [(-_FAR, under + k * pitch, _FAR, under + k * pitch, thick) for k in range(-3, 4)]
    area = _around(line, *random.uniform(0.15, 0.6, 2))
    if random.random() < 0.15:
        x = area[0] + 0.1
        rows.append((x, -_FAR, x, _FAR, thick))
    return Page(line, area, min(digit, 0.85), np.array(rows), _choice(_RULES, random))


def _amount(line: Line, digit: float, random: np.random.Generator) -> Page:
    """At the right of a framed field, on its own line."""
    left, _, right, _ = _around(line, random.uniform(0.2, 1.2), random.uniform(0.12, 0.4))
    tall, thick = _FIELD / digit, random.uniform(0.03, 0.06)
    top = -(tall + 1) / 2 - random.uniform(0, 0.1)
    bottom = top + tall
    frame = [
        (left, top, right, top),
        (left, bottom, right, bottom),
        (left, top, left, bottom),
        (right, top, right, bottom),
    ]
    marks = [(*side, thick) for side in frame]
    under = random.uniform(0.03, 0.12)
    dash, x = random.uniform(0.06, 0.3), left + 0.12
    while x < right - 0.12 and under < bottom - 2 * thick:
        marks.append((x, under, min(x + dash, right - 0.12), under, thick * 0.6))
        x += dash * 1.6
    pad = thick + random.uniform(0.05, 0.3)
    area = _with_ink((left - pad, top - thick, right + pad, bottom + thick), line)
    return Page(line, area, digit, np.array(marks), _choice(_PRINTS, random))


def _with_ink(area: tuple[float, float, float, float], line: Line) -> tuple[float, float, float, float]:
    left, top, right, bottom = _around(line, 0.05, 0.05)
    return min(area[0], left), min(area[1], top), max(area[2], right), max(area[3], bottom)


def _choice(colours: tuple[tuple[int, int, int], ...], random: np.random.Generator) -> tuple[int, int, int]:
    return colours[random.integers(len(colours))]
