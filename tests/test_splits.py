"""Both splits of a data set: what holds of one must hold of the other."""

from pathlib import Path

import numpy as np
import pytest

from conftest import refused
from digitsmith.data import formats
from digitsmith.data.dataset import Dataset
from digitsmith.data.formats import Split
from digitsmith.data.sources import Source
from digitsmith.data.splits import read_splits
from digitsmith.errors import DataError
from digitsmith.progress import Silent
from digitsmith.records.base import ReadOptions


def write(folder: Path, train: Dataset, test: Dataset) -> str:
    splits: tuple[tuple[Split, Dataset], ...] = (("train", train), ("test", test))
    for split, data in splits:
        formats.write(data, folder / split, "npz", split)
        (folder / split / f"{split}.npz").rename(folder / f"{split}.npz")
    return str(folder)


def both(source: str, split: Split = "train", **options: object) -> dict[Split, Dataset]:
    return read_splits(Source(source, split), ReadOptions(**options), Silent()).images


def test_ink_of_two_kinds_is_refused_until_it_is_named(tmp_path: Path, digits: Dataset) -> None:
    dark = Dataset(255 - digits.images[:90], digits.labels[:90], digits.classes)
    source = write(tmp_path / "s", digits.take(slice(90, 300)), dark)
    with refused(DataError, "ink is bright in the train split, and dark in the test split", "ink"):
        both(source)
    assert (both(source, ink="bright")["test"].images == dark.images).all()


def test_grey_beside_colour_is_refused_until_it_is_framed(tmp_path: Path, digits: Dataset) -> None:
    coloured = Dataset(np.stack([digits.images[:50]] * 3, -1) // np.array([1, 2, 3], np.uint8), digits.labels[:50],
                       digits.classes)  # fmt: skip
    source = write(tmp_path / "s", digits.take(slice(50, 200)), coloured)
    with refused(DataError, "images are grey in the train split, and in colour in the test split", "frame"):
        both(source)
    assert both(source, frame="mnist")["test"].channels == 1


def test_a_class_that_one_split_lacks_keeps_its_place(tmp_path: Path, digits: Dataset) -> None:
    few = digits.take(np.flatnonzero(digits.labels != 3)[:40])
    of_nine = Dataset(few.images, few.labels - (few.labels > 3), tuple("012456789"))
    read = both(write(tmp_path / "s", digits.take(slice(100, 300)), of_nine))
    assert read["test"].classes == read["train"].classes == digits.classes
    assert (read["test"].labels == few.labels).all()


def test_other_names_are_refused(tmp_path: Path, digits: Dataset) -> None:
    named = Dataset(digits.images[:50], digits.labels[:50], tuple("abcdefghij"))
    source = write(tmp_path / "s", digits.take(slice(50, 200)), named)
    with refused(DataError, r"classes have other names in the two splits, 0, 1, 2, 3, 4 and 5 more in train and a, b"):
        both(source)


@pytest.mark.parametrize("split", ["train", "test"])
def test_what_has_one_split_counts_once(tmp_path: Path, digits: Dataset, split: Split) -> None:
    formats.write(digits.take(slice(40)), tmp_path / "one", "npz", split)
    assert [*both(str(tmp_path / "one"))] == [split]
    assert [*both(str(tmp_path / "one" / f"{split}.npz"), "test")] == ["test"]
