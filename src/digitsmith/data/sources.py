"""Where images come from: named data sets, downloaded once and checked, or any path."""

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import ValidationError

from digitsmith.addresses import is_address
from digitsmith.data import formats
from digitsmith.data.assemble import fit
from digitsmith.data.copies import copied
from digitsmith.data.dataset import Dataset, check_image_size
from digitsmith.data.downloads.cache import data_home, fetch
from digitsmith.data.downloads.catalogue import REMOTES, TITLES
from digitsmith.data.formats import SPLITS, Split, check_split
from digitsmith.data.formats.idx import read_array, read_images
from digitsmith.data.images.ink import settle_ink
from digitsmith.data.labels import index_labels
from digitsmith.data.reading import Reading
from digitsmith.errors import ConfigError, DataError, reason
from digitsmith.progress import Progress, listening
from digitsmith.records.base import SIDES, DataRecord, Frame, Ink, ReadOptions
from digitsmith.records.evaluation import ReferenceRecord
from digitsmith.untrusted import exists


@dataclass(frozen=True)
class Source:
    """One split of a data set.

    Attributes:
        name: of the catalogue, or a path.
        split: train or test.

    Raises:
        ConfigError: another split.

    Examples:
        >>> Source.parse("mnist:test"), str(Source("scans").other)
        (Source(name='mnist', split='test'), 'scans:test')
    """

    name: str
    split: Split = "train"

    def __post_init__(self) -> None:
        check_split(self.split)

    @classmethod
    def parse(cls, text: str, split: Split = "train") -> "Source":
        """What a user writes: a name or path, which may end in `:train` or `:test`; else `split` is meant."""
        name, _, ending = text.rpartition(":")
        return next((cls(name, named) for named in SPLITS if ending == named and name), cls(text, split))

    @property
    def other(self) -> "Source":
        """The other split."""
        return Source(self.name, "test" if self.split == "train" else "train")

    def __str__(self) -> str:
        return f"{self.name}:{self.split}"


def same_images(one: DataRecord | ReferenceRecord, other: DataRecord | ReferenceRecord) -> bool:
    """Whether two records are of the same images, or share some, if perhaps read in other ways: their pixels differ."""
    mine, yours = (_shared(Source.parse(str(Path(record.source)), record.split)) for record in (one, other))
    return one.sha256 == other.sha256 or bool(one.source and other.source and mine & yours)


def _shared(source: Source) -> set[str]:
    """A split, and those of others whose images are in it, too."""
    remote = REMOTES.get(source.name)
    return {str(source), *(remote.shares.get(source.split, ()) if remote else ())}


def load_dataset(
    source: str | Path,
    split: Split = "train",
    *,
    resize: tuple[int, int] | None = None,
    ink: Ink = "auto",
    frame: Frame | None = None,
    image_column: str = "",
    label_column: str = "",
    skip_bad: bool = False,
    progress: Progress | bool = True,
) -> Dataset:
    """Load one split of a data set.

    Args:
        source: a name from `digitsmith data`, or a path or address (`s3://…`): class folders, images beside a table of
            labels, or files such as IDX, .npz, .mat, .h5, .parquet, tar shards and tables of pixels. Any may end in
            `:train` or `:test` to choose the split.
        split: which split, if the source does not say.
        resize: scale the images to this height and width, 8 to 128 pixels.
        ink: of grey images, whether ink is `dark` on bright paper, so that they are inverted, or `bright`; `auto`: it
            is found out from all of them.
        frame: crop each image to its ink; `mnist`: scale and centre it as MNIST was made; `tight`: fill the image. The
            result is grey, and of 28x28 pixels unless `resize` says otherwise. Unset, images must be of one size.
        image_column: the column of a table, or the array of a file, with the images, if it is not found.
        label_column: the column of a table, or the array of a file, with the labels, if it is not found.
        skip_bad: leave out images that cannot be read, and rows and images that do not fit each other, and say which.
        progress: True shows the progress and what was left out or changed, False shows nothing; or a `Progress`.

    Returns:
        Images, uint8[n, h, w] with bright ink or uint8[n, h, w, 3], with labels and class names if there are any.

    Raises:
        ConfigError: a split or a size that cannot be asked for.
        DataError: no such source, a damaged one, one whose meaning is not certain, or images of several sizes or of
            one that models do not take.
        DownloadError: a named data set that could not be fetched.
        DependencyError: a format that needs an optional library.

    Examples:
        >>> import digitsmith
        >>> digits = digitsmith.load_dataset("digits", "test")
        >>> len(digits), digits.image_size, digits.classes[3]
        (359, (28, 28), '3')
    """
    options = read_options(
        resize=resize, ink=ink, frame=frame, image_column=image_column, label_column=label_column, skip_bad=skip_bad
    )
    with listening(progress) as progress:
        return read_source(Source.parse(str(source), split), Reading(options, progress))


def read_options(**options: Any) -> ReadOptions:
    """Options that are checked.

    Raises:
        ConfigError: it names the one that is wrong.
    """
    if options.get("resize") is not None:
        check_resize(options["resize"])
        options["resize"] = tuple(map(int, options["resize"]))
    try:
        return ReadOptions(**options)
    except ValidationError as error:
        (where, *_) = error.errors(include_url=False)[0]["loc"]
        raise ConfigError(f"{options[str(where)]!r} will not do ({reason(error)}).", parameter=str(where)) from error


def read_over(usual: ReadOptions, asked: ReadOptions | Mapping[str, Any] | None) -> ReadOptions:
    """How files are read: as is asked for, and in what that leaves open, as usual.

    Raises:
        ConfigError: it names the option that is wrong.
    """
    given = asked.model_dump(exclude_unset=True) if isinstance(asked, ReadOptions) else dict(asked or {})
    return read_options(**usual.model_dump(exclude_unset=True) | given)


def frame_of(name: str) -> Frame | None:
    """The frame that a named data set has by itself; None if it has none, or the name is no such name."""
    return "mnist" if name in REMOTES and REMOTES[name].framed else None


def read_like(record: DataRecord) -> ReadOptions:
    """How other images are read to be of the size and the frame of those that a record is of."""
    frame = frame_of(Source.parse(record.source).name) or record.read.frame
    return ReadOptions(resize=record.image_size, frame=frame)


def read_source(source: Source, reading: Reading) -> Dataset:
    """Load a split; `reading` says how, and is told what is found."""
    if reading.copy is None:
        with copied(source.name, reading.progress) as reading.copy:
            return _read_here(source, reading)
    return _read_here(source, reading)


def _read_here(source: Source, reading: Reading) -> Dataset:
    data = _load(source, reading)
    reading.require_columns_looked_up(source.name)
    check_image_size(data, source.name)
    return data


def is_there(source: Source) -> bool:
    """Whether a source is a named data set, an address, or a file or folder here; what it holds is another question."""
    return source.name in TITLES or is_address(source.name) or exists(source.name)


def check_resize(resize: tuple[int, int]) -> None:
    """Refuse a height and width that models do not take.

    Raises:
        ConfigError: it names `resize`.
    """
    sides = tuple(resize) if isinstance(resize, Sequence) and not isinstance(resize, str) else (resize,)
    if len(sides) != 2 or any(not hasattr(side, "__index__") or side not in SIDES for side in sides):
        raise ConfigError(
            f"{'x'.join(map(str, sides))}: use sides from {SIDES.start} to {SIDES.stop - 1} pixels.", parameter="resize"
        )


def _load(source: Source, reading: Reading) -> Dataset:
    name, split, progress = source.name, source.split, reading.progress
    if reading.copy:
        return formats.read(reading.copy.path, split, reading)
    if name == "digits" or name in REMOTES:
        if _is_other_folder(name):
            progress.note(f"{name} is the data set of that name, not the folder here: write ./{name} for the folder.")
        data = _load_embedded(split) if name == "digits" else _load_remote(name, split, progress)
        options = reading.options.model_copy(update={"frame": None if frame_of(name) else reading.options.frame})
        images = settle_ink(data.images, reading, name, known=True)
        return Dataset(fit(images, options, name), data.labels, data.classes)
    if not name or not (any(mark in name for mark in "/\\.") or exists(name)):  # it looks like a name
        known, _, ending = name.partition(":")
        if ending and known in TITLES:
            raise DataError(f"{known} has no split {ending!r}: use {known}:train or {known}:test.", parameter="source")
        shown = name if len(name) < 100 else f"{name[:100]}…"
        raise DataError(
            f"there is no data set {shown!r}: use {', '.join(TITLES)}, or the path of a folder or file.",
            parameter="source",
        )
    return formats.read(Path(name), split, reading)


def _is_other_folder(name: str) -> bool:
    """Whether a file or folder here has the name of a data set, and is not the folder of its downloads."""
    if not exists(name):
        return False
    with contextlib.suppress(DataError, OSError):
        return not Path(name).samefile(data_home() / name)
    return True


def _load_embedded(split: Split) -> Dataset:
    """1797 digits, the test part of "Optical Recognition of Handwritten Digits" (Alpaydin & Kaynak 1998).

    From the UCI Machine Learning Repository, https://doi.org/10.24432/C50P49, CC BY 4.0: the 8x8 images, as
    scikit-learn's `load_digits` has them, are kept as bytes in `digits.npz`. Every fifth one is for the test.
    """
    with resources.as_file(resources.files("digitsmith.data") / "digits.npz") as path:
        digits = formats.read(path)
    is_test = np.arange(len(digits)) % 5 == 4
    chosen = digits.take(np.flatnonzero(is_test if split == "test" else ~is_test))
    return chosen.resize((28, 28))


def _load_remote(name: str, split: Split, progress: Progress) -> Dataset:
    remote = REMOTES[name]
    images_path, labels_path = fetch(name, [remote.images[split], remote.labels[split]], progress)
    images = read_images(images_path, 3)
    if remote.label_column is None:
        labels = read_array(labels_path, 1, len(images)).astype(np.int64)
    else:
        labels = read_array(labels_path, 2, len(images))[:, remote.label_column].astype(np.int64)
    indices, classes = index_labels(labels, remote.classes, progress.note)
    return Dataset(images, indices, classes)
