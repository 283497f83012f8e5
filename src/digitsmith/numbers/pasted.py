"""Numbers as they are made without a layout: images of digits, one beside the other."""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from digitsmith.numbers.chance import NUMBER, chance
from digitsmith.numbers.pools import NUMBERS
from digitsmith.numbers.sources import Source


def paste(source: Source, texts: Sequence[str], seed: int, start: int, height: int) -> list[NDArray[np.uint8]]:
    """Paste images of digits side by side, as they are: numbers `start`, `start + 1`, …

    They are drawn from as many as a block of written numbers is; nothing is done to fit them to each other.

    Args:
        source: of the images.
        texts: of the numbers, whose characters are classes of the source.
        seed: of the series of numbers.
        start: index of the first.
        height: to which all are scaled, in pixels.

    Returns:
        uint8[height, w] of each, dark ink on bright paper.
    """
    drawn: dict[tuple[int, str], NDArray[np.uint8]] = {}
    pasted = []
    for index, text in enumerate(texts, start):
        random = chance(NUMBER, seed, index)
        digits = []
        for character in text:
            key = index // NUMBERS, character
            if key not in drawn:
                drawn[key] = source.draw(seed, key[0], source.classes.index(character))
            digits.append(drawn[key][random.integers(len(drawn[key]))])
        row = 255 - np.concatenate(digits, axis=1)
        width = round(row.shape[1] * height / row.shape[0])
        shrinks = height < row.shape[0]
        scaled = cv2.resize(row, (width, height), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
        pasted.append(np.asarray(scaled, np.uint8))
    return pasted
