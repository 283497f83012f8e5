"""MATLAB's files and HDF5: the layouts of SVHN, USPS and MNIST as people find them."""

import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
import scipy.io

from digitsmith.data import formats
from digitsmith.data.dataset import Dataset
from digitsmith.data.reading import Reading
from digitsmith.errors import DataError, DependencyError, MissingSplitError
from digitsmith.records.base import ReadOptions

GREY = np.random.default_rng(0).integers(0, 256, (40, 16, 16), dtype=np.uint8)
COLOUR = np.random.default_rng(1).integers(0, 256, (40, 16, 16, 3), dtype=np.uint8)
LABELS = np.arange(40) % 10
FLAT = GREY.reshape(40, 256)


def read(path: Path, split="train", **options) -> tuple[Dataset, str]:
    reading = Reading(ReadOptions(**options))
    return formats.read(path, split, reading), " ".join(reading.notes)


def assert_all(data: Dataset, images: np.ndarray = GREY, labels: np.ndarray = LABELS) -> None:
    assert np.array_equal(data.images, images)
    assert data.labels is not None
    assert data.labels.tolist() == labels.tolist()
    assert data.classes == tuple("0123456789")


def hdf5(path: Path, arrays: dict, block: bytes = b"", **options) -> Path:
    with h5py.File(path, "w", userblock_size=512 if block else 0) as file:
        for name, array in arrays.items():
            file.create_dataset(name, data=array, **options)
    if block:
        content = path.read_bytes()
        path.write_bytes(block.ljust(512, b"\0") + content[512:])
    return path


class TestMat:
    @pytest.mark.parametrize("compressed", [False, True])
    def test_svhn(self, tmp_path, compressed) -> None:
        arrays = {"X": COLOUR.transpose(1, 2, 3, 0), "y": np.where(LABELS == 0, 10, LABELS)[:, None].astype(np.uint8)}
        scipy.io.savemat(tmp_path / "train_32x32.mat", arrays, do_compression=compressed)
        data, notes = read(tmp_path / "train_32x32.mat")
        assert_all(data, COLOUR)
        assert "10 is taken for the digit 0, as in SVHN" in notes
        assert_all(read(tmp_path)[0], COLOUR)

    def test_mnist_original_has_an_image_in_each_column(self, tmp_path) -> None:
        scipy.io.savemat(tmp_path / "a.mat", {"data": FLAT.T, "label": LABELS[None].astype(float)})
        data, notes = read(tmp_path / "a.mat")
        assert_all(data)
        assert "one row of it after the other" in notes

    def test_usps_with_rows_of_floats(self, tmp_path) -> None:
        scipy.io.savemat(tmp_path / "a.mat", {"fea": FLAT / 127.5 - 1, "gnd": LABELS[:, None].astype(np.uint8)})
        assert_all(read(tmp_path / "a.mat")[0])

    def test_usps_with_an_axis_for_the_class(self, tmp_path) -> None:
        order = np.argsort((LABELS - 1) % 10, kind="stable")
        scipy.io.savemat(tmp_path / "usps_all.mat", {"data": FLAT[order].reshape(10, 4, 256).transpose(2, 1, 0)})
        data, notes = read(tmp_path / "usps_all.mat")
        assert np.array_equal(data.images, GREY[order])
        assert data.labels is not None
        assert [data.classes[label] for label in data.labels[::4]] == list("1234567890")
        assert "4 images each of the digits 1 to 9, then 0, as USPS has them" in notes

    def test_ten_large_images_are_no_axis_for_the_class(self, tmp_path) -> None:
        scipy.io.savemat(tmp_path / "a.mat", {"X": np.zeros((100, 120, 10), np.uint8)})
        data, notes = read(tmp_path / "a.mat")
        assert (data.images.shape, data.labels) == ((10, 100, 120), None)
        assert "its last axis is taken for the number of the image" in notes

    def test_mnist_with_an_array_for_each_class(self, tmp_path) -> None:
        arrays = {f"{split}{digit}": FLAT[digit == LABELS] for split in ("train", "test") for digit in range(10)}
        arrays["test3"] = FLAT[:1]
        scipy.io.savemat(tmp_path / "mnist_all.mat", arrays)
        order = np.argsort(LABELS, kind="stable")
        data, notes = read(tmp_path / "mnist_all.mat")
        assert_all(data, GREY[order], LABELS[order])
        assert "each class is an array of its own, train0, train1" in notes
        assert len(read(tmp_path / "mnist_all.mat", "test")[0]) == 37

    def test_version_4_and_7_3(self, tmp_path) -> None:
        scipy.io.savemat(
            tmp_path / "4.mat", {"data": FLAT.astype(float), "label": LABELS[None].astype(float)}, format="4"
        )
        assert_all(read(tmp_path / "4.mat")[0])
        arrays = {"X": COLOUR.transpose(1, 2, 3, 0).T, "y": LABELS[None].astype(float), "#refs#/a": LABELS}
        assert_all(read(hdf5(tmp_path / "7.mat", arrays, b"MATLAB 7.3 MAT-file"))[0], COLOUR)

    def test_what_is_no_number_is_refused(self, tmp_path) -> None:
        scipy.io.savemat(tmp_path / "a.mat", {"X": np.array([{"a": 1}], object), "label": "text"})
        with pytest.raises(DataError, match="none of images"):
            read(tmp_path / "a.mat")
        scipy.io.savemat(tmp_path / "a.mat", {"dataset": {"images": FLAT}})  # as EMNIST has it
        with pytest.raises(DataError, match=r"dataset \(a struct\), but none of images: save"):
            read(tmp_path / "a.mat")
        for labels, kind in ((np.array(["a", 1], object), "a cell array"), (["a", "b"], "an array of characters")):
            scipy.io.savemat(tmp_path / "a.mat", {"X": GREY, "label": labels})
            with pytest.raises(DataError, match=f"label is {kind}: labels are"):
                read(tmp_path / "a.mat")

    @pytest.mark.parametrize("change", [lambda b: b"", lambda b: b[:60], lambda b: b[:-500], lambda b: b"text" * 50])
    def test_damage_is_told_with_the_file(self, tmp_path, change) -> None:
        scipy.io.savemat(tmp_path / "a.mat", {"X": GREY, "y": LABELS}, do_compression=True)
        (tmp_path / "a.mat").write_bytes(change((tmp_path / "a.mat").read_bytes()))
        with pytest.raises(DataError, match=r"a\.mat"):
            read(tmp_path / "a.mat")


class TestHdf5:
    def test_usps(self, tmp_path) -> None:
        arrays = {f"{split}/{name}": array for split in ("train", "test")
                  for name, array in (("data", (FLAT / 255).astype(np.float32)), ("target", LABELS))}  # fmt: skip
        arrays["test/data"], arrays["test/target"] = arrays["test/data"][:7], arrays["test/target"][:7]
        path = hdf5(tmp_path / "usps.h5", arrays, compression="gzip")
        data, notes = read(path)
        assert_all(data)
        assert "floats from 0 to 1" in notes
        assert len(read(path, "test")[0]) == 7

    def test_usual_names_and_names_as_labels(self, tmp_path) -> None:
        names = np.array([b"ka", b"kha"], object)[LABELS % 2]
        path = hdf5(tmp_path / "a.hdf5", {"images": GREY[..., None], "labels": names.astype("S3")})
        data, _ = read(path)
        assert np.array_equal(data.images, GREY)
        assert data.classes == ("ka", "kha")
        with h5py.File(path, "a") as file:
            del file["labels"]
            file.create_dataset("labels", data=names, dtype=h5py.string_dtype())
        assert read(path)[0].classes == ("ka", "kha")

    def test_a_missing_split_is_told(self, tmp_path) -> None:
        with pytest.raises(MissingSplitError, match="no test split, only train"):
            read(hdf5(tmp_path / "a.h5", {"train/x": GREY}), "test")

    def test_links_to_other_files_are_not_followed(self, tmp_path) -> None:
        hdf5(tmp_path / "secret.h5x", {"images": GREY})
        path = hdf5(tmp_path / "a.h5", {"y": LABELS})
        with h5py.File(path, "a") as file:
            file["images"] = h5py.ExternalLink("secret.h5x", "/images")
            file["more"] = h5py.SoftLink("/y")
        with pytest.raises(DataError, match=r"the arrays y \(int64 of 40\), but none of images"):
            read(path)
        with h5py.File(path, "w") as file:
            file.create_dataset("images", (40, 16, 16), "u1", external=[("secret.h5x", 0, 40 * 256)])
        with pytest.raises(DataError, match="lies in other files"):
            read(path)

    def test_claims_are_bounded(self, tmp_path) -> None:
        path = tmp_path / "a.h5"
        for shape, chunks, message in (
            ((10**7, 28, 28), (1, 28, 28), "claims 10,000,000 images"),
            ((10**5, 28, 28), (10**6, 28, 28), "has parts of"),
        ):
            with h5py.File(path, "w") as file:
                file.create_dataset("images", shape, "u1", chunks=chunks, maxshape=(None, 28, 28))
            with pytest.raises(DataError, match=message):
                read(path)

    @pytest.mark.parametrize("change", [lambda b: b"", lambda b: b[:60], lambda b: b[:-500], lambda b: b"text" * 50])
    def test_damage_is_told_with_the_file(self, tmp_path, change) -> None:
        path = hdf5(tmp_path / "a.h5", {"x": GREY, "y": LABELS})
        path.write_bytes(change(path.read_bytes()))
        with pytest.raises(DataError, match=r"a\.h5"):
            read(path)

    def test_without_h5py_the_message_says_how_to_get_it(self, tmp_path, monkeypatch) -> None:
        path = hdf5(tmp_path / "a.h5", {"x": GREY})
        monkeypatch.setitem(sys.modules, "h5py", None)
        with pytest.raises(DependencyError, match=r"pip install '\.\[hdf5\]'"):
            read(path)
