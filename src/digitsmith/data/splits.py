"""Both splits of a data set, read so that what holds of one holds of the other."""

from dataclasses import dataclass

import numpy as np

from digitsmith.data.copies import copied
from digitsmith.data.dataset import Dataset
from digitsmith.data.formats import SPLITS, Split
from digitsmith.data.reading import Copy, Reading, listed
from digitsmith.data.sources import Source, read_source
from digitsmith.errors import DataError, MissingSplitError
from digitsmith.progress import Progress
from digitsmith.records.base import ReadOptions


@dataclass(frozen=True, eq=False)
class Splits:
    """The splits that there are, the one that was asked for first.

    Attributes:
        source: as it was asked for.
        images: of each split.
        readings: what was found on the way.
    """

    source: Source
    images: dict[Split, Dataset]
    readings: dict[Split, Reading]

    def require_chosen(self, parameter: str) -> None:
        """Refuse a source that does not have the split that was asked for.

        Raises:
            MissingSplitError: it names `parameter`.
        """
        if self.source.split not in self.images:
            message = f"{self.source.name} has no {self.source.split} split, only {listed([*self.images])}."
            raise MissingSplitError(message, parameter=parameter)


def read_splits(source: Source, options: ReadOptions, progress: Progress) -> Splits:
    """Read whatever there is of a data set. A file without splits gives all images for either: it counts once.

    Raises:
        DataError: it cannot be read, or its splits are of different ink, channels or classes.
        DownloadError: a named data set that could not be fetched.
    """
    with copied(source.name, progress) as copy:
        return _read_both(source, options, progress, copy)


def _read_both(source: Source, options: ReadOptions, progress: Progress, copy: Copy | None) -> Splits:
    images: dict[Split, Dataset] = {}
    readings: dict[Split, Reading] = {}
    reading: Reading | None = None
    for split in (source.split, *(other for other in SPLITS if other != source.split)):
        reading = Reading(options, progress, reading, copy)
        try:
            images[split] = read_source(Source(source.name, split), reading)
            readings[split] = reading
        except MissingSplitError as error:
            missing = error
    if not images:
        raise missing
    if len(images) == len(SPLITS):
        first, second = images.values()
        if np.array_equal(first.images, second.images):
            images.popitem()
        else:
            _require_alike(source.name, images, readings)
            classes = max(first.classes, second.classes, key=len)
            images = {split: data.among(classes) for split, data in images.items()}
    return Splits(source, images, {split: readings[split] for split in images})


def _require_alike(name: str, images: dict[Split, Dataset], readings: dict[Split, Reading]) -> None:
    """Refuse splits of which a model could learn nothing about the other."""
    (one, first), (two, second) = readings.items()
    if first.ink and second.ink and first.ink != second.ink:
        raise DataError(
            f"{name}: ink is {first.ink} in the {one} split, and {second.ink} in the {two} split: divide them, or say "
            f"which it is in all images.",
            parameter="ink",
        )
    kinds = {split: "grey" if data.channels == 1 else "in colour" for split, data in images.items()}
    if kinds[one] != kinds[two]:
        raise DataError(
            f"{name}: images are {kinds[one]} in the {one} split, and {kinds[two]} in the {two} split: frame them, "
            f"which makes all of them grey.",
            parameter="frame",
        )
    of_one, of_two = images[one].classes, images[two].classes
    if of_one and of_two and not (set(of_one) <= set(of_two) or set(of_two) <= set(of_one)):
        raise DataError(
            f"{name}: classes have other names in the two splits, {listed([c for c in of_one if c not in of_two])} in "
            f"{one} and {listed([c for c in of_two if c not in of_one])} in {two}: give them the same names."
        )
