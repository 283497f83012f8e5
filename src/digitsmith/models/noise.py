"""Randomness of generated images: image *i* depends on the seed and *i*, and on nothing else.

Noise is drawn on the host from a counter-based generator (Philox 4x64, Salmon et al. 2011), keyed by the seed, in
blocks of a fixed number of images. So the same image comes out whatever the batch size, the number of workers, the
shard, or where a run was interrupted.
"""

import operator
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from digitsmith.config.schema import Distribution
from digitsmith.errors import ConfigError

BLOCK = 256
"""Images that share one block of noise."""

MAX_INDEX = 2**32 - 1
"""Images that one seed can give; the image count of an IDX file has 32 bits."""


@dataclass(frozen=True)
class Span:
    """Consecutive images of a seed, `start` to `start + count - 1`, all in one block."""

    seed: int
    start: int
    count: int

    @property
    def block(self) -> int:
        """The number of the block."""
        return self.start // BLOCK

    @property
    def first(self) -> int:
        """The place of the first image in the block."""
        return self.start % BLOCK


def spans(seed: int, start: int, stop: int) -> Iterator[Span]:
    """Cut the images `start` to `stop - 1` of a seed at the borders of blocks."""
    while start < stop:
        end = min(stop, (start // BLOCK + 1) * BLOCK)
        yield Span(seed, start, end - start)
        start = end


def noise_block(seed: int, block: int, z_dim: int, distribution: Distribution, attempt: int = 0) -> NDArray[np.float32]:
    """Noise of images `block * BLOCK` to `block * BLOCK + BLOCK - 1`.

    Args:
        seed: which series of images.
        block: which block of it.
        z_dim: width of the noise.
        distribution: of its values.
        attempt: other noise for the same images, where those of the attempt before were refused.

    Returns:
        float32[BLOCK, z_dim], from N(0, 1) or uniform in [-1, 1).
    """
    random = _stream(seed, attempt + 1 if attempt else 0, block)  # 1 is the stream of labels
    if distribution == "normal":
        return random.standard_normal((BLOCK, z_dim), dtype=np.float32)
    return random.random((BLOCK, z_dim), dtype=np.float32) * np.float32(2) - np.float32(1)


def noise(seed: int, start: int, count: int, z_dim: int, distribution: Distribution) -> NDArray[np.float32]:
    """Noise of images `start` to `start + count - 1`: float32[count, z_dim]."""
    blocks = [noise_block(seed, span.block, z_dim, distribution) for span in spans(seed, start, start + count)]
    return np.concatenate(blocks)[start % BLOCK :][:count]


def drawn_labels(seed: int, start: int, count: int, choices: NDArray[np.int64]) -> NDArray[np.int64]:
    """Labels of images `start` to `start + count - 1`, each drawn from `choices` with equal chances: int64[count]."""
    parts = spans(seed, start, start + count)
    blocks = [_stream(seed, 1, span.block).integers(len(choices), size=BLOCK) for span in parts]
    return choices[np.concatenate(blocks)[start % BLOCK :][:count]]


def whole(value: object, parameter: str) -> int:
    """A whole number of any integer type, NumPy's among them, as Python's own.

    Raises:
        ConfigError: it is none, of this parameter. `True` and 1e3 are none.
    """
    try:
        if isinstance(value, bool):
            raise TypeError
        return operator.index(value)  # type: ignore[arg-type]
    except TypeError as error:
        raise ConfigError(f"{value!r:.60} is no whole number.", parameter=parameter) from error


def check_seed(seed: object, parameter: str = "seed") -> int:
    """The seed, or an index, if it is one of the generator.

    Raises:
        ConfigError: it is none.
    """
    key = whole(seed, parameter)
    if not 0 <= key < 2**63:
        raise ConfigError(f"{key} is out of range: give a whole number from 0 to 2**63 - 1.", parameter=parameter)
    return key


def _stream(seed: int, stream: int, block: int) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(key=[seed, stream], counter=[0, 0, 0, block]))
