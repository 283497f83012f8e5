"""Randomness of numbers: number *i* depends on the seed and *i*, and a hand on the seed and the writer, alone."""

from enum import IntEnum

import numpy as np


class Stream(IntEnum):
    """What is drawn; the streams of generated images are all below."""

    TEXT = 2**32
    NUMBER = 2**32 + 1
    HAND = 2**32 + 2
    POOL = 2**32 + 3


def chance(stream: Stream, seed: int, index: int) -> np.random.Generator:
    """The source of all that is drawn for one thing, by Philox (see `models.noise`).

    Args:
        stream: what is drawn.
        seed: as `models.noise.check_seed` returns it.
        index: of the number, or of the writer.
    """
    return np.random.Generator(np.random.Philox(key=[seed, stream], counter=[0, 0, 0, index]))
