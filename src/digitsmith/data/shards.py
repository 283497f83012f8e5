"""A data set that lies in several folders, as its `dataset.json` says: they are read one by one, and put together."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from digitsmith.data import limits
from digitsmith.data.dataset import Dataset
from digitsmith.data.reading import Reading
from digitsmith.errors import DataError, MissingSplitError
from digitsmith.records.dataset import DatasetRecord, ShardRecord


def read(path: Path, record: DatasetRecord, reading: Reading, read_part: Callable[[Path], Dataset]) -> Dataset:
    """Read all shards.

    Args:
        path: of the folder.
        record: what it says.
        reading: is told what is found.
        read_part: reads a folder.

    Raises:
        DataError: one is missing, is not as it should be, or they are too large together.
        MissingSplitError: they are of the other split.
    """
    if record.numbers:
        raise DataError(f"{path} holds images of whole numbers: they are to train other programs with, not digits.")
    count, done, layout = sum(shard.count for shard in record.shards), 0, ""
    classes: tuple[str, ...] = ()
    images, labels = np.empty((0, 0, 0), np.uint8), np.empty(0, np.int64)
    labelled = False
    for shard in record.shards:
        part = _part(path, shard, read_part)
        if not done:
            limits.check_images(path, (count, *part.images.shape[1:]), limits.MAX_BYTES)
            images, labels = np.empty((count, *part.images.shape[1:]), np.uint8), np.empty(count, np.int64)
            layout, classes, labelled = reading.layout, part.classes, part.labels is not None
        if (part.images.shape[1:], part.classes, part.labels is not None) != (images.shape[1:], classes, labelled):
            raise DataError(f"{path / shard.name} has images of another kind than the shards before it: make it again.")
        images[done : done + len(part)] = part.images
        if part.labels is not None:
            labels[done : done + len(part)] = part.labels
        done += len(part)
    reading.layout = f"{len(record.shards):,} shards of {layout}"
    return Dataset(images, labels if labelled else None, classes)


def _part(path: Path, shard: ShardRecord, read_part: Callable[[Path], Dataset]) -> Dataset:
    place = path / shard.name
    if not place.is_dir():
        raise DataError(f"{path} lacks {shard.name}: resume it, or make it again.")
    try:
        part = read_part(place)
    except MissingSplitError as error:
        raise MissingSplitError(error.message.replace(str(place), str(path), 1)) from error
    if len(part) != shard.count:
        raise DataError(f"{place} has {len(part):,} images, not {shard.count:,}: resume {path}, or make it again.")
    return part
