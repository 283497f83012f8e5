"""IDX under the names that downloads have, and bytes that are digits."""

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest

from digitsmith.data import formats
from digitsmith.data.dataset import Dataset
from digitsmith.data.reading import Reading
from digitsmith.errors import DataError

IMAGES = np.random.default_rng(0).integers(0, 256, (6, 8, 8), dtype=np.uint8)
LABELS = np.array([6, 9, 0, 6, 9, 0], np.uint8)


def idx(path: Path, array: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    content = bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)


def assert_read(path: Path, split: formats.Split = "train") -> None:
    data = formats.read(path, split)
    assert np.array_equal(data.images, IMAGES)
    assert data.classes == ("0", "6", "9")
    assert data.labels is not None
    assert data.labels.tolist() == [1, 2, 0, 1, 2, 0]


@pytest.mark.parametrize(
    ("images", "labels"),
    [
        ("train-images.idx3-ubyte", "train-labels.idx1-ubyte"),
        ("train-images-idx3-ubyte", "train-labels.idx1-ubyte"),
        ("train-images.idx3-ubyte", "train-labels-idx1-ubyte.gz"),
        ("train-images.idx3-ubyte.gz", "train-labels.idx1-ubyte.gz"),
        ("my-digits-train-images-idx3-ubyte", "my-digits-train-labels-idx1-ubyte"),
        ("train_images.idx3", "train_labels.idx1"),
        ("Train-Images-IDX3-ubyte", "train-labels-idx1-ubyte"),
        ("MNIST/raw/train-images-idx3-ubyte", "MNIST/raw/train-labels-idx1-ubyte"),
        ("train-images-idx3-ubyte/train-images.idx3-ubyte", "train-labels-idx1-ubyte/train-labels.idx1-ubyte"),
    ],
)
def test_names_of_downloads(tmp_path, images, labels) -> None:
    idx(tmp_path / images, IMAGES)
    idx(tmp_path / labels, LABELS)
    assert_read(tmp_path)
    assert_read(tmp_path / images)


def test_those_of_emnist_lie_on_their_side_and_are_turned_and_this_is_said(tmp_path) -> None:
    idx(tmp_path / "emnist-letters-test-images-idx3-ubyte.gz", IMAGES.swapaxes(1, 2))
    idx(tmp_path / "emnist-letters-test-labels-idx1-ubyte.gz", LABELS)
    assert_read(tmp_path, "test")
    reading = Reading()
    formats.read(tmp_path, "test", reading)
    assert "were turned over their diagonal" in reading.notes[0]


def test_each_split_has_its_own_labels(tmp_path) -> None:
    idx(tmp_path / "t10k-images.idx3-ubyte", IMAGES)
    idx(tmp_path / "t10k-labels.idx1-ubyte", LABELS)
    idx(tmp_path / "train-images.idx3-ubyte", IMAGES)
    assert_read(tmp_path, "test")
    assert formats.read(tmp_path).labels is None


@pytest.mark.parametrize("name", ["labels.idx1-ubyte", "digits-train-labels-idx1-ubyte"])
def test_labels_that_match_no_images_are_not_left_out_in_silence(tmp_path, name) -> None:
    idx(tmp_path / "train-images.idx3-ubyte", IMAGES)
    idx(tmp_path / name, LABELS)
    with pytest.raises(DataError, match=rf"may have its labels in {name}: call that train-labels\.idx1-ubyte"):
        formats.read(tmp_path)


def test_a_table_of_labels_beside_them_is_named(tmp_path) -> None:
    idx(tmp_path / "train-images.idx3-ubyte", IMAGES)
    (tmp_path / "labels.csv").write_text("3\n")
    reading = Reading()
    assert formats.read(tmp_path, "train", reading).labels is None
    assert "labels.csv beside" in reading.notes[0]


def test_several_files_are_not_chosen_between(tmp_path) -> None:
    for kind in ("digits", "letters"):
        idx(tmp_path / f"my-{kind}-train-images-idx3-ubyte", IMAGES)
        idx(tmp_path / f"my-{kind}-train-labels-idx1-ubyte", LABELS)
    with pytest.raises(DataError, match="give one by itself"):
        formats.read(tmp_path)
    assert_read(tmp_path / "my-digits-train-images-idx3-ubyte")


def test_bytes_are_the_digits_themselves_whichever_are_missing(tmp_path) -> None:
    data = Dataset(IMAGES, np.array([5, 8, 0, 5, 8, 0]), tuple("012346789"))
    formats.write(data, tmp_path / "made", "idx")
    content = (tmp_path / "made" / "train-labels-idx1-ubyte").read_bytes()
    assert list(content[8:]) == LABELS.tolist()
    read = formats.read(tmp_path / "made")
    assert read.labels is not None
    assert (read.labels.tolist(), read.classes) == ([5, 8, 0, 5, 8, 0], data.classes)


def test_other_names_are_counted(tmp_path) -> None:
    data = Dataset(IMAGES[:2], np.array([1, 0]), ("7", "ten"))
    formats.write(data, tmp_path / "made", "idx")
    assert (tmp_path / "made" / "train-labels-idx1-ubyte").read_bytes()[8:] == b"\1\0"
    assert formats.read(tmp_path / "made").classes == ("7", "ten")
