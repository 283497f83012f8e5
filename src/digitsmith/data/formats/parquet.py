"""Parquet, in the layout that Hugging Face `datasets` reads as images: `train.parquet`, `test.parquet`.

Columns: `image`, a struct of PNG bytes and a path, and `label`, int64, where -1 or null is unlabelled. Class names are
in the schema's metadata.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from digitsmith.data import limits
from digitsmith.data.assemble import assemble
from digitsmith.data.bulk import decode_all
from digitsmith.data.dataset import UNLABELLED, Dataset
from digitsmith.data.folders import Place
from digitsmith.data.formats import Header, as_classes, decoding, write_record
from digitsmith.data.formats.parquet_layout import Column, columns, pages
from digitsmith.data.images import encode
from digitsmith.data.reading import Reading
from digitsmith.errors import DependencyError, install

try:
    import pyarrow as pa
    import pyarrow.parquet as pq
except ImportError:  # the extra is not installed
    pa = pq = None

_METADATA = b"huggingface"
_ROWS_PER_GROUP = 4096
_FREE = 2**26  # bytes that a column may have in a group of rows, however few it is stored in


def _require_pyarrow() -> None:
    if pa is None:
        raise DependencyError(f"Parquet needs pyarrow: {install('parquet')}.")


def holds(place: Place) -> bool:
    """Whether there is a Parquet file of this split."""
    path = place.path
    return path.suffix == ".parquet" if path.is_file() else (path / f"{place.split}.parquet").is_file()


def read(place: Place, reading: Reading) -> Dataset:
    """Read a file, or the split's file in a folder. Of its columns only image and label are read."""
    _require_pyarrow()
    path = place.path / f"{place.split}.parquet" if place.path.is_dir() else place.path
    with decoding(path), pq.ParquetFile(path, memory_map=True) as file:
        return _read(path, file, reading)


def _read(path: Path, file: Any, reading: Reading) -> Dataset:
    schema, stored = file.schema_arrow, path.stat().st_size
    if "image" not in schema.names:
        raise ValueError(f"it has the columns {', '.join(schema.names)}, but no image")
    labelled = "label" in schema.names
    if labelled and not pa.types.is_integer(schema.field("label").type):
        raise ValueError(f"labels must be whole numbers; these are {schema.field('label').type}")
    wanted = [_image_column(schema), *(["label"] if labelled else [])]
    paths = [file.schema.column(i).path for i in range(len(file.schema))]
    largest = max(1, _largest_page(path, {i: name for i, name in enumerate(paths) if name in wanted}))
    rows_at_once = min(1024, max(4, _FREE // largest))  # each may have as many bytes as a page
    labels: list[int] = []

    def cells() -> Iterator[tuple[str, bytes | None]]:
        row = 0
        for batch in file.iter_batches(rows_at_once, columns=wanted):
            if labelled:
                labels.extend(batch.column("label").cast(pa.int64()).fill_null(UNLABELLED).to_pylist())
            column = batch.column("image")
            contents = column.field("bytes") if pa.types.is_struct(column.type) else column
            for content in contents.to_pylist():
                if row > stored:
                    raise ValueError(f"it has more rows than its {stored:,} bytes can hold")
                yield f"{path}, row {row}", content
                row += 1

    decoded = decode_all(cells(), path, reading, stored)
    if not labelled:
        return assemble(path, reading, decoded.images, None)
    kept = np.array(labels, np.int64)[decoded.kept]
    return assemble(path, reading, decoded.images, kept, _classes(schema.metadata or {}))


def _image_column(schema: Any) -> str:
    """What is to be read for the images: of a struct only its bytes."""
    kind, name = schema.field("image").type, "image"
    if pa.types.is_struct(kind) and kind.get_field_index("bytes") >= 0:
        kind, name = kind.field("bytes").type, "image.bytes"
    if kind not in (pa.binary(), pa.large_binary()):
        raise ValueError(
            f"images must be bytes, or a struct with the field bytes; these are {schema.field('image').type}"
        )
    return name


def _largest_page(path: Path, wanted: dict[int, str]) -> int:
    """Bytes of the largest page of some columns, decompressed; refuse those that are far more than they are stored in.

    Columns are given by their numbers, with names for errors. Only the pages' own headers say how large they are: the
    file's metadata may claim less.
    """
    largest = 0
    with pa.memory_map(str(path)) as file:
        for column in columns(memoryview(file.read_buffer()).cast("B")):
            if column.number in wanted:
                largest = max(largest, _largest_page_of(column, wanted[column.number]))
    return largest


def _largest_page_of(column: Column, name: str) -> int:
    most = max(_FREE, limits.MAX_RATIO * len(column.content))
    size = largest = 0
    for page in pages(column.content):
        size, largest = size + page.decompressed, max(largest, page.decompressed)
        if size > most or (page.is_dictionary and size > _FREE):
            raise ValueError(f"its column {name} has over {size:,} bytes; {most:,} are allowed")
    return largest


def _classes(metadata: dict[bytes, bytes]) -> tuple[str, ...]:
    if _METADATA not in metadata:
        return ()
    label = json.loads(metadata[_METADATA])["info"]["features"].get("label", {})
    return as_classes(label["names"]) if "names" in label else ()


class Writer:
    """Writes one Parquet file, a group of rows at a time."""

    def __init__(self, folder: Path, header: Header) -> None:
        _require_pyarrow()
        write_record(folder, header)
        self._index = header.start
        image = pa.struct({"bytes": pa.binary(), "path": pa.string()})
        columns: dict[str, Any] = {"image": image}
        features: dict[str, Any] = {"image": {"_type": "Image"}}
        if header.classes:
            columns["label"] = pa.int64()
            features["label"] = {"names": list(header.classes), "_type": "ClassLabel"}
        metadata = {_METADATA: json.dumps({"info": {"features": features}}).encode()}
        self._schema = pa.schema(columns, metadata=metadata)
        # a file of ours, whose errors are the operating system's; those of Arrow's own are not
        self._output = (folder / f"{header.split}.parquet").open("wb")
        self._file = pq.ParquetWriter(self._output, self._schema, compression="none")
        self._rows: list[dict[str, Any]] = []

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
        with self._output:
            self._flush()
            self._file.close()
