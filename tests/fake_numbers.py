"""Numbers on paper that are drawn here in no time: each character is a rectangle of ink, exactly boxed."""

from collections.abc import Sequence

import numpy as np

from digitsmith.numbers.annotations import Entry
from digitsmith.numbers.folder import encode
from digitsmith.numbers.written import Box, Written

ALPHABET = tuple("0123456789-/.,:()+€")


def fake_number(text: str, index: int) -> Written:
    """Paper of a size of its own, a third of it in colour, with a character every 12 pixels."""
    random = np.random.default_rng(index)
    image = np.full((random.integers(30, 50), 12 * len(text) + 10), 250, np.uint8)
    boxes = []
    for place, character in enumerate(text):
        if character != " ":
            left, top = 4 + 12 * place + random.integers(3), random.integers(3, 9)
            right, bottom = left + random.integers(3, 9), top + random.integers(8, 20)
            image[top:bottom, left:right] = 20
            boxes.append(Box(character, int(left), int(top), int(right), int(bottom)))
    coloured = np.stack([image // 2, image // 2, image], -1) if index % 3 == 2 else image
    return Written(text, coloured, tuple(boxes), index % 5)


def fake_compose(texts: Sequence[str], start: int) -> list[Written]:
    return [fake_number(text, start + i) for i, text in enumerate(texts)]


def an_entry(text: str, index: int) -> Entry:
    """A number as annotations are told of it."""
    one = fake_number(text, index)
    height, width = one.image.shape[:2]
    return Entry(index, one.text, one.boxes, one.writer, (height, width), encode(one.image, "png"), "png")
