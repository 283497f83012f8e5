"""Folders as people have them: what counts, where the splits are, and which images are of which class."""

import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from conftest import refused
from digitsmith.data import formats, limits
from digitsmith.data.dataset import Dataset
from digitsmith.data.folders import counts, is_image, walk
from digitsmith.data.formats import Split
from digitsmith.data.names import part_of
from digitsmith.data.reading import Reading
from digitsmith.data.sources import load_dataset
from digitsmith.errors import DataError, MissingSplitError


def put(root: Path, *files: str) -> Path:
    """Files below a folder; an image's level is its number in the list, from 1, and others hold a word."""
    for level, name in enumerate(files, 1):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".png" and not path.name.startswith("._"):
            Image.new("L", (8, 8), level).save(path)
        else:
            path.write_text("no image")
    return root


def read(path: Path, split: Split = "train") -> tuple[list[tuple[int, str]], str]:
    """Level and class of each image, and what is said, but that these classes of one image have one."""
    reading = Reading()
    data = formats.read(path, split, reading)
    return pairs(data), " ".join(note for note in reading.notes if "one image only" not in note)


def pairs(data: Dataset) -> list[tuple[int, str]]:
    labels = np.full(len(data), -1) if data.labels is None else data.labels
    names = [*data.classes, ""]
    return [(int(image[0, 0]), names[label]) for image, label in zip(data.images, labels, strict=True)]


class TestWhatCounts:
    def test_what_systems_leave_is_nothing(self, tmp_path) -> None:
        put(tmp_path, "0/a.png", "1/a.png", "__MACOSX/0/._a.png", "0/._a.png", "1/.DS_Store", "1/Thumbs.db")
        put(tmp_path, "desktop.ini", "0/desktop.ini", ".git/a.png", "__MACOSX/._0", "1/@eaDir/a.png/THUMB.png")
        found, said = read(tmp_path)
        assert [name for _, name in found] == ["0", "1"]
        assert not said

    def test_files_that_are_no_images_are_left_out_and_said(self, tmp_path) -> None:
        put(tmp_path, "0/a.png", "1/b.png", "1/notes.txt", "1/z.pdf")
        found, said = read(tmp_path)
        assert found == [(1, "0"), (2, "1")]
        assert said == f"{tmp_path / '1'}: left out, as no images: notes.txt and 1 more."

    @pytest.mark.parametrize(
        "name",
        [
            "unlabelled_notes.md",
            "labels_readme.txt",
            "dataset-metadata.json",
            "label_predictions.csv",
            "test_labels.csv",
        ],
    )
    def test_a_file_that_gives_no_labels_is_let_be(self, tmp_path, name) -> None:
        put(tmp_path, "a.png", "b.png", name)
        assert read(tmp_path)[0] == [(1, ""), (2, "")]

    @pytest.mark.parametrize("folder", ["", "images/"])
    @pytest.mark.parametrize(
        "name", ["labels.xlsx", "Labels.csv", "metadata.jsonl", "annotations.txt", "train_labels.xls"]
    )
    def test_a_file_that_would_give_the_labels_but_does_not_is_refused(self, tmp_path, name, folder) -> None:
        put(tmp_path, f"{folder}a.png", f"{folder}b.png", name)
        with refused(DataError, f"{name} would give the labels, by its name, but names none", "image_column"):
            read(tmp_path)

    def test_other_files_beside_images_are_said(self, tmp_path) -> None:
        put(tmp_path, "a.png", "b.png", "LICENSE")
        found, said = read(tmp_path)
        assert found == [(1, ""), (2, "")]
        assert f"{tmp_path}: left out, as no images: LICENSE." in said

    @pytest.mark.parametrize("name", ["unlabelled", "Unlabeled"])
    def test_images_without_a_label_have_a_folder(self, tmp_path, name) -> None:
        put(tmp_path, "0/a.png", "1/a.png", f"{name}/a.png")
        assert read(tmp_path)[0] == [(1, "0"), (2, "1"), (3, "")]

    def test_a_class_without_images_is_named(self, tmp_path) -> None:
        put(tmp_path, "0/a.png", "1/notes.txt", "2/a.png")
        with refused(DataError, f"{tmp_path / '1'} holds no image"):
            read(tmp_path)

    def test_a_class_of_a_record_may_be_without_images(self, tmp_path) -> None:
        put(tmp_path, "0/a.png").joinpath("dataset.json").write_text('{"classes": ["0", "1"]}')
        assert formats.read(tmp_path).classes == ("0", "1")

    def test_links_in_a_circle_are_gone_into_once(self, tmp_path) -> None:
        put(tmp_path, "0/a.png", "1/a.png")
        (tmp_path / "1" / "again").symlink_to(tmp_path)
        assert sorted(walk(tmp_path)) == ["0/a.png", "1/a.png"]

    def test_files_are_counted(self, tmp_path, monkeypatch) -> None:
        put(tmp_path, "0/a.png", "0/b.png", "0/c.png")
        monkeypatch.setattr(limits, "MAX_FILES", 2)
        with refused(DataError, "holds more than 2 files"):
            read(tmp_path)

    def test_folders_have_a_depth(self, tmp_path) -> None:
        put(tmp_path / "/".join("d" * 30), "a.png")
        put(tmp_path, "0/a.png")
        with refused(DataError, "folders deep"):
            read(tmp_path)


class TestSplits:
    @pytest.mark.parametrize("train", ["train", "Train", "TRAINING"])
    @pytest.mark.parametrize("test", ["test", "Testing"])
    def test_folders_of_splits_in_any_case(self, tmp_path, train, test) -> None:
        put(tmp_path, f"{train}/0/a.png", f"{train}/1/a.png", f"{test}/0/a.png", f"{test}/1/a.png")
        assert read(tmp_path)[0] == [(1, "0"), (2, "1")]
        assert read(tmp_path, "test")[0] == [(3, "0"), (4, "1")]

    @pytest.mark.parametrize("val", ["val", "Valid", "validation"])
    def test_validation_stands_for_a_test_that_is_not_there(self, tmp_path, val) -> None:
        put(tmp_path, "train/0/a.png", "train/1/a.png", f"{val}/0/a.png", f"{val}/1/a.png")
        found, said = read(tmp_path, "test")
        assert found == [(3, "0"), (4, "1")]
        assert "the images for validation stand for the test split" in said
        assert read(tmp_path) == ([(1, "0"), (2, "1")], "")

    def test_validation_beside_a_test_is_left_out_and_counted(self, tmp_path) -> None:
        put(tmp_path, "train/0/a.png", "train/1/a.png", "val/0/a.png", "test/0/a.png", "test/1/a.png", "val/1/b.png")
        found, said = read(tmp_path, "test")
        assert found == [(4, "0"), (5, "1")]
        assert "2 images for validation are left out" in said

    @pytest.mark.parametrize(("there", "asked"), [("train", "test"), ("test", "train"), ("val", "train")])
    def test_a_split_that_is_not_there(self, tmp_path, there, asked) -> None:
        put(tmp_path, f"{there}/0/a.png", f"{there}/1/a.png", *(["test/0/b.png"] if there == "val" else []))
        with refused(MissingSplitError, f"has no {asked} split"):
            read(tmp_path, asked)

    @pytest.mark.parametrize(
        ("train", "test"),
        [
            ("training_set", "test_set"), ("train_images", "test_images"),
            ("trainingSet/trainingSet", "testSet/testSet"),
            ("MNIST/MNIST - JPG - training", "MNIST/MNIST - JPG - testing"),
        ],
    )  # fmt: skip
    def test_folders_of_splits_as_downloads_call_them(self, tmp_path, train, test) -> None:
        put(tmp_path, f"{train}/0/a.png", f"{train}/1/a.png", f"{test}/a.png", f"{test}/b.png")
        assert read(tmp_path)[0] == [(1, "0"), (2, "1")]
        assert read(tmp_path, "test")[0] == [(3, ""), (4, "")]

    def test_a_folder_whose_name_says_more_than_the_split_is_left_out_and_said(self, tmp_path) -> None:
        put(tmp_path, "trainingSet/0/a.png", "trainingSet/1/a.png", "testSet/0/a.png", "trainingSample/0/a.png")
        found, said = read(tmp_path)
        assert found == [(1, "0"), (2, "1")]
        assert "1 images are left out, as they are in no folder of a split: trainingSample" in said

    def test_a_class_that_is_called_so_among_others_is_no_split(self, tmp_path) -> None:
        put(tmp_path, "train station/a.png", "port/a.png")
        assert read(tmp_path)[0] == [(2, "port"), (1, "train station")]

    def test_files_that_tell_no_split_beside_those_that_do_are_said(self, tmp_path) -> None:
        data = Dataset(np.zeros((2, 8, 8), np.uint8), np.array([0, 1]), ("a", "b"))
        formats.write(data, tmp_path, "npz")
        (tmp_path / "train.npz").rename(tmp_path / "more.npz")
        (tmp_path / "train.npz").write_bytes((tmp_path / "more.npz").read_bytes())
        assert "left out, as only the names of others tell their split: more.npz" in read(tmp_path)[1]
        with refused(MissingSplitError, "has no test split"):
            read(tmp_path, "test")

    def test_two_folders_for_one_split(self, tmp_path) -> None:
        put(tmp_path, "train/0/a.png", "training/0/a.png")
        with refused(DataError, "two folders for train, train and training"):
            read(tmp_path)

    def test_the_folder_of_a_split_is_a_source_of_its_own(self, tmp_path) -> None:
        put(tmp_path, "test/0/a.png", "test/1/a.png")
        assert pairs(load_dataset(tmp_path / "test")) == [(1, "0"), (2, "1")]
        with refused(MissingSplitError, "has no test split"):
            load_dataset(f"{tmp_path / 'test'}:test")

    @pytest.mark.parametrize("format", formats.FORMATS)
    def test_every_format_in_the_folder_of_a_split(self, tmp_path, format) -> None:
        data = Dataset(np.arange(4 * 64, dtype=np.uint8).reshape(4, 8, 8), np.array([0, 0, 1, 1]), ("a", "b"))
        formats.write(data, tmp_path / "Training", format)
        formats.write(data.take(slice(0, 2)), tmp_path / "Testing", format, "test")
        assert len(formats.read(tmp_path)) == 4
        assert len(formats.read(tmp_path, "test")) == 2

    def test_a_class_may_have_the_name_of_a_split(self, tmp_path) -> None:
        put(tmp_path, "train/train/a.png", "train/test/a.png", "train/word/a.png")
        assert read(tmp_path)[0] == [(2, "test"), (1, "train"), (3, "word")]

    @pytest.mark.parametrize(
        ("name", "part"),
        [
            ("Train", "train"), ("t10k-images-idx3-ubyte", "test"), ("mnist_test.csv", "test"), ("trainer.csv", None),
            ("validation-00000-of-00001.parquet", "val"), ("latest.npz", None), ("labels.csv", None),
            ("trainLabels.csv", "train"), ("train_test.npz", None), ("dev", "val"), ("PrivateTest", "test"),
        ],
    )  # fmt: skip
    def test_names_tell_a_split(self, name, part) -> None:
        assert part_of(name) == part

    def test_what_lies_beside_them_is_said(self, tmp_path) -> None:
        put(tmp_path, "train/0/a.png", "train/1/a.png", "2/a.png", "b.png", "docs/notes.txt")
        found, said = read(tmp_path)
        assert found == [(1, "0"), (2, "1")]
        assert said == f"{tmp_path}: 2 images are left out, as they are in no folder of a split: b.png, 2."


class TestOuterFolders:
    def test_a_folder_that_lies_alone_is_gone_into(self, tmp_path) -> None:
        put(tmp_path, "mnist/mnist_png/training/0/a.png", "mnist/mnist_png/training/1/a.png")
        put(tmp_path, "README.md", "mnist/LICENSE", "__MACOSX/._mnist")
        assert read(tmp_path)[0] == [(1, "0"), (2, "1")]

    def test_its_dataset_json_is_found(self, tmp_path) -> None:
        data = Dataset(np.zeros((2, 8, 8), np.uint8), np.array([0, 1]), ("a", "b"))
        formats.write(data, tmp_path / "outer" / "made", "idx")
        assert formats.read(tmp_path).classes == ("a", "b")

    def test_a_folder_of_images_alone_is_the_only_class(self, tmp_path) -> None:
        put(tmp_path, "sevens/a.png", "sevens/b.png")
        found, said = read(tmp_path)
        assert found == [(1, "sevens"), (2, "sevens")]
        assert "sevens, which is taken for the only class" in said

    def test_what_is_too_deep_is_not_looked_for(self, tmp_path) -> None:
        put(tmp_path / "/".join("abcdefghij"), "0/a.png", "1/a.png")
        with refused(DataError, "holds no images that Digitsmith can read"):
            read(tmp_path)


class TestClasses:
    def test_images_lie_as_deep_in_a_class_as_they_like(self, tmp_path) -> None:
        put(tmp_path, "7/writer2/a.png", "7/writer10/a.png", "7/b.png", "8/c.png")
        assert read(tmp_path)[0] == [(3, "7"), (1, "7"), (2, "7"), (4, "8")]

    def test_splits_in_classes_are_not_mixed(self, tmp_path) -> None:
        put(tmp_path, "0/train/a.png", "0/test/a.png", "1/train/a.png", "1/test/a.png")
        with refused(DataError, f"{tmp_path / '0'} has the folder of a split in it, t"):
            read(tmp_path)

    def test_folders_may_be_named_with_a_prefix(self, tmp_path) -> None:
        put(tmp_path, *(f"digit_{i}/a.png" for i in range(11)))
        found, said = read(tmp_path)
        assert found == [(i + 1, str(i)) for i in range(11)]
        assert "digit_0 to digit_10 are called 0 to 10" in said

    def test_folders_of_writers_hold_the_classes(self, tmp_path) -> None:
        put(tmp_path, "writer1/0/x.png", "writer1/1/x.png", "writer2/0/x.png", "writer2/1/x.png", "writer3/1/x.png")
        found, said = read(tmp_path)
        assert found == [(1, "0"), (3, "0"), (2, "1"), (4, "1"), (5, "1")]
        assert "The classes are the folders in writer1, writer2, writer3" in said

    @pytest.mark.parametrize(
        "files",
        [
            ("anna/0", "anna/1", "anna/2", "anna/3", "bob/0", "bob/1", "bob/2", "bob/3", "carl/1"),
            ("anna/mon/0", "anna/mon/1", "anna/tue/0", "bob/wed/0", "bob/wed/1"),
        ],
        ids=["one writer has few", "in sessions of writers"],
    )
    def test_writers_are_no_classes_if_digits_are_in_their_folders(self, tmp_path, files) -> None:
        put(tmp_path, *(f"{file}/x.png" for file in files))
        found, said = read(tmp_path)
        assert dict(found) == {i: file[-1] for i, file in enumerate(files, 1)}
        assert "The classes are the folders in anna, bob" in said

    @pytest.mark.parametrize(
        "files",
        [
            ("1/0", "1/1", "1/2", "2/0", "2/1", "2/2", "3/0", "3/1"), ("a/A", "a/B", "a/C", "b/A", "b/B"),
            ("cat/1", "cat/2", "dog/3"),
        ],
        ids=["digits", "letters", "numbers that are of one only"],
    )  # fmt: skip
    def test_folders_that_may_be_classes_or_writers_are_refused_even_if_one_lacks_some(self, tmp_path, files) -> None:
        put(tmp_path, *(f"{file}/x.png" for file in files))
        with refused(DataError, "may be read in two ways"):
            read(tmp_path)

    def test_folders_of_classes_beside_other_things(self, tmp_path) -> None:
        put(tmp_path, "dataset/0/a.png", "dataset/1/a.png", "assets/logo.png")
        with refused(DataError, f"{tmp_path / 'dataset'} holds folders that look like classes"):
            read(tmp_path)

    @pytest.mark.parametrize("outer", ["12", "ab"], ids=["digits in digits", "words in words"])
    def test_folders_that_may_be_either_are_refused(self, tmp_path, outer) -> None:
        inner = "01" if outer == "12" else "xy"
        put(tmp_path, *(f"{a}/{b}/i.png" for a in outer for b in inner))
        with refused(DataError, f"two ways: its classes are {', '.join(outer)}, or the folders in them, "):
            read(tmp_path)
        (tmp_path / "dataset.json").write_text(f'{{"classes": ["{outer[0]}", "{outer[1]}"]}}')
        assert read(tmp_path)[0] == [(1, outer[0]), (2, outer[0]), (3, outer[1]), (4, outer[1])]
        (tmp_path / "dataset.json").write_text(f'{{"classes": ["{inner[0]}", "{inner[1]}"]}}')
        assert read(tmp_path)[0] == [(1, inner[0]), (3, inner[0]), (2, inner[1]), (4, inner[1])]


PARTS = st.sampled_from(["train", "Test", "val", "0", "1", "7", "10", "digit_3", "writer1", "ab", "__MACOSX", ".x"])
PATHS = st.lists(PARTS, max_size=4).map(lambda parts: "/".join([*parts, ""]))


@given(st.lists(st.tuples(PATHS, st.sampled_from(["a.png", "b.png", "notes.txt", "._c.png"])), max_size=8, unique=True))
@settings(max_examples=150, deadline=None)
def test_each_image_has_a_label_of_its_path_or_it_is_said_or_there_is_one_error(files) -> None:
    with tempfile.TemporaryDirectory() as name:
        root, paths = Path(name), [folder + file for folder, file in files]
        put(root, *paths)
        found, said, failed = list[tuple[int, str]](), "", False
        for split in formats.SPLITS:
            try:
                some, more = read(root, split)
                found, said = found + some, said + more
            except MissingSplitError:
                pass
            except DataError:
                failed = True
        levels = [level for level, _ in found]
        assert len(set(levels)) == len(levels)
        for level, label in found:
            assert {label, f"digit_{label}"} & {"", *paths[level - 1].split("/")}
        images = [i for i, path in enumerate(paths, 1) if all(counts(part) for part in path.split("/")) and
                  is_image(path)]  # fmt: skip
        assert failed or "left out" in said or set(levels) == set(images)


def test_phone_photos_are_to_be_converted(tmp_path: Path) -> None:
    folder = put(tmp_path / "photos", "0/a.png", "1/b.png")
    (folder / "0" / "IMG_1.HEIC").write_bytes(b"\0\0\0\x18ftypheic" + bytes(20))
    with refused(DataError, r"1 of 3 images cannot be read: .*IMG_1\.HEIC \(it is a HEIC or AVIF photo", "skip_bad"):
        load_dataset(folder, resize=(28, 28))
    (folder / "0" / "IMG_1.HEIC").write_bytes((folder / "0" / "a.png").read_bytes())  # only its name is
    assert len(load_dataset(folder, resize=(28, 28))) == 3


def test_the_original_of_a_converted_photo_is_passed_over(tmp_path: Path) -> None:
    folder = put(tmp_path / "photos", "IMG_0.png", "IMG_1.png")
    for name in ("IMG_0.HEIC", "IMG_1.heic"):
        (folder / name).write_bytes(b"\0\0\0\x18ftypheic" + bytes(20))
    (folder / "labels.csv").write_text("file,label\nIMG_0,3\nIMG_1,4\n")
    assert read(folder)[0] == [(1, "3"), (2, "4")]
    (folder / "labels.csv").write_text("file,label\nIMG_0.png,3\nIMG_1.png,4\n")
    assert read(folder)[0] == [(1, "3"), (2, "4")]


def test_a_table_of_the_test_split_alone_leaves_no_images_for_training(tmp_path: Path) -> None:
    folder = put(tmp_path / "data", "a.png", "b.png", "c.png", "d.png")
    (folder / "labels.csv").write_text("file,label,split\na.png,3,test\nb.png,4,test\nc.png,3,test\nd.png,4,test\n")
    assert len(load_dataset(folder, "test")) == 4
    with refused(MissingSplitError, "has no train split, only test"):
        load_dataset(folder, "train")


def test_what_is_no_data_set_is_told_what_it_is(tmp_path: Path) -> None:
    with refused(DataError, r"What it holds: 2 of \.pdf\."):
        load_dataset(put(tmp_path / "papers", "a.pdf", "0/b.pdf", "README"))
    with refused(DataError, "a single image: give its folder"):
        load_dataset(put(tmp_path / "one", "a.png") / "a.png")
    with refused(DataError, "an archive: unpack it first"):
        load_dataset(put(tmp_path / "packed", "a.zip") / "a.zip")
