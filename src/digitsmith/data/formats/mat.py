"""MATLAB's `.mat`: SVHN's `X` and `y`, USPS' `data`, and what else has usual names. It is only read.

Axes are in MATLAB's order, the number of the image last, if the shapes do not tell otherwise. SciPy, which reads such
files too, ends the process on some that are damaged; arrays of numbers are all that is needed here, and take little:
https://www.mathworks.com/help/pdf_doc/matlab/matfile_format.pdf. Files of version 7.3 are HDF5.
"""

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from digitsmith.data import limits
from digitsmith.data.dataset import Dataset
from digitsmith.data.folders import Place
from digitsmith.data.formats import decoding, hdf5
from digitsmith.data.formats.array_file import file_of
from digitsmith.data.formats.arrays_by_class import joined
from digitsmith.data.formats.named_arrays import Claim, read_arrays
from digitsmith.data.reading import Reading

_HDF5 = b"\x89HDF\r\n\x1a\n"
_USER_BLOCK = 512  # bytes before the HDF5 of version 7.3
_HEADER = 128  # bytes of version 5
_MATRIX, _COMPRESSED = 14, 15  # kinds of elements
_TYPES = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
"""How the elements of version 5 have numbers: not always in the type of the array."""

_NUMBERS, _COMPLEX = range(6, 16), 8  # classes of arrays, and a flag
_OTHERS = {1: "a cell array", 2: "a struct", 3: "an object", 4: "an array of characters", 5: "a sparse array"}
_TYPES_4 = ("f8", "f4", "i4", "i2", "u2", "u1")
_START = 2**16  # bytes in which what an array says of itself must lie
_MOST = 1000  # arrays, and letters of a name


def holds(place: Place) -> bool:
    """Whether there is a MATLAB file of this split, or of several."""
    return file_of(place, ".mat") is not None


def read(place: Place, reading: Reading) -> Dataset:
    """Read the images of a split, and labels if there are any."""
    path = file_of(place, ".mat")
    assert path is not None
    with decoding(path), path.open("rb") as file:
        start = file.read(_USER_BLOCK + len(_HDF5))
        if start.startswith(_HDF5) or start[_USER_BLOCK:] == _HDF5:
            return hdf5.read_file(path, place.split, reading, reverse=True)
        arrays = joined(path, _Arrays(file, path.stat().st_size), place.split, reading.note)
        return read_arrays(path, arrays, place.split, reading, reverse=True)


@dataclass(frozen=True)
class _Array:
    """What an array says of itself, and where in the file it is.

    Attributes:
        name: of it.
        claim: shape, and type of the numbers as they are stored; that of objects for whatever is no array of numbers.
        start: of what its numbers are in.
        stored: bytes of that; 0 if they are the numbers themselves.
        skipped: bytes before the numbers in that, decompressed.
    """

    name: str
    claim: Claim
    start: int = 0
    stored: int = 0
    skipped: int = 0


class _Arrays:
    """The arrays of a file up to version 7."""

    def __init__(self, file: IO[bytes], size: int) -> None:
        self._file, self._size = file, size
        file.seek(0)
        found = _of_version_4(file, size) if 0 in file.read(4) else _of_version_5(file, size)
        self._arrays = dict[str, _Array]()
        for array in found:
            if array.name in self._arrays or len(self._arrays) == _MOST:
                raise ValueError(f"it has 2 arrays {array.name}, or more than {_MOST}")
            self._arrays[array.name] = array
        self.claims = {name: array.claim for name, array in self._arrays.items()}

    def read(self, name: str) -> NDArray[Any]:
        """Read one array, if its size is allowed."""
        array, claim = self._arrays[name], self.claims[name]
        if claim.dtype.hasobject:
            raise ValueError(f"{name} is no array of numbers")
        if claim.nbytes > limits.allowed(self._size):
            raise ValueError(f"{name} claims {claim.nbytes:,} bytes, more than is read of such a file")
        self._file.seek(array.start)
        if array.stored:
            content = _inflate(self._file.read(array.stored), array.skipped + claim.nbytes)[array.skipped :]
        else:
            content = memoryview(self._file.read(claim.nbytes))
        if len(content) < claim.nbytes:
            raise ValueError(f"{name} is cut short")
        return np.frombuffer(content, claim.dtype).reshape(claim.shape[::-1]).T


def _inflate(content: bytes, most: int) -> memoryview:
    """The first bytes that come out of a zlib stream."""
    return memoryview(zlib.decompressobj().decompress(content, most) if most else b"")


def _of_version_5(file: IO[bytes], size: int) -> Iterator[_Array]:
    file.seek(0)
    order = {b"IM": "<", b"MI": ">"}.get(file.read(_HEADER)[126:])
    if order is None:
        raise ValueError("it is no MATLAB file of a version that is known")
    while len(tag := file.read(8)) == 8:
        start = file.tell()
        kind, length = struct.unpack(f"{order}2I", tag)
        if length > size - start:
            raise ValueError(f"it is cut short {start} bytes from its start")
        if kind == _COMPRESSED:
            content = file.read(length)
            inner = _inflate(content, _START)
            if struct.unpack(f"{order}I", inner[:4])[0] == _MATRIX:
                yield _matrix(inner[8:], order, start, length, 8)
        elif kind == _MATRIX:
            yield _matrix(memoryview(file.read(min(length, _START))), order, start, 0, 0)
        file.seek(start + length)


def _matrix(content: memoryview, order: str, start: int, stored: int, skipped: int) -> _Array:
    """What the first bytes of an array say: flags, sides, name, and the type of its numbers."""
    _, flags, place = _element(content, 0, order)
    _, sides, place = _element(content, place, order)
    _, name, place = _element(content, place, order)
    kind = struct.unpack(f"{order}I", flags[:4])[0]
    shape = struct.unpack(f"{order}{len(sides) // 4}i", sides[: len(sides) // 4 * 4])
    title = bytes(name[:_MOST]).decode("latin1")
    if kind & 255 not in _NUMBERS or kind >> 8 & _COMPLEX or min(shape, default=0) < 0:
        return _Array(title, Claim((), np.dtype(object), _OTHERS.get(kind & 255, "no array of numbers")))
    of, length, place = _tag(content, place, order)
    claim = Claim(shape, np.dtype(f"{order}{_TYPES[of]}"))
    if claim.nbytes != length:
        raise ValueError(f"{title} has {length:,} bytes of numbers where its sides need {claim.nbytes:,}")
    return _Array(title, claim, start + (0 if stored else place), stored, skipped + place)


def _tag(content: memoryview, place: int, order: str) -> tuple[int, int, int]:
    """Kind of an element, how many bytes it has, and where they start; few of them stand in the tag itself."""
    first, length = struct.unpack(f"{order}2I", content[place : place + 8])
    return (first & 0xFFFF, first >> 16, place + 4) if first >> 16 else (first, length, place + 8)


def _element(content: memoryview, place: int, order: str) -> tuple[int, memoryview, int]:
    """Kind of an element, its bytes, and where the next one starts."""
    kind, length, start = _tag(content, place, order)
    if length > len(content) - start:
        raise ValueError("an array is cut short, or says too much of itself")
    return kind, content[start : start + length], place + 8 if start == place + 4 else start + -(-length // 8) * 8


def _of_version_4(file: IO[bytes], size: int) -> Iterator[_Array]:
    file.seek(0)
    while len(head := file.read(20)) == 20:
        order = "<" if struct.unpack("<i", head[:4])[0] in range(5000) else ">"
        kind, rows, columns, is_complex, letters = struct.unpack(f"{order}5i", head)
        if kind not in range(5000) or min(rows, columns) < 0 or not 0 < letters <= _MOST or kind // 10 % 10 > 5:
            raise ValueError("it is no MATLAB file of a version that is known")
        name = file.read(letters).rstrip(b"\0").decode("latin1")
        claim, start = Claim((rows, columns), np.dtype(f"{order}{_TYPES_4[kind // 10 % 10]}")), file.tell()
        length = claim.nbytes * (2 if is_complex else 1)
        if length > size - start:
            raise ValueError(f"{name} is cut short")
        other = Claim((), np.dtype(object), "an array of characters" if kind % 10 == 1 else "no array of numbers")
        yield _Array(name, other if is_complex or kind % 10 else claim, start)
        file.seek(start + length)
