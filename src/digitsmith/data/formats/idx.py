"""IDX, the format of MNIST (LeCun, Cortes & Burges 1998): big-endian header, then bytes. Plain or gzipped.

Files carry MNIST's own names, so that any program for MNIST reads them: `train-images-idx3-ubyte`,
`train-labels-idx1-ubyte`, and `t10k-…` for the test split.
"""

import gzip
import math
import zlib
from pathlib import Path
from typing import IO, Any, cast

import numpy as np
from numpy.typing import NDArray

from digitsmith.data.dataset import Dataset
from digitsmith.data.formats import Header, Split, assemble, read_classes, write_about
from digitsmith.errors import DataError

PREFIXES = {"train": "train", "test": "t10k"}
_TYPES: dict[int, np.dtype[Any]] = {0x08: np.dtype("u1"), 0x0C: np.dtype(">i4")}
_MAX_BYTES = 2**34


def read_array(path: Path, dimensions: int) -> NDArray[Any]:
    """Read one IDX file, plain or gzipped.

    Args:
        path: the file; gzip is told by its content, not its name.
        dimensions: how many the array must have: 3 for images, 1 for labels, 2 for QMNIST's labels.

    Returns:
        uint8 of the shape in the header; labels may be big-endian int32.

    Raises:
        DataError: not IDX, another type or number of dimensions, cut short, too long, or corrupt gzip.
    """
    try:
        with path.open("rb") as file:
            if file.read(2) == b"\x1f\x8b":
                with gzip.open(path) as unzipped:
                    return _read(path, cast(IO[bytes], unzipped), dimensions)
            file.seek(0)
            return _read(path, file, dimensions)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(f"{path} is cut short or corrupt ({error}): get it again.") from error
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror or error}.") from error


def _read(path: Path, file: IO[bytes], dimensions: int) -> NDArray[Any]:
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
    size = math.prod(shape) * dtype.itemsize
    if math.prod(max(1, side) for side in shape) * dtype.itemsize > _MAX_BYTES:
        raise DataError(f"{path} claims {' x '.join(map(str, shape))} values: its header is damaged.")
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


def holds(path: Path, split: Split) -> bool:
    """Whether there are IDX images of this split."""
    return _find(path, split, "images-idx3-ubyte") is not None


def read(path: Path, split: Split) -> Dataset:
    """Read images and, if there are any, labels: a folder, or the images' file of one."""
    images_path = _find(path, split, "images-idx3-ubyte")
    if images_path is None:
        raise DataError(f"{path} has no {PREFIXES[split]}-images-idx3-ubyte, plain or .gz.")
    images = read_array(images_path, 3).astype(np.uint8, copy=False)
    labels_path = _find(path, split, "labels-idx1-ubyte")
    classes = read_classes(path if path.is_dir() else path.parent)
    if labels_path is None:
        if classes:
            raise DataError(f"{path} has class names, but no {PREFIXES[split]}-labels-idx1-ubyte.")
        return assemble(images_path, images)
    labels = read_array(labels_path, 1).astype(np.int64)
    if len(images) != len(labels):
        raise DataError(f"{images_path} has {len(images)} images, but {labels_path} {len(labels)} labels.")
    return assemble(images_path, images, labels, classes)


def _find(path: Path, split: Split, kind: str) -> Path | None:
    """The file of a kind, plain or gzipped: in a folder, or beside the images' file if that was named."""
    folder, name = path, f"{PREFIXES[split]}-{kind}"
    if path.is_file():
        if "images-idx3-ubyte" not in path.name:
            return None
        if kind == "images-idx3-ubyte":
            return path
        folder, name = path.parent, path.name.removesuffix(".gz").replace("images-idx3-ubyte", kind)
    return next((found for ending in ("", ".gz") if (found := folder / f"{name}{ending}").is_file()), None)


class Writer:
    """Writes MNIST's two files."""

    def __init__(self, folder: Path, header: Header) -> None:
        prefix, ending = PREFIXES[header.split], ".gz" if header.compress else ""
        self._images = _open(folder / f"{prefix}-images-idx3-ubyte{ending}")
        self._images.write(_header(header.count, *header.image_size))
        self._labels: IO[bytes] | None = None
        if header.classes:
            if len(header.classes) > 256:
                raise DataError(
                    f"{len(header.classes)} classes do not fit into IDX labels of one byte: use npz or parquet."
                )
            self._labels = _open(folder / f"{prefix}-labels-idx1-ubyte{ending}")
            self._labels.write(_header(header.count))
        write_about(folder, header)

    def write(self, images: NDArray[np.uint8], labels: NDArray[np.int64] | None) -> None:
        """Append a batch."""
        self._images.write(np.ascontiguousarray(images).data)
        if self._labels is not None and labels is not None:
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
