"""Randomness of numbers: number *i* depends on the seed and *i*, and a hand on the seed and the writer, alone."""

import numpy as np

TEXT, NUMBER, HAND, POOL = range(2**32, 2**32 + 4)
"""Streams: what is drawn of one seed. Those of generated images are all below (see `models.noise`)."""


def chance(stream: int, seed: int, index: int) -> np.random.Generator:
    """The source of all that is drawn for one thing, by Philox (see `models.noise`).

    Args:
        stream: `TEXT`, `NUMBER`, `HAND` or `POOL`.
        seed: as `models.noise.check_seed` returns it.
        index: of the number, or of the writer.
    """
    return np.random.Generator(np.random.Philox(key=[seed, stream], counter=[0, 0, 0, index]))
