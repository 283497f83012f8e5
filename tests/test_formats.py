"""Data sets on disk: what is written comes back, other programs read it, and damage is told with the file's name."""

import gzip
import io
import json
import shutil
import struct
import tarfile
import warnings
import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from digitsmith.data import formats
from digitsmith.data.dataset import Dataset
from digitsmith.data.formats import FORMATS, Format, Header, Split, format_module
from digitsmith.errors import ConfigError, DataError, DependencyError, OutputError
from digitsmith.records.dataset import DatasetRecord, GenerationRecord

VARIANTS: list[tuple[Format, bool]] = [(name, False) for name in FORMATS] + [("idx", True)]
IDS = [name + ".gz" * gzipped for name, gzipped in VARIANTS]
DIGITS = tuple("0123456789")
MANY = ("ten", "é", "Ankle boot", ".5", "train", *(f"class {i}" for i in range(12)), "no image of it")
TRAVERSAL = ("fine", "../x")

every_variant = pytest.mark.parametrize(("format", "gzipped"), VARIANTS, ids=IDS)
every_format = pytest.mark.parametrize("format", FORMATS)


def random_images(count: int, size: tuple[int, ...] = (8, 8)) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, *size), dtype=np.uint8)


def small(classes: tuple[str, ...] = DIGITS) -> Dataset:
    """Five images of each class, sorted by class: class folders do not keep another order."""
    labels = np.repeat(np.arange(len(classes)), 5)
    return Dataset(random_images(len(labels)), labels, classes)


def save(
    data: Dataset, folder: Path, format: Format, split: Split = "train", *, gzipped: bool = False, **header
) -> Path:
    """Write in batches of 7, as generation does."""
    folder.mkdir(exist_ok=True)
    writer = format_module(format).Writer(folder, replace(Header.of(data, split, gzip=gzipped), **header))
    for start in range(0, len(data), 7):
        part = slice(start, start + 7)
        writer.write(data.images[part], None if data.labels is None else data.labels[part])
    writer.close()
    return folder


def assert_same(read: Dataset, written: Dataset) -> None:
    assert np.array_equal(read.images, written.images)
    assert np.array_equal(read.labels, written.labels)
    assert read.classes == written.classes


def contents(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def refused(path: Path, *parts: str, split: Split = "train") -> None:
    """Reading ends in a `DataError` whose message has all these parts."""
    with pytest.raises(DataError) as caught:
        formats.read(path, split)
    for part in parts:
        assert part in str(caught.value)


class TestRoundTrip:
    @every_variant
    @pytest.mark.parametrize("split", ["train", "test"])
    @pytest.mark.parametrize("size", [(8, 8), (28, 28), (17, 64)])
    @pytest.mark.parametrize("classes", [DIGITS, ()], ids=["labelled", "unlabelled"])
    def test_images_and_labels(self, tmp_path, format, gzipped, split, size, classes) -> None:
        data = Dataset(random_images(30, size), np.repeat(np.arange(10), 3) if classes else None, classes)
        assert_same(formats.read(save(data, tmp_path / "made", format, split, gzipped=gzipped), split), data)

    @every_variant
    def test_any_class_names_in_their_own_order(self, tmp_path, format, gzipped) -> None:
        data = Dataset(random_images(51), np.repeat(np.arange(17), 3), MANY)
        assert_same(formats.read(save(data, tmp_path / "made", format, gzipped=gzipped)), data)

    @every_format
    def test_mixed_labels_stay_with_their_images(self, tmp_path, format) -> None:
        data = Dataset(random_images(20), np.arange(20) % 3, ("a", "b", "c"))
        read = formats.read(save(data, tmp_path / "made", format))
        assert read.labels is not None
        pairs = {(image.tobytes(), int(label)) for image, label in zip(read.images, read.labels, strict=True)}
        assert pairs == {(image.tobytes(), i % 3) for i, image in enumerate(data.images)}

    @every_variant
    def test_train_and_test_in_one_folder(self, tmp_path, format, gzipped) -> None:
        train, test = small(), Dataset(255 - small().images, small().labels, DIGITS)
        save(train, tmp_path / "made", format, "train", gzipped=gzipped)
        save(test, tmp_path / "made", format, "test", gzipped=gzipped)
        assert_same(formats.read(tmp_path / "made", "train"), train)
        assert_same(formats.read(tmp_path / "made", "test"), test)

    @every_variant
    def test_equal_data_give_equal_files(self, tmp_path, monkeypatch, format, gzipped) -> None:
        first = save(small(), tmp_path / "first", format, gzipped=gzipped)
        monkeypatch.setattr("time.time", lambda: 2_000_000_000.0)  # no file holds the time that it was made
        assert contents(save(small(), tmp_path / "second", format, gzipped=gzipped)) == contents(first)

    @every_variant
    @pytest.mark.parametrize("split", ["train", "test"])
    @pytest.mark.parametrize("classes", [DIGITS, ()], ids=["labelled", "unlabelled"])
    def test_colour(self, tmp_path, format, gzipped, split, classes) -> None:
        data = Dataset(random_images(30, (8, 9, 3)), np.repeat(np.arange(10), 3) if classes else None, classes)
        read = formats.read(save(data, tmp_path / "made", format, split, gzipped=gzipped), split)
        assert read.channels == 3
        assert_same(read, data)

    @every_format
    def test_colour_images_without_any_colour_stay_colour(self, tmp_path, format) -> None:
        data = Dataset(np.repeat(small().images[..., None], 3, axis=3), small().labels, DIGITS)
        assert_same(formats.read(save(data, tmp_path / "made", format)), data)

    @pytest.mark.parametrize("format", ["npz", "png", "parquet", "webdataset"])
    @pytest.mark.parametrize("shape", [(8, 8), (8, 8, 3)], ids=["grey", "colour"])
    def test_unlabelled_images_among_labelled_ones(self, tmp_path, format, shape) -> None:
        labels = np.array([0, 0, 1, 1, 1, 2, 2, -1, -1, -1])  # sorted as PNG's folders are
        data = Dataset(random_images(10, shape), labels, ("a", "b", "c"))
        formats.write(data, tmp_path / "made", format)
        read = formats.read(tmp_path / "made")
        assert_same(read, data)
        assert read.labels is not None
        assert read.labels.tolist() == labels.tolist()

    @pytest.mark.parametrize("format", ["npz", "png", "parquet", "webdataset"])
    def test_every_image_unlabelled_and_classes_nevertheless(self, tmp_path, format) -> None:
        data = Dataset(random_images(3), np.full(3, -1), ("a", "b"))
        formats.write(data, tmp_path / "made", format)
        assert_same(formats.read(tmp_path / "made"), data)

    def test_idx_refuses_unlabelled_images_among_labelled_ones(self, tmp_path) -> None:
        with pytest.raises(DataError, match="use npz, png, parquet or webdataset"):
            formats.write(Dataset(random_images(3), np.array([0, -1, 0]), ("a",)), tmp_path / "made", "idx")
        assert not list(tmp_path.iterdir())

    @every_format
    def test_a_missing_split_is_told_with_the_one_that_is_there(self, tmp_path, format) -> None:
        refused(save(small(), tmp_path / "made", format), "no test split, only train", split="test")

    @every_format
    def test_no_image_is_no_data_set(self, tmp_path, format) -> None:
        folder = save(Dataset(np.zeros((0, 8, 8), np.uint8)), tmp_path / "made", format)
        refused(folder, "made holds no image")

    @every_format
    def test_write_makes_a_new_folder_or_nothing(self, tmp_path, format) -> None:
        formats.write(small(), tmp_path / "made", format)
        assert_same(formats.read(tmp_path / "made"), small())
        before = contents(tmp_path)
        with pytest.raises(OutputError, match="is not empty"):
            formats.write(small(), tmp_path / "made", format)
        assert contents(tmp_path) == before

    @pytest.mark.parametrize("format", ["idx", "npz", "parquet", "webdataset"])
    def test_a_single_file_is_read_by_its_own_path(self, tmp_path, format) -> None:
        folder = save(small(), tmp_path / "made", format)
        (largest,) = (file for file in folder.iterdir() if "label" not in file.name and file.name != formats.RECORD)
        assert_same(formats.read(largest), small())


class TestNothingToRead:
    def test_a_path_that_is_not_there(self, tmp_path) -> None:
        refused(tmp_path / "nowhere", "there is no file or folder", "nowhere")

    def test_an_empty_folder(self, tmp_path) -> None:
        refused(tmp_path, str(tmp_path), "IDX", "PNG", ".npz", ".parquet", "tar")

    def test_a_file_of_another_kind(self, tmp_path) -> None:
        (tmp_path / "notes.txt").write_text("no images")
        refused(tmp_path / "notes.txt", "notes.txt")

    def test_a_name_that_the_system_refuses(self, tmp_path) -> None:
        refused(tmp_path / ("x" * 300), "xxx")

    def test_an_unknown_format_or_split(self) -> None:
        with pytest.raises(OutputError, match="idx, npz") as no_format:
            format_module("bmp")
        with pytest.raises(ConfigError, match="use train or test") as no_split:
            Header(1, (8, 8), split="val")
        assert (no_format.value.parameter, no_split.value.parameter) == ("format", "split")


class TestRecord:
    GENERATED = GenerationRecord(model="mnist", model_sha256="0" * 64, seed=3, count=50, labels=("7", "3"))

    @every_format
    def test_what_the_header_says_is_written_and_read(self, tmp_path, format) -> None:
        data = Dataset(random_images(3, (8, 8, 3)), np.arange(3), ("a", "b", "é"))
        folder = save(data, tmp_path / "made", format, generated=self.GENERATED)
        assert formats.read_record(folder) == DatasetRecord(classes=data.classes, channels=3, generated=self.GENERATED)

    def test_it_is_found_beside_a_file(self, tmp_path) -> None:
        save(small(), tmp_path, "npz")
        record = formats.read_record(tmp_path / "train.npz")
        assert record is not None
        assert record.classes == DIGITS

    def test_a_folder_without_one(self, tmp_path) -> None:
        assert formats.read_record(tmp_path) is None

    @pytest.mark.parametrize("format", ["idx", "png", "webdataset"])
    def test_people_may_write_no_more_than_class_names(self, tmp_path, format) -> None:
        folder = save(small(("a", "b")), tmp_path / "made", format)
        names = ["b", "a"] if format == "png" else ["zero", "one"]
        (folder / formats.RECORD).write_text(json.dumps({"classes": names}))
        assert formats.read(folder).classes == tuple(names)

    @pytest.mark.parametrize("format", ["npz", "parquet"])
    def test_names_in_a_file_come_before_those_beside_it(self, tmp_path, format) -> None:
        folder = save(small(("a", "b")), tmp_path / "made", format)
        (folder / formats.RECORD).write_text('{"classes": ["c", "d"]}')
        assert formats.read(folder).classes == ("a", "b")

    def test_names_beside_a_file_without_any_are_used(self, tmp_path) -> None:
        np.savez(tmp_path / "train.npz", images=random_images(2), labels=[0, 1])
        (tmp_path / formats.RECORD).write_text('{"classes": ["c", "d"]}')
        assert formats.read(tmp_path).classes == ("c", "d")

    @every_format
    def test_colour_that_it_calls_grey_is_refused(self, tmp_path, format) -> None:
        folder = save(Dataset(random_images(2, (8, 8, 3)), np.arange(2), ("a", "b")), tmp_path / "made", format)
        (folder / formats.RECORD).write_text('{"classes": ["a", "b"], "channels": 1}')
        refused(folder, str(folder), "colour", "one channel")


class TestTraversal:
    """A class name becomes a folder name, so '../x' is refused wherever it comes from."""

    @pytest.mark.parametrize("format", ["idx", "png", "webdataset"])
    def test_in_dataset_json(self, tmp_path, format) -> None:
        folder = save(small(("fine", "x")), tmp_path / "made", format)
        (folder / formats.RECORD).write_text(json.dumps({"classes": TRAVERSAL}))
        refused(folder, "dataset.json", "'../x'")

    def test_in_npz(self, tmp_path) -> None:
        np.savez(tmp_path / "train.npz", images=random_images(2), labels=[0, 1], classes=TRAVERSAL)
        refused(tmp_path, "train.npz", "'../x'")

    def test_in_parquet_metadata(self, tmp_path) -> None:
        save(small(("fine", "x")), tmp_path, "parquet")
        table = pq.read_table(tmp_path / "train.parquet")
        features = {"label": {"names": TRAVERSAL, "_type": "ClassLabel"}}
        metadata = {"huggingface": json.dumps({"info": {"features": features}})}
        pq.write_table(table.replace_schema_metadata(metadata), tmp_path / "train.parquet")
        refused(tmp_path, "train.parquet", "'../x'")

    @pytest.mark.parametrize(
        "about",
        [
            *("", "[]", "{}", '{"classes": "0123"}', '{"classes": [0, 1]}', '{"classes": 3}'),
            *(
                '{"classes": ["a", "b"], "channels": 2}',
                '{"classes": ["a", "b"], "format": 2}',
                '{"class": ["a", "b"]}',
            ),
            '{"classes": ["a", "b"], "generated": {"model": "mnist"}}',
        ],
    )
    def test_a_damaged_dataset_json_is_named(self, tmp_path, about) -> None:
        folder = save(small(("a", "b")), tmp_path / "made", "idx")
        (folder / formats.RECORD).write_text(about)
        refused(folder, "dataset.json cannot be read")


class TestIdx:
    @pytest.fixture
    def folder(self, tmp_path) -> Path:
        return save(small(), tmp_path / "made", "idx")

    @pytest.mark.parametrize(("split", "prefix"), [("train", "train"), ("test", "t10k")])
    @pytest.mark.parametrize("gzipped", [False, True])
    def test_files_have_the_names_of_mnist(self, tmp_path, split, prefix, gzipped) -> None:
        folder = save(small(), tmp_path / "made", "idx", split, gzipped=gzipped)
        ending = ".gz" if gzipped else ""
        assert {file.name for file in folder.iterdir()} == {
            f"{prefix}-images-idx3-ubyte{ending}",
            f"{prefix}-labels-idx1-ubyte{ending}",
            "dataset.json",
        }

    @pytest.mark.parametrize("gzipped", [False, True])
    def test_bytes_are_those_of_the_format(self, tmp_path, gzipped) -> None:
        data = Dataset(random_images(300, (17, 64)), np.arange(300) % 10, DIGITS)
        folder = save(data, tmp_path / "made", "idx", gzipped=gzipped)
        unpack = gzip.decompress if gzipped else bytes
        ending = ".gz" if gzipped else ""
        images = unpack((folder / f"train-images-idx3-ubyte{ending}").read_bytes())
        labels = unpack((folder / f"train-labels-idx1-ubyte{ending}").read_bytes())
        assert images[:16] == bytes([0, 0, 8, 3, 0, 0, 1, 44, 0, 0, 0, 17, 0, 0, 0, 64])  # 300 = 1 * 256 + 44
        assert images[16:] == data.images.tobytes()
        assert labels == bytes([0, 0, 8, 1, 0, 0, 1, 44]) + bytes(i % 10 for i in range(300))

    def test_a_reader_as_people_write_it_for_mnist_reads_them(self, folder) -> None:
        with (folder / "train-images-idx3-ubyte").open("rb") as file:
            magic, count, rows, columns = struct.unpack(">IIII", file.read(16))
            images = np.fromfile(file, np.uint8).reshape(count, rows, columns)
        with (folder / "train-labels-idx1-ubyte").open("rb") as file:
            label_magic, label_count = struct.unpack(">II", file.read(8))
            labels = np.fromfile(file, np.uint8)
        assert (magic, label_magic, count, label_count) == (2051, 2049, 50, 50)
        assert np.array_equal(images, small().images)
        assert np.array_equal(labels, small().labels)

    def test_gzip_is_told_by_content_not_by_name(self, folder) -> None:
        for file in folder.glob("train-*"):
            file.write_bytes(gzip.compress(file.read_bytes()))
        assert_same(formats.read(folder), small())

    def test_without_dataset_json_classes_are_numbered(self, folder) -> None:
        (folder / formats.RECORD).unlink()
        assert_same(formats.read(folder), small())

    @pytest.mark.parametrize(
        ("name", "change", "message"),
        [
            ("images-idx3", lambda b: b"\x89PNG" + b[4:], "it starts with 89504e47, not 00000803"),
            ("images-idx3", lambda b: b"\0\0\x08\1" + b[4:], "no IDX file of 3 dimensions"),
            ("labels-idx1", lambda b: b"\0\0\x0d\1" + b[4:], "not 00000801"),
            ("images-idx3", lambda b: b"", "no IDX file"),
            ("images-idx3", lambda b: b[:10], "cut short in its header"),
            ("images-idx3", lambda b: b[:-1], "3199 bytes of data where its header says 3200"),
            ("images-idx3", lambda b: b + b"\0", "more data than the 3200 bytes"),
            ("images-idx3", lambda b: b[:4] + struct.pack(">I", 51) + b[8:], "cut short"),
            ("images-idx3", lambda b: b[:4] + struct.pack(">I", 49) + b[8:], "its count is wrong"),
            ("images-idx3", lambda b: b[:4] + b"\xff" * 12, "too large for a digit"),
            ("images-idx3", lambda b: b[:4] + b"\xff" * 4 + b"\0" * 4 + b"\xff" * 4, "images of 0x4294967295"),
            ("labels-idx1", lambda b: b[:8] + b"\x0a" + b[9:], "a label of 10, but the classes are 0 1 2"),
            ("labels-idx1", lambda b: struct.pack(">II", 2049, 49) + b[9:], "50 images"),
            ("images-idx3", lambda b: gzip.compress(b)[:-9], "cannot be read"),
            ("images-idx3", lambda b: gzip.compress(b)[:-8] + bytes(8), "cannot be read"),
            ("images-idx3", lambda b: gzip.compress(b) + b"rubbish", "cannot be read"),
            ("images-idx3", lambda b: gzip.compress(b)[:10] + b"\xff" * 50, "cannot be read"),
        ],
    )
    def test_damage_is_told_with_the_file(self, folder, name, change, message) -> None:
        file = folder / f"train-{name}-ubyte"
        file.write_bytes(change(file.read_bytes()))
        refused(folder, str(folder), message)

    def test_images_of_int32_are_refused_and_not_wrapped_round(self, folder) -> None:
        header = bytes([0, 0, 12, 3]) + struct.pack(">III", 50, 8, 8)
        (folder / "train-images-idx3-ubyte").write_bytes(header + np.full(3200, 300, ">i4").tobytes())
        refused(folder, "it starts with 00000c03, not 00000803")

    def test_class_names_without_labels_are_refused(self, folder) -> None:
        (folder / "train-labels-idx1-ubyte").unlink()
        refused(folder, "train-images-idx3-ubyte has class names, but no labels")

    def test_colour_has_four_dimensions(self, tmp_path) -> None:
        data = Dataset(random_images(2, (8, 9, 3)), np.array([0, 1]), DIGITS)
        folder = save(data, tmp_path / "made", "idx")
        content = (folder / "train-images-idx4-ubyte").read_bytes()
        assert content[:20] == bytes([0, 0, 8, 4, 0, 0, 0, 2, 0, 0, 0, 8, 0, 0, 0, 9, 0, 0, 0, 3])
        assert content[20:] == data.images.tobytes()
        assert not (folder / "train-images-idx3-ubyte").exists()

    def test_another_number_of_channels_is_refused(self, folder) -> None:
        content = bytes([0, 0, 8, 4]) + struct.pack(">IIII", 50, 8, 4, 2) + random_images(50).tobytes()
        (folder / "train-images-idx3-ubyte").rename(folder / "train-images-idx4-ubyte").write_bytes(content)
        (folder / formats.RECORD).unlink()
        refused(folder, "train-images-idx4-ubyte", "[50, 8, 4, 2]")

    def test_grey_and_colour_in_one_folder_are_not_chosen_between(self, folder) -> None:
        shutil.copy(folder / "train-images-idx3-ubyte", folder / "train-images-idx4-ubyte.gz")
        refused(folder, "train-images-idx3-ubyte and train-images-idx4-ubyte.gz", "take one file out")

    def test_labels_of_one_byte_hold_256_classes(self, tmp_path) -> None:
        names = tuple(f"c{i}" for i in range(257))
        data = Dataset(random_images(256), np.arange(256), names[:256])
        formats.write(data, tmp_path / "made", "idx")
        assert_same(formats.read(tmp_path / "made"), data)
        with pytest.raises(DataError, match="npz or parquet"):
            formats.write(Dataset(random_images(1), np.array([256]), names), tmp_path / "more", "idx")
        assert not (tmp_path / "more").exists()


class TestNpz:
    def test_numpy_reads_it(self, tmp_path) -> None:
        with np.load(save(small(), tmp_path / "made", "npz") / "train.npz") as arrays:
            assert np.array_equal(arrays["images"], small().images)
            assert np.array_equal(arrays["labels"], small().labels)
            assert arrays["classes"].tolist() == list(DIGITS)

    def test_the_layout_of_keras_is_read(self, tmp_path) -> None:
        images, labels = random_images(6), np.array([0, 1, 2, 2, 1, 0], np.uint8)
        path = tmp_path / "mnist.npz"
        np.savez_compressed(path, x_train=images[:4], y_train=labels[:4], x_test=images[4:], y_test=labels[4:])
        assert_same(formats.read(path, "train"), Dataset(images[:4], labels[:4], ("0", "1", "2")))
        assert_same(formats.read(path, "test"), Dataset(images[4:], labels[4:], ("0", "1")))

    @pytest.mark.parametrize(
        ("arrays", "message"),
        [
            ({"images": random_images(2), "labels": [0, 1, 1]}, "2x8x8, but there are 3 labels"),
            ({"images": random_images(2), "labels": [0.0, np.inf]}, "whole numbers or names; one is inf"),
            (
                {"images": random_images(2), "labels": [0, 1], "classes": [0, 1]},
                "may be the labels, labels, classes: say which",
            ),
            ({"images": random_images(2), "labels": [0, 1], "classes": np.array([b"a"])}, "no list of strings"),
            (
                {"images": random_images(2), "labels": [0, 2], "classes": ["a", "b"]},
                "a label of 2, but the classes are a b",
            ),
            ({"images": random_images(2) / 99}, "numbers from 0 to"),
            (
                {"images": random_images(2)[..., None].repeat(4, -1)},
                "the arrays images (uint8 of 2x8x8x4), but none of images",
            ),
            ({"images": random_images(2), "x": random_images(2)}, "may be the images, images, x: say which"),
        ],
    )
    def test_arrays_that_do_not_fit_are_told_with_the_file(self, tmp_path, arrays, message) -> None:
        np.savez(tmp_path / "train.npz", **arrays)
        refused(tmp_path, "train.npz", message)

    def test_pickled_objects_are_not_loaded(self, tmp_path) -> None:
        class Evil:
            def __reduce__(self) -> tuple:
                return Path.touch, (tmp_path / "harm",)

        np.savez(tmp_path / "train.npz", images=np.array([Evil()], object))
        refused(tmp_path, "train.npz", "pickle")
        assert not (tmp_path / "harm").exists()

    def test_an_array_that_is_no_archive_is_refused(self, tmp_path) -> None:
        with (tmp_path / "train.npz").open("wb") as file:
            np.save(file, random_images(2))
        refused(tmp_path, "train.npz")


class TestPng:
    def test_start_names_the_files(self, tmp_path) -> None:
        data = Dataset(random_images(3), np.array([0, 1, 1]), ("a", "b"))
        folder = save(data, tmp_path / "made", "png", start=1234)
        names = sorted(str(file.relative_to(folder / "train")) for file in folder.rglob("*.png"))
        assert names == ["a/00001234.png", "b/00001235.png", "b/00001236.png"]

    def test_folders_that_others_made_are_classes_in_natural_order(self, tmp_path) -> None:
        for name in ("10", "9", "2", "²", "ten", ".hidden"):
            (tmp_path / name).mkdir()
            Image.fromarray(random_images(1)[0]).save(tmp_path / name / "a.png")
        assert formats.read(tmp_path).classes == ("2", "9", "10", "ten", "²")

    def test_files_are_read_in_natural_order(self, tmp_path) -> None:
        for level in (10, 9, 100):
            Image.new("L", (8, 8), level).save(tmp_path / f"{level}.png")
        assert formats.read(tmp_path).images[:, 0, 0].tolist() == [9, 10, 100]

    def test_grey_images_are_grey_in_whatever_files(self, tmp_path) -> None:
        (tmp_path / "0").mkdir()
        Image.new("RGB", (8, 8), "white").save(tmp_path / "0" / "a.JPG")
        Image.new("1", (8, 8), 1).save(tmp_path / "0" / "b.bmp")
        Image.new("RGB", (8, 8), "white").convert("P").save(tmp_path / "0" / "c.gif")
        images = formats.read(tmp_path).images
        assert images.shape == (3, 8, 8)
        assert (images >= 254).all()

    def test_one_image_in_colour_makes_all_colour(self, tmp_path) -> None:
        Image.new("L", (8, 8), 7).save(tmp_path / "0.png")
        Image.new("RGB", (8, 8), (9, 9, 9)).save(tmp_path / "1.png")
        Image.new("RGB", (8, 8), (1, 2, 3)).quantize().save(tmp_path / "2.png")
        images = formats.read(tmp_path).images
        assert images.shape == (3, 8, 8, 3)
        assert images[:, 0, 0].tolist() == [[7, 7, 7], [9, 9, 9], [1, 2, 3]]

    def test_a_folder_of_unlabelled_images_beside_class_folders(self, tmp_path) -> None:
        for level, name in enumerate(("0", "1", "unlabelled")):
            (tmp_path / name).mkdir()
            Image.new("L", (8, 8), level).save(tmp_path / name / "a.png")
        read = formats.read(tmp_path)
        assert read.classes == ("0", "1")
        assert read.labels is not None
        assert read.labels.tolist() == [0, 1, -1]
        (tmp_path / formats.RECORD).write_text('{"classes": ["0", "1", "unlabelled"]}')
        read = formats.read(tmp_path)
        assert read.labels is not None
        assert read.labels.tolist() == [0, 1, 2]

    def test_a_folder_of_unlabelled_images_alone(self, tmp_path) -> None:
        (tmp_path / "unlabelled").mkdir()
        Image.new("L", (8, 8)).save(tmp_path / "unlabelled" / "a.png")
        assert formats.read(tmp_path).labels is None

    def test_a_class_called_unlabelled_and_images_that_are(self, tmp_path) -> None:
        data = Dataset(random_images(2), np.array([0, 1]), ("a", "unlabelled"))
        formats.write(data, tmp_path / "made", "png")
        assert_same(formats.read(tmp_path / "made"), data)
        with pytest.raises(DataError, match="use npz, parquet or webdataset"):
            formats.write(Dataset(data.images, np.array([1, -1]), data.classes), tmp_path / "more", "png")

    def test_previews_and_hidden_files_are_not_data(self, tmp_path) -> None:
        folder = save(small(), tmp_path / "made", "png")
        for place in (folder, folder / "train", folder / "train" / "3"):
            Image.new("L", (99, 99)).save(place / "preview.png")
            (place / ".DS_Store").touch()
        assert_same(formats.read(folder), small())

    def test_images_of_two_sizes_are_both_named(self, tmp_path) -> None:
        folder = save(small(), tmp_path / "made", "png")
        Image.new("L", (9, 8)).save(folder / "train" / "3" / "other.png")
        refused(folder, "two sizes", "50 of 8x8 (such as ", "00000000.png)", "1 of 8x9 (such as ", "other.png)")

    def test_an_image_beside_the_class_folders_is_not_dropped_silently(self, tmp_path) -> None:
        folder = save(small(), tmp_path / "made", "png")
        shutil.copy(folder / "train" / "3" / "00000015.png", folder / "train" / "lost.png")
        refused(folder, "lost.png lies beside the class folders")

    def test_a_folder_that_is_no_class_is_refused(self, tmp_path) -> None:
        folder = save(small(), tmp_path / "made", "png")
        (folder / "train" / "eleven").mkdir()
        refused(folder, "no class of its dataset.json: eleven")

    @pytest.mark.parametrize("change", [lambda b: b"", lambda b: b[:40], lambda b: b"text", lambda b: b[:60] + b[70:]])
    def test_a_damaged_image_is_named(self, tmp_path, change) -> None:
        folder = save(small(), tmp_path / "made", "png")
        file = folder / "train" / "3" / "00000015.png"
        file.write_bytes(change(file.read_bytes()))
        refused(folder, str(file))

    @pytest.mark.parametrize("side", [2_000, 12_000, 60_000])
    def test_an_image_that_claims_to_be_huge_is_not_decoded(self, tmp_path, side) -> None:
        def chunk(kind: bytes, content: bytes) -> bytes:
            return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

        header = chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0))
        (tmp_path / "bomb.png").write_bytes(b"\x89PNG\r\n\x1a\n" + header + chunk(b"IEND", b""))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            refused(tmp_path, "bomb.png")


class TestParquet:
    def test_columns_and_metadata_are_those_that_hugging_face_reads(self, tmp_path) -> None:
        table = pq.read_table(save(small(), tmp_path / "made", "parquet", start=1234) / "train.parquet")
        assert table.schema.field("image").type == pa.struct({"bytes": pa.binary(), "path": pa.string()})
        assert table.schema.field("label").type == pa.int64()
        features = json.loads(table.schema.metadata[b"huggingface"])["info"]["features"]
        assert features == {"image": {"_type": "Image"}, "label": {"names": list(DIGITS), "_type": "ClassLabel"}}
        cell = table.column("image")[0].as_py()
        assert cell["path"] == "00001234.png"
        assert np.array_equal(np.asarray(Image.open(io.BytesIO(cell["bytes"]))), small().images[0])

    def test_a_null_is_no_label(self, tmp_path) -> None:
        content = io.BytesIO()
        Image.fromarray(small().images[0]).save(content, "PNG")
        table = pa.table({"image": [content.getvalue()] * 2, "label": pa.array([None, 1], pa.uint8())})
        pq.write_table(table, tmp_path / "any.parquet")
        read = formats.read(tmp_path / "any.parquet")
        assert read.labels is not None
        assert (read.labels.tolist(), read.classes) == ([-1, 0], ("1",))

    def test_without_pyarrow_the_message_says_how_to_get_it(self, tmp_path, monkeypatch) -> None:
        save(small(), tmp_path, "parquet")
        monkeypatch.setattr("digitsmith.data.formats.parquet.pa", None)
        with pytest.raises(DependencyError, match=r"pip install '\.\[parquet\]'"):
            formats.read(tmp_path)

    def test_a_plain_table_of_bytes_and_labels_is_read(self, tmp_path) -> None:
        content = io.BytesIO()
        Image.fromarray(small().images[0]).save(content, "PNG")
        pq.write_table(pa.table({"image": [content.getvalue()] * 2, "label": [0, 2]}), tmp_path / "any.parquet")
        read = formats.read(tmp_path / "any.parquet")
        assert np.array_equal(read.images[1], small().images[0])
        assert read.classes == ("0", "2")

    @pytest.mark.parametrize(
        ("columns", "message"),
        [
            ({"image": [b"no image"]}, "row 0"),
            ({"image": pa.array([None], pa.binary())}, "row 0"),
            ({"pictures": ["a"]}, "the columns pictures (string), but no image"),
        ],
    )
    def test_a_table_of_something_else_is_refused(self, tmp_path, columns, message) -> None:
        pq.write_table(pa.table(columns), tmp_path / "train.parquet")
        refused(tmp_path, "train.parquet", message)

    @pytest.mark.parametrize("metadata", ["", "[]", '{"info": {"features": []}}', '{"info": 3}'])
    def test_metadata_of_something_else_are_refused(self, tmp_path, metadata) -> None:
        save(small(), tmp_path, "parquet")
        table = pq.read_table(tmp_path / "train.parquet").replace_schema_metadata({"huggingface": metadata})
        pq.write_table(table, tmp_path / "train.parquet")
        refused(tmp_path, "train.parquet")


class TestWebDataset:
    def add(self, tar: tarfile.TarFile, name: str, content: bytes) -> None:
        member = tarfile.TarInfo(name)
        member.size = len(content)
        tar.addfile(member, io.BytesIO(content))

    def png(self, level: int = 0) -> bytes:
        content = io.BytesIO()
        Image.new("L", (8, 8), level).save(content, "PNG")
        return content.getvalue()

    def test_start_names_the_samples(self, tmp_path) -> None:
        folder = save(Dataset(random_images(2), np.array([0, 1]), ("a", "b")), tmp_path / "made", "webdataset", start=7)
        with tarfile.open(folder / "train-000000.tar") as tar:
            assert tar.getnames() == ["000000007.png", "000000007.cls", "000000008.png", "000000008.cls"]
            label = tar.extractfile("000000008.cls")
            assert label is not None
            assert label.read() == b"1"

    def test_many_samples_fill_several_shards(self, tmp_path, monkeypatch) -> None:
        monkeypatch.setattr("digitsmith.data.formats.webdataset.SAMPLES_PER_SHARD", 20)
        folder = save(small(), tmp_path / "made", "webdataset", start=30)  # shards are counted from 0 all the same
        assert len(list(folder.glob("train-00000[012].tar"))) == 3
        assert_same(formats.read(folder), small())

    def test_shards_that_tar_made_of_a_folder_are_read(self, tmp_path) -> None:
        with tarfile.open(tmp_path / "train-0.tar.tmp", "w") as tar:
            for i in range(3):
                self.add(tar, f"./digits.v2/{i}.png", self.png(i))
                self.add(tar, f"./digits.v2/{i}.cls", b"%d" % i)
        (tmp_path / "train-0.tar.tmp").rename(tmp_path / "train-0.tar")
        read = formats.read(tmp_path)
        assert read.images[:, 0, 0].tolist() == [0, 1, 2]
        assert read.labels is not None
        assert read.labels.tolist() == [0, 1, 2]

    @pytest.mark.parametrize("label", [b"\xff", b"", b" ", b"-2", b"0.5", b"99999999999999999999", b"2147483648"])
    def test_a_label_that_is_no_class_is_refused(self, tmp_path, label) -> None:
        with tarfile.open(tmp_path / "train-0.tar", "w") as tar:
            self.add(tar, "a.png", self.png())
            self.add(tar, "a.cls", label)
        refused(tmp_path, str(tmp_path))

    def test_a_lost_label_is_told_and_not_taken_for_none(self, tmp_path) -> None:
        with tarfile.open(tmp_path / "train-0.tar", "w") as tar:
            self.add(tar, "a.png", self.png())
            self.add(tar, "a.cls", b"1")
            self.add(tar, "b.png", self.png())
        (tmp_path / formats.RECORD).write_text('{"classes": ["a", "b"]}')
        refused(tmp_path, "1 of 2 images have no label")
        (tmp_path / formats.RECORD).write_text('{"classes": ["a", "b"], "unlabelled": true}')
        read = formats.read(tmp_path)
        assert read.labels is not None
        assert read.labels.tolist() == [1, -1]

    def test_no_label_at_all_where_there_are_classes_is_refused(self, tmp_path) -> None:
        with tarfile.open(tmp_path / "train-0.tar", "w") as tar:
            self.add(tar, "a.png", self.png())
        (tmp_path / formats.RECORD).write_text('{"classes": ["a", "b"]}')
        refused(tmp_path, "has class names, but no labels")

    def test_an_unlabelled_sample_has_no_cls(self, tmp_path) -> None:
        formats.write(Dataset(random_images(2), np.array([0, -1]), ("a",)), tmp_path / "made", "webdataset")
        with tarfile.open(tmp_path / "made" / "train-000000.tar") as tar:
            assert tar.getnames() == ["000000000.png", "000000000.cls", "000000001.png"]

    def test_a_sample_without_its_label_is_refused(self, tmp_path) -> None:
        with tarfile.open(tmp_path / "train-0.tar", "w") as tar:
            self.add(tar, "a.png", self.png())
            self.add(tar, "a.cls", b"1")
            self.add(tar, "b.png", self.png())
        refused(tmp_path, "1 of 2 images have no label (.cls)")

    def test_images_of_two_sizes_are_refused(self, tmp_path) -> None:
        with tarfile.open(tmp_path / "train-0.tar", "w") as tar:
            self.add(tar, "a.png", self.png())
            content = io.BytesIO()
            Image.new("L", (9, 9)).save(content, "PNG")
            self.add(tar, "b.png", content.getvalue())
        refused(tmp_path, "two sizes", "a.png)", "b.png)", "1 of 9x9")

    def test_a_damaged_header_in_the_middle_is_not_taken_for_the_end(self, tmp_path) -> None:
        save(small(), tmp_path, "webdataset")
        shard = tmp_path / "train-000000.tar"
        content = bytearray(shard.read_bytes())
        content[2048 + 148] ^= 0xFF  # the checksum of the second sample's header
        shard.write_bytes(content)
        refused(tmp_path, "train-000000.tar is cut short or damaged 2048 bytes from its start")


class TestTruncation:
    @pytest.mark.parametrize(
        ("format", "file"),
        [("npz", "train.npz"), ("parquet", "train.parquet"), ("webdataset", "train-000000.tar")],
    )
    @pytest.mark.parametrize("part", [0, 0.1, 0.5, 0.9])
    def test_a_file_that_is_cut_short_is_named(self, tmp_path, format, file, part) -> None:
        path = save(small(), tmp_path / "made", format) / file
        content = path.read_bytes()
        content = content.rstrip(b"\0") if format == "webdataset" else content  # a tar is padded at its end
        path.write_bytes(content[: int(len(content) * part)])
        refused(path.parent, file)

    def test_a_shard_cut_between_two_samples_is_no_whole_one(self, tmp_path) -> None:
        save(small(), tmp_path, "webdataset")
        shard = tmp_path / "train-000000.tar"
        shard.write_bytes(shard.read_bytes()[:2048])
        refused(tmp_path, "train-000000.tar")
