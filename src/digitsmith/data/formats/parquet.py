"""Parquet, in the layout that Hugging Face `datasets` reads as images: `train.parquet`, `test.parquet`.

Columns: `image`, a struct of PNG bytes and a path, and `label`, int64, where -1 or null is unlabelled. Class names are
in the schema's metadata. Columns of other usual names are read, too, labels that are names, pixels in lists or in
columns of their own, and several shards (`train-00000-of-00002.parquet`).
"""

import contextlib
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from digitsmith.data import limits
from digitsmith.data.arrays import find_layout, to_images
from digitsmith.data.assemble import assemble
from digitsmith.data.dataset import Dataset
from digitsmith.data.folders import Place
from digitsmith.data.formats import Header, as_classes, decoding, write_record
from digitsmith.data.formats.parquet_columns import Chosen, choose_columns, labels_of, pixels_of, splits_column
from digitsmith.data.formats.parquet_layout import Column, columns, pages
from digitsmith.data.formats.row_splits import rows_of_split
from digitsmith.data.images.decoding import encode
from digitsmith.data.images.many import decode_all
from digitsmith.data.reading import Reading, listed
from digitsmith.errors import DataError, DependencyError, MissingSplitError, install

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
    return bool(_files(place))


def _files(place: Place, *, tell: bool = False) -> list[Path]:
    """The files of the split; where there are none, those of no split of which a column tells it."""
    if (found := place.files(".parquet", tell=tell)) or pa is None:
        return found
    untold = place.files(".parquet", untold=True)
    return [path for path in untold if splits_column(_schema(path))]


def _schema(path: Path) -> Any:
    with decoding(path):
        return pq.read_schema(path)


def read(place: Place, reading: Reading) -> Dataset:
    """Read a file, or all shards of the split in a folder. Of their columns only images and labels are read."""
    _require_pyarrow()
    paths = _files(place, tell=True)
    with contextlib.ExitStack() as stack:
        files = dict[Path, Any]()
        for path in paths:
            with decoding(path):
                files[path] = stack.enter_context(pq.ParquetFile(path, memory_map=True))
        first, stored = files[paths[0]].schema_arrow, sum(path.stat().st_size for path in paths)
        with decoding(paths[0]):
            columns = choose_columns(paths[0], first, reading)
            classes = _classes(files, columns.label)
        for path, file in files.items():
            _require_columns(path, file.schema_arrow, columns)
        what = paths[0] if len(paths) == 1 else place.path
        reading.layout = f"Parquet, {len(paths)} file{'s' * (len(paths) > 1)}, columns {columns}"
        labels: list[Any] = []
        kept = _rows_of_split(files, columns, place, reading)
        batches = (batch for path, file in files.items() for batch in _batches(path, file, columns, labels, kept[path]))
        if not columns.encoded:
            images: Any = _pixels(what, columns, batches, stored, reading)
        else:
            decoded = decode_all(_cells(batches, columns.images[0]), what, reading, stored)
            images, labels = decoded.images, [labels[i] for i in decoded.kept] if columns.label else []
    one_hot = labels and isinstance(labels[0], list)
    found = np.array(labels) if one_hot else labels
    return assemble(what, reading, images, found if columns.label else None, classes)


def _require_columns(path: Path, schema: Any, columns: Chosen) -> None:
    names = (*columns.images, columns.label, columns.splits)
    if missing := [name for name in names if name and name not in schema.names]:
        raise DataError(f"{path} has no column {missing[0]}, as another file of the split has: take it out.")


def _rows_of_split(files: dict[Path, Any], columns: Chosen, place: Place, reading: Reading) -> dict[Path, Any]:
    """Which rows of each file are of the split: bool[rows], or None for all of them."""
    if not columns.splits:
        return dict.fromkeys(files)
    words = {path: list[object]() for path in files}
    for path, file in files.items():
        for _, batch in _raw_batches(path, file, [columns.splits]):
            words[path] += batch.column(columns.splits).to_pylist()
    every = [word for some in words.values() for word in some]
    kept = rows_of_split(every, columns.splits, place.split, place.path, reading.note)
    if kept is None and not place.files(".parquet"):
        raise MissingSplitError(f"{place.path} has no {place.split} split.")
    ends = np.cumsum([len(some) for some in words.values()])[:-1]
    return dict.fromkeys(files) if kept is None else dict(zip(files, np.split(kept, ends), strict=True))


def _batches(
    path: Path, file: Any, columns: Chosen, labels: list[Any], kept: NDArray[np.bool_] | None
) -> Iterator[tuple[str, NDArray[np.int64], Any]]:
    """Some of the rows that are kept after the other, with the file's name and their numbers; their labels are kept."""
    with decoding(path):
        for row, batch in _raw_batches(path, file, columns.wanted(file.schema_arrow)):
            rows = np.arange(row, row + len(batch))
            if kept is not None:
                batch, rows = batch.filter(pa.array(kept[rows])), rows[kept[rows]]
            if columns.label:
                labels.extend(labels_of(batch.column(columns.label)))
            yield str(path), rows, batch


def _raw_batches(path: Path, file: Any, wanted: list[str]) -> Iterator[tuple[int, Any]]:
    """All rows of some columns of a file, a few at a time, each with the number of the first."""
    with decoding(path):
        stored, row = path.stat().st_size, 0
        paths = [file.schema.column(i).path for i in range(len(file.schema))]
        read = {i: name for i, name in enumerate(paths) if any(f"{name}.".startswith(f"{of}.") for of in wanted)}
        largest = max(1, _largest_page(path, read))
        rows_at_once = min(1024, max(4, _FREE // largest))  # each may have as many bytes as a page
        for batch in file.iter_batches(rows_at_once, columns=wanted):
            if row + len(batch) > max(stored, 2**10):
                raise ValueError(f"it has more rows than its {stored:,} bytes can hold")
            yield row, batch
            row += len(batch)


def _cells(batches: Iterable[tuple[str, NDArray[np.int64], Any]], name: str) -> Iterator[tuple[str, bytes | None]]:
    """Name and content of each image."""
    for path, rows, batch in batches:
        column = batch.column(name)
        contents = column.field("bytes") if pa.types.is_struct(column.type) else column
        for row, content in zip(rows.tolist(), contents.to_pylist(), strict=True):
            yield f"{path}, row {row}", content


def _pixels(
    what: Path,
    columns: Chosen,
    batches: Iterable[tuple[str, NDArray[np.int64], Any]],
    stored: int,
    reading: Reading,
) -> NDArray[np.uint8]:
    """Images of pixels in lists or in columns of their own."""
    parts, size = list[NDArray[Any]](), 0
    for path, _, batch in batches:
        with decoding(path):
            parts.append(pixels_of([batch.column(name) for name in columns.images]))
            size += parts[-1].nbytes
            if len({part.shape[1:] for part in (parts[0], parts[-1])}) > 1 or size > limits.allowed(stored):
                raise ValueError("its images have several sizes, or more pixels than are read of such a file")
    array, name = np.concatenate(parts), f"{what}, {columns.images[0]}"
    layout = find_layout(array.shape, name, len(array))
    limits.check_images(name, layout.shape, stored)
    reading.count_pixels(array.dtype, layout.shape)
    return to_images(array, layout, name, reading.note)


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


def _classes(files: dict[Path, Any], label: str) -> tuple[str, ...]:
    """The names of the classes, which are to be the same in all files: a label is a place among them."""
    (first, names), *others = ((path, _classes_of(file.schema_arrow.metadata, label)) for path, file in files.items())
    if different := [path.name for path, other in others if other != names]:
        raise DataError(
            f"{listed(different)} beside {first} has other class names than that, so that a label means another class: "
            f"save them with the same names, or take one out."
        )
    return names


def _classes_of(metadata: dict[bytes, bytes] | None, label: str) -> tuple[str, ...]:
    if not metadata or _METADATA not in metadata:
        return ()
    about = json.loads(metadata[_METADATA])["info"]["features"].get(label, {})
    return as_classes(about["names"]) if "names" in about else ()


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
