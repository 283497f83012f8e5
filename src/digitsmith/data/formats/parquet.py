"""Parquet, in the layout that Hugging Face `datasets` reads as images: `train.parquet`, `test.parquet`.

Columns: `image`, a struct of PNG bytes and a path, and `label`, int64, where -1 or null is unlabelled. Class names are
in the schema's metadata.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from digitsmith.data.dataset import UNLABELLED, Dataset
from digitsmith.data.formats import Header, Split, as_classes, assemble, read_record, write_record
from digitsmith.data.formats.png import decode, encode, stack
from digitsmith.errors import DataError, DependencyError, install

try:
    import pyarrow as pa
    import pyarrow.parquet as pq
except ImportError:  # the extra is not installed
    pa = pq = None

_METADATA = b"huggingface"
_ROWS_PER_GROUP = 4096


def _require_pyarrow() -> None:
    if pa is None:
        raise DependencyError(f"Parquet needs pyarrow: {install('parquet')}.")


def holds(path: Path, split: Split) -> bool:
    """Whether there is a Parquet file of this split."""
    return path.suffix == ".parquet" if path.is_file() else (path / f"{split}.parquet").is_file()


def read(path: Path, split: Split) -> Dataset:
    """Read a file, or the split's file in a folder."""
    _require_pyarrow()
    path = path / f"{split}.parquet" if path.is_dir() else path
    record = read_record(path)
    try:
        table = pq.read_table(path, memory_map=True)
        if "image" not in table.column_names:
            raise ValueError(f"it has the columns {', '.join(table.column_names)}, but no image")
        cells = table.column("image").to_pylist()
        contents = [cell["bytes"] if isinstance(cell, dict) else cell for cell in cells]
        images = stack((f"{path}, row {i}", decode(content, f"{path}, row {i}")) for i, content in enumerate(contents))
        if "label" not in table.column_names:
            return assemble(path, record, images, None)
        column = table.column("label")
        if column.null_count:
            column = column.cast(pa.int64()).fill_null(UNLABELLED)
        labels = column.to_numpy().astype(np.int64, casting="same_kind")
        return assemble(path, record, images, labels, _classes(table.schema.metadata or {}))
    except (pa.ArrowException, OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(f"{path} cannot be read ({error}).") from error


def _classes(metadata: dict[bytes, bytes]) -> tuple[str, ...] | None:
    if _METADATA not in metadata:
        return None
    label = json.loads(metadata[_METADATA])["info"]["features"].get("label", {})
    return as_classes(label["names"]) if "names" in label else None


class Writer:
    """Writes one Parquet file, a group of rows at a time."""

    def __init__(self, folder: Path, header: Header) -> None:
        _require_pyarrow()
        self._index = header.start
        image = pa.struct({"bytes": pa.binary(), "path": pa.string()})
        columns: dict[str, Any] = {"image": image}
        features: dict[str, Any] = {"image": {"_type": "Image"}}
        if header.classes:
            columns["label"] = pa.int64()
            features["label"] = {"names": list(header.classes), "_type": "ClassLabel"}
        metadata = {_METADATA: json.dumps({"info": {"features": features}}).encode()}
        self._schema = pa.schema(columns, metadata=metadata)
        self._file = pq.ParquetWriter(folder / f"{header.split}.parquet", self._schema, compression="none")
        self._rows: list[dict[str, Any]] = []
        write_record(folder, header)

    def write(self, images: NDArray[np.uint8], labels: NDArray[np.int64] | None) -> None:
        """Append a batch."""
        for i, image in enumerate(images):
            row: dict[str, Any] = {"image": {"bytes": encode(image), "path": f"{self._index:08d}.png"}}
            if labels is not None:
                row["label"] = int(labels[i])
            self._rows.append(row)
            self._index += 1
            if len(self._rows) == _ROWS_PER_GROUP:
                self._flush()

    def _flush(self) -> None:
        if self._rows:
            self._file.write_table(pa.Table.from_pylist(self._rows, self._schema))
            self._rows = []

    def close(self) -> None:
        """Write the last group."""
        self._flush()
        self._file.close()
