"""IDX, the format of MNIST (LeCun, Cortes & Burges 1998): big-endian header, then bytes. Plain or gzipped.

Files carry MNIST's own names, so that any program for MNIST reads them: `train-images-idx3-ubyte`,
`train-labels-idx1-ubyte`, and `t10k-…` for the test split. Colour images, uint8[n, h, w, 3], are in
`train-images-idx4-ubyte`. A label is an unsigned byte, so an unlabelled image among labelled ones cannot be written.
"""

import gzip
import math
from pathlib import Path
from typing import IO, Any, cast

import numpy as np
from numpy.typing import NDArray

from digitsmith.data import limits
from digitsmith.data.assemble import assemble
from digitsmith.data.dataset import Dataset
from digitsmith.data.folders import Place
from digitsmith.data.formats import Header, Split, decoding, write_record
from digitsmith.data.reading import Reading
from digitsmith.errors import DataError

PREFIXES = {"train": "train", "test": "t10k"}
_TYPES: dict[int, np.dtype[Any]] = {0x08: np.dtype("u1"), 0x0C: np.dtype(">i4")}
_IMAGES = {3: "images-idx3-ubyte", 4: "images-idx4-ubyte"}
_LABELS = "labels-idx1-ubyte"


def read_array(path: Path, dimensions: int, count: int | None = None) -> NDArray[Any]:
    """Read one IDX file, plain or gzipped.

    Args:
        path: the file; gzip is told by its content, not its name.
        dimensions: how many the array must have: 3 for grey images, 4 for colour, 1 for labels, 2 for QMNIST's.
        count: of images that it is for, where that is known.

    Returns:
        uint8 of the shape in the header; labels may be big-endian int32.

    Raises:
        DataError: not IDX, another type or number of dimensions, cut short, too long, too large, or corrupt gzip.
    """
    with decoding(path), path.open("rb") as file:
        zipped = file.read(2) == b"\x1f\x8b"
        file.seek(0)
        return _read(path, cast(IO[bytes], gzip.open(file)) if zipped else file, dimensions, count)


def _read(path: Path, file: IO[bytes], dimensions: int, count: int | None) -> NDArray[Any]:
    magic = file.read(4)
    magics = [bytes([0, 0, code, dimensions]) for code in _TYPES if code == 0x08 or dimensions < 3]  # pixels are bytes
    if magic not in magics:
        types = " or ".join(known.hex() for known in magics)
        raise DataError(f"{path} is no IDX file of {dimensions} dimensions: it starts with {magic.hex()}, not {types}.")
    dtype = _TYPES[magic[2]]
    header = file.read(4 * dimensions)
    if len(header) < 4 * dimensions:
        raise DataError(f"{path} is cut short in its header: get it again.")
    shape = tuple(int(size) for size in np.frombuffer(header, ">u4"))
    if count is not None and shape[0] != count:
        raise DataError(f"{path} is for {shape[0]} images, but there are {count} images: get both again.")
    as_images = shape if dimensions > 2 else (shape[0], 1, math.prod(shape[1:]), dtype.itemsize)
    limits.check_images(path, as_images, path.stat().st_size)
    size = math.prod(shape) * dtype.itemsize
    content = bytearray()
    while len(content) < size and (chunk := file.read(min(size - len(content), 2**24))):
        content += chunk
    if len(content) < size:
        raise DataError(
            f"{path} is cut short: {len(content)} bytes of data where its header says {size}. Get it again."
        )
    if file.read(1):
        raise DataError(f"{path} has more data than the {size} bytes that its header says: its count is wrong.")
    return np.frombuffer(content, dtype).reshape(shape)


def holds(place: Place) -> bool:
    """Whether there are IDX images of this split."""
    return bool(_images(place.path, place.split))


def read(place: Place, reading: Reading) -> Dataset:
    """Read images and, if there are any, labels: a folder, or the images' file of one."""
    found = _images(place.path, place.split)
    if len(found) > 1:
        raise DataError(
            f"{place.path} has grey and colour images, {found[3].name} and {found[4].name}: take one file out."
        )
    ((dimensions, images_path),) = found.items()
    images = read_array(images_path, dimensions).astype(np.uint8, copy=False)
    labels_name = images_path.name.removesuffix(".gz").replace(_IMAGES[dimensions], _LABELS)
    labels_path = _plain_or_gzipped(images_path.parent, labels_name)
    labels = None if labels_path is None else read_array(labels_path, 1, len(images)).astype(np.int64)
    return assemble(images_path, reading, images, labels, by_value=True)


def _images(path: Path, split: Split) -> dict[int, Path]:
    """The files of images in a folder, or the file itself, by their number of dimensions."""
    if path.is_file():
        return {dimensions: path for dimensions, name in _IMAGES.items() if name in path.name}
    files = {dimensions: _plain_or_gzipped(path, f"{PREFIXES[split]}-{name}") for dimensions, name in _IMAGES.items()}
    return {dimensions: file for dimensions, file in files.items() if file is not None}


def _plain_or_gzipped(folder: Path, name: str) -> Path | None:
    return next((file for ending in ("", ".gz") if (file := folder / f"{name}{ending}").is_file()), None)


class Writer:
    """Writes MNIST's two files."""

    def __init__(self, folder: Path, header: Header) -> None:
        write_record(folder, header)
        prefix, ending = PREFIXES[header.split], ".gz" if header.gzip else ""
        self._images = _open(folder / f"{prefix}-{_IMAGES[len(header.shape)]}{ending}")
        self._images.write(_header(*header.shape))
        self._labels: IO[bytes] | None = None
        if header.classes:
            if len(header.classes) > 256:
                raise DataError(
                    f"{len(header.classes)} classes do not fit into IDX labels of one byte: use npz or parquet."
                )
            self._labels = _open(folder / f"{prefix}-{_LABELS}{ending}")
            self._labels.write(_header(header.count))

    def write(self, images: NDArray[np.uint8], labels: NDArray[np.int64] | None) -> None:
        """Append a batch.

        Raises:
            DataError: unlabelled images among labelled ones.
        """
        self._images.write(np.ascontiguousarray(images).data)
        if self._labels is not None and labels is not None:
            if labels.min(initial=0) < 0:
                raise DataError("IDX has no label for unlabelled images: use npz, png, parquet or webdataset.")
            self._labels.write(labels.astype(np.uint8).data)

    def close(self) -> None:
        """Close the files."""
        self._images.close()
        if self._labels is not None:
            self._labels.close()


def _open(path: Path) -> IO[bytes]:
    if path.suffix == ".gz":
        return cast(
            IO[bytes], gzip.GzipFile(path, "wb", compresslevel=6, mtime=0)
        )  # no time stamp: equal images, equal files
    return path.open("wb")


def _header(*shape: int) -> bytes:
    return bytes([0, 0, 0x08, len(shape)]) + np.array(shape, ">u4").tobytes()
