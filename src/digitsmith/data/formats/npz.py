"""NPZ: NumPy arrays in a zip file, `train.npz` and `test.npz`.

Its arrays are `images`, uint8[n, h, w] or uint8[n, h, w, 3]; `labels`, int64[n], where -1 is unlabelled; and `classes`,
strings. Arrays of other names, shapes and ranges are read, too: Keras' `x_train`, `y_train`, `x_test`, `y_test` in one
file, `arr_0` and `arr_1`, floats from 0 to 1, … (`formats.named_arrays`, `data.arrays`).
"""

import io
import math
import shutil
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from digitsmith.data import limits
from digitsmith.data.dataset import Dataset
from digitsmith.data.folders import Place
from digitsmith.data.formats import Header, decoding, write_record
from digitsmith.data.formats.array_file import file_of
from digitsmith.data.formats.named_arrays import Claim, read_arrays
from digitsmith.data.reading import Reading

_MAX_HEADER = 2**14  # bytes of what stands before an array's content
_MAX_ARRAYS = 1000
_MAX_DEFLATE = 1032  # to 1: what it can do at most


def holds(place: Place) -> bool:
    """Whether there is an NPZ file of this split."""
    return file_of(place, ".npz") is not None


def read(place: Place, reading: Reading) -> Dataset:
    """Read a file, or the split's file in a folder. Of its arrays only those that are needed are decompressed."""
    path = file_of(place, ".npz")
    assert path is not None
    with decoding(path), zipfile.ZipFile(path) as archive:
        return read_arrays(path, _Archive(archive, path.stat().st_size), place.split, reading)


class _Archive:
    """The arrays of an NPZ."""

    def __init__(self, archive: zipfile.ZipFile, stored: int) -> None:
        self._archive, self._stored = archive, stored
        self._members = dict[str, zipfile.ZipInfo]()
        self.claims = dict[str, Claim]()
        for member in archive.infolist():
            name = member.filename.removesuffix(".npy")
            if name == member.filename or name.startswith(("__MACOSX/", ".")):
                continue
            if name in self._members:
                raise ValueError(f"it has 2 arrays {name}")
            if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise ValueError(f"{name} is compressed in a way that NumPy does not use")
            if len(self._members) == _MAX_ARRAYS:
                raise ValueError(f"it has more than {_MAX_ARRAYS} arrays")
            self._members[name] = member
            with archive.open(member) as stream:
                header, _ = _parse_header(stream.read(_MAX_HEADER))
            self.claims[name] = Claim(header.shape, header.dtype)

    def read(self, name: str) -> NDArray[Any]:
        """Read an array if the size that its header claims is allowed, and is the size that is there."""
        member, claim = self._members[name], self.claims[name]
        if claim.dtype.hasobject:
            raise ValueError(f"{name} has pickled objects, which are not loaded")
        if claim.nbytes > limits.allowed(self._stored):
            raise ValueError(f"{name} claims {claim.nbytes:,} bytes; {limits.allowed(self._stored):,} are allowed")
        if member.file_size > _MAX_DEFLATE * member.compress_size:
            raise ValueError(f"{name} claims {member.file_size:,} bytes in {member.compress_size:,}")
        with self._archive.open(member) as stream:
            start = stream.read(_MAX_HEADER)
            header, size = _parse_header(start)
            if size + claim.nbytes != member.file_size:
                raise ValueError(f"{name} has {member.file_size - size:,} bytes where its header says {claim.nbytes:,}")
            values = np.empty(math.prod(claim.shape), claim.dtype)
            content, chunk, place = values.view(np.uint8), start[size:], 0
            while chunk:
                content[place : place + len(chunk)] = np.frombuffer(chunk, np.uint8)
                place, chunk = place + len(chunk), stream.read(2**20)
        if place < len(content):
            raise ValueError(f"{name} is cut short")
        return values.reshape(claim.shape[::-1]).T if header.fortran_order else values.reshape(claim.shape)


@dataclass(frozen=True)
class _Header:
    """What the header of an array claims."""

    shape: tuple[int, ...]
    fortran_order: bool
    dtype: np.dtype[Any]


def _parse_header(start: bytes) -> tuple[_Header, int]:
    """What an array's first bytes say, and how many of them are its header."""
    stream = io.BytesIO(start)
    version = np.lib.format.read_magic(stream)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    if version not in ((1, 0), (2, 0)):
        raise ValueError(f"an array of version {version}")
    header = _Header(*read(stream))
    if any(side < 0 for side in header.shape):
        raise ValueError("an array has a negative size")
    return header, stream.tell()


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
