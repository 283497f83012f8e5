"""Tables of labels beside images: each image comes back with its own label, or one error says what does not fit."""

import contextlib
import csv
import json
import shutil
import string
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from conftest import refused
from digitsmith.data import formats, limits
from digitsmith.data.formats import SPLITS, Split
from digitsmith.data.reading import Reading
from digitsmith.data.sources import load_dataset
from digitsmith.errors import DataError, MissingSplitError
from digitsmith.records.base import ReadOptions

FOUR = ("img/a.png", "img/b.png", "img/c.png", "img/d.png")
ROWS = "".join(f"{name},{label}\n" for name, label in zip(FOUR, (7, 3, 3, 7), strict=True))
RIGHT = [(1, "7"), (2, "3"), (3, "3"), (4, "7")]


@pytest.fixture
def four(tmp_path) -> Path:
    return put(tmp_path / "data", *FOUR)


def put(root: Path, *files: str) -> Path:
    """Images below a folder: the level of each is its number, from 1."""
    for level, name in enumerate(files, 1):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (8, 8), level).save(root / name)
    return root


def read(path: Path, split: Split = "train", **options) -> tuple[list[tuple[int, str]], list[str]]:
    """Level and class of each image, and what is said."""
    reading = Reading(ReadOptions(**options))
    data = formats.read(path, split, reading)
    labels = np.full(len(data), -1) if data.labels is None else data.labels
    names = [*data.classes, ""]
    return [(int(image[0, 0]), names[label]) for image, label in zip(data.images, labels, strict=True)], reading.notes


class TestLayouts:
    @pytest.mark.parametrize(
        ("name", "text"),
        [
            ("labels.csv", f"image,label\n{ROWS}"),
            ("labels.csv", ROWS),
            ("labels.csv", f"\ufeffimage,label\n{ROWS}"),
            ("dataset.CSV", f"Image;Digit\n{ROWS}".replace(",", ";")),
            ("labels.tsv", f"path\tclass\n{ROWS}".replace(",", "\t")),
            ("all.txt", f"path\ttarget\n{ROWS}".replace(",", "\t")),
            ("list.txt", ROWS.replace(",", " ")),
            ("labels.csv", f"image,label\r\n{ROWS}".replace("\n", "\r\n")),
            ("labels.csv", "label,file\n7,img/a.png\n3,img/b.png\n3,img/c.png\n7,img/d.png\n"),
            ("labels.csv", "file,label\nimg\\a.png,7\nimg\\b.png,3\nimg\\c.png,3\nimg\\d.png,7\n"),
            ("labels.csv", "file,label\n./img/a.png,7\nimg/B.PNG,3\nimg/c,3\nimg/d,7\n"),
            ("labels.csv", "id,label\na,7\nb,3\nc,3\nd,7\n"),
            ("labels.csv", "file,x,width,label\na.png,4,8,7\nb.png,4,8,3\nc.png,4,8,3\nd.png,9,8,7\n"),
            ("labels.csv", ",file,answer\n0,a.png,7\n1,b.png,3\n2,c.png,3\n3,d.png,7\n"),
            ("labels.csv", "/home/me/data/img/a.png,7\n/home/me/data/img/b.png,3\n/home/me/data/img/c.png,3\n"
             "/home/me/data/img/d.png,7\n"),
            ("labels.csv", "file,label,y\na.png,7,1\nb.png,3,2\nc.png,3,2\nd.png,7,1\n"),
            ("metadata.jsonl", "".join(json.dumps({"file_name": name, "label": int(label)}) + "\n"
             for name, label in (row.split(",") for row in ROWS.split()))),
            ("dataset.json", json.dumps({"labels": [[name, int(label)] for name, label in
             (row.split(",") for row in ROWS.split())]})),
            ("dataset.json", json.dumps({"labels": dict(row.split(",") for row in ROWS.split())})),
        ],
    )  # fmt: skip
    def test_a_table_as_people_write_it(self, four, name, text) -> None:
        (four / name).write_text(text, newline="")
        assert read(four)[0] == RIGHT
        assert read(four / name)[0] == RIGHT

    def test_utf16_as_excel_writes_it(self, four) -> None:
        (four / "labels.csv").write_text(f"image\tlabel\n{ROWS}".replace(",", "\t"), encoding="utf-16")
        assert read(four)[0] == RIGHT

    @pytest.mark.parametrize("size", [0, 1])
    @pytest.mark.parametrize("more", ["", "a\u2028b"])
    def test_json_lines_of_any_length_with_any_characters(self, four, size, more) -> None:
        rows = [{"file": name, "label": label, "more": more} for (_, label), name in zip(RIGHT, FOUR, strict=True)]
        text = " " * size + "\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
        (four / "metadata.jsonl").write_text(text, encoding="utf-8")
        assert read(four)[0] == RIGHT

    def test_what_excel_writes_before_the_names_is_passed_over(self, four) -> None:
        (four / "labels.csv").write_text(f"sep=;\nfile;label\n{ROWS}".replace(",", ";"))
        assert read(four)[0] == RIGHT

    def test_characters_in_another_encoding_count_where_they_are_needed(self, four) -> None:
        text = "file;ziffer;gerät\n" + "".join(f"{row.replace(',', ';')};ö{i}\n" for i, row in enumerate(ROWS.split()))
        (four / "labels.csv").write_bytes(text.encode("latin-1"))
        assert read(four)[0] == RIGHT
        (four / "labels.csv").write_bytes(text.replace(";7;", ";ö;").encode("latin-1"))
        with refused(DataError, r"labels.csv, line 2 is no UTF-8: save the table as UTF-8"):
            read(four)

    def test_names_that_repeat_in_folders_are_told_apart_by_the_ends_of_their_paths(self, tmp_path) -> None:
        put(tmp_path, "scans/0/0.png", "scans/0/1.png", "scans/1/0.png", "scans/1/1.png")
        rows = [rf"C:\Users\me\project\digits\scans\{c}\{i}.png,{c + 5}" for c in (0, 1) for i in (0, 1)]
        (tmp_path / "labels.csv").write_text("\n".join(["path,label", *rows]))
        assert read(tmp_path)[0] == [(1, "5"), (2, "5"), (3, "6"), (4, "6")]

    @pytest.mark.parametrize("none", ["NA", "?"])
    def test_words_for_no_label_among_numbers_are_none_and_among_names_a_class(self, four, none) -> None:
        (four / "labels.csv").write_text(f"a,7\nb,{none}\nc,7\nd,7\n")
        found, said = read(four)
        assert found == [(1, "7"), (2, ""), (3, "7"), (4, "7")]
        assert f"Labels {none} stand among numbers, and are taken for none" in " ".join(said)
        (four / "labels.csv").write_text(f"a,KA\nb,{none}\nc,KA\nd,KA\n")
        assert read(four)[0][1] == (2, none)

    def test_one_hot_labels_of_stylegan(self, four) -> None:
        rows = [[name, [0, 1] if i in (0, 3) else [1, 0]] for i, name in enumerate(FOUR)]
        (four / "dataset.json").write_text(json.dumps({"labels": rows}))
        assert read(four)[0] == [(1, "1"), (2, "0"), (3, "0"), (4, "1")]

    def test_no_labels_of_stylegan(self, four) -> None:
        (four / "dataset.json").write_text('{"labels": null}')
        assert read(four)[0] == [(1, ""), (2, ""), (3, ""), (4, "")]

    def test_no_labels_of_stylegan_beside_splits(self, tmp_path) -> None:
        put(tmp_path, "train/a.png", "train/b.png", "test/c.png").joinpath("dataset.json").write_text('{"labels":null}')
        assert read(tmp_path)[0] == [(1, ""), (2, "")]
        assert read(tmp_path, "test")[0] == [(3, "")]

    def test_names_of_labels_are_classes(self, four) -> None:
        (four / "labels.csv").write_text("a.png,ka\nb.png,kha\nc.png,ka\nd.png,kha\n")
        assert read(four)[0] == [(1, "ka"), (2, "kha"), (3, "ka"), (4, "kha")]

    def test_rows_without_a_label_are_counted(self, four) -> None:
        (four / "labels.csv").write_text("file,label\na.png,7\nb.png,\nc.png,\nd.png,7\n")
        found, said = read(four)
        assert found == [(1, "7"), (2, ""), (3, ""), (4, "7")]
        assert "2 of 4 images have no label" in " ".join(said)

    def test_a_class_of_one_image_is_said(self, four) -> None:
        (four / "labels.csv").write_text("a.png,7\nb.png,3\nc.png,3\nd.png,5\n")
        assert "one image only of class 5, 7" in " ".join(read(four)[1])

    def test_a_table_in_a_folder_of_a_download(self, four) -> None:
        (four / "labels.csv").write_text(ROWS)
        assert read(four.parent)[0] == RIGHT

    def test_a_table_of_something_else_is_no_table_of_labels(self, tmp_path) -> None:
        put(tmp_path, "3/a.png", "4/a.png", "3/b.png", "4/b.png")
        (tmp_path / "losses.csv").write_text("epoch,loss\n1,0.5\n2,0.25\n")
        (tmp_path / "README.txt").write_text("Digits, as they were.\nOne, two.\n")
        assert read(tmp_path) == (
            [(1, "3"), (3, "3"), (2, "4"), (4, "4")],
            [
                f"{tmp_path / 'losses.csv'} is not used: none of its columns names images.",
                f"{tmp_path}: left out, as no images: README.txt.",
            ],
        )

    def test_epochs_are_no_names_of_images(self, tmp_path) -> None:
        put(tmp_path, *(f"{i // 10}/{i}.png" for i in range(20)))
        (tmp_path / "losses.csv").write_text("epoch,loss\n1,0.5\n2,0.25\n")
        assert len(read(tmp_path)[0]) == 20

    def test_a_table_that_other_images_are_in(self, four) -> None:
        (four / "labels.csv").write_text("a.png,7\nb.png,3\n")
        (four / "sample_submission.csv").write_text("id,label\nc.png,0\nd.png,0\n")
        found, said = read(four / "labels.csv")
        assert found == RIGHT[:2]
        assert "2 images that only sample_submission.csv names are left out" in " ".join(said)

    def test_of_two_tables_the_one_that_names_more_is_taken_and_said(self, tmp_path) -> None:
        put(tmp_path, *(f"{i}.png" for i in range(20)))
        (tmp_path / "digits.csv").write_text("file,label\n" + "".join(f"{i}.png,{i % 2}\n" for i in range(20)))
        (tmp_path / "classes.csv").write_text("id,name\n0,zero\n1,one\n")
        found, said = read(tmp_path)
        assert found == [(i + 1, str(i % 2)) for i in range(20)]
        assert f"{tmp_path}: labels are those of digits.csv, of the tables classes.csv, digits.csv." in said

    @pytest.mark.parametrize("name", ["log.csv", "README.txt"])
    def test_a_table_of_something_else_may_be_damaged(self, tmp_path, name) -> None:
        put(tmp_path, "3/a.png", "4/a.png")
        text = "epoch,loss\n" + "".join(f"{i},{i / 7}\n" for i in range(20)) + "done, best, größte\n"
        (tmp_path / name).write_bytes(text.encode("latin-1"))
        assert read(tmp_path)[0] == [(1, "3"), (2, "4")]


class TestClassFolders:
    """A column that is called label comes before class folders, and these before other columns."""

    @pytest.fixture
    def classes(self, tmp_path) -> Path:
        return put(tmp_path / "data", "0/a.png", "0/b.png", "1/a.png", "1/b.png")

    @pytest.mark.parametrize(
        ("name", "text"),
        [
            ("metadata.csv", "file,writer\n0/a.png,x\n0/b.png,y\n1/a.png,x\n1/b.png,y\n"),
            ("files.csv", "file,width,height\n0/a.png,28,29\n0/b.png,28,29\n1/a.png,28,28\n1/b.png,29,28\n"),
            ("files.csv", "file\n0/a.png\n0/b.png\n1/a.png\n1/b.png\n"),
            ("files.txt", "0/a\n0/b\n1/a\n1/b\n"),
        ],
    )
    def test_a_table_without_labels_takes_them_of_the_folders(self, classes, name, text) -> None:
        (classes / name).write_text(text)
        found, said = read(classes)
        assert found == [(1, "0"), (2, "0"), (3, "1"), (4, "1")]
        assert f"{classes / name} has no column of labels: its images are of the classes whose" in " ".join(said)

    def test_a_column_of_other_digits_is_not_chosen_between(self, classes) -> None:
        (classes / "metadata.csv").write_text("file,ziffer\n0/a.png,0\n0/b.png,1\n1/a.png,1\n1/b.png,1\n")
        with refused(DataError, "may be those of the column 'ziffer', or the names of the folders", "label_column"):
            read(classes)
        assert [name for _, name in read(classes, label_column="ziffer")[0]] == ["0", "1", "1", "1"]

    def test_text_in_which_an_image_is_named_is_no_list(self, classes) -> None:
        (classes / "README.txt").write_text("As an example, see\n0/a.png\nThe others are alike.\n")
        assert read(classes)[0] == [(1, "0"), (2, "0"), (3, "1"), (4, "1")]

    @pytest.mark.parametrize("ending", [".txt", ".csv"])
    def test_lists_of_splits(self, classes, ending) -> None:
        (classes / f"train{ending}").write_text("0/a.png\n1/a.png\n")
        (classes / f"test{ending}").write_text("0/b.png\n1/b.png\n")
        assert read(classes)[0] == [(1, "0"), (3, "1")]
        assert read(classes, "test")[0] == [(2, "0"), (4, "1")]

    def test_another_column_is_taken_if_the_user_says_so(self, classes) -> None:
        (classes / "metadata.csv").write_text("file,writer\n0/a.png,x\n0/b.png,y\n1/a.png,x\n1/b.png,y\n")
        found, said = read(classes, label_column="writer")
        assert [name for _, name in found] == ["x", "y", "x", "y"]
        assert "its images lie in folders that look like other classes" in " ".join(said)

    def test_what_models_say_and_what_is_to_be_handed_in_are_no_labels(self, classes) -> None:
        (classes / "predictions.csv").write_text("file,label\n0/a.png,1\n0/b.png,1\n1/a.png,0\n1/b.png,0\n")
        found, said = read(classes)
        assert found == [(1, "0"), (2, "0"), (3, "1"), (4, "1")]
        assert "predictions.csv is not used: by its name, it holds answers" in " ".join(said)
        assert read(classes / "predictions.csv")[0] == [(1, "1"), (2, "1"), (3, "0"), (4, "0")]

    def test_labels_that_are_all_the_same_are_said(self, four) -> None:
        (four / "solution.csv").write_text("id,label\na,0\nb,0\nc,0\nd,0\n")
        assert "all 4 images have the same label, 0" in " ".join(read(four)[1])

    def test_folders_that_say_otherwise_are_told(self, tmp_path) -> None:
        put(tmp_path, "0/a.png", "0/b.png", "1/c.png", "1/d.png")
        (tmp_path / "labels.csv").write_text("0/a.png,0\n0/b.png,1\n1/c.png,1\n1/d.png,1\n")
        found, said = read(tmp_path)
        assert found == [(1, "0"), (2, "1"), (3, "1"), (4, "1")]
        assert "1 images lie in folders of another class than it gives them, such as 0/b.png" in " ".join(said)


class TestColumns:
    def test_a_column_of_labels_that_is_not_used_is_named(self, four) -> None:
        (four / "labels.csv").write_text("file,label,category\na,7,seven\nb,3,three\nc,3,three\nd,7,seven\n")
        found, said = read(four)
        assert found == RIGHT
        assert "not used: category" in " ".join(said)

    def test_two_columns_of_labels_are_not_chosen_between(self, four) -> None:
        (four / "labels.csv").write_text("file,label,class\na,7,thin\nb,3,thin\nc,3,thick\nd,7,thick\n")
        with refused(DataError, "column of labels may be label, class", "label_column"):
            read(four)
        assert read(four, label_column="class")[0] == [(1, "thin"), (2, "thin"), (3, "thick"), (4, "thick")]

    def test_a_place_in_the_image_is_no_label(self, four) -> None:
        (four / "labels.csv").write_text("file,x,y,ziffer\na,1,2,7\nb,2,2,3\nc,1,3,3\nd,2,3,7\n")
        with refused(DataError, "column of labels may be x, y, ziffer", "label_column"):
            read(four)

    def test_a_name_that_others_have_as_well_is_said(self, four) -> None:
        (four / "labels.csv").write_text("file,y\na,7\nb,3\nc,3\nd,7\n")
        found, said = read(four)
        assert found == RIGHT
        assert "labels are taken from the column 'y'" in " ".join(said)

    def test_a_column_of_images_is_found_by_its_name_alone(self, tmp_path) -> None:
        put(tmp_path, *(f"{i}.png" for i in range(30)))
        (tmp_path / "labels.csv").write_text("nr,label\n0,7\n1,3\n2,7\n")
        assert read(tmp_path, image_column="nr", skip_bad=True)[0] == [(1, "7"), (2, "3"), (3, "7")]

    def test_no_column_of_labels(self, four) -> None:
        (four / "labels.csv").write_text("file,pen,ink\na,x,1\nb,y,1\nc,x,2\nd,y,2\n")
        with refused(DataError, "column of labels may be pen, ink", "label_column"):
            read(four)

    def test_two_columns_of_files_are_not_chosen_between(self, tmp_path) -> None:
        put(tmp_path, "a/1.png", "a/2.png", "b/3.png", "b/4.png")
        (tmp_path / "t.csv").write_text("left,right,label\na/1.png,b/3.png,0\na/2.png,b/4.png,1\n")
        with refused(DataError, "column of files may be left, right", "image_column"):
            read(tmp_path)
        assert read(tmp_path, image_column="left", skip_bad=True)[0] == [(1, "0"), (2, "1")]

    @pytest.mark.parametrize("option", ["image_column", "label_column"])
    def test_a_column_that_is_not_there(self, four, option) -> None:
        (four / "labels.csv").write_text(f"image,label\n{ROWS}")
        with refused(DataError, "no column 'lable', only image, label", option):
            read(four, **{option: "lable"})

    def test_labels_sorted_in_a_long_table_are_found(self, tmp_path) -> None:
        names = [f"{i}.png" for i in range(250)]
        put(tmp_path, *names)
        (tmp_path / "t.csv").write_text("id,digit\n" + "".join(f"{i},{i // 25}\n" for i in range(250)))
        assert read(tmp_path)[0] == [(i + 1, str(i // 25)) for i in range(250)]


class TestSplits:
    def test_a_column_of_splits_is_obeyed(self, four) -> None:
        (four / "labels.csv").write_text("file,label,split\na,7,train\nb,3,Test\nc,3,training\nd,7,test\n")
        assert read(four)[0] == [(1, "7"), (3, "3")]
        assert read(four, "test")[0] == [(2, "3"), (4, "7")]

    @pytest.mark.parametrize(("name", "yes", "no"), [("is_train", "True", "False"), ("train", 1, 0), ("test", 0, 1)])
    def test_a_column_of_yes_and_no_is_obeyed_and_said(self, four, name, yes, no) -> None:
        (four / "labels.csv").write_text(f"file,label,{name}\na,7,{yes}\nb,3,{no}\nc,3,{yes}\nd,7,{no}\n")
        found, said = read(four)
        assert found == [(1, "7"), (3, "3")]
        assert f"the column '{name}' tells which images are for training" in " ".join(said)
        assert read(four, "test")[0] == [(2, "3"), (4, "7")]

    @pytest.mark.parametrize("train", ["table", "class folders", "both tables"])
    def test_a_sample_of_what_is_to_be_handed_in_is_no_test_split(self, tmp_path, train) -> None:
        folders = ("train/7/", "train/3/") if train == "class folders" else ("train/", "train/")
        put(tmp_path, f"{folders[0]}1.png", f"{folders[1]}2.png", "test/3.png", "test/4.png")
        (tmp_path / "sample_submission.csv").write_text("id,label\n3,0\n4,0\n")
        if train != "class folders":
            (tmp_path / "train_labels.csv").write_text("id,label\n1,7\n2,3\n")
        if train == "both tables":
            (tmp_path / "test.csv").write_text("id\n3\n4\n")
        assert sorted(read(tmp_path)[0]) == [(1, "7"), (2, "3")]
        assert read(tmp_path, "test")[0] == [(3, ""), (4, "")]

    def test_a_table_of_one_split_leaves_the_other_to_its_class_folders(self, tmp_path) -> None:
        put(tmp_path, "train/7/a.png", "train/3/a.png", "test/7/b.png", "test/3/b.png")
        (tmp_path / "results.csv").write_text("file,label\ntest/7/b.png,7\ntest/3/b.png,3\n")
        assert read(tmp_path)[0] == [(2, "3"), (1, "7")]
        assert read(tmp_path, "test")[0] == [(3, "7"), (4, "3")]

    def test_it_is_found_without_names(self, four) -> None:
        (four / "labels.csv").write_text("a.png,7,train\nb.png,3,test\nc.png,3,train\nd.png,7,test\n")
        assert read(four)[0] == [(1, "7"), (3, "3")]
        assert read(four, "test")[0] == [(2, "3"), (4, "7")]

    def test_names_of_files_are_no_splits(self, tmp_path) -> None:
        put(tmp_path, "test_1.png", "test_2.png")
        (tmp_path / "labels.csv").write_text("test_1.png,7\ntest_2.png,3\n")
        assert read(tmp_path)[0] == [(1, "7"), (2, "3")]

    def test_validation_in_it(self, four) -> None:
        (four / "labels.csv").write_text("file,label,split\na,7,train\nb,3,val\nc,3,train\nd,7,val\n")
        found, said = read(four, "test")
        assert found == [(2, "3"), (4, "7")]
        assert "stand for the test split" in " ".join(said)

    def test_one_of_something_else_is_told(self, four) -> None:
        (four / "labels.csv").write_text("file,label,fold\na,7,1\nb,3,2\nc,3,1\nd,7,2\n")
        found, said = read(four)
        assert found == RIGHT
        assert "'fold' is not used: it has no names of splits" in " ".join(said)

    def test_a_table_without_splits_has_a_train_split(self, four) -> None:
        (four / "labels.csv").write_text(ROWS)
        with refused(MissingSplitError, "has no test split, only train"):
            read(four, "test")

    def test_a_table_in_the_folder_of_each_split(self, tmp_path) -> None:
        put(tmp_path, "train/a.png", "train/b.png", "test/a.png", "test/b.png")
        for split, labels in (("train", "73"), ("test", "37")):
            (tmp_path / split / "metadata.csv").write_text(f"file_name,label\na.png,{labels[0]}\nb.png,{labels[1]}\n")
        assert read(tmp_path)[0] == [(1, "7"), (2, "3")]
        assert read(tmp_path, "test")[0] == [(3, "3"), (4, "7")]

    def test_a_table_for_each_folder_of_a_split_beside_them(self, tmp_path) -> None:
        put(tmp_path, "train/a.png", "train/b.png", "test/a.png", "test/b.png")
        (tmp_path / "train.csv").write_text("id,label\na,7\nb,3\n")
        (tmp_path / "test.csv").write_text("id,label\na,3\nb,7\n")
        assert read(tmp_path)[0] == [(1, "7"), (2, "3")]
        assert read(tmp_path, "test")[0] == [(3, "3"), (4, "7")]

    def test_one_table_for_the_folders_of_all_splits(self, tmp_path) -> None:
        put(tmp_path, "Train/a.png", "Train/b.png", "Test/a.png", "Test/b.png")
        (tmp_path / "labels.csv").write_text("Train/a.png,7\nTrain/b.png,3\nTest/a.png,3\nTest/b.png,7\n")
        assert read(tmp_path)[0] == [(1, "7"), (2, "3")]
        assert read(tmp_path, "test")[0] == [(3, "3"), (4, "7")]

    def test_two_tables_for_images_in_one_folder(self, four) -> None:
        (four / "train.csv").write_text("a.png,7\nb.png,3\n")
        (four / "test.csv").write_text("c.png,3\nd.png,7\n")
        assert read(four)[0] == [(1, "7"), (2, "3")]
        assert read(four, "test")[0] == [(3, "3"), (4, "7")]


class TestWhatDoesNotFit:
    @pytest.mark.parametrize(
        ("text", "message"),
        [
            (ROWS + "img/e.png,3\n", r"1 rows name no file that is there, or several: img/e.png \(line 5\)"),
            (ROWS[:24], "2 images are named by no row: img/c.png, img/d.png"),
            (ROWS + "img/../../secret.png,3\n", "1 rows name no file"),
            (ROWS + "/etc/passwd.png,3\n", "1 rows name no file"),
        ],
    )
    def test_files_without_rows_and_rows_without_files(self, four, text, message) -> None:
        put(four.parent, "secret.png")
        (four / "labels.csv").write_text(text)
        with refused(DataError, message, "skip_bad"):
            read(four)
        found, said = read(four, skip_bad=True)
        assert found == RIGHT[: len(found)]
        assert "left out, as" in " ".join(said)

    def test_a_first_row_of_a_file_that_is_not_there_is_not_taken_for_names(self, four) -> None:
        (four / "labels.csv").write_text("img/e,kha\nimg/a,ka\nimg/b,kha\nimg/c,ka\nimg/d,kha\n")
        with refused(DataError, "its first line says 'img/e', which is no file that is there"):
            read(four)

    def test_images_that_are_not_there_at_all(self, four) -> None:
        shutil.rmtree(four / "img")
        (four / "labels.csv").write_text(ROWS)
        with refused(DataError, "none of the files that it names is there, such as img/a.png"):
            read(four)

    def test_a_table_as_source_that_names_nothing(self, four) -> None:
        (four / "losses.csv").write_text("epoch,loss\n1,0.5\n2,0.25\n")
        with refused(
            DataError, f"no column that names images below {four}: its columns are epoch, loss", "image_column"
        ):
            read(four / "losses.csv")

    def test_two_labels_for_a_file(self, four) -> None:
        (four / "labels.csv").write_text(ROWS + "img/a.png,3\n")
        with refused(DataError, r"1 files come again with another label: img/a.png \(line 5\)"):
            read(four, skip_bad=True)

    def test_one_file_in_two_splits(self, four) -> None:
        (four / "labels.csv").write_text("file,label,split\na,7,train\nb,3,train\nc,3,test\nd,7,test\na,7,test\n")
        with refused(DataError, r"1 files come again in another split: a \(line 6\)"):
            read(four)

    def test_a_row_that_comes_twice(self, four) -> None:
        (four / "labels.csv").write_text(ROWS + "img/a.png,7\n")
        found, said = read(four)
        assert found == RIGHT
        assert "1 rows say again" in " ".join(said)

    def test_a_name_that_two_images_have(self, tmp_path) -> None:
        put(tmp_path, "one/a.png", "two/a.png")
        (tmp_path / "labels.csv").write_text("file,label\na.png,3\n")
        with refused(DataError, "none of the files"):
            read(tmp_path)

    def test_labels_with_fractions(self, four) -> None:
        (four / "labels.csv").write_text("a,0.5\nb,1\nc,1\nd,0.5\n")
        with refused(DataError, "labels.csv: labels must be whole numbers or names; one is 0.5"):
            read(four)

    @pytest.mark.parametrize(
        ("name", "text", "message"),
        [
            ("labels.csv", ROWS + "img/d.png\n", "line 5: 1 cells, where there are 2 columns"),
            ("labels.jsonl", '{"file": "a.png", "label": 1}\n[1]\n', "labels.jsonl"),
            ("dataset.json", '{"labels": [["img/a.png"]]}', "no list of pairs"),
            ("dataset.json", '{"labels": "img/a.png"}', "no list of pairs"),
            ("dataset.json", '{"labels": ' + "[" * 100_000, "dataset.json"),
            ("dataset.json", '{"labels": [[{}, 3], [["a"], 3]]}', "none of the files"),
            (
                "labels.csv",
                b"img/a.png,\xff\nimg/b.png,\xfe\n",
                "labels.csv, line 1 is no UTF-8: save the table as UTF-8",
            ),
        ],
    )
    def test_a_table_that_is_damaged(self, four, name, text, message) -> None:
        (four / name).write_bytes(text if isinstance(text, bytes) else text.encode())
        with pytest.raises(DataError) as caught:
            read(four / name)
        assert message in str(caught.value)

    def test_a_table_that_is_too_large(self, four, monkeypatch) -> None:
        (four / "labels.csv").write_text(ROWS)
        monkeypatch.setattr(limits, "MAX_TABLE", 20)
        with refused(DataError, "larger than the 20 bytes"):
            read(four)


NAMES = st.text(string.ascii_letters + string.digits + "_- é", min_size=1, max_size=6).map(str.strip).filter(bool)
FOLDERS = st.sampled_from(["", "img/", "0/", "a/b/", "train/", "Test/", "__MACOSX/"])
LABELS = st.sampled_from(["0", "1", "2", "7", "10", "ka", "digit_3"])


@given(
    st.dictionaries(st.tuples(FOLDERS, NAMES.map(str.lower)), LABELS, min_size=1, max_size=8),
    st.sampled_from([",", ";", "\t"]),
    st.booleans(),
    st.sampled_from(["whole", "no ending", "name alone", "backslashes", "elsewhere"]),
    st.permutations(["file", "label", "more"]),
    st.booleans(),
)
@settings(max_examples=120, deadline=None)
def test_each_image_has_its_own_label_or_there_is_one_error(images, mark, header, way, columns, by_path) -> None:
    with tempfile.TemporaryDirectory() as name:
        root = put(Path(name), *(f"{folder}{stem}.png" for folder, stem in images))
        rows = [
            {"file": _written(f"{folder}{stem}.png", way), "label": label, "more": f"{i} x"}
            for i, ((folder, stem), label) in enumerate(images.items())
        ]
        with (root / "labels.csv").open("w", newline="") as file:
            csv.writer(file, delimiter=mark).writerows(
                [columns] * header + [[row[column] for column in columns] for row in rows]
            )
        source = root / "labels.csv" if by_path else root
        train, test = (_read_or_refuse(source, split, "label" if header else "") for split in SPLITS)
        if train is not None and test is not None and not (by_path and train == test):
            assert len(train) + len(test) == len(images)
        for level, label in [*(train or []), *(test or [])]:
            assert label in _titles([*images.values()][level - 1])


def _read_or_refuse(source: Path, split: Split, label_column: str) -> list[tuple[int, str]] | None:
    try:
        return read(source, split, label_column=label_column)[0]
    except MissingSplitError:
        return []
    except DataError:
        return None


def _titles(label: str) -> set[str]:
    """What a class may be called: digit_3 is 3 where all are so; 10 of 1 to 10 is 0."""
    return {label, label.removeprefix("digit_")}


def _written(path: str, way: str) -> str:
    match way:
        case "no ending":
            return path.removesuffix(".png")
        case "name alone":
            return path.rpartition("/")[2]
        case "backslashes":
            return path.replace("/", "\\")
        case "elsewhere":
            return f"/home/me/{path}"
    return path


@given(
    st.binary(max_size=200) | st.text(max_size=200).map(lambda text: text.encode("utf-8", "replace")),
    st.sampled_from(["t.csv", "t.jsonl", "dataset.json"]),
)
@settings(max_examples=100, deadline=None)
def test_any_bytes_are_read_or_refused(content, name) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = put(Path(folder), "0/a.png", "1/b.png")
        (root / name).write_bytes(b'{"labels": ' * (name == "dataset.json") + content)
        for source in (root, root / name):
            with contextlib.suppress(DataError):
                load_dataset(source, progress=False)
