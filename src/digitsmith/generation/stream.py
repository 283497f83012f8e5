"""`stream`: labelled images as they are needed, with no files."""

import os
from collections.abc import Generator, Iterator, Sequence
from copy import copy
from dataclasses import replace
from itertools import count, takewhile
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from digitsmith.data.dataset import UNLABELLED
from digitsmith.errors import ConfigError
from digitsmith.generation.batches import Batch, Plan, ahead, plan
from digitsmith.generation.request import Request
from digitsmith.models.generator import Model, load
from digitsmith.models.noise import BLOCK, MAX_INDEX, Span, whole
from digitsmith.models.running import cores

_MOST = 2**16
"""Images of a batch."""


class Stream(Iterator[tuple[NDArray[np.uint8], NDArray[np.int64]]]):
    """Batches of labelled images without end. Get one from `stream`.

    It goes on where it stands: a second loop over it begins with the next batch. A pickled one, too.

    Attributes:
        model: makes the images.
        classes: the names that labels index.
        batch: images of each batch.
        position: index of the next batch's first image. `stream(…, start=position)` goes on from there.
    """

    def __init__(self, model: Model, planned: Plan, batch: int, step: int, threads: int | None = None) -> None:
        self.model, self.batch, self.position = model, batch, planned.start
        self._plan, self._step, self._threads = planned, step, threads
        self._process = os.getpid()
        self._made: Generator[Batch] | None = None  # blocks that come next
        self._block: tuple[int, Batch] | None = None  # the one that batches are cut from, and its first index

    @property
    def classes(self) -> tuple[str, ...]:
        """The names that labels index; empty if the model is unconditional."""
        return self.model.record.classes

    def __next__(self) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
        self._leave_to_parent()
        stop = min(self.position + self.batch, self._plan.stop)
        if self.position >= stop:
            self.close()
            raise StopIteration
        try:
            parts = [self._cut(number, stop) for number in range(self.position // BLOCK, (stop - 1) // BLOCK + 1)]
        except BaseException:  # Ctrl-C in a notebook, after which one may go on
            self.close()
            raise
        self.position += self._step
        return np.concatenate([images for images, _ in parts]), np.concatenate([labels for _, labels in parts])

    def _cut(self, number: int, stop: int) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
        """What the next batch, which ends before image `stop`, has of a block."""
        start, block = self._find(number)
        part = slice(max(self.position - start, 0), stop - start)
        labels = np.full(len(block.images), UNLABELLED) if block.labels is None else block.labels
        return block.images[part], labels[part]

    def _find(self, number: int) -> tuple[int, Batch]:
        """The images of a block, from the first that is in the stream, and its index."""
        if self._block is None or self._block[0] // BLOCK != number:
            if self._made is None:
                pieces = _blocks(self._plan, self.position, self.batch, self._step)
                self._made = ahead(self.model, self._plan, pieces, self._threads or cores())
            self._block = max(self._plan.start, number * BLOCK), next(self._made)
        return self._block

    def part(self, i: int, n: int, threads: int | None = None) -> Self:
        """Every n-th of the batches to come, from the i-th on, counted from 0: all parts together are the stream.

        Args:
            i: which part, below n.
            n: how many parts.
            threads: that make images for it; one for each core by default.

        Raises:
            ConfigError: no such part.
        """
        self._leave_to_parent()
        i, n = whole(i, "i"), whole(n, "n")
        if not 0 <= i < n:
            raise ConfigError(f"there is no part {i} of {n}: they are counted from 0 to {n - 1}.", parameter="i")
        start = min(self.position + i * self._step, self._plan.stop)
        return type(self)(self.model, replace(self._plan, start=start), self.batch, n * self._step, threads)

    def close(self) -> None:
        """Stop making images ahead; the next batch begins anew to do so."""
        if self._made is not None:
            self._made.close()
        self._made = self._block = None

    def _leave_to_parent(self) -> None:
        """In a process that was forked, use neither the threads of its parent, which are not there, nor its runs."""
        if self._process != os.getpid():
            self._process, self._made, self._block = os.getpid(), None, None
            self.model = copy(self.model)  # loads it anew

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_made": None, "_block": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, _process=os.getpid())

    def __repr__(self) -> str:
        return f"Stream({self.model!r}, seed {self._plan.seed}, at image {self.position})"


def stream(
    model: Model | str | Path | None = None,
    labels: Sequence[int | str] | None = None,
    *,
    draw: bool = False,
    seed: int = 0,
    batch: int = 256,
    start: int = 0,
    min_confidence: float = 0.0,
) -> Stream:
    """Make labelled images without end, while something else uses them: a few batches ahead, on all cores, in no file.

    Image i is image i of `generate` with the same model, labels, `draw`, seed and `min_confidence`, to the byte.

    Args:
        model: a model, or what `load` takes; the shipped one by default.
        labels: the classes to make, as indices or names; all by default. They take turns.
        draw: draw each label at random from `labels` instead.
        seed: which series of images; image i depends on the seed and i alone.
        batch: images of each batch. Multiples of 256 cost least where the stream is made in parts.
        start: index of the first image, to go on where another stream stood.
        min_confidence: as for `generate`.

    Returns:
        An iterator over pairs: images, uint8[batch, h, w] from 0, background, to 255, ink, or in colour
        uint8[batch, h, w, 3]; and labels, int64[batch], which index its `classes`, or -1 from an unconditional model.
        It ends after image 2**32 - 2, the last of a seed.

    Raises:
        ModelError: no such model, labels that it does not have, or a start out of range; on the way, images that never
            reach `min_confidence`.
        ConfigError: a number that is none or out of range.

    Examples:
        >>> import digitsmith
        >>> digits = digitsmith.stream(labels=[3, 8], batch=64)
        >>> images, labels = next(digits)
        >>> images.shape, labels[:4].tolist(), digits.position
        ((64, 28, 28), [3, 8, 3, 8], 64)
    """
    batch, start = whole(batch, "batch"), whole(start, "start")
    if not 1 <= batch <= _MOST:
        raise ConfigError(f"{batch} images are no batch: give a number from 1 to {_MOST:,}.", parameter="batch")
    if not 0 <= start < MAX_INDEX:
        raise ConfigError(f"{start} is no index: one seed has images 0 to {MAX_INDEX - 1}.", parameter="start")
    if not isinstance(model, Model):
        model = load(model)
    planned = plan(model, Request(MAX_INDEX, labels, draw, seed, min_confidence=min_confidence))
    return Stream(model, replace(planned, start=start), batch, batch)


def _blocks(planned: Plan, position: int, batch: int, step: int) -> Iterator[Span]:
    """The blocks of all batches from a position on, each once: the graph runs on whole ones anyway."""
    last = -1
    for first in takewhile(lambda first: first < planned.stop, count(position, step)):
        stop = min(first + batch, planned.stop)
        for number in range(max(last + 1, first // BLOCK), (stop - 1) // BLOCK + 1):
            start, end = max(planned.start, number * BLOCK), min(planned.stop, (number + 1) * BLOCK)
            yield Span(planned.seed, start, end - start)
            last = number
