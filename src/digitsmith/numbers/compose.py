"""`compose`: a number on paper, in one hand, with the box of each character."""

import functools
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from digitsmith.config.style import Style, Wear
from digitsmith.errors import ConfigError
from digitsmith.models.generator import Model, load
from digitsmith.models.noise import check_seed, whole
from digitsmith.numbers import ink as inks
from digitsmith.numbers import wear as wears
from digitsmith.numbers.camera import view
from digitsmith.numbers.chance import Stream, chance
from digitsmith.numbers.hand import SLANT, STROKE, WIDTH, Hand, hand, nearest, wanted
from digitsmith.numbers.layouts import lay, least_width
from digitsmith.numbers.line import Glyph, line_of, matrices
from digitsmith.numbers.paper import Paper
from digitsmith.numbers.patterns import MOST_CHARACTERS
from digitsmith.numbers.pen import SEPARATORS, draw
from digitsmith.numbers.pools import NUMBERS, TALL, Pools
from digitsmith.numbers.sources import FromModel, Recognised, Source
from digitsmith.numbers.written import Written

__all__ = ["Composer", "Style", "Wear", "compose", "compose_many"]

_SMALLEST = 0.5  # of their usual size, to which characters are made smaller so that they fit a width
_LEAN, _LEANS = 0.09, 0.35  # deviation of a character's slant from its hand's, and the most that it is sheared
_STRETCH, _STRETCHES = 0.06, 0.15  # the same for its width
_EVENED = 0.7  # of the difference of its strokes from its hand's, what is made up
_LEANING = 0.26  # deviation of the slant of hands, by which separators lean
_PEN = 0.135  # width of a pen that writes separators only, in heights of a digit


@dataclass(frozen=True, eq=False)
class _Job:
    """A number to write.

    Attributes:
        text: of it.
        index: of it.
        hand: that writes it.
        random: what is drawn for it alone.
        labels: of each character; -1 of a separator or a space.
        turns: float64[n], which of the images that are near enough is taken for each character.
        shakes: float64[n, 2], how far each is from its hand's slant and width, in deviations.
        glyphs: of each character, as they are chosen.
        strokes: width of the strokes of those, in pixels of a tile.
    """

    text: str
    index: int
    hand: Hand
    random: np.random.Generator
    labels: tuple[int, ...]
    turns: NDArray[np.float64]
    shakes: NDArray[np.float64]
    glyphs: dict[int, Glyph] = field(default_factory=dict)
    strokes: list[float] = field(default_factory=list)


class Composer:
    """Writes the numbers of a seed: number i depends on the seed and i alone, whatever else is written.

    It may be used by several threads. All that it keeps is bounded.

    Args:
        pools: of digits.
        style: what the numbers look like.
        seed: which series of numbers.

    Raises:
        ConfigError: a seed out of range, or no such paper; digits that cannot be recognised.
        DataError: paper that cannot be read, or is too small.
    """

    def __init__(self, pools: Pools, style: Style, seed: int) -> None:
        self.style, self.seed = style, check_seed(seed)
        self._pools, self._wear = pools, style.worn
        self._labels = {name: i for i, name in enumerate(pools.source.classes) if len(name) == 1}
        self._paper = Paper(style.paper, style.height, style.width or style.height) if style.paper else None

    def check(self, text: str) -> None:
        """Refuse a text that cannot be written.

        Raises:
            ConfigError: it is empty or too long, or has a character that neither the model nor the pen has.
        """
        if not isinstance(text, str) or not text.strip():
            raise ConfigError(f"{text!r:.60} is no number: give a text such as 90210.", parameter="text")
        if len(text) > MOST_CHARACTERS:
            raise ConfigError(
                f"{text!r:.60} has {len(text)} characters; {MOST_CHARACTERS} are the most.", parameter="text"
            )
        for place, character in enumerate(text):
            if character not in self._labels and character not in SEPARATORS and character != " ":
                classes = self._pools.source.classes
                raise ConfigError(
                    f"{text!r:.100} has {character!r} (character {place + 1}): {self._pools.source.name} writes "
                    f"{' '.join(classes[:100])}, and the pen {' '.join(SEPARATORS)} and spaces.",
                    parameter="text",
                )
        style = self.style
        least = least_width(text, style.layout, style.size) * style.height * _SMALLEST
        if style.width and least > style.width:
            raise ConfigError(
                f"{text!r:.100} takes {least:.0f} pixels or more, of images that are {style.width} wide and "
                f"{style.height} high: make them wider, or 0, which is as wide as needed.",
                parameter="width",
            )

    def write(self, texts: Sequence[str], start: int, writer: int | None = None) -> list[Written]:
        """Write numbers `start`, `start + 1`, …

        Args:
            texts: of each.
            start: index of the first.
            writer: whose hand writes all of them; by default, as the style says.

        Raises:
            ConfigError: a text that cannot be written.
        """
        for text in dict.fromkeys(texts):
            self.check(text)
        jobs = [self._job(text, start + i, writer) for i, text in enumerate(texts)]
        work = dict[tuple[int, int], list[_Job]]()
        for job in jobs:
            for label in {*job.labels} - {-1}:
                work.setdefault((job.index // NUMBERS, label), []).append(job)
        for (block, label), having in sorted(work.items()):
            self._choose(label, block, having)
        return [self._written(job) for job in jobs]

    def _job(self, text: str, index: int, writer: int | None) -> _Job:
        random = chance(Stream.NUMBER, self.seed, index)
        if writer is None:
            writer = int(random.integers(self.style.writers)) if self.style.writers else index
        labels = tuple(self._labels.get(character, -1) for character in text)
        of_writer = hand(self.seed, writer, len(self._pools.source.classes))
        return _Job(
            text, index, of_writer, random, labels, random.random(len(text)), random.standard_normal((len(text), 2))
        )

    def _choose(self, label: int, block: int, jobs: list[_Job]) -> None:
        """Choose images of a class for the numbers of a block that have it, each as its hand would write it."""
        usual, pool = self._pools.usual(label), self._pools.pool(self.seed, block, label)
        styles, whims = np.stack([job.hand.style for job in jobs]), np.array([job.hand.whims[label] for job in jobs])
        close = np.sort(nearest(wanted(styles, whims, usual), pool.places), axis=1)
        for job, choices in zip(jobs, close.tolist(), strict=True):
            where = [place for place, other in enumerate(job.labels) if other == label]
            first = int(job.turns[where[0]] * len(choices))
            for i, place in enumerate(where):
                chosen = choices[(first + i) % len(choices)]
                style = usual.mean + pool.styles[chosen] * usual.deviation
                away = usual.mean + job.hand.style * usual.deviation - style
                lean, widen = job.shakes[place] * (_LEAN, _STRETCH)
                heavier = _EVENED * away[STROKE] * self._pools.enlarge
                job.strokes.append(style[STROKE] * self._pools.enlarge + heavier)
                job.glyphs[place] = Glyph(
                    job.text[place],
                    pool.tiles[chosen],
                    shear=min(max(away[SLANT] + lean, -_LEANS), _LEANS) + self.style.slant,
                    stretch=min(max(1 + away[WIDTH] / max(style[WIDTH], 0.1) + widen, 1 - _STRETCHES), 1 + _STRETCHES),
                    heavier=heavier,
                )

    def _written(self, job: _Job) -> Written:
        """Write a number whose images are chosen."""
        style, random = self.style, job.random
        pen = float(np.mean(job.strokes)) if job.strokes else _PEN * TALL
        lean = job.hand.style[SLANT] * _LEANING + style.slant
        glyphs, spaces = list[Glyph](), 0
        for place, character in enumerate(job.text):
            if character == " ":
                spaces += 1
                continue
            glyph = job.glyphs.get(place) or Glyph(character, draw(character, pen, random), shear=lean)
            glyphs.append(replace(glyph, spaces=spaces) if spaces else glyph)
            spaces = 0
        line = line_of(glyphs, pen, style, random)
        page = lay(glyphs, line, style, random)
        seen = view(page, style, self._wear, random)
        size = style.height, seen.width
        layer, boxes = inks.write(glyphs, seen.matrix @ matrices(glyphs, page.line), size, seen.scale)
        image = self._blank(size, random)
        if len(page.marks):
            printed = inks.print_lines(page.marks, seen.matrix, size)
            image = inks.lay_on(image, printed, _colour(page.print, image), random.uniform(0.5, 1.0))
        ink = style.ink[int(random.integers(len(style.ink)))]
        if self._wear.bleed and (amount := random.uniform(-1, 1) * self._wear.bleed) > 0:
            back = inks.back(self._pools.mixed, size, seen.scale, random)
            image = inks.lay_on(image, back, _colour(inks.LOOKS[ink].colour, image), amount)
        image = inks.inked(image, layer, ink, random)
        if self._wear.shade:
            image = wears.shade(image, self._wear.shade, random)
        return Written(job.text, wears.scan(image, self._wear, random), boxes, job.hand.writer)

    def _blank(self, size: tuple[int, int], random: np.random.Generator) -> NDArray[np.float32]:
        """Paper, on which nothing is."""
        if self._paper:
            return self._paper.piece(*size, random)
        return np.full((*size, 3) if self.style.colour else size, 255, np.float32)


def compose(
    text: str,
    seed: int = 0,
    *,
    index: int = 0,
    model: Model | Source | None = None,
    style: Style = Style(),
    writer: int | None = None,
) -> Written:
    """Write a number on paper, in one hand.

    Args:
        text: what to write: characters that the model has as classes, `- / . , : ( ) + €` and spaces.
        seed: which series of numbers.
        index: of the number in its series; it depends on the seed and the index alone.
        model: makes the digits; the shipped one by default. Or a source of images (see `numbers.sources`).
        style: what it looks like.
        writer: whose hand writes it; by default, as the style says.

    Returns:
        The image, uint8[h, w] or uint8[h, w, 3], dark ink on bright paper, and the box of each character's ink.

    Raises:
        ConfigError: a text that cannot be written, or a number out of range.
        DataError: paper that cannot be read, or is too small.
        ModelError: an unconditional model, or one whose images are empty.

    Examples:
        >>> from digitsmith.numbers.compose import compose
        >>> number = compose("90210", seed=1)
        >>> number.image.shape[0], [box.text for box in number.boxes]
        (64, ['9', '0', '2', '1', '0'])
    """
    return composer(model, style, seed).write([text], index, writer)[0]


def compose_many(
    texts: Sequence[str],
    seed: int = 0,
    start: int = 0,
    model: Model | Source | None = None,
    style: Style = Style(),
) -> list[Written]:
    """Write numbers `start`, `start + 1`, … of a series; each is the same as `compose` writes it.

    Raises:
        ConfigError, DataError, ModelError: as for `compose`.
    """
    return composer(model, style, seed).write(texts, start)


def composer(model: Model | Source | None, style: Style, seed: int) -> Composer:
    """What writes the numbers of a series; several of one model share what they keep.

    Raises:
        ConfigError, DataError, ModelError: as for `compose`.
    """
    return Composer(_pools(_shipped() if model is None else model, style.min_confidence), style, seed)


@functools.cache
def _shipped() -> Model:
    return load()


@functools.lru_cache(2)
def _pools(model: Model | Source, min_confidence: float) -> Pools:
    source = FromModel(model) if isinstance(model, Model) else model
    return Pools(Recognised(source, min_confidence) if min_confidence else source)


def _colour(colour: tuple[int, int, int], image: NDArray[np.float32]) -> NDArray[np.float32]:
    """A colour, or its grey for a grey image: float32[3] or float32[1]."""
    levels = np.array(colour, np.float32)
    return levels if image.ndim == 3 else levels.mean(keepdims=True)
