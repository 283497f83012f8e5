"""NPZ: NumPy arrays in a zip file, `train.npz` and `test.npz`.

Its arrays are `images`, uint8[n, h, w] or uint8[n, h, w, 3]; `labels`, int64[n], where -1 is unlabelled; and `classes`,
strings. Keras' layout, `x_train`, `y_train`, `x_test`, `y_test` in one file, is read too.
"""

import shutil
import tempfile
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from digitsmith.data.dataset import Dataset
from digitsmith.data.formats import Header, Split, as_classes, assemble, read_record, write_record
from digitsmith.errors import DataError

_DAMAGES = (  # what zipfile and NumPy raise on files that are no NPZ, or a damaged or hostile one
    *(ValueError, TypeError, KeyError, RuntimeError, OSError, EOFError, MemoryError),
    *(zipfile.BadZipFile, zlib.error),
)


def holds(path: Path, split: Split) -> bool:
    """Whether there is an NPZ file of this split."""
    return path.suffix == ".npz" if path.is_file() else (path / f"{split}.npz").is_file()


def read(path: Path, split: Split) -> Dataset:
    """Read a file, or the split's file in a folder."""
    path = path / f"{split}.npz" if path.is_dir() else path
    record = read_record(path)
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return assemble(path, record, *_from_arrays(arrays, split))
    except _DAMAGES as error:
        raise DataError(f"{path} cannot be read ({error}).") from error


def _from_arrays(
    arrays: Mapping[str, NDArray[Any]], split: Split
) -> tuple[NDArray[Any], NDArray[Any] | None, tuple[str, ...] | None]:
    if f"x_{split}" in arrays:
        return arrays[f"x_{split}"], arrays.get(f"y_{split}"), None
    if "images" not in arrays:
        raise ValueError(f"it has the arrays {', '.join(arrays)}, but neither images nor x_{split}")
    classes = as_classes(arrays["classes"].tolist()) if "classes" in arrays else None
    return arrays["images"], arrays.get("labels"), classes


class Writer:
    """Writes one uncompressed NPZ; labels wait in a temporary file until the images are through."""

    def __init__(self, folder: Path, header: Header) -> None:
        self._header = header
        self._zip = zipfile.ZipFile(folder / f"{header.split}.npz", "w", zipfile.ZIP_STORED)
        self._labels = tempfile.TemporaryFile(dir=folder)
        self._images = self._start("images", np.dtype(np.uint8), header.shape)
        write_record(folder, header)

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
