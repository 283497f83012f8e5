"""The data set: what it accepts, its levels, its sizes, its labels and its hash."""

import numpy as np
import pytest

from digitsmith.data import formats
from digitsmith.data.dataset import Dataset
from digitsmith.data.images.pixels import to_planes, to_uint8, to_unit
from digitsmith.errors import DataError
from digitsmith.progress import Silent
from digitsmith.records.base import ReadOptions, check_class_names
from digitsmith.training.readers.gather import gather

IMAGES = np.arange(3 * 8 * 8, dtype=np.uint8).reshape(3, 8, 8)
COLOUR = np.stack([IMAGES, 255 - IMAGES, IMAGES // 2], axis=3)
LABELS = np.array([0, 1, 0])
CLASSES = ("zero", "one")


def test_every_grey_level_survives_the_way_to_the_network_and_back() -> None:
    levels = np.arange(256, dtype=np.uint8).reshape(4, 8, 8)
    unit = to_unit(to_planes(levels).astype(np.float32))
    assert unit.shape == (4, 1, 8, 8)
    assert unit.dtype == np.float32
    assert (unit.min(), unit.max()) == (-1, 1)
    assert np.array_equal(to_uint8(unit), levels)


def test_colours_survive_the_way_to_the_network_and_back() -> None:
    planes = to_planes(COLOUR)
    assert planes.shape == (3, 3, 8, 8)
    assert np.array_equal(planes[:, 2], COLOUR[..., 2])
    assert np.array_equal(to_uint8(to_unit(planes.astype(np.float32))), COLOUR)


def test_network_output_is_rounded_to_the_nearest_level_and_clipped() -> None:
    step = 1 / 127.5
    values = np.array([-7, -1 + 0.4 * step, -1 + 0.6 * step, 1 - 0.4 * step, 1.001, np.inf], np.float32)
    assert to_uint8(values.reshape(1, 1, 2, 3)).ravel().tolist() == [0, 0, 1, 255, 255, 255]


def test_a_data_set_knows_its_length_and_size_and_counts_labels_as_int64() -> None:
    data = Dataset(np.zeros((3, 17, 64), np.uint8), LABELS.astype(np.uint8), CLASSES)
    assert (len(data), data.image_size, data.channels) == (3, (17, 64), 1)
    assert data.labels is not None
    assert data.labels.dtype == np.int64


@pytest.mark.parametrize(
    ("images", "labels", "classes", "message"),
    [
        (IMAGES.astype(np.float32), None, (), "uint8"),
        (IMAGES[..., None], None, (), r"3, 8, 8, 1"),
        (COLOUR[..., [0, 1, 2, 0]], None, (), r"3, 8, 8, 4"),
        (COLOUR[0, 0], None, (), r"8, 3"),
        (IMAGES, None, CLASSES, "no labels"),
        (IMAGES, LABELS[:2], CLASSES, "3 images"),
        (IMAGES, LABELS[:, None], CLASSES, "3 images"),
        (IMAGES, LABELS.astype(float), CLASSES, "whole-number"),
        (IMAGES, LABELS == 0, CLASSES, "whole-number"),
        (IMAGES, LABELS + 1, CLASSES, "from 1 to 2"),
        (IMAGES, LABELS - 2, CLASSES, "from -2 to -1"),
        (IMAGES, LABELS - 1, (), "from -1 to 0"),
        (IMAGES, np.full(3, 2**64 - 1, np.uint64), CLASSES, "class names"),
        (IMAGES, LABELS, (), "class names"),
        (IMAGES, LABELS, ("one", "one"), "same name"),
        (IMAGES, LABELS, tuple(map(str, range(10_001))), "10,001 classes, more than 10,000"),
        (IMAGES, LABELS, ("zero", "../one"), "class name"),
    ],
)
def test_what_does_not_fit_together_is_refused(images, labels, classes, message) -> None:
    with pytest.raises(DataError, match=message):
        Dataset(images, labels, classes)


def test_those_of_the_images_that_are_labelled() -> None:
    part = Dataset(COLOUR, np.array([1, -1, 0]), CLASSES)
    assert part.channels == 3
    assert np.array_equal(part.labelled().images, COLOUR[[0, 2]])
    assert part.labelled().labels is not None
    assert part.labelled().labels.tolist() == [1, 0]
    assert len(Dataset(IMAGES).labelled()) == len(Dataset(IMAGES, LABELS * 0 - 1, CLASSES).labelled()) == 0
    whole = Dataset(IMAGES, LABELS, CLASSES)
    assert whole.labelled() is whole


def test_images_of_no_class_have_no_labels() -> None:
    assert Dataset(IMAGES, np.full(3, -1)).labels is None


@pytest.mark.parametrize(
    "name", ["", ".", "..", "a/b", "a\\b", "a\0", "a\n", "a\x1b[31m", "\x7f", "x" * 65, "\ud800", "\x9b31m", "\u202e"]
)
def test_a_class_name_can_stand_as_a_folder_name(name: str) -> None:
    with pytest.raises(ValueError, match="class name"):
        check_class_names([name])


@pytest.mark.parametrize("name", ["0", "ten", "é", "つ", "Ankle boot", "b[b]", ".5", "..."])
def test_ordinary_class_names_pass(name: str) -> None:
    assert check_class_names([name]) == (name,)


def test_resize_keeps_labels_and_gives_the_size_asked_for() -> None:
    scaled = Dataset(IMAGES, LABELS, CLASSES).resize((28, 20))
    assert scaled.image_size == (28, 20)
    assert scaled.images.dtype == np.uint8
    assert np.array_equal(scaled.labels, LABELS)
    assert scaled.classes == CLASSES


def test_resize_scales_each_channel_alone() -> None:
    scaled = Dataset(COLOUR, LABELS, CLASSES).resize((28, 20))
    assert scaled.images.shape == (3, 28, 20, 3)
    for channel in range(3):
        assert np.array_equal(scaled.images[..., channel], Dataset(COLOUR[..., channel].copy()).resize((28, 20)).images)


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
        Dataset(np.repeat(IMAGES[..., None], 3, 3), LABELS, CLASSES),
        Dataset(IMAGES, LABELS * 0 - 1, CLASSES),
    ]
    assert len({data.sha256()} | {other.sha256() for other in others}) == 1 + len(others)


def test_the_hash_of_grey_images_stays_what_results_and_runs_have_recorded() -> None:
    labelled = "cd2fd6312d9d6185d4fce779f3d00e97a9462bae237dc8eed6f62c9ddce2a3cb"
    unlabelled = "41b67f46fa861d397e0e6cc3bf0a9661d3f2064110ebbec30e765405689c6f51"
    assert Dataset(IMAGES, LABELS, CLASSES).sha256() == labelled
    assert Dataset(IMAGES).sha256() == unlabelled


def test_the_hash_does_not_depend_on_memory_layout_or_label_type() -> None:
    data = Dataset(IMAGES, LABELS, CLASSES)
    assert Dataset(np.asfortranarray(IMAGES), LABELS.astype(np.uint8), CLASSES).sha256() == data.sha256()


@pytest.mark.parametrize("images", [IMAGES, COLOUR], ids=["grey", "colour"])
@pytest.mark.parametrize("format", formats.FORMATS)
def test_the_hash_does_not_depend_on_the_file_that_the_content_came_from(tmp_path, format, images) -> None:
    data = Dataset(images, np.array([0, 0, 1]), CLASSES)  # sorted, as class folders do not keep the order
    formats.write(data, tmp_path / "made", format)
    assert formats.read(tmp_path / "made").sha256() == data.sha256()


@pytest.mark.parametrize("classes", ["ab", {"a", "b"}, (0, 1)])
def test_class_names_are_strings_in_order(classes) -> None:
    with pytest.raises(DataError, match="class names are a list of strings, in order"):
        Dataset(np.zeros((2, 8, 8), np.uint8), np.array([0, 1]), classes)


def test_lists_are_no_images() -> None:
    with pytest.raises(DataError, match="must be a NumPy array"):
        Dataset([[[0]]])  # type: ignore[arg-type]


def test_a_record_says_which_split_was_learned_from() -> None:
    given = gather("digits:test", "digits:train", None, 0, ReadOptions(), Silent())
    assert given.unlabelled_data is not None
    assert (given.data.split, given.unlabelled_data.split) == ("test", "train")
