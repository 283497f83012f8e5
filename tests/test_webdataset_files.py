"""WebDataset as others make it: other endings, other labels, and what tar brings along."""

import io
import json
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from digitsmith.data import formats
from digitsmith.data.dataset import Dataset
from digitsmith.data.reading import Reading
from digitsmith.errors import DataError
from digitsmith.records.base import ReadOptions

APPLE = b"\0\5\x16\7\0\2\0\0Mac OS X"


def image(kind: str = "PNG", level: int = 7) -> bytes:
    content = io.BytesIO()
    Image.new("L", (8, 8), level).save(content, kind)
    return content.getvalue()


def shard(path: Path, *members: tuple[str, bytes]) -> Path:
    with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as tar:
        for name, content in members:
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return path


def read(path: Path, **options):
    reading = Reading(ReadOptions(**options))
    return formats.read(path, "train", reading), [note for note in reading.notes if "one image only" not in note]


def labels_of(path: Path, **options):
    data, _ = read(path, **options)
    assert data.labels is not None
    return [data.classes[label] for label in data.labels]


def test_twins_that_macos_makes_count_for_nothing_and_are_named(tmp_path) -> None:
    members = [(f"{i}.{e}", c) for i in range(3) for e, c in (("cls", b"%d" % (i + 4)), ("png", image()))]
    path = shard(tmp_path / "mac.tar", *(m for name, c in members for m in ((f"._{name}", APPLE), (name, c))))
    assert labels_of(path) == ["4", "5", "6"]
    assert read(path)[1] == [f"{path}: hidden files left out: 6."]


def test_images_of_any_ending_in_any_case(tmp_path) -> None:
    kinds = {"png": "PNG", "JPG": "JPEG", "jpeg": "JPEG", "Tif": "TIFF", "bmp": "BMP", "gif": "GIF", "webp": "WEBP"}
    members = [(f"{i}.{e}", image(k, 5 * i)) for i, (e, k) in enumerate(kinds.items())]
    data, notes = read(shard(tmp_path / "a.tar", *members))
    assert np.abs(data.images[:, 0, 0] - 5.0 * np.arange(7)).max() <= 2
    assert notes == []


@pytest.mark.parametrize(
    ("ending", "contents"),
    [
        ("cls", [b"3", b" 5\n"]),
        ("CLS", [b"3", b"5"]),
        ("txt", [b"3", b"5"]),
        ("label", [b"3", b"5"]),
        ("json", [b"3", b"5"]),
        ("json", [b'{"label": 3, "id": 9}', b'{"label": "5"}']),
        ("json", [b'{"Digit": 3}', b'{"class": 5}']),
    ],
)
def test_labels_of_any_ending(tmp_path, ending, contents) -> None:
    members = [m for i, c in enumerate(contents) for m in ((f"{i}.png", image()), (f"{i}.{ending}", c))]
    assert labels_of(shard(tmp_path / "a.tar", *members)) == ["3", "5"]


def test_names_are_labels(tmp_path) -> None:
    path = shard(tmp_path / "a.tar", ("a.png", image()), ("a.txt", b"ka"), ("b.png", image()), ("b.txt", b"kha"))
    assert labels_of(path) == ["ka", "kha"]


def test_of_several_labels_the_one_that_is_read_is_named(tmp_path) -> None:
    path = shard(tmp_path / "a.tar", ("a.png", image()), ("a.cls", b"3"), ("a.json", b'{"label": 4}'))
    assert labels_of(path) == ["3"]
    assert read(path)[1] == ["Labels are read from .cls, not from .json."]
    assert labels_of(path, label_column="label") == ["4"]


def test_keys_of_objects(tmp_path) -> None:
    path = shard(tmp_path / "a.tar", ("a.png", image()), ("a.json", json.dumps({"label": 3, "digit": 4}).encode()))
    with pytest.raises(DataError, match="may have labels in label, digit: say which") as caught:
        read(path)
    assert caught.value.parameter == "label_column"
    assert labels_of(path, label_column="digit") == ["4"]
    path = shard(tmp_path / "b.tar", ("a.png", image()), ("a.json", b'{"width": 3}'))
    data, notes = read(path)
    assert data.labels is None
    assert "a.json has no label, only width" in notes[0]


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ([("a.png", image()), ("a.jpg", image("JPEG"))], "a has several images, png, jpg"),
        ([("a.1.png", image()), ("a.2.png", image())], "a has several images"),
        ([("a.png", image()), ("a.PNG", image())], r"a\.png comes twice"),
        ([("a.cls", b"1"), ("b.cls", b"2"), ("a.png", image()), ("b.png", image())], "2 of 2 images have no label"),
        ([("a.png", image()), ("a.cls", b"1"), ("b.png", image())], "1 of 2 images have no label"),
        ([("0/a.png", image()), ("1/b.png", image())], "but lie in folders, 0, 1: unpack the archive"),
        ([("a.png", image()), ("a.json", b"[1]")], r"a\.json holds no number and no name"),
        ([("a.png", image()), ("a.json", b"[" * 5000)], "cannot be read"),
        ([("a.png", image()), ("a.txt", b"x" * 5000)], "that is no label"),
    ],
)
def test_no_image_and_no_label_is_lost(tmp_path, members, message) -> None:
    with pytest.raises(DataError, match=message):
        read(shard(tmp_path / "a.tar", *members))


def test_what_has_no_image_is_named(tmp_path) -> None:
    path = shard(tmp_path / "a.tar", ("a.png", image()), ("a.cls", b"1"), ("README.md", b"words"))
    data, notes = read(path)
    assert len(data) == 1
    assert notes == [f"{path}: samples without an image left out: 1."]


def test_numbers_are_the_digits_themselves_whichever_are_missing(tmp_path) -> None:
    data = Dataset(np.zeros((3, 8, 8), np.uint8), np.array([5, 8, 0]), tuple("012346789"))
    formats.write(data, tmp_path / "made", "webdataset")
    with tarfile.open(tmp_path / "made" / "train-000000.tar") as tar:
        numbers = [file.read() for name in tar.getnames() if name.endswith("cls") and (file := tar.extractfile(name))]
    assert numbers == [b"6", b"9", b"0"]
    assert labels_of(tmp_path / "made") == ["6", "9", "0"]
    (tmp_path / "made" / "dataset.json").unlink()
    assert labels_of(tmp_path / "made") == ["6", "9", "0"]


def test_shards_as_hugging_face_names_them(tmp_path) -> None:
    for i in range(3):
        shard(tmp_path / f"train-0000{i}-of-00003.tar", (f"{i}.png", image()), (f"{i}.cls", b"%d" % i))
    assert labels_of(tmp_path) == ["0", "1", "2"]
