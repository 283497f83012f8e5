"""Data sets on disk: one module for each format, all with the same two things.

- `read(path, split)` gives a whole `Dataset`.
- `Writer(folder, header)` takes batches as they come, in constant memory.

A data set is a folder, in which each split has files of its own; `read` also takes the single file of a split.
"""

import contextlib
import importlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol, cast, get_args

import numpy as np
from numpy.typing import NDArray

from digitsmith.data.dataset import Dataset, numbered_classes
from digitsmith.errors import DataError, MissingSplitError, OutputError
from digitsmith.files import staged_folder
from digitsmith.records.base import check_class_names

Format = Literal["idx", "npz", "png", "parquet", "webdataset"]
FORMATS: tuple[Format, ...] = get_args(Format)

Split = Literal["train", "test"]

ABOUT = "dataset.json"
"""Beside the files of formats that cannot hold them: class names, and where the images came from."""


@dataclass(frozen=True)
class Header:
    """What a writer must know before the first image comes.

    Attributes:
        count: number of images to come.
        image_size: height and width.
        classes: class names; empty for unlabelled images.
        split: names the files.
        start: index of the first image, for formats that name each image.
        about: where the images came from.
        compress: gzip the files (IDX only; the others compress by themselves, or are meant to be mapped).
    """

    count: int
    image_size: tuple[int, int]
    classes: tuple[str, ...] = ()
    split: Split = "train"
    start: int = 0
    about: dict[str, Any] = field(default_factory=dict)
    compress: bool = False


class Writer(Protocol):
    """Writes batches of one split into a folder."""

    def write(self, images: NDArray[np.uint8], labels: NDArray[np.int64] | None) -> None:
        """Append images uint8[n, h, w], and their labels int64[n] if the header has classes."""

    def close(self) -> None:
        """Finish the files."""


class _FormatModule(Protocol):
    def read(self, path: Path, split: Split) -> Dataset: ...
    def holds(self, path: Path, split: Split) -> bool: ...
    def Writer(self, folder: Path, header: Header) -> Writer: ...


def format_module(name: str) -> _FormatModule:
    """The module of a format.

    Raises:
        OutputError: an unknown format, or one whose library is not installed.
    """
    if name not in FORMATS:
        raise OutputError(f"there is no format {name!r}: use {', '.join(FORMATS)}.")
    return cast(_FormatModule, importlib.import_module(f"digitsmith.data.formats.{name}"))


def write(data: Dataset, folder: Path, format: Format, split: Split = "train") -> None:
    """Write a whole data set as a new folder, or nothing.

    Raises:
        OutputError: the folder holds something already, or cannot be written.
    """
    header = Header(len(data), data.image_size, data.classes, split)
    with (
        staged_folder(folder) as staged,
        contextlib.closing(format_module(format).Writer(staged, header)) as writer,
    ):
        writer.write(data.images, data.labels)


def read(path: Path, split: Split = "train") -> Dataset:
    """Read a data set in whatever format it has.

    Raises:
        DataError: nothing there that we can read, or a file that is damaged.
    """
    try:
        return _read(path, split)
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror or error}.") from error


def _read(path: Path, split: Split) -> Dataset:
    if not path.exists():
        raise DataError(f"there is no file or folder {path}.")
    for name in FORMATS:
        if format_module(name).holds(path, split):
            data = format_module(name).read(path, split)
            if not len(data):
                raise DataError(f"{path} holds no image.")
            return data
    other: Split = "train" if split == "test" else "test"
    if any(format_module(name).holds(path, other) for name in FORMATS):
        raise MissingSplitError(f"{path} has no {split} split, only {other}.")
    raise DataError(
        f"{path} holds no images that Digitsmith can read: give a folder of IDX files, of PNG class folders or of "
        f"tar shards, or an .npz or .parquet file."
    )


def assemble(
    path: Path,
    images: NDArray[np.uint8],
    labels: NDArray[np.integer[Any]] | None = None,
    classes: tuple[str, ...] | None = None,
) -> Dataset:
    """Put together what was read from `path`; labels without class names are numbered.

    Raises:
        DataError: parts that do not fit together; it names the path.
    """
    try:
        if labels is None:
            return Dataset(images)
        return Dataset(images, cast(NDArray[np.int64], labels), classes or numbered_classes(labels))
    except DataError as error:
        raise DataError(f"{path}: {error}") from error


def write_about(folder: Path, header: Header) -> None:
    """Write class names and provenance beside files that cannot hold them."""
    about = {"classes": list(header.classes), "labelled": bool(header.classes), **header.about}
    (folder / ABOUT).write_text(json.dumps(about, indent=2) + "\n", encoding="utf-8")


def read_classes(folder: Path) -> tuple[str, ...] | None:
    """Class names from beside the files; None if nothing says."""
    about = read_about(folder)
    if about is None:
        return None
    try:
        return as_classes(about["classes"])
    except (ValueError, KeyError, TypeError) as error:
        raise _damaged(folder, error) from error


def read_about(folder: Path) -> dict[str, Any] | None:
    """Class names and provenance from beside the files; None if nothing says."""
    path = folder / ABOUT
    if not path.is_file():
        return None
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, TypeError, OSError) as error:
        raise _damaged(folder, error) from error


def _damaged(folder: Path, error: Exception) -> DataError:
    return DataError(f"{folder / ABOUT} is damaged ({error}): mend it, or remove it to go without class names.")


def as_classes(names: Sequence[object]) -> tuple[str, ...]:
    """Class names from a file; raises `ValueError` if they cannot be any."""
    if isinstance(names, str) or not all(isinstance(name, str) for name in names):
        raise ValueError("class names are no list of strings")
    return check_class_names([str(name) for name in names])
