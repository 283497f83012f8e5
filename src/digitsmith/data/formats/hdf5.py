"""HDF5, `.h5` or `.hdf5`: images and labels under usual names, in groups of splits or without. It is only read.

MATLAB's files of version 7.3 are HDF5, too, with all axes in the other order.
"""

from pathlib import Path
from typing import Any

import numpy as np

from digitsmith.data import limits
from digitsmith.data.arrays import Array
from digitsmith.data.dataset import Dataset
from digitsmith.data.folders import Place
from digitsmith.data.formats import Split, decoding
from digitsmith.data.formats.array_file import file_of
from digitsmith.data.formats.arrays_by_class import joined
from digitsmith.data.formats.named_arrays import Claim, read_arrays
from digitsmith.data.reading import Reading
from digitsmith.errors import DependencyError, install

_ENDINGS = (".h5", ".hdf5", ".hdf", ".he5")
_MAX_DEPTH, _MAX_ARRAYS = 4, 1000
_MAX_CHUNK = 2**28  # bytes that are decompressed at once
_MAX_AXES = 4
_MAX_TEXT = 64  # characters of a label


def holds(place: Place) -> bool:
    """Whether there is an HDF5 file of this split, or of several."""
    return file_of(place, *_ENDINGS) is not None


def read(place: Place, reading: Reading) -> Dataset:
    """Read the images of a split, and labels if there are any."""
    path = file_of(place, *_ENDINGS)
    assert path is not None
    return read_file(path, place.split, reading)


def read_file(path: Path, split: Split, reading: Reading, *, reverse: bool = False) -> Dataset:
    """Read a file; `reverse`: it is MATLAB's."""
    try:
        import h5py  # which takes a moment
    except ImportError as error:
        raise DependencyError(f"HDF5 needs h5py: {install('hdf5')}.") from error
    with decoding(path), h5py.File(path, "r") as file:
        arrays = joined(path, _Arrays(file, path, reverse=reverse), split, reading.note)
        return read_arrays(path, arrays, split, reading, reverse=reverse)


class _Arrays:
    """The arrays of a file, by their paths in it."""

    def __init__(self, file: Any, path: Path, *, reverse: bool) -> None:
        self._file, self._path, self._reverse = file, path, reverse
        self.claims = dict[str, Claim]()
        self._find(file, "", 0)

    def _find(self, group: Any, prefix: str, depth: int) -> None:
        """Claims of all arrays below a group. Links to other places may lead anywhere, and are passed over."""
        import h5py

        for name in group:
            if prefix == "" and name.startswith("#"):  # MATLAB's own
                continue
            if not isinstance(group.get(name, getlink=True), h5py.HardLink):
                continue
            kind, place = group.get(name, getclass=True), f"{prefix}{name}"
            if kind is h5py.Group and depth < _MAX_DEPTH:
                self._find(group[name], f"{place}/", depth + 1)
            elif kind is h5py.Dataset:
                if len(self.claims) == _MAX_ARRAYS:
                    raise ValueError(f"it has more than {_MAX_ARRAYS} arrays")
                shape = group[name].shape or ()
                self.claims[place] = Claim(shape[::-1] if self._reverse else shape, _dtype(group[name].dtype))

    def read(self, name: str) -> Array:
        """An array that is read as it is cut; texts at once."""
        dataset, claim = self._file[name], self.claims[name]
        if dataset.is_virtual or dataset.external:
            raise ValueError(f"{name} lies in other files, which are not read")
        if len(claim.shape) > _MAX_AXES or claim.nbytes > limits.allowed(self._path.stat().st_size):
            raise ValueError(f"{name} claims {claim.nbytes:,} bytes, more than is read of such a file")
        chunk = int(np.prod(dataset.chunks or (0,), dtype=object)) * claim.dtype.itemsize
        if chunk > _MAX_CHUNK:
            raise ValueError(f"{name} has parts of {chunk:,} bytes; at most {_MAX_CHUNK:,} are read")
        if claim.dtype.kind == "U":
            texts = [str(text) for text in dataset.asstr()[...].ravel()]
            if max(map(len, texts), default=0) > _MAX_TEXT:
                raise ValueError(f"{name} has texts of more than {_MAX_TEXT} characters")
            return np.array(texts, np.str_).reshape(dataset.shape)
        return _Reversed(dataset) if self._reverse else dataset


def _dtype(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Of numbers as it is; of texts of any length, that of texts."""
    import h5py

    return np.dtype(f"<U{_MAX_TEXT}") if h5py.check_string_dtype(dtype) is not None else dtype


class _Reversed:
    """An array in the order of MATLAB."""

    def __init__(self, dataset: Any) -> None:
        self._dataset = dataset
        self.shape: tuple[int, ...] = dataset.shape[::-1]
        self.dtype: np.dtype[Any] = dataset.dtype

    def __getitem__(self, places: Any, /) -> Any:
        cut = places if isinstance(places, tuple) else (slice(None),)
        full = cut + (slice(None),) * (len(self.shape) - len(cut))
        return np.asarray(self._dataset[full[::-1]]).T
