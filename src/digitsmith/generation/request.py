"""What is asked for: which images, of which classes."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from digitsmith.errors import ModelError
from digitsmith.models.generator import Model
from digitsmith.models.noise import BLOCK, Span, drawn_labels
from digitsmith.shards.partition import one_shard


@dataclass(frozen=True)
class Request:
    """Which images to make: the arguments of `digitsmith.generate` that decide on it, see there."""

    count: int
    labels: Sequence[int | str] | None = None
    draw: bool = False
    seed: int = 0
    shard: tuple[int, int] = (1, 1)
    min_confidence: float = 0.0

    def range(self) -> tuple[int, int]:
        """Index of the first image of the shard, and of the one after its last.

        Raises:
            ConfigError: no such shard, an empty one, or a number that is no whole one.
            ModelError: a count out of range.
        """
        part = one_shard(self.count, self.shard, BLOCK)
        return part.start, part.stop


@dataclass(frozen=True, eq=False)
class Labels:
    """The classes that are made, int64[k]: they take turns, or each image's is drawn from them."""

    choices: NDArray[np.int64]
    drawn: bool

    def of(self, span: Span) -> NDArray[np.int64]:
        """Class indices of the images of a span: int64[span.count]."""
        if self.drawn:
            return drawn_labels(span.seed, span.start, span.count, self.choices)
        return self.choices[np.arange(span.start, span.start + span.count) % len(self.choices)]


def labels_of(model: Model, request: Request) -> Labels | None:
    """The labels that a request asks of a model; None from an unconditional one.

    Raises:
        ModelError: labels that the model does not have.
    """
    if not model.conditional:
        for parameter, given in (("labels", request.labels is not None), ("draw", request.draw)):
            if given:
                raise ModelError(f"{model.name} is unconditional: its images have no labels.", parameter=parameter)
        return None
    choices = model.class_indices(model.record.classes if request.labels is None else request.labels)
    if not len(choices):
        raise ModelError("none is asked for: name at least one.", parameter="labels")
    return Labels(choices, request.draw)
