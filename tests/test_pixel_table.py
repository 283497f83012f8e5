"""Tables of pixels: Kaggle's, with or without names, and what is refused."""

from pathlib import Path

import numpy as np
import pytest

from digitsmith.data import formats
from digitsmith.data.dataset import Dataset
from digitsmith.data.reading import Reading
from digitsmith.errors import DataError
from digitsmith.records.base import ReadOptions

IMAGES = np.zeros((40, 8, 8), np.uint8)
IMAGES[:, 3:6, 3:6] = np.random.default_rng(0).integers(100, 256, (40, 3, 3), dtype=np.uint8)
LABELS = np.arange(40) % 4
NAMES = [f"pixel{i}" for i in range(64)]
ROW_BY_ROW = "64 numbers are taken for an image of 8x8, one row of it after the other."


def table(path: Path, *columns, names=None, mark: str = ",") -> Path:
    """Write columns, each one cell or several in a row."""
    rows = [[str(cell) for cells in row for cell in np.ravel(cells)] for row in zip(*columns, strict=True)]
    path.write_text("\n".join(mark.join(row) for row in ([names] if names else []) + rows) + "\n")
    return path


def read(path: Path, split="train", **options) -> tuple[Dataset, list[str]]:
    reading = Reading(ReadOptions(**options))
    data = formats.read(path, split, reading)
    return data, [note.removeprefix(f"{path}: ") for note in reading.notes]


def assert_all(data: Dataset) -> None:
    assert np.array_equal(data.images, IMAGES)
    assert data.labels is not None
    assert data.labels.tolist() == LABELS.tolist()
    assert data.classes == ("0", "1", "2", "3")


@pytest.mark.parametrize("mark", [",", ";", "\t"])
def test_kaggles_table(tmp_path, mark) -> None:
    data, notes = read(table(tmp_path / "train.csv", LABELS, IMAGES, names=["label", *NAMES], mark=mark))
    assert_all(data)
    assert notes == [ROW_BY_ROW]


def test_kaggles_folder(tmp_path) -> None:
    table(tmp_path / "train.csv", LABELS, IMAGES, names=["label", *NAMES])
    table(tmp_path / "test.csv", IMAGES[:7], names=NAMES)
    (tmp_path / "sample_submission.csv").write_text("ImageId,Label\n1,0\n")
    assert_all(read(tmp_path)[0])
    data, _ = read(tmp_path, "test")
    assert (len(data), data.labels) == (7, None)


def test_names_as_others_have_them(tmp_path) -> None:
    names = [f"{row}x{column}" for row in range(1, 9) for column in range(1, 9)]
    assert_all(read(table(tmp_path / "a.csv", IMAGES, LABELS, names=[*names, '"class"']))[0])
    rows = table(tmp_path / "b.csv", range(40), LABELS, IMAGES, names=["", "digit", *NAMES])
    data, notes = read(rows)
    assert_all(data)
    assert notes[0] == "columns that are not read: (column 1)."
    mixed = np.random.default_rng(1).permutation(64)
    data, notes = read(
        table(tmp_path / "c.csv", LABELS, IMAGES.reshape(40, 64)[:, mixed], names=["y", *np.array(NAMES)[mixed]])
    )
    assert_all(data)
    assert notes[0] == "columns of pixels are put in the order of their numbers."


@pytest.mark.parametrize(("columns", "end"), [((LABELS, IMAGES), "first"), ((IMAGES, LABELS), "last")])
def test_without_names_the_label_is_at_an_end_and_it_is_said_which(tmp_path, columns, end) -> None:
    for names in (None, [str(i) for i in range(65)]):
        data, notes = read(table(tmp_path / "a.csv", *columns, names=names))
        assert_all(data)
        assert notes == [f"the {end} column is taken for the labels.", ROW_BY_ROW]


def test_which_end_that_is_not_certain_has_to_be_said(tmp_path) -> None:
    levels = IMAGES.copy()
    levels[:, -1, -1] = LABELS
    path = table(tmp_path / "a.csv", LABELS, levels)
    with pytest.raises(DataError, match="'column 1' or 'column 65' may be the labels: say which") as caught:
        read(path)
    assert caught.value.parameter == "label_column"
    assert np.array_equal(read(path, label_column="column 1")[0].images, levels)


def test_names_of_classes_and_missing_labels(tmp_path) -> None:
    data, _ = read(
        table(tmp_path / "a.csv", np.array(["ka", "kha", "", "ga"])[LABELS], IMAGES, names=["class", *NAMES])
    )
    assert data.classes == ("ga", "ka", "kha")
    assert data.labels is not None
    assert data.labels[:4].tolist() == [1, 2, -1, 0]


def test_floats(tmp_path) -> None:
    data, notes = read(table(tmp_path / "a.csv", LABELS, IMAGES / 255, names=["label", *NAMES]))
    assert_all(data)
    assert "floats from 0 to 1 become levels" in notes[1]


def test_a_long_table_is_read_in_parts(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("digitsmith.data.formats.pixel_table._AT_ONCE", 500)
    assert_all(read(table(tmp_path / "a.csv", LABELS, IMAGES, names=["label", *NAMES]))[0])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda text: text.replace("\n1,", "\n1,7,", 1), r"a\.csv, line 3: 66 cells, where there are 65 columns"),
        (lambda text: text + "3,1,2\n", "line 42: 3 cells"),
        (lambda text: text.replace("\n1,0", "\n1,x", 1), "could not convert string 'x'"),
        (lambda text: text.replace("\n1,0", "\n1,nan", 1), "NaN"),
        (lambda text: text.replace("\n1,0", "\n1,256", 1), "from 0 to 256"),
        (lambda text: text.replace("\n1,0", "\n1,", 1), "could not convert string ''"),
        (lambda text: text.replace("\n2,", "\n2.5,"), r"one is 2\.5"),
        (lambda text: text.replace("pixel0,", "writer,"), "63 columns of pixels, which make no square image"),
        (lambda text: text.replace("pixel0,", "digit,"), "may be the labels, label, digit: say which"),
    ],
)
def test_damage_is_told_with_the_line_or_the_column(tmp_path, change, message) -> None:
    path = table(tmp_path / "a.csv", LABELS, IMAGES, names=["label", *NAMES])
    path.write_text(change(path.read_text()))
    with pytest.raises(DataError, match=message):
        read(path)


def test_text_of_two_bytes_and_blank_lines_are_read_as_of_any_table(tmp_path) -> None:
    path = table(tmp_path / "a.csv", LABELS, IMAGES, names=["label", *NAMES])
    path.write_text(path.read_text().replace("\n3,", "\n \n3,") + "\n\n\n", "utf-16")
    assert_all(read(path)[0])
    path.write_text(path.read_text("utf-16") + "3,1,2\n")
    with pytest.raises(DataError, match="line 55: 3 cells"):
        read(path)


def test_labels_in_another_encoding_are_refused_and_what_is_not_read_may_be_in_one(tmp_path) -> None:
    names = ["größe", "label", *NAMES]
    path = table(tmp_path / "a.csv", ["ö"] * 40, LABELS, IMAGES, names=names)
    path.write_bytes(path.read_text().encode("latin-1"))
    assert_all(read(path)[0])
    path.write_bytes(path.read_bytes().replace(b",3,", b",\xf6,"))
    with pytest.raises(DataError, match=r"a\.csv has labels that are no UTF-8"):
        read(path)


@pytest.mark.parametrize("name", ["number", "value"])
def test_names_of_labels_that_others_have_as_well(tmp_path, name) -> None:
    assert_all(read(table(tmp_path / "a.csv", LABELS, IMAGES, names=[name, *NAMES]))[0])


@pytest.mark.slow
def test_large_images_whose_rows_are_long(tmp_path) -> None:
    large = np.random.default_rng(0).integers(0, 256, (4, 128, 128), dtype=np.uint8)
    data, _ = read(table(tmp_path / "a.csv", large, range(4), names=[*(f"pixel{i}" for i in range(128**2)), "label"]))
    assert np.array_equal(data.images, large)


def test_several_tables_and_colour_are_refused(tmp_path) -> None:
    path = table(tmp_path / "a.csv", LABELS, np.repeat(IMAGES.reshape(40, 64), 3, 1))
    with pytest.raises(
        DataError, match="192 columns of pixels, which make no square image: the order of their colours"
    ):
        read(path, label_column="column 1")
    table(tmp_path / "b.csv", IMAGES)
    with pytest.raises(DataError, match=r"several tables of pixels, a\.csv, b\.csv: give one"):
        read(tmp_path)
