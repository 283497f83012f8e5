"""Generate a data set: (model, count, labels, seed, shard) to a stream of batches, to a writer."""

import contextlib
import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from digitsmith.atomic import staged_folder
from digitsmith.errors import ConfigError, ModelError
from digitsmith.formats import Format, Header, Split, format_module
from digitsmith.grid import save_png, tile
from digitsmith.model import Model, check_range, provenance
from digitsmith.noise import BLOCK, drawn_labels

_PREVIEW = 100


@dataclass(frozen=True)
class Request:
    """Which images to make.

    Attributes:
        count: how many, over all shards.
        labels: the classes to make, as indices or names; None for all. They take turns: image i is of class
            `labels[i % len(labels)]`.
        draw: draw each label at random from `labels` instead.
        seed: which series of images.
        shard: (i, n): only the i-th of n equal parts, counted from 1.
    """

    count: int
    labels: Sequence[int | str] | None = None
    draw: bool = False
    seed: int = 0
    shard: tuple[int, int] = (1, 1)

    def range(self) -> tuple[int, int]:
        """Index of the first image, and of the one after the last."""
        i, n = self.shard
        if not 1 <= i <= n:
            raise ConfigError(f"shard {i}/{n}: shards are counted from 1/{n} to {n}/{n}.")
        return self.count * (i - 1) // n, self.count * i // n


def batches(model: Model, request: Request) -> Iterator[tuple[NDArray[np.uint8], NDArray[np.int64] | None]]:
    """Make the requested images, in order, in constant memory.

    Yields:
        uint8[n, h, w] images and int64[n] labels, or None from an unconditional model.

    Raises:
        ModelError: labels that the model does not have, or a count out of range.
    """
    check_range(0, request.count, request.seed)
    start, stop = request.range()
    labels_of = _labelling(model, request)

    def make(block: int) -> tuple[NDArray[np.uint8], NDArray[np.int64] | None]:
        first, last = max(start, block * BLOCK), min(stop, (block + 1) * BLOCK)
        labels = labels_of(first, last - first)
        wanted = last - first if labels is None else labels
        return model.block(request.seed, block, first - block * BLOCK, wanted), labels

    workers = os.cpu_count() or 1
    with ThreadPoolExecutor(workers) as pool:
        pending: deque[Future[tuple[NDArray[np.uint8], NDArray[np.int64] | None]]] = deque()
        for block in range(start // BLOCK, -(-stop // BLOCK)):
            pending.append(pool.submit(make, block))
            if len(pending) > 2 * workers:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()


def generate(
    model: Model,
    folder: Path,
    request: Request,
    *,
    format: Format = "idx",
    split: Split = "train",
    compress: bool = False,
    progress: Callable[[int], Any] = lambda images: None,
) -> Header:
    """Write a generated data set as a new folder, or nothing.

    Beside the data lie `dataset.json`, which says where they came from, and `preview.png`, the first hundred images.

    Args:
        model: from `digitsmith.load`.
        folder: where to write; it must not hold anything.
        request: which images.
        format: how to write them.
        split: `train` or `test`: names the files.
        compress: gzip the files of IDX.
        progress: called with the number of images of each batch that was written.

    Raises:
        ModelError: labels that the model does not have, or a count out of range.
        OutputError: the folder holds something already, or cannot be written.
    """
    check_range(0, request.count, request.seed)
    start, stop = request.range()
    if start == stop:
        i, n = request.shard
        raise ConfigError(f"shard {i}/{n} of {request.count} images is empty: use at most {request.count} shards.")
    _labelling(model, request)  # refuse labels before anything is written
    about = provenance(model) | {"seed": request.seed, "first": start, "count": stop - start}
    header = Header(stop - start, model.metadata.image_size, model.metadata.classes, split, start, about, compress)
    with staged_folder(folder) as staged:
        shown: list[NDArray[np.uint8]] = []
        with contextlib.closing(format_module(format).Writer(staged, header)) as writer:
            for images, labels in batches(model, request):
                writer.write(images, labels)
                if len(shown) < _PREVIEW:
                    shown.extend(images[: _PREVIEW - len(shown)])
                progress(len(images))
        save_png(staged / "preview.png", tile(np.stack(shown), columns=10), scale=2)
    return header


def _labelling(model: Model, request: Request) -> Callable[[int, int], NDArray[np.int64] | None]:
    """A function that gives the labels of `count` images from `start`."""
    if not model.conditional:
        if request.labels is not None or request.draw:
            raise ModelError(f"{model.name} is unconditional: its images have no labels, and none can be asked for.")
        return lambda start, count: None
    choices = model.class_indices(model.metadata.classes if request.labels is None else request.labels)
    if not len(choices):
        raise ModelError("no label is asked for: name at least one.")
    if request.draw:
        return lambda start, count: drawn_labels(request.seed, start, count, choices)
    return lambda start, count: choices[np.arange(start, start + count) % len(choices)]
