"""Numbers that a CRNN learns from, and those that it reads in the end: in all layouts, written with any digits."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from digitsmith.config.style import LAYOUTS, PRESETS, Preset, Style
from digitsmith.data.dataset import Dataset
from digitsmith.evaluation.metrics import edit_distance
from digitsmith.models.generator import Model
from digitsmith.numbers.compose import composer
from digitsmith.numbers.pools import NUMBERS
from digitsmith.numbers.sources import FromDataset, Source
from digitsmith.records.written_numbers import Reading
from digitsmith.training.readers.crnn import CRNN
from digitsmith.training.readers.transcription import Line, transcribe

LENGTH = 5
"""Of all numbers that CRNNs learn from, in digits."""

LENGTHS = (3, 4, 5, 6, 8, 10)
"""Of numbers to test on."""

TESTED = 2000
"""Numbers of each test."""

_OF_TESTS = 2**40  # the seed of the numbers to test on, which no CRNN learns from


@dataclass(frozen=True, eq=False)
class NumbersTest:
    """Numbers of real test digits, of one length and wear."""

    digits: int
    wear: Preset
    lines: Sequence[Line]


def draw_texts(characters: str, count: int, length: int, key: tuple[int, int]) -> list[str]:
    """Numbers of so many random characters, which the key decides."""
    places = np.random.default_rng(key).integers(len(characters), size=(count, length))
    return ["".join(characters[place] for place in row) for row in places.tolist()]


def write_in_all_layouts(
    source: Model | Source, texts: Sequence[str], wear: Preset, seed: int, start: int, apart: int, height: int
) -> list[Line]:
    """Numbers of a seed, of that height in pixels: a part of them in each layout.

    The first part is number `start` and those after it; each other part begins so far from the one before it.
    """
    lines: list[Line] = []
    for place, (layout, part) in enumerate(zip(LAYOUTS, np.array_split(texts, len(LAYOUTS)), strict=True)):
        writes = composer(source, Style(height=height, layout=layout, wear=wear), seed)
        written = writes.write(part.tolist(), start + place * apart) if len(part) else []
        lines += [(one.image, one.text) for one in written]
    return lines


def write_tests(data: Dataset, characters: str, wear: Preset, height: int) -> list[NumbersTest]:
    """All tests, written with digits that had no part in any training: of each length, and of one in other wear.

    Each layout is a block of its own, so that four times as many digits are tested on.
    """
    source = FromDataset(data, "real digits to test on")
    kinds = [(length, wear) for length in LENGTHS] + [(LENGTH, other) for other in PRESETS if other != wear]
    tests = []
    for place, (length, worn) in enumerate(kinds):
        texts = draw_texts(characters, TESTED, length, (_OF_TESTS, place))
        lines = write_in_all_layouts(source, texts, worn, _OF_TESTS, place * len(LAYOUTS) * NUMBERS, NUMBERS, height)
        tests.append(NumbersTest(length, worn, lines))
    return tests


def reading_of(crnn: CRNN, test: NumbersTest, characters: str) -> Reading:
    """How well a CRNN reads."""
    texts = transcribe(crnn, [image for image, _ in test.lines], characters)
    errors = [edit_distance(found, text) for found, (_, text) in zip(texts, test.lines, strict=True)]
    return Reading(
        digits=test.digits,
        wear=test.wear,
        accuracy=errors.count(0) / len(errors),
        character_error=sum(errors) / (test.digits * len(errors)),
    )
