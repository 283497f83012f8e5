"""NPZ: NumPy arrays in a zip file, `train.npz` and `test.npz`.

Its arrays are `images`, uint8[n, h, w] or uint8[n, h, w, 3]; `labels`, int64[n], where -1 is unlabelled; and `classes`,
strings. Keras' layout, `x_train`, `y_train`, `x_test`, `y_test` in one file, is read too.
"""

import io
import math
import shutil
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from digitsmith.data import limits
from digitsmith.data.assemble import assemble
from digitsmith.data.dataset import Dataset, require_images, require_labels
from digitsmith.data.folders import Place
from digitsmith.data.formats import Header, Split, as_classes, decoding, write_record
from digitsmith.data.reading import Reading

_MAX_HEADER = 2**14  # bytes of what stands before an array's content
_MAX_DEFLATE = 1032  # to 1: what it can do at most


def holds(place: Place) -> bool:
    """Whether there is an NPZ file of this split."""
    path = place.path
    return path.suffix == ".npz" if path.is_file() else (path / f"{place.split}.npz").is_file()


def read(place: Place, reading: Reading) -> Dataset:
    """Read a file, or the split's file in a folder. Of its arrays only those of the images are decompressed."""
    path = place.path / f"{place.split}.npz" if place.path.is_dir() else place.path
    with decoding(path), zipfile.ZipFile(path) as archive:
        return assemble(path, reading, *_from_arrays(path, archive, place.split))


def _from_arrays(
    path: Path, archive: zipfile.ZipFile, split: Split
) -> tuple[NDArray[Any], NDArray[Any] | None, tuple[str, ...]]:
    names = [name.removesuffix(".npy") for name in archive.namelist() if name.endswith(".npy")]
    keras = f"x_{split}" in names
    if not keras and "images" not in names:
        raise ValueError(f"it has the arrays {', '.join(names)}, but neither images nor x_{split}")

    def check_images(array: _Array) -> None:
        require_images(array.dtype, array.shape)
        limits.check_images(path, array.shape, path.stat().st_size)

    images = _read_array(archive, f"x_{split}" if keras else "images", check_images)
    labels = f"y_{split}" if keras else "labels"
    return (
        images,
        _read_array(archive, labels, lambda array: require_labels(array.dtype, array.shape, len(images)))
        if labels in names
        else None,
        as_classes(_read_array(archive, "classes", _check_classes).tolist())
        if "classes" in names and not keras
        else (),
    )


@dataclass(frozen=True)
class _Array:
    """What the header of an array claims."""

    shape: tuple[int, ...]
    fortran_order: bool
    dtype: np.dtype[Any]

    @property
    def nbytes(self) -> int:
        return math.prod(self.shape) * self.dtype.itemsize


def _check_classes(array: _Array) -> None:
    if array.dtype.kind != "U" or len(array.shape) != 1:
        raise ValueError("class names are no list of strings")
    if array.nbytes > limits.MAX_RECORD:
        raise ValueError(f"class names of {array.nbytes:,} bytes; at most {limits.MAX_RECORD:,} are read")


def _read_array(archive: zipfile.ZipFile, name: str, check: Callable[[_Array], None]) -> NDArray[Any]:
    """Read an array if `check` lets what its header claims pass, and the claim is the size that is there."""
    members = [member for member in archive.infolist() if member.filename == f"{name}.npy"]
    if len(members) > 1:
        raise ValueError(f"it has {len(members)} arrays {name}")
    (member,) = members
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ValueError(f"{name} is compressed in a way that NumPy does not use")
    with archive.open(member) as stream:
        start = stream.read(_MAX_HEADER)
        array, header_size = _parse_header(start)
        if array.dtype.hasobject:
            raise ValueError(f"{name} has pickled objects, which are not loaded")
        if any(side < 0 for side in array.shape):
            raise ValueError(f"{name} has a negative size")
        check(array)
        if member.file_size > _MAX_DEFLATE * member.compress_size:
            raise ValueError(f"{name} claims {member.file_size:,} bytes in {member.compress_size:,}")
        if header_size + array.nbytes != member.file_size:
            raise ValueError(
                f"{name} has {member.file_size - header_size:,} bytes where its header says {array.nbytes:,}"
            )
        values = np.empty(math.prod(array.shape), array.dtype)
        content, chunk, place = values.view(np.uint8), start[header_size:], 0
        while chunk:
            content[place : place + len(chunk)] = np.frombuffer(chunk, np.uint8)
            place, chunk = place + len(chunk), stream.read(2**20)
    if place < len(content):
        raise ValueError(f"{name} is cut short")
    return values.reshape(array.shape[::-1]).T if array.fortran_order else values.reshape(array.shape)


def _parse_header(start: bytes) -> tuple[_Array, int]:
    """What an array's first bytes say, and how many of them are its header."""
    stream = io.BytesIO(start)
    version = np.lib.format.read_magic(stream)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    if version not in ((1, 0), (2, 0)):
        raise ValueError(f"an array of version {version}")
    return _Array(*read(stream)), stream.tell()


class Writer:
    """Writes one uncompressed NPZ; labels wait in a temporary file until the images are through."""

    def __init__(self, folder: Path, header: Header) -> None:
        write_record(folder, header)
        self._header = header
        self._zip = zipfile.ZipFile(folder / f"{header.split}.npz", "w", zipfile.ZIP_STORED)
        self._labels = tempfile.TemporaryFile(dir=folder)
        self._images = self._start("images", np.dtype(np.uint8), header.shape)

    def _start(self, name: str, dtype: np.dtype[Any], shape: tuple[int, ...]) -> IO[bytes]:
        entry = zipfile.ZipInfo(f"{name}.npy")  # with a fixed time stamp: equal images, equal files
        stream = self._zip.open(entry, "w", force_zip64=True)
        array_header = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(stream, array_header)
        return stream

    def write(self, images: NDArray[np.uint8], labels: NDArray[np.int64] | None) -> None:
        """Append a batch."""
        self._images.write(np.ascontiguousarray(images).data)
        if labels is not None:
            self._labels.write(labels.astype("<i8").data)

    def close(self) -> None:
        """Append labels and class names."""
        try:
            self._images.close()
            if self._header.classes:
                self._labels.seek(0)
                with self._start("labels", np.dtype("<i8"), (self._header.count,)) as stream:
                    shutil.copyfileobj(self._labels, stream)
                names = np.array(self._header.classes)
                with self._start("classes", names.dtype, names.shape) as stream:
                    stream.write(names.tobytes())
        finally:
            self._labels.close()
            self._zip.close()
