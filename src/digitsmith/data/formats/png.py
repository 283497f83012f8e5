"""Images in a folder for each class, under `train/` and `test/`, or without them. PNG is written, and all of
`data.images` read.

Class names are the folders' names (`data.labels.class_titles`); their order is the natural one (9 before 10) unless a
`dataset.json` says otherwise.
Images in a folder `unlabelled` have no label, unless `dataset.json` has a class of that name. Without class folders,
all images in the split's folder have none.

Images are grey if each pixel of all of them is, whatever the mode of the files: many people save grey digits as RGB. If
one is in colour, or `dataset.json` says 3 channels, all become colour.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from digitsmith.data.assemble import assemble
from digitsmith.data.class_folders import UNLABELLED_FOLDER, has_images, labelled_files
from digitsmith.data.dataset import UNLABELLED, Dataset
from digitsmith.data.folders import Place
from digitsmith.data.formats import Header, write_record
from digitsmith.data.images.decoding import encode
from digitsmith.data.images.many import decode_files
from digitsmith.data.reading import Reading
from digitsmith.errors import DataError


def holds(place: Place) -> bool:
    """Whether there are images of this split, or class folders."""
    return place.path.is_dir() and place.takes_all and has_images(place.path)


def read(place: Place, reading: Reading) -> Dataset:
    """Read class folders, or a folder of unlabelled images."""
    found = labelled_files(place.path, place.split, reading.record.classes if reading.record else (), reading)
    decoded = decode_files(place.path, found.files, reading)
    labels = np.array(found.labels, np.int64)[decoded.kept]
    return assemble(place.path, reading, decoded.images, labels, found.classes)


class Writer:
    """Writes a PNG for each image, named by its index."""

    def __init__(self, folder: Path, header: Header) -> None:
        self._index = header.start
        if header.unlabelled and UNLABELLED_FOLDER in header.classes:
            raise DataError(
                f"a class is called {UNLABELLED_FOLDER}, the name of PNG's folder for images without a label: "
                f"use npz, parquet or webdataset."
            )
        split_folder = folder / header.split
        unlabelled = split_folder / UNLABELLED_FOLDER if header.classes else split_folder
        self._folders = [*(split_folder / name for name in header.classes), unlabelled]  # the last is that of label -1
        for class_folder in self._folders if header.unlabelled or not header.classes else self._folders[:-1]:
            class_folder.mkdir(parents=True)
        write_record(folder, header)

    def write(self, images: NDArray[np.uint8], labels: NDArray[np.int64] | None) -> None:
        """Append a batch."""
        labels = np.full(len(images), UNLABELLED) if labels is None else labels
        for image, label in zip(images, labels, strict=True):
            (self._folders[label] / f"{self._index:08d}.png").write_bytes(encode(image))
            self._index += 1

    def close(self) -> None:
        """Nothing is left to do."""
