"""The data set: what it accepts, its grey levels, its sizes and its hash."""

import numpy as np
import pytest

from digitsmith.data import formats
from digitsmith.data.dataset import Dataset, numbered_classes
from digitsmith.data.pixels import to_uint8, to_unit
from digitsmith.errors import DataError
from digitsmith.records.base import check_class_names

IMAGES = np.arange(3 * 8 * 8, dtype=np.uint8).reshape(3, 8, 8)
LABELS = np.array([0, 1, 0])
CLASSES = ("zero", "one")


def test_every_grey_level_survives_the_way_to_the_network_and_back() -> None:
    levels = np.arange(256, dtype=np.uint8)
    unit = to_unit(levels.astype(np.float32))
    assert unit.dtype == np.float32
    assert (unit.min(), unit.max()) == (-1, 1)
    assert np.array_equal(to_uint8(unit), levels)


def test_network_output_is_rounded_to_the_nearest_level_and_clipped() -> None:
    step = 1 / 127.5
    values = np.array([-7, -1 + 0.4 * step, -1 + 0.6 * step, 1 - 0.4 * step, 1.001, np.inf], np.float32)
    assert to_uint8(values).tolist() == [0, 0, 1, 255, 255, 255]


def test_a_data_set_knows_its_length_and_size_and_counts_labels_as_int64() -> None:
    data = Dataset(np.zeros((3, 17, 64), np.uint8), LABELS.astype(np.uint8), CLASSES)
    assert (len(data), data.image_size) == (3, (17, 64))
    assert data.labels is not None
    assert data.labels.dtype == np.int64


@pytest.mark.parametrize(
    ("images", "labels", "classes", "message"),
    [
        (IMAGES.astype(np.float32), None, (), "uint8"),
        (IMAGES[..., None], None, (), r"3, 8, 8, 1"),
        (IMAGES, None, CLASSES, "no labels"),
        (IMAGES, LABELS[:2], CLASSES, "3 images"),
        (IMAGES, LABELS[:, None], CLASSES, "3 images"),
        (IMAGES, LABELS.astype(float), CLASSES, "whole-number"),
        (IMAGES, LABELS == 0, CLASSES, "whole-number"),
        (IMAGES, LABELS + 1, CLASSES, "from 1 to 2"),
        (IMAGES, LABELS - 1, CLASSES, "from -1 to 0"),
        (IMAGES, np.full(3, 2**64 - 1, np.uint64), CLASSES, "class names"),
        (IMAGES, LABELS, (), "class names"),
        (IMAGES, LABELS, ("one", "one"), "same name"),
        (IMAGES, LABELS, ("zero", "../one"), "class name"),
    ],
)
def test_what_does_not_fit_together_is_refused(images, labels, classes, message) -> None:
    with pytest.raises(DataError, match=message):
        Dataset(images, labels, classes)


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "a\\b", "a\0", "a\n", "\x7f", "x" * 65, "\ud800"])
def test_a_class_name_can_stand_as_a_folder_name(name: str) -> None:
    with pytest.raises(ValueError, match="class name"):
        check_class_names([name])


@pytest.mark.parametrize("name", ["0", "ten", "é", "つ", "Ankle boot", ".5", "..."])
def test_ordinary_class_names_pass(name: str) -> None:
    assert check_class_names([name]) == (name,)


def test_labels_without_names_are_numbered_to_the_highest() -> None:
    assert numbered_classes(np.array([0, 3, 1])) == ("0", "1", "2", "3")
    with pytest.raises(DataError, match="10000"):
        numbered_classes(np.array([10_000]))


def test_resize_keeps_labels_and_gives_the_size_asked_for() -> None:
    scaled = Dataset(IMAGES, LABELS, CLASSES).resize((28, 20))
    assert scaled.image_size == (28, 20)
    assert scaled.images.dtype == np.uint8
    assert np.array_equal(scaled.labels, LABELS)
    assert scaled.classes == CLASSES


def test_resize_anti_aliases_a_checkerboard_to_mid_grey() -> None:
    board = (np.indices((64, 64)).sum(0) % 2 * 255).astype(np.uint8)
    scaled = Dataset(board[None]).resize((8, 8)).images
    assert np.abs(scaled.astype(int) - 128).max() <= 3  # picking pixels would give 0 or 255


def test_resize_leaves_flat_images_flat_and_the_same_size_alone() -> None:
    data = Dataset(np.full((1, 8, 8), 77, np.uint8))
    assert (data.resize((28, 28)).images == 77).all()
    assert data.resize((8, 8)) is data


def test_the_hash_changes_with_the_content() -> None:
    data = Dataset(IMAGES, LABELS, CLASSES)
    flipped = IMAGES.copy()
    flipped[2, 7, 7] ^= 1
    others = [
        Dataset(flipped, LABELS, CLASSES),
        Dataset(IMAGES, LABELS[::-1] ^ 1, CLASSES),
        Dataset(IMAGES, LABELS, ("zero", "eins")),
        Dataset(IMAGES, LABELS, ("one", "zero")),
        Dataset(IMAGES.reshape(3, 4, 16), LABELS, CLASSES),
        Dataset(IMAGES),
        Dataset(IMAGES[:2], LABELS[:2], CLASSES),
    ]
    assert len({data.sha256()} | {other.sha256() for other in others}) == 1 + len(others)


def test_the_hash_does_not_depend_on_memory_layout_or_label_type() -> None:
    data = Dataset(IMAGES, LABELS, CLASSES)
    assert Dataset(np.asfortranarray(IMAGES), LABELS.astype(np.uint8), CLASSES).sha256() == data.sha256()


@pytest.mark.parametrize("format", formats.FORMATS)
def test_the_hash_does_not_depend_on_the_file_that_the_content_came_from(tmp_path, format) -> None:
    data = Dataset(IMAGES, np.array([0, 0, 1]), CLASSES)  # sorted, as class folders do not keep the order
    formats.write(data, tmp_path / "made", format)
    assert formats.read(tmp_path / "made").sha256() == data.sha256()
