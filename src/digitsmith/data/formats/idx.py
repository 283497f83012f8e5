"""IDX, the format of MNIST (LeCun, Cortes & Burges 1998): big-endian header, then bytes. Plain or gzipped.

Files carry MNIST's own names, so that any program for MNIST reads them: `train-images-idx3-ubyte`,
`train-labels-idx1-ubyte`, and `t10k-…` for the test split. Colour images, uint8[n, h, w, 3], are in
`train-images-idx4-ubyte`. Names are read with dots, too (`train-images.idx3-ubyte`), and with more before them. A label
is an unsigned byte: the digit itself if all classes are digits, whichever are missing, and else the place of the class
among those in `dataset.json`. An unlabelled image among labelled ones cannot be written.
"""

import gzip
import math
import re
from dataclasses import replace
from pathlib import Path
from typing import IO, Any, cast

import numpy as np
from numpy.typing import NDArray

from digitsmith.data import limits, names
from digitsmith.data.assemble import assemble
from digitsmith.data.dataset import Dataset
from digitsmith.data.folders import Place, counts, subfolders
from digitsmith.data.formats import Header, decoding, write_record
from digitsmith.data.labels import values_of
from digitsmith.data.names import part_of
from digitsmith.data.reading import Reading, listed
from digitsmith.errors import DataError

PREFIXES = {"train": "train", "test": "t10k"}
_TYPES: dict[int, np.dtype[Any]] = {0x08: np.dtype("u1"), 0x0C: np.dtype(">i4")}
_ENDINGS = tuple(f"{name}{zipped}" for name in ("ubyte", "idx3", "idx4") for zipped in ("", ".gz"))
_IMAGES = re.compile(r"images?[-._]idx([34])([-._]ubyte)?(\.gz)?$", re.IGNORECASE)
_LABELS = re.compile(r"labels?[-._]idx1([-._]ubyte)?(\.gz)?$", re.IGNORECASE)
_ON_SIDE = re.compile(
    r"emnist-(balanced|byclass|bymerge|digits|letters|mnist)-(train|test)-images-idx3-ubyte(\.gz)?", re.IGNORECASE
)


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


def read_images(path: Path, dimensions: int) -> NDArray[np.uint8]:
    """Read a file of images, and turn those of EMNIST (Cohen et al. 2017), which lie on their side, by its own names.

    Args:
        path: of the file.
        dimensions: as for `read_array`, 3 or 4.

    Returns:
        uint8[n, h, w], or uint8[n, h, w, 3].

    Raises:
        DataError: as `read_array` does.
    """
    images = read_array(path, dimensions).astype(np.uint8, copy=False)
    return images.swapaxes(1, 2).copy() if _ON_SIDE.fullmatch(path.name) else images


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


def is_idx(name: str) -> bool:
    """Whether a file of that name holds images, or their labels."""
    return bool(_IMAGES.search(name) or _LABELS.search(name))


def holds(place: Place) -> bool:
    """Whether there are IDX images of this split."""
    return bool(_images(place))


def read(place: Place, reading: Reading) -> Dataset:
    """Read images and, if there are any, labels: a folder, or the images' file of one."""
    found = _images(place, tell=True)
    if len(found) > 1:
        files = " and ".join(path.name for path in found)
        raise DataError(f"{place.path} has several files of images, {files}: take one file out, or give one by itself.")
    ((path, dimensions),) = found.items()
    images = read_images(path, dimensions)
    if _ON_SIDE.fullmatch(path.name):
        place.note(f"{path}: images were turned over their diagonal, as EMNIST's files have them on their side.")
    labels_path = _labels_of(path, place)
    labels = None if labels_path is None else read_array(labels_path, 1, len(images)).astype(np.int64)
    reading.layout = f"IDX, labels {'none' if labels_path is None else labels_path.name}"
    reading.count_pixels(images.dtype, images.shape)
    return assemble(path, reading, images, labels, by_value=True)


def _images(place: Place, *, tell: bool = False) -> dict[Path, int]:
    """The files of images, and how many dimensions each has by its name; `tell` as for `Place.files`.

    Each may lie in a folder of its own name, to which some programs unpack it.
    """
    files = place.files(*_ENDINGS, tell=tell)
    if not files and place.path.is_dir():
        inner = [replace(place, path=place.path / name) for name in subfolders(place.path) if _IMAGES.search(name)]
        files = [file for folder in inner for file in folder.files(*_ENDINGS)]
    found = {path: _IMAGES.search(path.name) for path in files}
    return _plain_first({path: int(match[1]) for path, match in found.items() if match is not None})


def _labels_of(images: Path, place: Place) -> Path | None:
    """The labels of a file of images, which lie beside it: their names are equal up to `images` and `labels`.

    Raises:
        DataError: several, or others only, which may be meant for them.
    """
    start = _start(_IMAGES, images)
    folders = [images.parent]
    if _IMAGES.search(images.parent.name):  # a folder of its own
        around = images.parent.parent
        folders += [around / name for name in subfolders(around) if _LABELS.search(name)]
    beside = [file for folder in folders for file in sorted(folder.iterdir())]
    files = [file for file in beside if counts(file.name) and file.is_file()]
    labels = [file for file in files if _LABELS.search(file.name)]
    prefix = names.plain(images.name[:start])
    found = _plain_first({f: 1 for f in labels if names.plain(f.name[: _start(_LABELS, f)]) == prefix})
    if len(found) > 1:
        raise DataError(f"{images} has several files of labels, {listed([file.name for file in found])}: take one out.")
    if found:
        return next(iter(found))
    lost = [f for f in files if "label" in f.name.lower() and part_of(f.name) in (part_of(images.name), None)]
    if meant := [file.name for file in lost if file in labels]:
        own = re.sub("images?", "labels", images.name[start:], flags=re.IGNORECASE)
        own = images.name[:start] + re.sub("idx[34]", "idx1", own, flags=re.IGNORECASE)
        raise DataError(f"{images} may have its labels in {listed(meant)}: call that {own}, or take it out.")
    if lost:
        place.note(f"{listed([file.name for file in lost])} beside {images} is not read: it is no IDX file of labels.")
    return None


def _start(kind: re.Pattern[str], file: Path) -> int:
    match = kind.search(file.name)
    assert match is not None
    return match.start()


def _plain_first(files: dict[Path, int]) -> dict[Path, int]:
    """Files without those that are there unzipped, too."""
    return {file: of for file, of in files.items() if file.suffix != ".gz" or file.with_suffix("") not in files}


class Writer:
    """Writes MNIST's two files."""

    def __init__(self, folder: Path, header: Header) -> None:
        write_record(folder, header)
        prefix, ending = PREFIXES[header.split], ".gz" if header.gzip else ""
        self._images = _open(folder / f"{prefix}-images-idx{len(header.shape)}-ubyte{ending}")
        self._images.write(_header(*header.shape))
        self._labels: IO[bytes] | None = None
        if header.classes:
            if len(header.classes) > 256:
                raise DataError(
                    f"{len(header.classes)} classes do not fit into IDX labels of one byte: use npz or parquet."
                )
            self._labels = _open(folder / f"{prefix}-labels-idx1-ubyte{ending}")
            self._labels.write(_header(header.count))
        self._bytes = np.array(values_of(header.classes), np.uint8)

    def write(self, images: NDArray[np.uint8], labels: NDArray[np.int64] | None) -> None:
        """Append a batch.

        Raises:
            DataError: unlabelled images among labelled ones.
        """
        self._images.write(np.ascontiguousarray(images).data)
        if self._labels is not None and labels is not None:
            if labels.min(initial=0) < 0:
                raise DataError("IDX has no label for unlabelled images: use npz, png, parquet or webdataset.")
            self._labels.write(self._bytes[labels].data)

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
