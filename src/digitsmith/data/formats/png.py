"""PNG files in a folder for each class, under `train/` and `test/`, or without them.

Class names are the folders' names; their order is the natural one (9 before 10) unless a `dataset.json` says otherwise.
Images in a folder `unlabelled` have no label, unless `dataset.json` has a class of that name. Without class folders,
all images in the split's folder have none.

Images are grey if each pixel of all of them is, whatever the mode of the files: many people save grey digits as RGB. If
one is in colour, or `dataset.json` says 3 channels, all become colour.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from digitsmith.data.assemble import assemble
from digitsmith.data.bulk import decode_all
from digitsmith.data.dataset import UNLABELLED, Dataset
from digitsmith.data.formats import Header, Split, read_record, write_record
from digitsmith.data.images import ENDINGS, encode
from digitsmith.data.labels import natural as _natural
from digitsmith.data.reading import Reading
from digitsmith.errors import DataError

_UNLABELLED_FOLDER = "unlabelled"


def holds(path: Path, split: Split) -> bool:
    """Whether there are images of this split, or class folders."""
    folder = _folder(path, split)
    return folder is not None and any(
        _is_image(entry) or (entry.is_dir() and any(map(_is_image, entry.iterdir()))) for entry in folder.iterdir()
    )


def read(path: Path, split: Split, reading: Reading) -> Dataset:
    """Read class folders, or a folder of unlabelled images."""
    folder = _folder(path, split)
    if folder is None:
        raise DataError(f"{path} has no folder {split}.")
    record = reading.record = reading.record or read_record(folder)
    names = record.classes if record else ()
    folders = {entry.name for entry in folder.iterdir() if entry.is_dir()}
    found = {name for name in folders if name in names or not name.startswith(".")}
    classes = names or tuple(sorted(found - {_UNLABELLED_FOLDER}, key=_natural))
    if unknown := found - {*classes, _UNLABELLED_FOLDER}:
        raise DataError(f"{folder} has folders that are no class of its dataset.json: {', '.join(sorted(unknown))}.")
    beside = [entry.name for entry in folder.iterdir() if entry.is_file() and _is_image(entry)]
    if classes and beside:
        raise DataError(
            f"{folder / min(beside)} lies beside the class folders: move it into one, or into a folder "
            f"{_UNLABELLED_FOLDER}, or take it out."
        )
    places = [(folder / name, label) for label, name in enumerate(classes) if name in found]
    if not classes:
        places.append((folder, UNLABELLED))
    if _UNLABELLED_FOLDER in found - set(classes):
        places.append((folder / _UNLABELLED_FOLDER, UNLABELLED))
    files = [(file, label) for place, label in places for file in _image_files(place)]
    stored = sum(file.stat().st_size for file, _ in files)
    decoded = decode_all(((str(file), file) for file, _ in files), folder, reading, stored)
    labels = np.array([label for _, label in files], np.int64)[decoded.kept]
    return assemble(path, reading, decoded.images, labels, classes)


def _folder(path: Path, split: Split) -> Path | None:
    if not path.is_dir():
        return None
    if (path / split).is_dir():
        return path / split
    has_splits = (path / "train").is_dir() or (path / "test").is_dir()
    return path if split == "train" and not has_splits else None


def _is_image(path: Path) -> bool:
    return path.suffix.lower() in ENDINGS and path.name != "preview.png"


def _image_files(folder: Path) -> list[Path]:
    files = [entry for entry in folder.iterdir() if entry.is_file() and not entry.name.startswith(".")]
    for file in files:
        if not _is_image(file) and file.name not in ("preview.png", "dataset.json"):
            raise DataError(f"{file} is no image: take it out of the folder.")
    return sorted((file for file in files if _is_image(file)), key=lambda file: _natural(file.name))


class Writer:
    """Writes a PNG for each image, named by its index."""

    def __init__(self, folder: Path, header: Header) -> None:
        self._index = header.start
        if header.unlabelled and _UNLABELLED_FOLDER in header.classes:
            raise DataError(
                f"a class is called {_UNLABELLED_FOLDER}, the name of PNG's folder for images without a label: "
                f"use npz, parquet or webdataset."
            )
        split_folder = folder / header.split
        unlabelled = split_folder / _UNLABELLED_FOLDER if header.classes else split_folder
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
