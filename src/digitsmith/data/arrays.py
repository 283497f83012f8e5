"""From an array of images, as people keep it, to levels: uint8[n, h, w] or uint8[n, h, w, 3].

Which axis is what is told by the shape and the number of labels; what the numbers mean, by the range of all of them.
What is not certain is noted, or refused.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from digitsmith.errors import DataError
from digitsmith.records.base import SIDES

_BLOCK = 2**23  # bytes of an array that are converted at once
_TOPS = (1, 3, 7, 15, 16, 31, 63)  # of whole numbers of 1 to 6 bits, and those of scikit-learn's digits
_HALF = 127  # levels up to here only are not usual
_NEARLY = 1e-3  # how far rounding may take a number out of its range


class Array(Protocol):
    """What can be cut along any axis: an array in memory or in a file."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Its sides."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of its numbers."""

    def __getitem__(self, places: Any, /) -> Any: ...


@dataclass(frozen=True)
class Layout:
    """Which axis of an array is what.

    Attributes:
        axes: images first, then what is to be theirs.
        shape: of all images: [n, h, w] or [n, h, w, 3].
        guess: what is taken for granted, as a sentence.
    """

    axes: tuple[int, ...]
    shape: tuple[int, ...]
    guess: str = ""


def to_images(
    array: Array, layout: Layout, what: object, note: Callable[[str], None], *, exact: bool = False
) -> NDArray[np.uint8]:
    """Convert an array of images, a few at a time.

    Args:
        array: whole numbers from 0 to 255; or floats from 0 to 1, from -1 to 1 or from 0 to 255. Whole numbers that go
            no higher than 63 are of fewer bits, or run from 0 to 16, as scikit-learn's digits do: they are stretched.
        layout: of it, which is of a size that may be read.
        what: names it.
        note: told what is guessed or stretched.
        exact: leave uint8 as it is.

    Returns:
        uint8[n, h, w] or uint8[n, h, w, 3].

    Raises:
        DataError: numbers of no known range.
    """
    if layout.guess:
        note(f"{what}: {layout.guess}")
    exact = exact and array.dtype == np.uint8
    scale, offset = (1.0, 0.0) if exact else _range(array, layout, what, note)
    if array.dtype == np.uint8 and scale == 1 and isinstance(array, np.ndarray):
        return array.transpose(layout.axes).reshape(layout.shape)
    images = np.empty(layout.shape, np.uint8)
    for start, block in _blocks(array, layout):
        if array.dtype.kind in "bui" and scale == 1:
            images[start : start + len(block)] = block
        else:
            images[start : start + len(block)] = np.clip(block.astype(np.float32) * scale + offset + 0.5, 0, 255)
    return images


def find_layout(
    shape: tuple[int, ...], what: object, count: int | None = None, *, reverse: bool = False, exact: bool = False
) -> Layout:
    """Which axis is what, in [n, h, w] or [n, h * w], or with 1 or 3 channels, first or last; the same with n last.

    Args:
        shape: of the array.
        what: names it.
        count: of labels, if there are any.
        reverse: n is expected last.
        exact: [n, h, w] and [n, h, w, 3] are these for certain.

    Raises:
        DataError: a shape that is none of these, or of which it is not certain which.
    """
    if exact and (len(shape) == 3 or shape[3:] == (3,)) and count in (None, shape[0]):
        return Layout((*range(len(shape)),), shape)
    fitting = [layout for layout in _layouts(shape) if count in (None, layout.shape[0])]
    found = [layout for layout in fitting if all(side in SIDES for side in layout.shape[1:3])] or fitting
    if len(found) > 1:
        usual = [layout for layout in found if (layout.axes[0] > 0) is reverse]
        others_fit_better = not _any_square(usual) and _any_square(found)
        either = len(shape) == 2 and (reverse or shape[0] == shape[1])
        found = found if others_fit_better or either else usual
    if len(found) == 1:
        return found[0]
    sides = "x".join(map(str, shape))
    mend = "save them as [n, h, w], or [n, h, w, 3] for colour"
    if found:
        raise DataError(f"{what} is an array of {sides}, of which axis is what is not certain: {mend}.")
    if len(shape) == 2 and any(math.isqrt(n // 3) in SIDES and 3 * math.isqrt(n // 3) ** 2 == n for n in shape):
        raise DataError(f"{what} is an array of {sides}: where its colours are is not certain: {mend}.")
    if may_be_images(shape):
        raise DataError(f"{what} is an array of {sides}, but there are {count} labels: each image needs one.")
    raise DataError(f"{what} is an array of {sides}, which is none of images: {mend}.")


def may_be_images(shape: tuple[int, ...]) -> bool:
    """Whether an array of such a shape may hold images."""
    return any(True for _ in _layouts(shape))


def _layouts(shape: tuple[int, ...]) -> Iterator[Layout]:
    """All that a shape may be, n first and n last."""
    if len(shape) not in (2, 3, 4):
        return
    last = len(shape) - 1
    for n in (0, last):
        if n and len(shape) == 3 and shape[-1] == 3:  # one image in colour
            continue
        rest = [axis for axis in range(last + 1) if axis != n]
        sides = [shape[axis] for axis in rest]
        pixels = [axis for axis in rest if shape[axis] != 1] if len(rest) == 2 else rest
        side = math.isqrt(shape[pixels[0]]) if pixels else 0
        if len(pixels) == 1 and side**2 == shape[pixels[0]] and side in SIDES:
            guess = f"{side * side} numbers are taken for an image of {side}x{side}, one row of it after the other."
            yield Layout((n, *rest), (shape[n], side, side), guess)
        elif len(rest) == 2:
            guess = "" if n == 0 else f"its last axis is taken for the number of the image, {shape[n]:,} in all."
            yield Layout((n, *rest), (shape[n], *sides), guess)
        elif len(rest) == 3:
            for channel in (rest[0], rest[2]):
                height, width = (axis for axis in rest if axis != channel)
                if shape[channel] in (1, 3):
                    colour = (3,) if shape[channel] == 3 else ()
                    yield Layout((n, height, width, channel), (shape[n], shape[height], shape[width], *colour))


def _any_square(layouts: list[Layout]) -> bool:
    return any(layout.shape[1] == layout.shape[2] for layout in layouts)


def _blocks(array: Array, layout: Layout) -> Iterator[tuple[int, NDArray[Any]]]:
    """Some images after the other, in the order of the layout, each time with the place of the first."""
    count = layout.shape[0]
    at_once = max(1, _BLOCK // max(1, math.prod(layout.shape[1:]) * array.dtype.itemsize))
    for start in range(0, count, at_once):
        stop = min(start + at_once, count)
        cut = (slice(None),) * layout.axes[0] + (slice(start, stop),)
        yield start, np.asarray(array[cut]).transpose(layout.axes).reshape(stop - start, *layout.shape[1:])


def _range(array: Array, layout: Layout, what: object, note: Callable[[str], None]) -> tuple[float, float]:
    """What brings the numbers to levels: a factor and what is added.

    Raises:
        DataError: numbers of no known range.
    """
    least, most, whole = math.inf, -math.inf, True
    for _, block in _blocks(array, layout):
        if not block.size:
            continue
        if block.dtype.kind == "f":
            if not np.isfinite(block).all():
                raise DataError(f"{what} has numbers that are NaN or infinite: put the levels of pixels there.")
            whole = whole and bool((block == np.rint(block)).all())
        least, most = min(least, float(block.min())), max(most, float(block.max()))
    is_float = array.dtype.kind == "f"
    if whole and least >= 0 and 0 < most <= _TOPS[-1]:
        top = next(top for top in _TOPS if top >= most)
        note(f"{what}: its numbers run from {least:g} to {most:g}; 0 to {top} is stretched to levels from 0 to 255.")
        return 255 / top, 0.0
    if is_float and least >= -_NEARLY and most <= 1 + _NEARLY:
        note(f"{what}: floats from 0 to 1 become levels from 0 to 255.")
        return 255.0, 0.0
    if is_float and -1 - _NEARLY <= least <= -0.9 and most <= 1 + _NEARLY:
        note(f"{what}: floats from -1 to 1 become levels from 0 to 255.")
        return 127.5, 127.5
    if most == -math.inf or (least >= 0 and most <= 255 and (whole or most > 16)):
        if not whole:
            note(f"{what}: floats from {least:g} to {most:g} are rounded to levels.")
        if 0 < most <= _HALF:
            note(f"{what}: no number is above {most:g}; they are taken for levels from 0 to 255, as they are.")
        return 1.0, 0.0
    allowed = "from 0 to 1, from -1 to 1 or from 0 to 255" if is_float else "from 0 to 255"
    raise DataError(
        f"{what} has numbers from {least:g} to {most:g}: those of images run {allowed}. Bring them to such a range."
    )
