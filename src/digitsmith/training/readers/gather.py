"""What a reader learns from: which images, and whose labels are looked at."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from digitsmith.data.dataset import Dataset
from digitsmith.data.reading import Reading, listed
from digitsmith.data.sheet import counts
from digitsmith.data.sources import Source, read_source
from digitsmith.data.splits import read_splits
from digitsmith.errors import ConfigError, DataError
from digitsmith.models.noise import whole
from digitsmith.progress import Progress
from digitsmith.records.base import DataRecord, ReadOptions
from digitsmith.records.reader import MOST_DRAWN
from digitsmith.training.readers.mixing import draw_places, shuffled_places

_HELD_OUT = 0.2  # of labelled images, to say how sure is sure enough
_MOST_HELD_OUT = 1000  # of each class
_LEAST_TO_HOLD_OUT = 100  # labelled images of each class, for some to be held out


@dataclass(frozen=True, eq=False)
class Given:
    """What there is to learn from.

    Attributes:
        labelled: images whose labels are used in the training.
        held_out: others, whose labels say how sure is sure enough; None if there are too few.
        unlabelled: images whose labels are not known, or not looked at: uint8[n, h, w] or uint8[n, h, w, 3].
        drawn: the places of the labelled ones, if they were drawn.
        test: images to test on, which have no part in it.
    """

    labelled: Dataset
    held_out: Dataset | None
    unlabelled: NDArray[np.uint8] | None
    drawn: tuple[int, ...]
    test: Dataset | None
    data: DataRecord
    unlabelled_data: DataRecord | None


def gather(
    data: str | Path, unlabelled: str | Path | None, per_class: int | None, seed: int, options: ReadOptions,
    progress: Progress,
) -> Given:  # fmt: skip
    """Read the images, and choose whose labels are used."""
    source = Source.parse(str(data))
    splits = read_splits(source, options, progress)
    splits.require_chosen("data")
    images = splits.images[source.split]
    test = splits.images.get("test") if source.split == "train" else None
    test = None if test is None or not len(test.labelled()) else test.labelled()
    places = draw(images, per_class, seed, str(data))
    record = images.record(str(data), options, source.split)
    given = replace(divide(images, places, seed, record, drawn=per_class is not None), test=test)
    if unlabelled is None:
        return given
    plain = options.model_copy(update={"image_column": "", "label_column": ""})  # are those of the labelled ones
    others = Source.parse(str(unlabelled))
    try:
        extra = read_source(others, Reading(plain, progress))
    except DataError as error:
        if error.parameter in ("image_column", "label_column"):  # which are not of these files
            raise DataError(
                f"{error.message} Here that cannot be said: give one array.", parameter="unlabelled"
            ) from error
        raise
    if (extra.image_size, extra.channels) != (images.image_size, images.channels):
        raise DataError("these images are not of the kind of the labelled ones: frame both.", parameter="unlabelled")
    more = _unjudged(extra.images, given, progress)
    return replace(
        given,
        unlabelled=more if given.unlabelled is None else np.concatenate([given.unlabelled, more]),
        unlabelled_data=Dataset(more).record(str(unlabelled), plain, others.split),
    )


def _unjudged(images: NDArray[np.uint8], given: Given, progress: Progress) -> NDArray[np.uint8]:
    """Without those that are held out, or tested on: no training sees them, not even without their labels.

    Raises:
        DataError: none is left.
    """
    judged = {image.tobytes() for part in (given.held_out, given.test) if part for image in part.images}
    kept: NDArray[np.uint8] = images[np.array([image.tobytes() not in judged for image in images], bool)]
    if not len(kept):
        raise DataError("all of these images are held out, or tested on: give others.", parameter="unlabelled")
    if len(kept) < len(images):
        progress.note(
            f"{len(images) - len(kept):,} of the {len(images):,} unlabelled images are left out: they are held out, or "
            f"tested on."
        )
    return kept


def draw(images: Dataset, per_class: int | None, seed: int, name: str) -> NDArray[np.int64]:
    """The places of the images whose labels are used: so many of each class, which the seed draws; or all.

    Raises:
        DataError: images that nothing can be learned from, or too few of a class.
        ConfigError: a number out of range.
    """
    known = images.labelled()
    _require_learnable(known, name)
    assert images.labels is not None
    places = np.flatnonzero(images.labels >= 0)
    return places if per_class is None else places[_draw(known, whole(per_class, "per_class"), seed)]


def divide(images: Dataset, places: NDArray[np.int64], seed: int, data: DataRecord, *, drawn: bool) -> Given:
    """What there is to learn from images: the labels at these places, and of all others the images alone.

    Args:
        images: all of them.
        places: ascending.
        seed: decides which of the labelled ones are held out, if they are enough.
        data: what is said of the images.
        drawn: whether the places were drawn, so that there are labels which must not be used.
    """
    labelled, held_out = _hold_out(images.take(places), seed)
    others = np.setdiff1d(np.arange(len(images)), places)
    return Given(
        labelled=labelled,
        held_out=held_out,
        unlabelled=images.images[others] if len(others) else None,
        drawn=tuple(map(int, places)) if drawn else (),
        test=None,
        data=data,
        unlabelled_data=None,
    )


def _require_learnable(known: Dataset, name: str) -> None:
    if not len(known):
        raise DataError(
            f"{name} has no labels: a reader learns from some, if only one of each class.", parameter="data"
        )
    if len(known.classes) < 2:
        raise DataError(f"all images of {name} are of one class: there is nothing to tell apart.", parameter="data")
    if missing := [name for name, count in counts(known).items() if not count]:
        raise DataError(f"no labelled image is of class {listed(missing)}: label one.", parameter="data")


def _draw(known: Dataset, number: int, seed: int) -> NDArray[np.int64]:
    """The places, among labelled images, of those whose labels are used."""
    assert known.labels is not None
    of_class = counts(known)
    least = min(of_class, key=of_class.__getitem__)
    if number < 1:
        raise ConfigError(f"{number} is too few: use at least one image of each class.", parameter="per_class")
    if number * len(of_class) > MOST_DRAWN:
        raise ConfigError(
            f"{number} of each class are more than {MOST_DRAWN:,} in all: leave it out, to use all labels.",
            parameter="per_class",
        )
    if number > of_class[least]:
        raise DataError(f"{number} is more than the {of_class[least]} images of class {least}.", parameter="per_class")
    return np.sort(draw_places(known.labels, len(known.classes), number, seed))


def _hold_out(labelled: Dataset, seed: int) -> tuple[Dataset, Dataset | None]:
    """Divide labelled images into those to learn from, and those that say how sure is sure enough."""
    assert labelled.labels is not None
    of_class = shuffled_places(labelled.labels, len(labelled.classes), seed)
    if min(map(len, of_class)) < _LEAST_TO_HOLD_OUT:
        return labelled, None
    held = np.concatenate([places[: min(round(_HELD_OUT * len(places)), _MOST_HELD_OUT)] for places in of_class])
    return labelled.take(np.setdiff1d(np.arange(len(labelled)), held)), labelled.take(held)
