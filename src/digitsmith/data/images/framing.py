"""Framing: where in its image a digit stands, and how large it is."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from digitsmith.data.images.even_light import even_light
from digitsmith.data.images.lines import without_lines
from digitsmith.records.base import Frame

SIDE = 28
"""Height and width of MNIST's images, in pixels."""

INK = 20
"""The longer side of the digits in them."""

_FAINT = 0.2  # share of the brightest ink's level under which a pixel is taken for paper
_NOISE = 4.5  # deviations of the paper's level that are taken for paper, too
_MOST_NOISE = 30.0  # deviations in levels that paper has
_LEAST_CONTRAST = 32  # levels between paper and ink; with less there is no ink
_LEAST_LENGTH = 1 / 12  # of the image's longer side that ink has; less is dust
_SPECK = 0.015  # of all ink: as little beyond a gap is dust, too
_BRIGHT = 240  # level that need not be made brighter; MNIST's brightest pixels have 254 and 255
_COARSE = 224  # pixels: in larger images the ink is found in a smaller copy, where dust vanishes


def frame(image: NDArray[np.uint8], kind: Frame, size: tuple[int, int] = (SIDE, SIDE)) -> NDArray[np.uint8]:
    """Crop an image to its ink, scale that and place it anew; an image without ink becomes an empty one.

    As MNIST was made (LeCun et al. 1998, section III.A): the longer side of the ink becomes 20 pixels of 28, with its
    aspect ratio kept, and the centre of its mass the centre of the image. In images of other sizes, the same shares.
    Paper becomes 0, however it is lit, and the brightest ink 255; lines of forms are left out. An image that is framed
    so already is returned as it is: all of MNIST.

    Args:
        image: uint8[h, w], bright ink on dark paper.
        kind: `mnist`; or `tight`, where the ink fills the longer side, and its box is centred.
        size: height and width of the result.

    Returns:
        uint8[size].
    """
    if image.shape == size and _is_framed(image, kind):
        return _brighten(image)
    canvas = np.zeros(size, np.uint8)
    ink, faint = _lift(even_light(image))
    ink = without_lines(ink, faint)
    box = _find(ink, faint)
    if box is None:
        return canvas
    cut = ink[box]
    share = INK / SIDE if kind == "mnist" else 1.0
    scale = min(size[0] * share / cut.shape[0], size[1] * share / cut.shape[1])
    height, width = (max(1, round(side * scale)) for side in cut.shape)
    drawn = np.asarray(Image.fromarray(cut).resize((width, height), Image.Resampling.BICUBIC))
    drawn = _brighten(drawn)
    top, left = (round(place) for place in _places(drawn, kind, size))
    canvas[top : top + height, left : left + width] = drawn
    return canvas


def _places(drawn: NDArray[np.uint8], kind: Frame, size: tuple[int, int]) -> list[float]:
    """Row and column where the corner of the ink is to be, in an image of this size."""
    if kind == "mnist":  # the centre of mass is that of the pixel behind the middle, as it is in MNIST's own files
        middle = [side / 2 + 0.5 - centre for side, centre in zip(size, _centre_of_mass(drawn), strict=True)]
    else:
        middle = [(side - length) / 2 for side, length in zip(size, drawn.shape, strict=True)]
    return [min(max(place, 0), side - length) for place, side, length in zip(middle, size, drawn.shape, strict=True)]


def _is_framed(image: NDArray[np.uint8], kind: Frame) -> bool:
    """Whether all that is not 0 has the length and the centre that it is to have, but for a rounding."""
    marked = image > 0
    rows, columns = _ends(marked.any(1)), _ends(marked.any(0))
    if rows is None or columns is None:
        return True
    share = INK / SIDE if kind == "mnist" else 1.0
    lengths = [(end - start) / side for (start, end), side in zip((rows, columns), image.shape, strict=True)]
    if abs(max(lengths) - share) > 1.01 / min(image.shape):
        return False
    places = _places(image[slice(*rows), slice(*columns)], kind, image.shape)
    return all(abs(place - start) < 0.55 for place, (start, _) in zip(places, (rows, columns), strict=True))


def _lift(image: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], float]:
    """The image with paper of level 0, and the level above which there is ink: 255 without any contrast.

    The paper's level is the median at the border; where most of the border is ink, a low one of all pixels.
    """
    border = np.sort(np.concatenate([image[0], image[-1], image[1:-1, 0], image[1:-1, -1]])).tolist()
    count, least, most = len(border), int(image.min()), int(image.max())
    paper = border[count // 2]
    deviation = (paper - border[count // 4]) / 0.674  # of darker paper only: what is brighter may be ink
    if paper - least > 0.7 * (most - least) or deviation > _MOST_NOISE:  # there is ink at the border
        paper, deviation = int(np.percentile(image, 10)), 0.0
    contrast = most - paper
    lifted = image if paper == 0 else np.maximum(image, np.uint8(paper)) - np.uint8(paper)
    if contrast < max(_LEAST_CONTRAST, _NOISE * deviation):
        return lifted, 255.0
    return lifted, max(_FAINT * contrast, min(0.5 * contrast, _NOISE * deviation))


def _find(ink: NDArray[np.uint8], faint: float) -> tuple[slice, slice] | None:
    """The box of the ink; None if there is only dust."""
    least = _LEAST_LENGTH * max(ink.shape)
    step = -(-max(ink.shape) // _COARSE)
    if step == 1:
        return _box(ink, faint, least)
    rough = _box(*_lift(np.asarray(Image.fromarray(ink).reduce(step))), least / step)
    if rough is None:
        return None
    rows, columns = (slice(max(part.start - 1, 0) * step, (part.stop + 1) * step) for part in rough)
    fine = _box(ink[rows, columns], faint, 0)
    if fine is None:
        return None
    top, left = rows.start, columns.start
    return slice(top + fine[0].start, top + fine[0].stop), slice(left + fine[1].start, left + fine[1].stop)


def _box(ink: NDArray[np.uint8], faint: float, least: float) -> tuple[slice, slice] | None:
    marked = ink > faint
    near = _near_others(marked)
    if 2 * np.count_nonzero(near) <= np.count_nonzero(marked):
        return None  # single pixels everywhere: noise
    masses = np.where(near, ink, 0)
    total = float(masses.sum(dtype=np.float64))
    rows = _without_specks(masses.sum(1, dtype=np.float64), total)
    columns = None if rows is None else _without_specks(masses[rows].sum(0, dtype=np.float64), total)
    if rows is None or columns is None:
        return None
    within = _ends(near[rows, columns].any(1))  # rows in which there is only what lay beyond the columns
    if within is None:
        return None
    rows = slice(rows.start + within[0], rows.start + within[1])
    return (rows, columns) if max(rows.stop - rows.start, columns.stop - columns.start) >= least else None


def _near_others(marked: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Those that are marked and have one among their eight neighbours that is, too."""
    padded = np.zeros((marked.shape[0] + 2, marked.shape[1] + 2), np.bool_)
    padded[1:-1, 1:-1] = marked
    beside = padded[:-2] | padded[2:]
    near = beside | padded[1:-1]
    return marked & (near[:, :-2] | near[:, 2:] | beside[:, 1:-1])


def _without_specks(profile: NDArray[np.float64], total: float) -> slice | None:
    """From where to where there is ink, by its mass in each row: without small masses beyond gaps at either end."""
    places = np.flatnonzero(profile).tolist()
    if not places or places[-1] - places[0] + 1 == len(places):
        return slice(places[0], places[-1] + 1) if places else None
    cuts = [place for place in range(1, len(places)) if places[place] > places[place - 1] + 1]
    starts, ends = [0, *cuts], [*cuts, len(places)]
    runs = [(places[start], places[end - 1] + 1) for start, end in zip(starts, ends, strict=True)]
    while len(runs) > 1 and profile[slice(*runs[0])].sum() < _SPECK * total:
        runs.pop(0)
    while len(runs) > 1 and profile[slice(*runs[-1])].sum() < _SPECK * total:
        runs.pop()
    return slice(runs[0][0], runs[-1][1])


def _brighten(drawn: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Make the brightest pixel white, as it is in MNIST: thin strokes that are scaled down become faint."""
    most = int(drawn.max())
    if most == 0 or most >= _BRIGHT:
        return drawn
    return (drawn * (255 / most) + 0.5).astype(np.uint8)


def _ends(marked: Any) -> tuple[int, int] | None:
    """The first place that is marked, and the one behind the last."""
    first = int(marked.argmax())
    return (first, len(marked) - int(marked[::-1].argmax())) if marked[first] else None


def _centre_of_mass(ink: NDArray[np.uint8]) -> tuple[float, float]:
    """Row and column of the centre, in pixels from the corner."""
    rows, columns = ink.sum(1, dtype=np.float64), ink.sum(0, dtype=np.float64)
    mass = float(rows.sum()) or 1.0
    return float(rows @ (np.arange(len(rows)) + 0.5)) / mass, float(columns @ (np.arange(len(columns)) + 0.5)) / mass
