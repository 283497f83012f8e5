"""What `generate` writes opens elsewhere unchanged: webdataset, Hugging Face's datasets, torchvision, Keras.

webdataset and datasets are installed with the extra `dev`. torchvision and Keras are too large: their conventions are
followed here by small readers that were written after their sources, and share nothing with ours.
"""

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import digitsmith
from digitsmith.data.formats import Format
from digitsmith.models.generator import Model
from tiny_models import a_model


@pytest.fixture(scope="module")
def model() -> Model:
    return a_model()


@pytest.fixture
def expected(model: Model) -> tuple[np.ndarray, np.ndarray]:
    labels = np.arange(300) % 10
    return model.sample(labels), labels


def made(model: Model, format: Format, folder: str = "made", **options: object) -> Path:
    return digitsmith.generate(folder, 300, model=model, format=format, **options)


def sorted_like(images: list[np.ndarray], labels: list[int], expected: tuple[np.ndarray, np.ndarray]) -> None:
    """The same images with the same labels, in the order of classes."""
    order = np.argsort(expected[1], kind="stable")
    np.testing.assert_array_equal(labels, expected[1][order])
    np.testing.assert_array_equal(np.stack(images), expected[0][order])


def test_webdataset(model, expected) -> None:
    webdataset = pytest.importorskip("webdataset", reason="the extra dev runs it")
    folder = made(model, "webdataset")
    shards = str(folder / "train-{000000..000000}.tar")
    samples = list(webdataset.WebDataset(shards, shardshuffle=False).decode("l8").to_tuple("png", "cls"))
    np.testing.assert_array_equal(np.stack([image for image, _ in samples]), expected[0])
    np.testing.assert_array_equal([label for _, label in samples], expected[1])


class TestDatasets:
    @pytest.fixture
    def datasets(self, tmp_path, monkeypatch):
        monkeypatch.setenv("HF_HUB_OFFLINE", "1")
        monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
        return pytest.importorskip("datasets", reason="the extra dev runs it")

    def test_parquet(self, datasets, model, expected, tmp_path) -> None:
        folder = made(model, "parquet")
        rows = datasets.load_dataset(
            "parquet", data_files=str(folder / "train.parquet"), split="train", cache_dir=tmp_path
        )
        assert rows.features["label"].names == list(model.record.classes)
        np.testing.assert_array_equal(np.stack([np.asarray(image) for image in rows["image"]]), expected[0])
        np.testing.assert_array_equal(list(rows["label"]), expected[1])

    def test_a_folder_of_parquet_is_a_data_set_by_itself(self, datasets, model, tmp_path) -> None:
        rows = datasets.load_dataset(str(made(model, "parquet").absolute()), cache_dir=tmp_path)
        assert list(rows) == ["train"]
        assert rows["train"].num_rows == 300

    def test_image_folder(self, datasets, model, expected, tmp_path) -> None:
        rows = datasets.load_dataset("imagefolder", data_dir=str(made(model, "png")), split="train", cache_dir=tmp_path)
        assert rows.features["label"].names == list(model.record.classes)
        sorted_like([np.asarray(image) for image in rows["image"]], list(rows["label"]), expected)

    def test_webdataset(self, datasets, model, expected, tmp_path) -> None:
        folder = made(model, "webdataset")
        rows = datasets.load_dataset(
            "webdataset", data_files={"train": str(folder / "train-*.tar")}, split="train", cache_dir=tmp_path
        )
        np.testing.assert_array_equal(np.stack([np.asarray(image) for image in rows["png"]]), expected[0])
        np.testing.assert_array_equal(list(rows["cls"]), expected[1])


def _torchvision_idx(path: Path) -> np.ndarray:
    """As torchvision's `read_sn3_pascalvincent_tensor`: magic, one big-endian size per dimension, bytes."""
    data = path.read_bytes()
    magic = int.from_bytes(data[:4], "big")
    dimensions, kind = magic % 256, magic // 256
    assert kind == 8  # uint8
    shape = [int.from_bytes(data[4 * (i + 1) : 4 * (i + 2)], "big") for i in range(dimensions)]
    values = np.frombuffer(data, np.uint8, offset=4 * (dimensions + 1))
    assert len(values) == np.prod(shape)
    return values.reshape(shape)


@pytest.mark.parametrize(("split", "prefix"), [("train", "train"), ("test", "t10k")])
def test_idx_as_torchvision_reads_mnist(model, expected, split, prefix) -> None:
    """`MNIST(root)` opens root/MNIST/raw/train-images-idx3-ubyte and so on, unzipped, if all four files are there."""
    raw = made(model, "idx", "root/MNIST/raw", split=split)
    np.testing.assert_array_equal(_torchvision_idx(raw / f"{prefix}-images-idx3-ubyte"), expected[0])
    np.testing.assert_array_equal(_torchvision_idx(raw / f"{prefix}-labels-idx1-ubyte"), expected[1])


def test_png_as_image_folder_and_keras_read_class_folders(model, expected) -> None:
    """Both number the folders by their sorted names, and take each file below with an ending of an image."""
    root = made(model, "png") / "train"
    classes = sorted(entry.name for entry in os.scandir(root) if entry.is_dir())
    assert classes == list(model.record.classes)
    assert all(entry.is_dir() for entry in os.scandir(root))
    images, labels = [], []
    for label, name in enumerate(classes):
        for folder, _, files in sorted(os.walk(root / name)):
            for file in sorted(files):
                assert file.lower().endswith((".bmp", ".gif", ".jpeg", ".jpg", ".png"))
                with Image.open(Path(folder, file)) as image:
                    assert image.mode == "L"
                    images.append(np.asarray(image))
                labels.append(label)
    sorted_like(images, labels, expected)
