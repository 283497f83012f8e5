"""Generate a data set: (model, count, labels, seed, shard) to a stream of batches, to a writer."""

import contextlib
import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from digitsmith.data.formats import Format, Header, Split, format_module, write_record
from digitsmith.data.grid import save_png, tile
from digitsmith.errors import ConfigError, ModelError
from digitsmith.files import staged_folder
from digitsmith.models.digitnet import as_digits, digit_net, usual_scale
from digitsmith.models.generator import Model, check_range, provenance
from digitsmith.models.noise import BLOCK, drawn_labels
from digitsmith.records.dataset import GenerationRecord

_Batch = tuple[NDArray[np.uint8], NDArray[np.int64] | None]
_PREVIEW = 100
_MOST_ATTEMPTS = 100


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
        min_confidence: make an image anew until the digit-net reads it as its label (as any digit, from an
            unconditional model) with at least this probability; 0 takes all. Counts per class stay what they are, and
            image i still depends on the seed and i alone.
    """

    count: int
    labels: Sequence[int | str] | None = None
    draw: bool = False
    seed: int = 0
    shard: tuple[int, int] = (1, 1)
    min_confidence: float = 0.0

    def range(self) -> tuple[int, int]:
        """Index of the first image, and of the one after the last."""
        i, n = self.shard
        if not 1 <= i <= n:
            raise ConfigError(f"shard {i}/{n}: shards are counted from 1/{n} to {n}/{n}.")
        return self.count * (i - 1) // n, self.count * i // n


def batches(model: Model, request: Request, refused: Callable[[int], Any] = lambda images: None) -> Iterator[_Batch]:
    """Make the requested images, in order, in constant memory. What cannot be made is refused at the call.

    Args:
        model: from `digitsmith.load`.
        request: which images.
        refused: called, from any thread, with the number of images that were not confident enough, as they come.

    Returns:
        Batches: uint8[n, h, w] images and int64[n] labels, or None from an unconditional model.

    Raises:
        ModelError: labels that the model does not have, a count out of range, or images that are refused every time.
        ConfigError: a confidence that is no probability, or of classes that are no digits.
    """
    check_range(0, request.count, request.seed)
    start, stop = request.range()
    labels_of = _labelling(model, request)
    screen = _screen(model, request, refused)

    def make(block: int) -> _Batch:
        first, last = max(start, block * BLOCK), min(stop, (block + 1) * BLOCK)
        labels = labels_of(first, last - first)
        wanted = last - first if labels is None else labels
        images = model.block(request.seed, block, first - block * BLOCK, wanted)
        screen(images, block, first - block * BLOCK, wanted)
        return images, labels

    return _in_order(make, range(start // BLOCK, -(-stop // BLOCK)))


def _in_order(make: Callable[[int], _Batch], blocks: range) -> Iterator[_Batch]:
    """Make blocks on all cores, a few ahead of the one that is asked for."""
    workers = os.cpu_count() or 1
    with ThreadPoolExecutor(workers) as pool:
        pending: deque[Future[_Batch]] = deque()
        for block in blocks:
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
        ModelError: labels that the model does not have, a count out of range, or images that are refused every time.
        ConfigError: a confidence that is no probability, or of classes that are no digits.
        OutputError: the folder holds something already, or cannot be written.
    """
    refusals: list[int] = []
    made = batches(model, request, refusals.append)  # before anything is written, as it may refuse
    start, stop = request.range()
    if start == stop:
        i, n = request.shard
        raise ConfigError(f"shard {i}/{n} of {request.count} images is empty: use at most {request.count} shards.")
    generated = GenerationRecord(**provenance(model), seed=request.seed, first=start, count=stop - start)
    if model.conditional:
        names = np.array(model.metadata.classes)[_choices(model, request)]
        generated = generated.model_copy(update={"labels": tuple(names.tolist()), "drawn": request.draw})
    header = Header(
        stop - start,
        model.metadata.image_size,
        classes=model.metadata.classes,
        split=split,
        start=start,
        generated=generated,
        gzip=compress,
    )
    with staged_folder(folder) as staged:
        shown: list[NDArray[np.uint8]] = []
        with contextlib.closing(format_module(format).Writer(staged, header)) as writer:
            for images, labels in made:
                writer.write(images, labels)
                if len(shown) < _PREVIEW:
                    shown.extend(images[: _PREVIEW - len(shown)])
                progress(len(images))
        if request.min_confidence:
            screened = {"min_confidence": request.min_confidence, "refused": sum(refusals)}
            header = replace(header, generated=generated.model_copy(update=screened))
            write_record(staged, header)  # again, now that it is known
        save_png(staged / "preview.png", tile(np.stack(shown), columns=10), scale=2)
    return header


def _screen(model: Model, request: Request, refused: Callable[[int], Any]) -> Callable[..., None]:
    """A function that makes those images of a block anew, in place, of which the digit-net is not confident enough."""
    least, classes = request.min_confidence, model.metadata.classes
    if not least:
        return lambda *_: None
    if not 0 < least < 1:
        raise ConfigError(f"--min-confidence {least}: give a probability, above 0 and below 1.")
    digit_of = as_digits(classes)
    if digit_of is None:
        raise ConfigError(f"--min-confidence reads digits; the classes of {model.name} are {' '.join(classes)}.")
    scale = usual_scale(model.block(0, 0, 0, np.arange(BLOCK) % len(classes) if classes else BLOCK))

    def screen(images: NDArray[np.uint8], block: int, first: int, wanted: NDArray[np.int64] | int) -> None:
        waiting = np.arange(len(images))
        for attempt in range(1, _MOST_ATTEMPTS + 1):
            readings = digit_net().read(images[waiting], scale)
            wrong = readings.confidence < least
            if not isinstance(wanted, int):
                wrong |= readings.digits != digit_of[wanted[waiting]]
            waiting = waiting[wrong]
            if not len(waiting):
                return
            refused(len(waiting))
            images[waiting] = model.block(request.seed, block, first, wanted, attempt)[waiting]
        raise ModelError(
            f"{model.name}: of {_MOST_ATTEMPTS} images made for number {block * BLOCK + first + waiting[0]}, none is "
            f"read as its label with a probability of {least}: lower --min-confidence, or choose a better model."
        )

    return screen


def _labelling(model: Model, request: Request) -> Callable[[int, int], NDArray[np.int64] | None]:
    """A function that gives the labels of `count` images from `start`."""
    if not model.conditional:
        if request.labels is not None or request.draw:
            raise ModelError(f"{model.name} is unconditional: its images have no labels, and none can be asked for.")
        return lambda start, count: None
    choices = _choices(model, request)
    if not len(choices):
        raise ModelError("no label is asked for: name at least one.")
    if request.draw:
        return lambda start, count: drawn_labels(request.seed, start, count, choices)
    return lambda start, count: choices[np.arange(start, start + count) % len(choices)]


def _choices(model: Model, request: Request) -> NDArray[np.int64]:
    """The classes that are asked for."""
    return model.class_indices(model.metadata.classes if request.labels is None else request.labels)
