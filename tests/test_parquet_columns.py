"""Parquet as others write it: columns of other names, names as labels, shards, and pixels that are no files."""

import io
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from digitsmith.data import formats
from digitsmith.data.dataset import Dataset
from digitsmith.data.reading import Reading
from digitsmith.errors import DataError, MissingSplitError
from digitsmith.records.base import ReadOptions

IMAGES = np.random.default_rng(0).integers(0, 256, (12, 8, 8), dtype=np.uint8)
IMAGES[:, [0, -1]] = IMAGES[:, :, [0, -1]] = 0  # paper
LABELS = np.arange(12) % 3 + 4


def png(image: np.ndarray) -> bytes:
    content = io.BytesIO()
    Image.fromarray(image).save(content, "PNG")
    return content.getvalue()


CELLS = [{"bytes": png(image), "path": None} for image in IMAGES]


def write(path: Path, columns: dict) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns), path)
    return path


def read(path: Path, split="train", **options) -> tuple[Dataset, list[str]]:
    reading = Reading(ReadOptions(**options))
    return formats.read(path, split, reading), reading.notes


def assert_all(data: Dataset, classes=("4", "5", "6")) -> None:
    assert np.array_equal(data.images, IMAGES)
    assert data.labels is not None
    assert data.labels.tolist() == (LABELS - 4).tolist()
    assert data.classes == classes


@pytest.mark.parametrize(
    ("image", "label"),
    [
        ("image", "labels"),
        ("img", "digit"),
        ("picture", "class"),
        ("png", "target"),
        ("Image", "Label"),
        ("bytes", "y"),
    ],
)
def test_usual_names_need_no_word(tmp_path, image, label) -> None:
    for cells in (CELLS, [cell["bytes"] for cell in CELLS]):
        data, notes = read(write(tmp_path / "a.parquet", {image: cells, label: LABELS, "mean": LABELS / 2}))
        assert_all(data)
        assert notes == []


def test_one_column_of_images_by_another_name_is_taken_and_it_is_said(tmp_path) -> None:
    path = write(tmp_path / "a.parquet", {"scan": CELLS, "label": LABELS})
    data, notes = read(path)
    assert_all(data)
    assert notes == [f"{path}: scan is taken for the images."]


@pytest.mark.parametrize(
    ("labels", "classes"),
    [
        (np.array(["ga", "ka", "kha"])[LABELS - 4], ("ga", "ka", "kha")),
        (pa.array(np.array(["ga", "ka", "kha"])[LABELS - 4]).dictionary_encode(), ("ga", "ka", "kha")),
        (LABELS.astype(float), ("4", "5", "6")),
        (LABELS.astype(str), ("4", "5", "6")),
        (np.eye(3, dtype=int)[LABELS - 4].tolist(), ("0", "1", "2")),
    ],
)
def test_labels_of_other_types(tmp_path, labels, classes) -> None:
    assert_all(read(write(tmp_path / "a.parquet", {"image": CELLS, "label": labels}))[0], classes)


def test_class_names_of_hugging_face_belong_to_the_column_that_is_read(tmp_path) -> None:
    features = {"digit": {"names": list("abcdefg"), "_type": "ClassLabel"}}
    table = pa.table({"image": CELLS, "digit": LABELS})
    metadata = {"huggingface": json.dumps({"info": {"features": features}})}
    pq.write_table(table.replace_schema_metadata(metadata), tmp_path / "a.parquet")
    assert read(tmp_path / "a.parquet")[0].classes == tuple("abcdefg")


def test_other_class_names_in_another_file_are_refused(tmp_path) -> None:
    for i, names in enumerate(("abcdefg", "gfedcba")):
        metadata = {"huggingface": json.dumps({"info": {"features": {"label": {"names": list(names)}}}})}
        table = pa.table({"image": CELLS, "label": LABELS}).replace_schema_metadata(metadata)
        pq.write_table(table, tmp_path / f"train-{i}.parquet")
    with pytest.raises(DataError, match=r"train-1\.parquet beside .*train-0\.parquet has other class names"):
        read(tmp_path)


def test_what_looks_like_labels_and_is_none_is_named(tmp_path) -> None:
    data, notes = read(write(tmp_path / "a.parquet", {"image": CELLS, "writer": LABELS}))
    assert data.labels is None
    assert "writer may be labels, but are not called so" in notes[0]
    assert_all(read(tmp_path / "a.parquet", label_column="writer")[0])


def test_what_is_not_used_beside_labels_is_named(tmp_path) -> None:
    columns = {"image": CELLS, "label": LABELS, "writer": LABELS, "__index_level_0__": LABELS}
    path = write(tmp_path / "a.parquet", columns)
    assert read(path)[1] == [f"{path}: the labels are label; not used: writer."]


@pytest.mark.parametrize("images", [CELLS, IMAGES.reshape(12, 64).tolist()])
def test_words_for_splits_tell_which_rows_are_of_one(tmp_path, images) -> None:
    words = ["train", "test", "train", "validation"] * 3
    for i, part in enumerate((slice(5), slice(5, 12))):
        write(tmp_path / f"{i}.parquet", {"image": images[part], "label": LABELS[part], "split": words[part]})
    for path, split, wanted in ((tmp_path, "train", slice(None, None, 2)), (tmp_path, "test", slice(1, None, 4))):
        data, notes = read(path, split)
        assert np.array_equal(data.images, IMAGES[wanted])
        assert data.labels is not None
        assert [data.classes[i] for i in data.labels] == LABELS[wanted].astype(str).tolist()
        assert any(f"images are of the {split} split, as split says" in note for note in notes)


def test_other_words_tell_no_split(tmp_path) -> None:
    write(tmp_path / "a.parquet", {"image": CELLS, "label": LABELS, "set": ["a", "b"] * 6})
    data, notes = read(tmp_path)
    assert_all(data)
    assert "set is not used: it has no names of splits" in notes[0]
    with pytest.raises(MissingSplitError):
        read(tmp_path, "test")


def test_of_several_that_may_be_it_one_has_to_be_named(tmp_path) -> None:
    path = write(tmp_path / "a.parquet", {"image": CELLS, "img": CELLS[::-1], "label": LABELS, "digit": LABELS[::-1]})
    for options, message, parameter in (
        ({}, "may be the images, image, img: say which", "image_column"),
        ({"image_column": "image"}, "may be the labels, label, digit: say which", "label_column"),
        ({"image_column": "label"}, "no column of images 'label', only image, img", "image_column"),
        ({"image_column": "img", "label_column": "no"}, "no column of labels 'no'", "label_column"),
    ):
        with pytest.raises(DataError, match=message) as caught:
            read(path, **options)
        assert caught.value.parameter == parameter
    assert_all(read(path, image_column="image", label_column="label")[0])


@pytest.mark.parametrize("place", ["", "data/", "mnist/"])
def test_shards_as_hugging_face_names_them(tmp_path, place) -> None:
    for i, part in enumerate((slice(5), slice(5, 12))):
        name = f"{place}train-0000{i}-of-00002.parquet"
        write(tmp_path / name, {"image": CELLS[part], "label": LABELS[part]})
    write(tmp_path / f"{place}test-00000-of-00001.parquet", {"image": CELLS[:2], "label": LABELS[:2]})
    (tmp_path / "README.md").write_text("a card")
    assert_all(read(tmp_path)[0])
    assert len(read(tmp_path, "test")[0]) == 2


def test_missing_shards_and_files_of_no_split_are_said(tmp_path) -> None:
    for name in ("train-00000-of-00003", "train-00002-of-00003", "extra"):
        write(tmp_path / f"{name}.parquet", {"image": CELLS, "label": LABELS})
    data, notes = read(tmp_path)
    assert len(data) == 24
    assert "only the names of others tell their split: extra.parquet" in notes[0]
    assert "of the 3 files train-…-of-00003.parquet only 2 are there" in notes[1]


def test_a_shard_without_the_columns_is_named(tmp_path) -> None:
    write(tmp_path / "train-0.parquet", {"image": CELLS, "label": LABELS})
    write(tmp_path / "train-1.parquet", {"image": CELLS, "class": LABELS})
    with pytest.raises(DataError, match=r"train-1\.parquet has no column label, as another file"):
        read(tmp_path)
    with pytest.raises(MissingSplitError):
        read(tmp_path, "test")


@pytest.mark.parametrize(
    "pixels",
    [
        pa.array(IMAGES.reshape(12, 64).tolist()),
        pa.array(IMAGES.tolist(), pa.list_(pa.list_(pa.uint8()))),
        pa.FixedSizeListArray.from_arrays(pa.array(IMAGES.ravel()), 64),
        pa.array((IMAGES.reshape(12, 64) / 255).tolist(), pa.large_list(pa.float32())),
    ],
)
def test_lists_of_pixels(tmp_path, pixels) -> None:
    assert_all(read(write(tmp_path / "a.parquet", {"image": pixels, "label": LABELS}))[0])


def test_a_column_for_each_pixel(tmp_path) -> None:
    columns = {f"pixel{i}": column for i, column in enumerate(IMAGES.reshape(12, 64).T)}
    data, notes = read(write(tmp_path / "a.parquet", {"label": LABELS, **columns}))
    assert_all(data)
    assert "one row of it after the other" in notes[0]


@pytest.mark.parametrize(
    ("pixels", "message"),
    [
        (pa.array([[1] * 64] * 11 + [[1] * 63]), "not all of one length"),
        (pa.array([[1] * 64] * 11 + [None]), "not all of one length"),
        (pa.array([[1] * 63 + [None]] * 12), "NaN"),
        (pa.array([[300] * 64] * 12), "from 300 to 300"),
        (pa.array([[1] * 60] * 12), "none of images"),
    ],
)
def test_pixels_that_make_no_images_are_refused(tmp_path, pixels, message) -> None:
    with pytest.raises(DataError, match=message):
        read(write(tmp_path / "a.parquet", {"image": pixels}))


def test_a_file_without_images_says_what_it_has(tmp_path) -> None:
    with pytest.raises(DataError, match=r"has the columns label \(int64\), name \(string\), but no image"):
        read(write(tmp_path / "a.parquet", {"label": LABELS, "name": LABELS.astype(str)}))
