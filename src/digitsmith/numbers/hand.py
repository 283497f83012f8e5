"""A writer, not a ransom note: the digits of one number come from one hand.

A hand is a style: how thick its strokes are, how far they lean, how wide its characters are, each in deviations from
what is usual of the class; and for each class a model, whose shape it repeats (a seven with a bar or without). Of the
images of a class that there are, it takes one of those that come closest.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from digitsmith.numbers.chance import HAND, chance

STROKE, SLANT, WIDTH = range(3)
"""Columns of a style."""

NEAR = 8
"""Images that are close enough to a hand, of which one is taken."""

_WEIGHTS = np.array([1.5, 0.8, 0.8])  # of deviations from the hand's stroke, slant and width
_SHAPE = 1.7  # of the shape, whose distance is from 0 to 1.4
_COARSE = 7  # rows and columns in which shapes are compared
_STEP = 64  # to whole numbers, whose sums are the same in whatever order they are added
_FARTHEST = 2.0  # deviations of a hand from what is usual
_BETWEEN = 0.92  # deviation of hands, where that of all digits is 1: one hand varies, too


def measure(images: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Measure the style of images.

    Args:
        images: uint8[n, h, w], 0 background to 255 ink.

    Returns:
        float64[n, 3]. The mean width of the strokes in pixels: twice the area of the ink by the length of its outline,
        which is the total variation. The slant: how far ink moves to the right on its way up, by its second moments.
        The width of the upright character by its height, from the same moments.
    """
    ink = images.astype(np.float32) * np.float32(1 / 255)
    h, w = ink.shape[1:]
    across, down = ink[:, :, 1:] - ink[:, :, :-1], ink[:, 1:] - ink[:, :-1]
    outline = np.sqrt(across[:, :-1] ** 2 + down[:, :, :-1] ** 2).sum((1, 2), dtype=np.float64)
    rows, columns = ink.sum(2, dtype=np.float64), ink.sum(1, dtype=np.float64)
    area = np.maximum(rows.sum(1), 1e-6)
    y, x = np.arange(h), np.arange(w)
    mean_y, mean_x = rows @ y / area, columns @ x / area
    yy = np.maximum(rows @ y**2 / area - mean_y**2, 1e-6)
    xx = columns @ x**2 / area - mean_x**2
    xy = (ink @ x.astype(np.float32)).astype(np.float64) @ y / area - mean_x * mean_y
    upright = np.maximum(xx - xy**2 / yy, 0)
    return np.stack([2 * area / np.maximum(outline, 1e-6), -xy / yy, np.sqrt(upright / yy)], axis=1)


@dataclass(frozen=True, eq=False)
class Usual:
    """What is usual of a class.

    Attributes:
        mean: float64[3], of the styles of its images.
        deviation: float64[3].
        styles: float64[n, 3], of the images that hands have as models, in deviations from the mean.
        shapes: float64[n, k], of the same.
    """

    mean: NDArray[np.float64]
    deviation: NDArray[np.float64]
    styles: NDArray[np.float64]
    shapes: NDArray[np.float64]


def usual(images: NDArray[np.uint8]) -> Usual:
    """Measure what is usual of a class, uint8[n, h, w]."""
    styles = measure(images)
    mean, deviation = styles.mean(0), np.maximum(styles.std(0), 1e-3)
    return Usual(mean, deviation, (styles - mean) / deviation, shapes(images))


def shapes(images: NDArray[np.uint8]) -> NDArray[np.float64]:
    """The shape of images, coarsely: float64[n, k], of length 1 each."""
    n, h, w = images.shape
    rows, columns = (np.arange(_COARSE + 1) * side // _COARSE for side in (h, w))
    sums = np.add.reduceat(images.astype(np.float64), rows[:-1], axis=1)
    sums = np.add.reduceat(sums, columns[:-1], axis=2).reshape(n, -1)
    scaled: NDArray[np.float64] = sums / np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-6)
    return scaled


@dataclass(frozen=True, eq=False)
class Hand:
    """How one writer writes.

    Attributes:
        writer: which one.
        style: float64[3], in deviations from what is usual.
        whims: float64[classes] from 0 to 1, which of the characters of its style are its models.
    """

    writer: int
    style: NDArray[np.float64]
    whims: NDArray[np.float64]


def hand(seed: int, writer: int, classes: int) -> Hand:
    """The hand of a writer, which depends on the seed and the writer alone."""
    random = chance(HAND, seed, writer)
    style = np.clip(random.standard_normal(3) * _BETWEEN, -_FARTHEST, _FARTHEST)
    return Hand(writer, style, random.random(classes))


def wanted(styles: NDArray[np.float64], whims: NDArray[np.float64], of_class: Usual) -> NDArray[np.float64]:
    """Where the characters of a class lie that hands write: float64[m, k], as of `places`.

    Args:
        styles: float64[m, 3], of the hands.
        whims: float64[m], of the hands, for the class.
        of_class: what is usual of it.
    """
    near = np.sort(nearest(_style_places(styles), _style_places(of_class.styles), 2 * NEAR), axis=1)
    models = near[np.arange(len(near)), (whims * near.shape[1]).astype(np.int64)]
    return places(styles, of_class.shapes[models])


def nearest(wanted: NDArray[np.float64], there: NDArray[np.float64], count: int = NEAR) -> NDArray[np.int64]:
    """For each place that is wanted, which of those that are there come closest, in no certain order.

    All are whole numbers, so that the answer for one does not depend on what else is asked.

    Args:
        wanted: float64[m, k].
        there: float64[n, k].
        count: how many; all, where there are fewer.

    Returns:
        int64[m, min(count, n)].
    """
    if len(there) <= count:
        return np.tile(np.arange(len(there)), (len(wanted), 1))
    distance = (there**2).sum(1) - 2 * (wanted @ there.T)
    return np.argpartition(distance, count - 1, axis=1)[:, :count]


def places(styles: NDArray[np.float64], shapes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Where characters lie, so that those that are alike lie near to each other: float64[n, k] of whole numbers.

    Args:
        styles: float64[n, 3], in deviations from what is usual.
        shapes: float64[n, k - 3].
    """
    return np.concatenate([_style_places(styles), np.rint(shapes * (_SHAPE * _STEP))], axis=1)


def _style_places(styles: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.rint(styles * (_WEIGHTS * _STEP)))
