"""Pools: what a source has for a block of numbers, measured and ready to be written with.

A block of numbers shares a pool, which depends on the seed and the block alone; the next block has another. So memory
is constant, digits do not come again without end, and number *i* depends on the seed and *i*. To make an image takes
longer than all else that is done for a character, so each is written with again: in a block of numbers of five digits
eight times on average, leaning, as wide, as large and as heavy as the hand of each number wants it.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from digitsmith.errors import ModelError
from digitsmith.numbers.hand import Usual, measure, places, shapes, usual
from digitsmith.numbers.sources import Source

NUMBERS = 4096
"""Numbers of a block."""

TALL = 40
"""Height of the ink of usual characters in their tiles, in pixels."""

ROW = TALL // 20
"""Height of a row of an outline, in pixels."""

BELOW, ROWS = 6, 36
"""Rows of an outline that lie below the line, and all."""

_INKED = 96  # levels of what is certainly ink
_EDGE = 40  # levels of what may be seen of it
_FAINT = 64  # levels that the most of an image's ink must reach, not to be empty
_SPECK, _DARK = 32, 128  # levels of spots beside the ink: those that begin at the one and miss the other are taken away
_BLOCKS = 3  # whose pools are kept

Made = TypeVar("Made")


@dataclass(frozen=True, eq=False)
class Tile:
    """One character, as it is written with: `TALL` high, if it is as high as usual.

    Attributes:
        ink: uint8[h, w], 0 to 255, of which the edges are soft.
        bounds: left, top, right and bottom of the ink.
        base: row of the tile that stands on the line.
        left: float64[ROWS], where the ink of each row begins, upwards; infinite where there is none.
        right: float64[ROWS], where it ends; minus infinity where there is none.
    """

    ink: NDArray[np.uint8]
    bounds: tuple[int, int, int, int]
    base: float
    left: NDArray[np.float64]
    right: NDArray[np.float64]


def tile(ink: NDArray[np.uint8], base: float | None = None) -> Tile | None:
    """Measure the ink of a tile, uint8[h, w]; None if there is none. It stands on `base`, by default on its bottom."""
    left, top, width, height = cv2.boundingRect(cv2.threshold(ink, _EDGE, 255, cv2.THRESH_BINARY)[1])
    base = float(top + height) if base is None else base
    inked = np.asarray(ink > _INKED)
    rows = round(base) - 1 + BELOW * ROW - np.arange(ROWS * ROW)
    there = (rows >= 0) & (rows < len(ink))
    there[there] = np.asarray(inked.any(1))[rows[there]]
    if not there.any():
        return None
    begins, ends = np.full(len(rows), np.inf), np.full(len(rows), -np.inf)
    begins[there] = inked.argmax(1)[rows[there]]
    ends[there] = ink.shape[1] - inked[:, ::-1].argmax(1)[rows[there]]
    left_of, right_of = begins.reshape(ROWS, ROW).min(1), ends.reshape(ROWS, ROW).max(1)
    return Tile(ink, (left, top, left + width, top + height), base, left_of, right_of)


@dataclass(frozen=True, eq=False)
class Pool:
    """Characters of one class.

    Attributes:
        tiles: the characters.
        styles: float64[n, 3], in deviations from what is usual of the class.
        places: float64[n, k], where hands look for them (see `hand.places`).
    """

    tiles: list[Tile]
    styles: NDArray[np.float64]
    places: NDArray[np.float64]


class Pools:
    """The pools of a source, made as they are asked for, in any thread, and kept for a few blocks."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self._lock = threading.Lock()
        self._usual = OrderedDict[int, Future[Usual]]()
        self._pools = OrderedDict[tuple[int, int], OrderedDict[int, Future[Pool]]]()

    @cached_property
    def enlarge(self) -> float:
        """By how much images are enlarged to tiles."""
        rows = np.asarray((self.source.mixed() > _INKED).any(2))
        heights = (rows.shape[1] - rows.argmax(1) - rows[:, ::-1].argmax(1))[rows.any(1)]
        return TALL / float(np.median(heights)) if len(heights) else 1.0

    @cached_property
    def mixed(self) -> list[Tile]:
        """Some characters of all classes, always the same.

        Raises:
            ModelError: all are empty.
        """
        return [one for _, one in self._tiles(self.source.mixed(), "its classes")]

    def usual(self, label: int) -> Usual:
        """What is usual of a class."""
        return self._once(self._usual, label, lambda: usual(self.source.reference(label)))

    def pool(self, seed: int, block: int, label: int) -> Pool:
        """The characters of a class for a block of numbers.

        Raises:
            ModelError: all are empty.
        """
        with self._lock:
            pools = self._pools.setdefault((seed, block), OrderedDict())
            self._pools.move_to_end((seed, block))
            while len(self._pools) > _BLOCKS:
                self._pools.popitem(last=False)
        return self._once(pools, label, lambda: self._make(seed, block, label))

    def _once(self, made: OrderedDict[int, "Future[Made]"], label: int, make: Callable[[], Made]) -> Made:
        """What is there for a class, or is made by the first that asks, while others wait for it."""
        with self._lock:
            mine = label not in made
            future = made.setdefault(label, Future())
        if mine:
            try:
                future.set_result(make())
            except BaseException as error:
                future.set_exception(error)
                with self._lock:
                    del made[label]
        return future.result()

    def _make(self, seed: int, block: int, label: int) -> Pool:
        of_class, images = self.usual(label), self.source.draw(seed, block, label)
        inked = self._tiles(images, self.source.classes[label])
        images = images[[i for i, _ in inked]]
        styles = (measure(images) - of_class.mean) / of_class.deviation
        return Pool([one for _, one in inked], styles, places(styles, shapes(images)))

    def _tiles(self, images: NDArray[np.uint8], what: str) -> list[tuple[int, Tile]]:
        """The tiles of images that are not empty, each with the place of its image."""
        full = np.flatnonzero(images.max((1, 2)) >= _FAINT)
        tiles = [(i, one) for i in full.tolist() if (one := tile(self._enlarged(images[i])))]
        if not tiles:
            raise ModelError(f"{self.source.name} has only empty images of {what}: choose a better one.")
        return tiles

    def _enlarged(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """An image, uint8[h, w], as large as tiles are, with room around, and ink that reaches 255."""
        level = 255 / float(np.percentile(image[image >= _FAINT], 80))
        padded = np.pad(cv2.convertScaleAbs(image, alpha=level), 2)
        clean = _without_specks(np.asarray(padded, np.uint8))
        large = cv2.resize(clean, None, fx=self.enlarge, fy=self.enlarge, interpolation=cv2.INTER_CUBIC)
        return np.asarray(large, np.uint8)


def _without_specks(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """An image, uint8[h, w], without spots so faint that hardly anyone sees them; a box would be around them, too."""
    count, spots = cv2.connectedComponents((image >= _SPECK).astype(np.uint8))
    if count <= 2:  # the paper, and one spot, which is the character
        return image
    seen = np.zeros(count, np.bool_)
    seen[spots[image >= _DARK]] = True
    seen[0] = True
    return np.where(seen[spots], image, 0).astype(np.uint8)
