"""How images are divided into shards: their names and ranges follow from the numbers of images and shards alone."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from digitsmith.errors import ConfigError
from digitsmith.models.generator import check_range
from digitsmith.models.noise import whole
from digitsmith.records.dataset import MOST_SHARDS

USUAL = 8192
"""Images of a shard, where nothing else is said."""

_LARGE = 4096  # images of a shard, from which on it begins with a block


@dataclass(frozen=True)
class Shard:
    """Images `start` to `stop - 1`, the part `number` of `of`, counted from 0."""

    number: int
    of: int
    start: int
    stop: int

    def __len__(self) -> int:
        return self.stop - self.start

    @property
    def name(self) -> str:
        """Of its folder, among those of the others."""
        return f"shard-{self.number + 1:05d}-of-{self.of:05d}"


@dataclass(frozen=True)
class Partition:
    """So many images in so many parts of equal size, none of which is empty.

    What is drawn for a block of images is drawn again for each part that has some of it. So large parts begin with a
    block, and may be larger or smaller than others by that.

    Attributes:
        count: images of all parts.
        shards: how many parts.
        block: images of a block.
    """

    count: int
    shards: int
    block: int

    def __len__(self) -> int:
        return self.shards

    def __getitem__(self, number: int) -> Shard:
        if not 0 <= number < self.shards:
            raise IndexError(number)
        return Shard(number, self.shards, self._border(number), self._border(number + 1))

    def __iter__(self) -> Iterator[Shard]:
        return map(self.__getitem__, range(self.shards))

    def _border(self, number: int) -> int:
        border = self.count * number // self.shards
        whole_blocks = number < self.shards and self.count // self.shards >= _LARGE
        return border // self.block * self.block if whole_blocks else border


def partition(count: object, shards: object = None, block: int = 1) -> Partition:
    """Divide images.

    Args:
        count: how many there are.
        shards: into how many parts; by default, as many as make parts of some thousand images.
        block: images of which all is drawn at once.

    Raises:
        ConfigError: no parts, more than images or than there can be, or a number that is no whole one.
        ModelError: a count out of range.
    """
    total = whole(count, "count")
    check_range(0, total)
    if shards is None:
        return Partition(total, min(-(-total // USUAL), MOST_SHARDS), block)
    n = whole(shards, "shards")
    if n < 1:
        raise ConfigError(f"{n} is too few: ask for at least one.", parameter="shards")
    if n > total:
        raise ConfigError(
            f"{n:,} of {total:,} images would leave some empty: ask for {total:,} at most.", parameter="shards"
        )
    if n > MOST_SHARDS:
        raise ConfigError(f"{n:,} are too many: {MOST_SHARDS:,} are the most.", parameter="shards")
    return Partition(total, n, block)


def one_shard(count: object, shard: Any, block: int = 1) -> Shard:
    """One part of a partition, by its place.

    Args:
        count: images of all parts.
        shard: (i, n), the i-th of n, counted from 1.
        block: images of which all is drawn at once.

    Raises:
        ConfigError: no such part, an empty one, or a number that is no whole one.
        ModelError: a count out of range.
    """
    total = whole(count, "count")
    check_range(0, total)
    try:
        i, n = shard
    except (TypeError, ValueError) as error:
        raise ConfigError(f"{shard!r:.60} is no pair such as (1, 4).", parameter="shard") from error
    i, n = whole(i, "shard"), whole(n, "shard")
    if not 1 <= i <= n:
        raise ConfigError(f"{i}/{n} does not exist: they are counted from 1/{n} to {n}/{n}.", parameter="shard")
    found = Partition(total, n, block)[i - 1]
    if not len(found):
        raise ConfigError(
            f"part {i} of {n} is empty: there are {total:,} images in all, so make {total:,} parts of them at most.",
            parameter="shard",
        )
    return found
