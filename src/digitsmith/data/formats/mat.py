"""MATLAB's `.mat`: SVHN's `X` and `y`, USPS' `data`, and what else has usual names. It is only read.

Axes are in MATLAB's order, the number of the image last, if the shapes do not tell otherwise.
"""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from digitsmith.data import limits
from digitsmith.data.dataset import Dataset
from digitsmith.data.folders import Place
from digitsmith.data.formats import decoding, hdf5
from digitsmith.data.formats.by_class import joined
from digitsmith.data.formats.named import Claim, read_arrays
from digitsmith.data.reading import Reading, listed
from digitsmith.errors import DataError, DependencyError, install

_HDF5 = b"\x89HDF\r\n\x1a\n"
_USER_BLOCK = 512  # bytes before the HDF5 of version 7.3
_TYPES = {
    "double": "f8", "single": "f4", "logical": "?", "int8": "i1", "int16": "i2", "int32": "i4", "int64": "i8",
    "uint8": "u1", "uint16": "u2", "uint32": "u4", "uint64": "u8",
}  # fmt: skip


def holds(place: Place) -> bool:
    """Whether there is a MATLAB file of this split, or of several."""
    return bool(place.files(".mat", untold=True))


def read(place: Place, reading: Reading) -> Dataset:
    """Read the images of a split, and labels if there are any."""
    path, *more = place.files(".mat", untold=True)
    if more:
        raise DataError(
            f"{place.path} has several MATLAB files, {listed([path.name, *(f.name for f in more)])}: give one."
        )
    with path.open("rb") as file:
        start = file.read(_USER_BLOCK + len(_HDF5))
    if start.startswith(_HDF5) or start[_USER_BLOCK:] == _HDF5:
        return hdf5.read_file(path, place.split, reading, reverse=True)
    try:
        from scipy import io as scipy_io  # which takes a moment
    except ImportError as error:
        raise DependencyError(f"MATLAB's files need SciPy: {install('mat')}.") from error
    with decoding(path):
        arrays = joined(path, _Arrays(path, scipy_io), place.split, reading.note)
        return read_arrays(path, arrays, place.split, reading, reverse=True)


class _Arrays:
    """The arrays of a file up to version 7."""

    def __init__(self, path: Path, scipy_io: Any) -> None:
        self._path, self._scipy_io = path, scipy_io
        self.claims = {
            name: Claim(tuple(map(int, shape)), np.dtype(_TYPES.get(kind, object)))
            for name, shape, kind in scipy_io.whosmat(path, appendmat=False)
            if not name.startswith("__")
        }

    def read(self, name: str) -> NDArray[Any]:
        """Read one array, if its size is allowed."""
        claim = self.claims[name]
        if claim.dtype.hasobject:
            raise ValueError(f"{name} is no array of numbers")
        if claim.nbytes > limits.allowed(self._path.stat().st_size):
            raise ValueError(f"{name} claims {claim.nbytes:,} bytes, more than is read of such a file")
        array = np.asarray(self._scipy_io.loadmat(self._path, appendmat=False, variable_names=[name])[name])
        if array.shape != claim.shape or array.dtype.kind not in "buif":
            raise ValueError(f"{name} is not what it claims to be")
        return array
