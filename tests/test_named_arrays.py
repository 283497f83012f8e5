"""Arrays in a file: which are images, which labels, and what is said of the rest."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from digitsmith.data import formats
from digitsmith.data.dataset import Dataset
from digitsmith.data.names import parts
from digitsmith.data.reading import Reading
from digitsmith.errors import DataError, MissingSplitError
from digitsmith.records.base import ReadOptions

IMAGES = np.random.default_rng(0).integers(0, 256, (20, 16, 16), dtype=np.uint8)
IMAGES[:, [0, -1]] = IMAGES[:, :, [0, -1]] = 0  # paper
LABELS = np.arange(20) % 4


@pytest.fixture
def path(tmp_path) -> Path:
    return tmp_path / "some.npz"


def read(path, split="train", **options) -> tuple[Dataset, list[str]]:
    """What is read, and the notes."""
    reading = Reading(ReadOptions(**options))
    return formats.read(path, split, reading), reading.notes


def assert_all(data: Dataset) -> None:
    assert np.array_equal(data.images, IMAGES)
    assert data.labels is not None
    assert data.labels.tolist() == LABELS.tolist()
    assert data.classes == ("0", "1", "2", "3")


@pytest.mark.parametrize(
    ("images", "labels"),
    [
        *(("images", "labels"), ("x", "y"), ("X", "y"), ("data", "target"), ("imgs", "targets"), ("image", "digit")),
        *(("x_train", "y_train"), ("X_train", "Y_train"), ("trainX", "trainY"), ("train_images", "train_labels")),
        *(("training_data", "training_class"), ("images", "classes"), ("fea", "gnd")),
    ],
)
def test_usual_names_need_no_word(path, images, labels) -> None:
    np.savez(path, **{labels: LABELS, images: IMAGES})
    data, notes = read(path)
    assert_all(data)
    assert notes == []


def test_arrays_without_names_are_told_apart_by_their_shapes_and_it_is_said(path) -> None:
    for arrays in ((IMAGES, LABELS), (LABELS, IMAGES)):
        np.savez(path, *arrays)
        data, notes = read(path)
        assert_all(data)
        assert len(notes) == 2
        assert "is taken for the labels" in notes[1]


@pytest.mark.parametrize("labels", [LABELS[:, None], LABELS[None], LABELS.astype(float), np.eye(4)[LABELS]])
def test_labels_may_be_columns_rows_floats_or_one_hot(path, labels) -> None:
    np.savez(path, images=IMAGES, labels=labels)
    assert_all(read(path)[0])


def test_names_as_labels_are_classes(path) -> None:
    np.savez(path, images=IMAGES, labels=np.array(["ka", "kha", "ga", "gha"])[LABELS])
    assert read(path)[0].classes == ("ga", "gha", "ka", "kha")


def test_floats_and_flat_rows(path) -> None:
    np.savez(path, X=IMAGES.reshape(20, 256) / 255, y=LABELS)
    data, notes = read(path)
    assert_all(data)
    assert len(notes) == 2


def test_a_file_with_both_splits_is_read_by_them(path) -> None:
    np.savez(path, x_train=IMAGES[:15], y_train=LABELS[:15], x_test=IMAGES[15:], y_test=LABELS[15:], x_val=IMAGES)
    assert len(read(path, "train")[0]) == 15
    assert len(read(path, "test")[0]) == 5
    np.savez(path, x_train=IMAGES[:15], x_val=IMAGES[15:], y_val=LABELS[15:])
    data, notes = read(path, "test")
    assert len(data) == 5
    assert "for validation stand for the test split" in notes[0]
    np.savez(path, x_train=IMAGES, y_train=LABELS)
    with pytest.raises(MissingSplitError, match="no test split, only train"):
        read(path, "test")


def test_what_looks_like_labels_and_is_none_is_named(path) -> None:
    np.savez(path, images=IMAGES, writer=LABELS, mean=IMAGES.mean(0))
    data, notes = read(path)
    assert data.labels is None
    assert "writer may be labels, but are not called so, and are not read" in notes[0]


def test_what_is_not_used_beside_labels_is_named(path) -> None:
    np.savez(path, images=IMAGES, labels=LABELS, writer=LABELS)
    data, notes = read(path)
    assert_all(data)
    assert notes == [f"{path}: the labels are labels; not used: writer."]


def test_of_several_that_may_be_it_one_has_to_be_named(path) -> None:
    np.savez(path, images=IMAGES, x=IMAGES[::-1], label=LABELS, digit=LABELS[::-1])
    with pytest.raises(DataError, match="may be the images, images, x: say which") as caught:
        read(path)
    assert caught.value.parameter == "image_column"
    with pytest.raises(DataError, match="may be the labels, label, digit: say which") as caught:
        read(path, image_column="images")
    assert caught.value.parameter == "label_column"
    assert_all(read(path, image_column="images", label_column="label")[0])
    with pytest.raises(DataError, match="no array 'pictures', only images, x, label, digit") as caught:
        read(path, image_column="pictures")
    assert caught.value.parameter == "image_column"


def test_one_array_of_images_by_another_name_is_taken_and_it_is_said(path) -> None:
    np.savez(path, scans=IMAGES, labels=LABELS)
    data, notes = read(path)
    assert_all(data)
    assert "scans is taken for the images, of the arrays scans (uint8 of 20x16x16), labels (int64 of 20)" in notes[0]


def test_a_file_without_images_says_what_it_has(path) -> None:
    np.savez(path, a=LABELS, b=np.zeros((3, 5)))
    with pytest.raises(DataError, match=r"the arrays a \(int64 of 20\), b \(float64 of 3x5\), but none of images"):
        read(path)


def put_images(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(IMAGES[0]).save(folder / name)


@pytest.mark.parametrize("names", [("0/a.png", "1/a.png"), ("train/0/a.png", "train/1/a.png"), ("a.png", "b.png")])
def test_arrays_beside_images_that_are_a_data_set_are_left_out_and_it_is_said(path, names) -> None:
    put_images(path.parent, *names)
    if names[0] == "a.png":
        (path.parent / "labels.csv").write_text("file,label\na.png,0\nb.png,1\n")
    np.savez(path, images=IMAGES)
    data, notes = read(path.parent)
    assert data.classes == ("0", "1")
    assert "in folders or in a table: some.npz" in notes[0]


@pytest.mark.parametrize("beside", ["example.png", "plots/loss.png"])
def test_a_few_images_beside_arrays_are_left_out_and_it_is_said(path, beside) -> None:
    np.savez(path, images=IMAGES, labels=LABELS)
    put_images(path.parent, beside)
    (path.parent / "notebooks").mkdir()
    data, notes = read(path.parent)
    assert_all(data)
    assert notes == [f"{path.parent}: images beside some.npz are left out: {beside}."]


def test_many_images_beside_arrays_may_be_the_data_too(path) -> None:
    np.savez(path, images=IMAGES, labels=LABELS)
    put_images(path.parent, *(f"{i}.png" for i in range(12)))
    with pytest.raises(DataError, match=r"has some\.npz and 12 images, such as 0\.png: give the path"):
        read(path.parent)


def test_files_that_tell_no_split_beside_those_that_do_are_said(path) -> None:
    for name in ("train", "test", "more"):
        np.savez(path.with_name(f"{name}.npz"), images=IMAGES, labels=LABELS)
    data, notes = read(path.parent)
    assert_all(data)
    assert "only the names of others tell their split: more.npz" in notes[0]


@pytest.mark.parametrize("names", [("x_#", "y_#"), ("x_#_noisy", "y_#"), ("#_set_x", "#_set_y"), ("#Scans", "#Digits")])
def test_arrays_that_are_named_for_one_split_are_found_for_the_other(path, names) -> None:
    parts = {"train": slice(15), "test": slice(15, None)}
    arrays = {name.replace("#", split): array[part] for split, part in parts.items()
              for name, array in zip(names, (IMAGES, LABELS), strict=True)}  # fmt: skip
    np.savez(path, x_train=IMAGES[::-1], **arrays) if "x_#" not in names else np.savez(path, **arrays)
    asked = {"image_column": names[0].replace("#", "train"), "label_column": names[1].replace("#", "train")}
    for split, part in parts.items():
        data, notes = read(path, split, **asked)
        assert np.array_equal(data.images, IMAGES[part])
        assert data.labels is not None
        assert data.labels.tolist() == LABELS[part].tolist()
        said = [note for note in notes if "one image only" not in note]
        assert len(said) == (2 if split == "test" else 0)
    np.savez(path, **{name: array for name, array in arrays.items() if "test" not in name})
    with pytest.raises(MissingSplitError, match="has no test split of"):
        read(path, "test", **asked)


def test_words_for_splits_tell_which_images_are_of_one(path) -> None:
    words = np.array(["train", "test", "train", "Test"] * 5)
    for name, told in (("split", words), ("is_train", words == "train"), ("test", np.arange(20.0) % 2)):
        np.savez(path, images=IMAGES, labels=LABELS, **{name: told})
        for split, part in (("train", slice(None, None, 2)), ("test", slice(1, None, 2))):
            data, notes = read(path, split)
            assert np.array_equal(data.images, IMAGES[part])
            assert data.labels is not None
            assert [data.classes[i] for i in data.labels] == LABELS[part].astype(str).tolist()
            assert notes == [f"{path}: 10 of 20 images are of the {split} split, as {name} says."]
    np.savez(path, images=IMAGES, labels=LABELS, split=words[:1].repeat(20))
    with pytest.raises(MissingSplitError, match="only train"):
        read(path, "test")
    np.savez(path, images=IMAGES, labels=LABELS, split=LABELS.astype(str))
    data, notes = read(path)
    assert_all(data)
    assert "split is not used: it has no names of splits" in notes[0]


def test_what_was_understood_is_told(path) -> None:
    np.savez(path, x=IMAGES / 255, y=LABELS)
    reading = Reading()
    formats.read(path, "train", reading)
    assert reading.layout == "arrays of some.npz: images x, labels y"
    assert (reading.modes, reading.sizes) == ({"grey, float64": 20}, {(16, 16): 20})


def test_names_say_what_and_which_split() -> None:
    assert parts("X_train") == ("x", "train")
    assert parts("test/target") == ("target", "test")
    assert parts("latest") == ("latest", "")
    assert parts("val_images") == ("images", "val")
    assert parts("train") == ("", "train")


def test_a_folder_with_one_file_of_both_splits(path) -> None:
    np.savez(path, x_train=IMAGES[:15], y_train=LABELS[:15], x_test=IMAGES[15:], y_test=LABELS[15:])
    assert len(read(path.parent, "test")[0]) == 5
    np.savez(path.with_name("other.npz"), x=IMAGES)
    with pytest.raises(DataError, match=r"several files of arrays, other\.npz, some\.npz: give one"):
        read(path.parent)
