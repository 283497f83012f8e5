"""Jobs: numbers that are to be written, and the images that are chosen for them, as their hands would write.

The images of one class are chosen for many numbers at once, which is faster, and for each as if it were alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from digitsmith.numbers.hand import SLANT, STROKE, WIDTH, Hand, Usual, nearest, wanted
from digitsmith.numbers.line import Glyph
from digitsmith.numbers.pen import draw
from digitsmith.numbers.pools import NUMBERS, TALL, Pool, Pools

_SHAKE = 0.3  # deviation of a character's slant and width from its hand's, by that of all characters of its class
_LEANS, _STRETCHES = 0.35, 0.15  # the most that an image is sheared, and stretched
_EVENED = 1.0  # of the difference of its strokes from its hand's, what is made up
_LEANING = 0.26  # deviation of the slant of hands, by which separators lean
_PEN = 0.135  # width of a pen that writes separators only, in heights of a digit


@dataclass(frozen=True, eq=False)
class Job:
    """A number to write.

    Attributes:
        text: of it.
        index: of it.
        hand: that writes it.
        random: what is drawn for it alone.
        labels: of each character; -1 of a separator or a space.
        turns: which of the images that are near enough is taken, for each character.
        shakes: float64[n, 2], N(0, 1), by which each differs from its hand's slant and width.
        glyphs: of each character, as they are chosen.
        strokes: width of the strokes of those, in pixels of a tile.
    """

    text: str
    index: int
    hand: Hand
    random: np.random.Generator
    labels: tuple[int, ...]
    turns: list[float]
    shakes: NDArray[np.float64]
    glyphs: dict[int, Glyph] = field(default_factory=dict)
    strokes: list[float] = field(default_factory=list)

    def finished(self, slant: float) -> tuple[list[Glyph], float]:
        """All characters with ink, separators among them, and the width of the pen that writes those."""
        pen = sum(self.strokes) / len(self.strokes) if self.strokes else _PEN * TALL
        finished, spaces = list[Glyph](), 0
        for place, character in enumerate(self.text):
            if character == " ":
                spaces += 1
                continue
            glyph = self.glyphs.get(place) or Glyph(
                character, draw(character, pen, self.random), shear=self.hand.style[SLANT] * _LEANING + slant
            )
            finished.append(replace(glyph, spaces=spaces) if spaces else glyph)
            spaces = 0
        return finished, pen


def choose(jobs: Sequence[Job], pools: Pools, seed: int, slant: float) -> None:
    """Choose an image for each character of numbers that is of a class, as its hand would write it.

    Args:
        jobs: the numbers, which are given glyphs.
        pools: of images.
        seed: of the series of numbers.
        slant: added to that of all hands.

    Raises:
        ModelError: a class whose images are empty.
    """
    work = dict[tuple[int, int], list[Job]]()
    for job in jobs:
        for label in {*job.labels} - {-1}:
            work.setdefault((job.index // NUMBERS, label), []).append(job)
    for (block, label), having in sorted(work.items()):
        _choose(having, label, pools.usual(label), pools.pool(seed, block, label), pools.enlarge, slant)


def _choose(jobs: list[Job], label: int, usual: Usual, pool: Pool, enlarge: float, slant: float) -> None:
    """Choose images of one class for numbers of one block, all of which have it."""
    styles, whims = np.stack([job.hand.style for job in jobs]), np.array([job.hand.whims[label] for job in jobs])
    close = np.sort(nearest(wanted(styles, whims, usual), pool.places), axis=1)
    owners, where, chosen = list[int](), list[int](), list[int]()
    for owner, (job, choices) in enumerate(zip(jobs, close.tolist(), strict=True)):
        having = [place for place, other in enumerate(job.labels) if other == label]
        first = int(job.turns[having[0]] * len(choices))
        for i, place in enumerate(having):
            owners.append(owner)
            where.append(place)
            chosen.append(choices[(first + i) % len(choices)])
    found = usual.mean + pool.styles[chosen] * usual.deviation
    away = usual.mean + styles[owners] * usual.deviation - found
    shakes = np.stack([jobs[owner].shakes[place] for owner, place in zip(owners, where, strict=True)])
    away[:, [SLANT, WIDTH]] += shakes * (_SHAKE * usual.deviation[[SLANT, WIDTH]])
    shear = np.clip(away[:, SLANT], -_LEANS, _LEANS) + slant
    stretch = 1 + away[:, WIDTH] / np.maximum(found[:, WIDTH], 0.1)
    heavier = away[:, STROKE] * (_EVENED * enlarge)
    looks = np.stack([shear, np.clip(stretch, 1 - _STRETCHES, 1 + _STRETCHES), heavier], axis=1).tolist()
    strokes = (found[:, STROKE] * enlarge + heavier).tolist()
    for owner, place, which, look, stroke in zip(owners, where, chosen, looks, strokes, strict=True):
        jobs[owner].glyphs[place] = Glyph(jobs[owner].text[place], pool.tiles[which], *look)
        jobs[owner].strokes.append(stroke)
