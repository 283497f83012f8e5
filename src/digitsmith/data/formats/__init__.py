"""Data sets on disk: one module for each format.

- `holds(place)` says whether there are files of the format.
- `read(place, reading)` gives a whole `Dataset`. It tells `reading` what it found and what it guessed, and ends in
  `assemble`, which settles class names, ink, frame and size for all formats.
- `Writer(folder, header)` takes batches as they come, in constant memory. Only the formats in `FORMATS` have one; the
  others in `_READERS` (MATLAB, HDF5, tables of pixels, tables of labels) are only read.

A source is a file or a folder, in which each split has files or a folder of its own. Where the files of a split are is
found by `data.folders`, for all formats, and given to them as a `Place`. The first format that holds something reads.
"""

import contextlib
import importlib
import itertools
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol, cast, get_args

import numpy as np
from numpy.typing import NDArray

from digitsmith.data import limits, shards
from digitsmith.data.dataset import UNLABELLED, Dataset
from digitsmith.data.folders import SPLITS as SPLITS
from digitsmith.data.folders import Place, is_image, places, walk
from digitsmith.data.folders import Split as Split
from digitsmith.data.reading import Reading, listed
from digitsmith.data.tables.text import starts_stylegan
from digitsmith.errors import ConfigError, DataError, MissingSplitError, OutputError
from digitsmith.files import is_unfinished, staged_folder
from digitsmith.records.base import Channels, check_class_names
from digitsmith.records.dataset import DatasetRecord, GenerationRecord
from digitsmith.untrusted import read_bytes, reading

Format = Literal["idx", "npz", "png", "parquet", "webdataset"]
FORMATS: tuple[Format, ...] = get_args(Format)

_READERS = ("idx", "npz", "parquet", "webdataset", "mat", "hdf5", "pixel_table", "label_table", "png")
"""Modules that read, in the order in which they are asked whether there is something for them."""

_LISTED = 10_000  # files that are looked at to say what a folder holds in place of images

RECORD = "dataset.json"
"""The file of a data set's `DatasetRecord`, beside its images. Class names in the image files themselves come first."""

PLANNED = "shards.json"
"""The same record of a folder in which shards are still being made: what is planned of it, so far."""


@dataclass(frozen=True)
class Header:
    """What a writer must know before the first image comes.

    Attributes:
        count: number of images to come.
        image_size: height and width.
        channels: 1 for grey, 3 for colour.
        classes: class names; empty if no image is labelled.
        unlabelled: whether labels may be -1 where there are classes.
        split: names the files.
        start: index of the first image, for formats that name each image.
        generated: where the images came from, if a model made them.
        gzip: compress the files (IDX only; the others compress by themselves, or are meant to be mapped).
    """

    count: int
    image_size: tuple[int, int]
    channels: Channels = 1
    classes: tuple[str, ...] = ()
    unlabelled: bool = False
    split: Split = "train"
    start: int = 0
    generated: GenerationRecord | None = None
    gzip: bool = False

    def __post_init__(self) -> None:
        check_split(self.split)

    @classmethod
    def of(cls, data: Dataset, split: Split = "train", *, gzip: bool = False) -> "Header":
        """The header of a whole data set."""
        unlabelled = data.labels is not None and bool((data.labels == UNLABELLED).any())
        return cls(len(data), data.image_size, data.channels, data.classes, unlabelled, split, gzip=gzip)

    @property
    def shape(self) -> tuple[int, ...]:
        """Of all images together: [n, h, w] or [n, h, w, 3]."""
        return (self.count, *self.image_size, *((3,) if self.channels == 3 else ()))


class Writer(Protocol):
    """Writes batches of one split into a folder."""

    def write(self, images: NDArray[np.uint8], labels: NDArray[np.int64] | None) -> None:
        """Append images, uint8[n, h, w] or uint8[n, h, w, 3], and their labels, int64[n], if the header has classes."""

    def close(self) -> None:
        """Finish the files."""


class _FormatModule(Protocol):
    def holds(self, place: Place) -> bool: ...
    def read(self, place: Place, reading: Reading) -> Dataset: ...
    def Writer(self, folder: Path, header: Header) -> Writer: ...


def format_module(name: str) -> _FormatModule:
    """The module of a format.

    Raises:
        OutputError: an unknown format.
    """
    if name not in FORMATS:
        raise OutputError(f"there is no format {name!r}: use {', '.join(FORMATS)}.", parameter="format")
    return _module(name)


def _module(name: str) -> _FormatModule:
    return cast(_FormatModule, importlib.import_module(f"digitsmith.data.formats.{name}"))


def check_split(split: str) -> None:
    """Refuse what is neither train nor test.

    Raises:
        ConfigError: another split.
    """
    if split not in SPLITS:
        raise ConfigError(f"there is no split {split!r}: use train or test.", parameter="split")


def write(data: Dataset, folder: Path, format: Format, split: Split = "train") -> None:
    """Write a whole data set as a new folder, or nothing.

    Raises:
        OutputError: the folder holds something already, or cannot be written.
        DataError: the format cannot hold such labels.
        DependencyError: the format's library is not installed.
    """
    with (
        staged_folder(folder) as staged,
        contextlib.closing(format_module(format).Writer(staged, Header.of(data, split))) as writer,
    ):
        writer.write(data.images, data.labels)


def read(path: Path, split: Split = "train", reading: Reading | None = None) -> Dataset:
    """Read a data set in whatever format it has. Its files may be anything: what is read is within `data.limits`.

    Args:
        path: of a folder or a file. A folder that lies alone in it is gone into, as downloads have them.
        split: which one.
        reading: what is asked for; it is told what is found.

    Raises:
        DataError: nothing there that Digitsmith can read, or a file that is damaged or too large.
        DependencyError: the format's library is not installed.
    """
    check_split(split)
    with decoding(path):
        return _read(path, split, reading or Reading())


def decoding(file: object) -> AbstractContextManager[None]:
    """Whatever a decoder of `file` raises inside is a `DataError` that names it."""
    return reading(file, DataError, "get it again, or make it anew")


def _read(path: Path, split: Split, reading: Reading) -> Dataset:
    if not path.exists():
        raise DataError(f"there is no file or folder {path}.")
    if path.is_dir() and is_unfinished(path):
        raise DataError(f"{path} is being written at this moment, or its writer was killed: wait, or make it again.")
    if path.is_dir() and (record := read_record(path)) and record.shards:
        return shards.read(path, record, reading, lambda part: _read_files(part, split, reading))
    if path.is_dir() and (path / PLANNED).exists():
        raise DataError(f"{path} is not finished: wait for what writes it, or resume it.")
    return _read_files(path, split, reading)


def _read_files(path: Path, split: Split, reading: Reading) -> Dataset:
    other: Split = "train" if split == "test" else "test"
    missing: MissingSplitError | None = None
    without = set[Path]()  # places whose table has nothing of the split
    for place, module in _held(path, split, reading):
        if place.path in without:
            continue
        reading.record = _nearest_record(place.path, path)
        if reading.record and reading.record.numbers:
            raise DataError(f"{path} holds images of whole numbers: they are to train other programs with, not digits.")
        try:
            data = module.read(place, reading)
        except MissingSplitError as error:  # as in a table of the other folder
            missing = missing or error
            without.add(place.path)
            continue
        if not len(data):
            raise DataError(f"{path} holds no image.")
        return data
    if missing or any(_held(path, other, Reading(reading.options))):
        raise missing or MissingSplitError(f"{path} has no {split} split, only {other}.")
    raise DataError(
        f"{path} holds no images that Digitsmith can read: give a folder of IDX files, of images (PNG, JPEG, …) in "
        f"class folders or with a table of labels (CSV, …), or of tar shards, or an .npz, .parquet, .mat or .h5 file, "
        f"or a table of pixels (CSV).{_others(path)}"
    )


def _others(path: Path) -> str:
    """What there is in place of a data set, for the end of an error."""
    if path.is_file() and is_image(path.name):
        return " This is a single image: give its folder."
    if path.is_file() and path.suffix.lower() in (".zip", ".7z", ".rar", ".tgz", ".gz"):
        return " This is an archive: unpack it first."
    names = itertools.islice(walk(path), _LISTED) if path.is_dir() else ()
    endings = Counter(ending for name in names if (ending := Path(name).suffix.lower()))
    if not endings:
        return ""
    return f" What it holds: {listed([f'{count:,} of {ending}' for ending, count in endings.most_common(3)])}."


def _held(path: Path, split: Split, reading: Reading) -> Iterator[tuple[Place, _FormatModule]]:
    """Places where there is something of a split, and the module that reads it."""
    for place in places(path, split, reading):
        for module in map(_module, _READERS):
            if module.holds(place):
                yield place, module


def _nearest_record(inner: Path, outer: Path) -> DatasetRecord | None:
    """What the `dataset.json` in a folder says, or in one of those around it as far as another."""
    record = read_record(inner)
    return record if record or inner == outer else _nearest_record(inner.parent, outer)


def write_record(folder: Path, header: Header) -> None:
    """Write what the image files cannot hold into the folder's `dataset.json`."""
    DatasetRecord(
        classes=header.classes, channels=header.channels, unlabelled=header.unlabelled, generated=header.generated
    ).save(folder / RECORD)


def read_record(path: Path) -> DatasetRecord | None:
    """What the `dataset.json` in a folder, or beside a file, says; None if there is none.

    Raises:
        DataError: it is no `DatasetRecord`.
    """
    file = (path.parent if path.is_file() else path) / RECORD
    if not file.exists():
        return None
    with reading_record(file):
        return record_of(read_bytes(file, limits.MAX_RECORD))


def reading_record(what: object) -> AbstractContextManager[None]:
    """Turn whatever is raised while a `dataset.json` is read into a `DataError` that names it."""
    return reading(what, DataError, "correct it, or remove it to go without class names")


def record_of(content: bytes) -> DatasetRecord | None:
    """What a `dataset.json` says; None if it is StyleGAN's."""
    return None if starts_stylegan(content) else DatasetRecord.model_validate_json(content)


def as_classes(names: Sequence[object]) -> tuple[str, ...]:
    """Class names from an image file; raises `ValueError` if they cannot be any."""
    if isinstance(names, str) or not all(isinstance(name, str) for name in names):
        raise ValueError("class names are no list of strings")
    return check_class_names([str(name) for name in names])
