"""From a request to a plan of blocks, and from the plan to images."""

import contextlib
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from digitsmith.data.dataset import Dataset
from digitsmith.generation.request import Labels, Request, labels_of
from digitsmith.generation.screening import Screen, screen_for
from digitsmith.models.generator import Model
from digitsmith.models.noise import Span, check_seed, spans
from digitsmith.models.running import cores, in_order
from digitsmith.progress import Progress

WORK = "making images"
"""The name of the work, for its progress."""


@dataclass(frozen=True, eq=False)
class Batch:
    """Images that were made.

    Attributes:
        images: uint8[n, h, w] or, in colour, uint8[n, h, w, 3].
        labels: int64[n], class indices; None from an unconditional model.
        refused: how many others were made in their places before, and refused.
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.int64] | None
    refused: int = 0


@dataclass(frozen=True, eq=False)
class Plan:
    """How requested images are made: span by span, in any order and anywhere, as each depends on the plan alone.

    Attributes:
        start: index of the first image.
        stop: index of the one after the last.
        seed: which series of images.
        labels: their labels; None from an unconditional model.
        screen: what images must pass; None if all do.
    """

    start: int
    stop: int
    seed: int
    labels: Labels | None
    screen: Screen | None

    def __len__(self) -> int:
        return self.stop - self.start

    def spans(self) -> Iterator[Span]:
        """The pieces of work, in order."""
        return spans(self.seed, self.start, self.stop)

    def make(self, model: Model, span: Span) -> Batch:
        """Make one piece."""
        labels = self.labels.of(span) if self.labels else None
        images = model.make(span, labels)
        return Batch(images, labels, self.screen.remake(model, span, labels, images) if self.screen else 0)


def plan(model: Model, request: Request) -> Plan:
    """Plan how a model makes the requested images; what it cannot make is refused here.

    Raises:
        ModelError: labels that the model does not have, or a count out of range.
        ConfigError: a seed, shard or confidence out of range, or a confidence for classes that are no digits.
    """
    seed, labels = check_seed(request.seed), labels_of(model, request)
    return Plan(*request.range(), seed, labels, screen_for(model, request.min_confidence))


def batches(model: Model, plan: Plan, threads: int | None = None) -> Generator[Batch]:
    """Make all that is planned, in order and in constant memory: a few spans ahead of what is asked for.

    Args:
        model: makes the images.
        plan: of them.
        threads: how many make images; one for each core by default.

    Raises:
        ModelError: images that are refused every time.
    """
    return ahead(model, plan, plan.spans(), threads or cores())


def ahead(model: Model, plan: Plan, pieces: Iterable[Span], threads: int) -> Generator[Batch]:
    """Make pieces of a plan, in their order, so many at a time, and a few ahead of what is asked for.

    Raises:
        ModelError: images that are refused every time.
    """
    model = model.apart()
    return in_order(model.runs, partial(plan.make, model), pieces, threads)


def make_dataset(model: Model, request: Request, progress: Progress | None = None) -> tuple[Dataset, int]:
    """Make the requested images in memory; return them, and how many others were refused.

    Raises:
        ModelError, ConfigError: as for `plan` and `batches`.
    """
    planned, made, done = plan(model, request), [], 0
    with contextlib.closing(batches(model, planned)) as parts:
        for batch in parts:
            made.append(batch)
            done += len(batch.images)
            if progress:
                progress.update(WORK, done, len(planned))
    labels = [batch.labels for batch in made if batch.labels is not None]
    images = np.concatenate([batch.images for batch in made])
    refused = sum(batch.refused for batch in made)
    return Dataset(images, np.concatenate(labels) if labels else None, model.record.classes), refused
