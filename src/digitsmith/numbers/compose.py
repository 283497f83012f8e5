"""`compose`: a number on paper, in one hand, with the box of each character."""

import functools
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from digitsmith.config.style import USUAL, Style, Wear
from digitsmith.errors import ConfigError
from digitsmith.models.generator import Model, load
from digitsmith.models.noise import check_seed
from digitsmith.numbers import ink as inks
from digitsmith.numbers import wear as wears
from digitsmith.numbers.camera import View, view
from digitsmith.numbers.chance import NUMBER, chance
from digitsmith.numbers.hand import hand
from digitsmith.numbers.jobs import Job, choose
from digitsmith.numbers.layouts import Page, lay, least_width
from digitsmith.numbers.line import apply, corners_of, write_lines
from digitsmith.numbers.paper import Paper
from digitsmith.numbers.patterns import MOST_CHARACTERS
from digitsmith.numbers.pen import SEPARATORS
from digitsmith.numbers.pools import Pools
from digitsmith.numbers.sources import FromModel, Recognised, Source
from digitsmith.numbers.written import Written

__all__ = ["Composer", "Style", "Wear", "compose", "compose_many"]

_AT_ONCE = 256  # numbers whose lines are written together
_SMALLEST = 0.5  # of their usual size, to which characters are made smaller so that they fit a width


class Composer:
    """Writes the numbers of a seed: number i depends on the seed and i alone, whatever else is written.

    It may be used by several threads. All that it keeps is bounded.

    Args:
        pools: of digits.
        style: what the numbers look like.
        seed: which series of numbers.

    Raises:
        ConfigError: a seed out of range, or no such paper; digits that cannot be recognised.
        DataError: paper of which none can be read, or is large enough.
    """

    def __init__(self, pools: Pools, style: Style, seed: int) -> None:
        self.style, self.seed = style, check_seed(seed)
        self._pools, self._wear = pools, style.worn
        self._labels = {name: i for i, name in enumerate(pools.source.classes) if len(name) == 1}
        self._paper = Paper(style.paper, style.height, style.width or style.height) if style.paper else None

    @property
    def paper_sha256(self) -> str:
        """Of the pictures of paper; empty where it is white."""
        return self._paper.sha256 if self._paper else ""

    @property
    def passed_over(self) -> list[str]:
        """What is wrong with pictures of paper that were passed over, so far."""
        return list(self._paper.passed_over.values()) if self._paper else []

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
            if why := self.why_not(character):
                raise ConfigError(f"{text!r:.100} has {character!r} (character {place + 1}): {why}", parameter="text")
        style = self.style
        least = least_width(text, style.layout, style.size) * style.height * _SMALLEST
        if style.width and least > style.width:
            raise ConfigError(
                f"{text!r:.100} takes {least:.0f} pixels or more, of images that are {style.width} wide and "
                f"{style.height} high: make them wider, or 0, which is as wide as needed.",
                parameter="width",
            )

    def why_not(self, character: str) -> str:
        """Why a character cannot be written, in a sentence; empty if it can."""
        if character in self._labels or character in SEPARATORS or character == " ":
            return ""
        name, classes = self._pools.source.name, " ".join(self._pools.source.classes[:100])
        letters = ". Letters need a model that has learned them" if character.isalpha() else ""
        return f"{name} writes {classes}, and the pen {' '.join(SEPARATORS)} and spaces{letters}."

    def write(self, texts: Sequence[str], start: int, writer: int | None = None) -> list[Written]:
        """Write numbers `start`, `start + 1`, …

        Args:
            texts: of each.
            start: index of the first.
            writer: whose hand writes all of them; by default, as the style says.

        Raises:
            ConfigError: a text that cannot be written.
        """
        for text in texts:
            self.check(text)
        jobs = [self._job(text, start + i, writer) for i, text in enumerate(texts)]
        choose(jobs, self._pools, self.seed, self.style.slant)
        return [
            written
            for first in range(0, len(jobs), _AT_ONCE)
            for written in self._write(jobs[first : first + _AT_ONCE])
        ]

    def _job(self, text: str, index: int, writer: int | None) -> Job:
        random = chance(NUMBER, self.seed, index)
        if writer is None:
            writer = int(random.integers(self.style.writers)) if self.style.writers else index
        labels = tuple(self._labels.get(character, -1) for character in text)
        of_writer = hand(self.seed, writer, len(self._pools.source.classes))
        turns, shakes = random.random(len(text)).tolist(), random.standard_normal((len(text), 2))
        return Job(text, index, of_writer, random, labels, turns, shakes)

    def _write(self, jobs: list[Job]) -> list[Written]:
        """Write numbers whose images are chosen."""
        finished = [job.finished(self.style.slant) for job in jobs]
        lines = write_lines(
            [glyphs for glyphs, _ in finished], [pen for _, pen in finished], self.style, [job.random for job in jobs]
        )
        pages = [lay(line, self.style, job.random) for line, job in zip(lines, jobs, strict=True)]
        views = [view(page, self.style, self._wear, job.random) for page, job in zip(pages, jobs, strict=True)]
        to_pixels = [seen.matrix @ page.line.matrices for page, seen in zip(pages, views, strict=True)]
        corners = apply(np.concatenate(to_pixels), corners_of([glyph for glyphs, _ in finished for glyph in glyphs]))
        written, end = [], 0
        for job, page, seen, matrices in zip(jobs, pages, views, to_pixels, strict=True):
            start, end = end, end + len(matrices)
            layer, boxes = inks.write(page.line.glyphs, matrices, corners[start:end], seen.size, seen.scale)
            written.append(Written(job.text, self._on_paper(page, seen, layer, job.random), boxes, job.hand.writer))
        return written

    def _on_paper(
        self, page: Page, seen: View, layer: NDArray[np.uint8], random: np.random.Generator
    ) -> NDArray[np.uint8]:
        """The image of handwriting, uint8[h, w], on its paper, worn and scanned."""
        style, wear = self.style, self._wear
        image = self._blank(seen.size, random)
        if len(page.marks):
            printed = inks.print_lines(page.marks, seen.matrix, seen.size)
            image = inks.lay_on(image, printed, page.print, random.uniform(0.5, 1.0))
        ink = style.ink[int(random.random() * len(style.ink))]
        if wear.bleed and (amount := random.uniform(-1, 1) * wear.bleed) > 0:
            back = inks.back(self._pools.mixed, seen.size, seen.scale, random)
            image = inks.lay_on(image, back, inks.LOOKS[ink].colour, amount)
        image = inks.inked(image, layer, ink, random)
        if wear.shade:
            image = wears.shade(image, wear.shade, random)
        return wears.scan(image, wear, random)

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
    style: Style = USUAL,
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
        DataError: paper of which none can be read, or is large enough.
        ModelError: an unconditional model, or one whose images are empty.

    Examples:
        >>> from digitsmith.numbers.compose import compose
        >>> number = compose("90210", seed=1)
        >>> number.image.shape[0], [box.text for box in number.boxes]
        (64, ['9', '0', '2', '1', '0'])
    """
    index = check_seed(index, "index")
    return composer(model, style, seed).write([text], index, writer and check_seed(writer, "writer"))[0]


def compose_many(
    texts: Sequence[str],
    seed: int = 0,
    start: int = 0,
    model: Model | Source | None = None,
    style: Style = USUAL,
) -> list[Written]:
    """Write numbers `start`, `start + 1`, … of a series; each is the same as `compose` writes it.

    Raises:
        ConfigError, DataError, ModelError: as for `compose`.
    """
    return composer(model, style, seed).write(texts, check_seed(start, "start"))


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
