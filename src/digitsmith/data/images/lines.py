"""Lines of forms: the box, comb or rule that a digit was written in, which is no part of it."""

import numpy as np
from numpy.typing import NDArray

LEAST_SIDE = 20
"""Pixels; in smaller images a stroke is as thick as a line."""

THICK = 0.1
"""Of the shorter side: the most that a line takes, its slope included."""

_WHOLE = 0.95  # of its length that has ink
_ALONE = 0.7  # of its length where nothing crosses it
_OUTER = 0.3  # of the height, from either border, where lines across are
_OUTER_UPRIGHT = 0.18  # the same of the width, and upright ones
_TOOTH = 0.55  # of the height: the most that a comb's teeth have


def without_lines(image: NDArray[np.uint8], faint: float) -> NDArray[np.uint8]:
    """Take printed lines out of an image of one digit; one without any is returned as it is.

    A line is thin and straight, lies near a border of the image or of all ink in it, and runs from border to border.
    Digits that are cut closely have such strokes, too. So nothing is taken out if what is left reaches a border where
    no line is, or if there is nothing but one upright line: a one. Where a stroke crosses a line, it stays whole, as it
    does when staves are taken out of sheet music. Teeth of a comb go with the line that they stand on.

    Args:
        image: uint8[h, w], bright ink on paper of level 0.
        faint: the level above which there is ink.

    Returns:
        uint8[h, w].
    """
    marked = image > faint
    rows, columns = np.flatnonzero(marked.any(1)), np.flatnonzero(marked.any(0))
    if not len(rows):
        return image
    around = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    whole = slice(None), slice(None)
    for part in (around, whole):
        lines = _lines(marked[part], closed=part is around)
        if lines is not None:
            printed = np.zeros_like(marked)
            printed[part] = lines
            return np.where(printed | _beside(printed) & ~marked, np.uint8(0), image)
    return image


def _lines(marked: NDArray[np.bool_], *, closed: bool) -> NDArray[np.bool_] | None:
    """The pixels of lines, and of nothing else; None if there are none, or if that is not sure.

    Where the ink ends at each border, only a box is sure, which is closed, and holds something.
    """
    height, width = marked.shape
    if min(height, width) < LEAST_SIDE:
        return None
    thick = max(2, round(THICK * min(height, width)))
    across, upright = _starts(marked, thick, _OUTER), _starts(marked.T, thick, _OUTER_UPRIGHT)
    if not (across and upright if closed else across or upright):
        return None
    thin, slender = _thin(marked, thick), _thin(marked.T, thick).T
    rows, columns = _bands(height, across, thick)[:, None], _bands(width, upright, thick)
    printed = thin & rows | slender & columns | marked & rows & columns
    if across and not closed:
        near = np.zeros((height, 1), np.bool_)
        tall = round(_TOOTH * height)
        near[:tall] |= min(across) < height // 2
        near[-tall:] |= max(across) >= height // 2
        sides = _bands(width, [0, thick, width - 2 * thick, width - thick], thick)
        printed |= slender & near & sides | marked & rows & sides
    left = marked & ~printed
    if not left.any() and (closed or (not across and len(upright) == 1)):
        return None
    for ink, starts in ((left, across), (left.T, upright)):
        first, last = min(starts, default=len(ink)), max(starts, default=0)
        if (ink[0].any() and first > thick) or (ink[-1].any() and last < len(ink) - 2 * thick):
            return None
    return printed


def _starts(marked: NDArray[np.bool_], thick: int, outer: float) -> list[int]:
    """The rows in which lines across begin, of `thick` rows each; of several that overlap, the fullest."""
    middle = (np.arange(len(marked) - thick + 1) + thick / 2) / len(marked)
    fit = _within(marked, thick).mean(1) >= _WHOLE
    fit &= np.minimum(middle, 1 - middle) <= outer
    if not fit.any():
        return []
    thin = _thin(marked, thick)
    fit &= _within(thin, thick).mean(1) >= _ALONE
    places = np.flatnonzero(fit)
    starts: list[int] = []
    for start in places[np.argsort(-np.convolve(thin.sum(1), np.ones(thick), "valid")[places], kind="stable")].tolist():
        if all(abs(start - other) >= thick for other in starts):
            starts.append(start)
    return starts


def _thin(marked: NDArray[np.bool_], rows: int) -> NDArray[np.bool_]:
    """What is marked in runs of at most so many rows, column by column: bool[h, w]."""
    full = ~_within(~marked, rows + 1)
    long = np.zeros_like(marked)
    for i in range(rows + 1):
        long[i : i + len(full)] |= full
    return marked & ~long


def _within(marked: NDArray[np.bool_], rows: int) -> NDArray[np.bool_]:
    """Whether anything is marked in each band of so many rows, column by column: bool[h - rows + 1, w]."""
    length = len(marked) - rows + 1
    within = marked[:length].copy()
    for i in range(1, rows):
        within |= marked[i : i + length]
    return within


def _bands(length: int, starts: list[int], thick: int) -> NDArray[np.bool_]:
    """Whether each of so many rows lies in a band of `thick` that begins at one of the starts: bool[length]."""
    within = np.zeros(length, np.bool_)
    for start in starts:
        within[start : start + thick] = True
    return within


def _beside(marked: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The four neighbours of all that is marked."""
    beside = np.zeros_like(marked)
    beside[1:] |= marked[:-1]
    beside[:-1] |= marked[1:]
    beside[:, 1:] |= marked[:, :-1]
    beside[:, :-1] |= marked[:, 1:]
    return beside
