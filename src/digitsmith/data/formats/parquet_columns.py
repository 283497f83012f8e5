"""Which columns of a Parquet file are images and labels, and what is in them."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from digitsmith.data import names
from digitsmith.data.labels import natural
from digitsmith.data.reading import Reading, listed, no_such, unclear
from digitsmith.errors import DataError

try:
    import pyarrow as pa
    import pyarrow.compute as pc
except ImportError:  # the extra is not installed
    pa = pc = None

_LEAST_PIXELS = 64  # columns that are an image
_MOST_AXES = 3
_OF_PANDAS = "__index_level_"


@dataclass(frozen=True)
class Chosen:
    """Columns of a file.

    Attributes:
        images: one of encoded images or of lists of pixels, or one for each pixel.
        label: empty without labels.
        encoded: whether images are encoded, such as PNG.
        splits: of the words that tell the split of each row; empty without any.
    """

    images: tuple[str, ...]
    label: str
    encoded: bool
    splits: str = ""

    def __str__(self) -> str:
        images = self.images[0] if len(self.images) == 1 else f"{self.images[0]} to {self.images[-1]}"
        return f"{images}, {self.label or 'no labels'}"

    def wanted(self, schema: Any) -> list[str]:
        """What is to be read: of a struct only its bytes."""
        inner = ".bytes" if self.encoded and pa.types.is_struct(schema.field(self.images[0]).type) else ""
        return [*(f"{name}{inner}" for name in self.images), *([self.label] if self.label else [])]


def choose_columns(path: Path, schema: Any, reading: Reading) -> Chosen:
    """Which columns are images and labels, by their types and names.

    Raises:
        DataError: no images, or several columns that may be them, or the labels.
    """
    unique = [name for name, count in Counter(schema.names).items() if count == 1]
    fields = {name: schema.field(name).type for name in unique}
    images, encoded = _choose_images(path, fields, reading)
    others = [name for name in fields if name not in {*images} and not name.startswith(_OF_PANDAS)]
    splits = splits_column(schema)
    if asked := reading.column("label_column"):
        if asked not in others:
            raise no_such(path, "column of labels", asked, others, "label_column")
        return Chosen(images, asked, encoded, splits if splits != asked else "")
    found = [name for name in others if names.parts(name)[0] in names.LABELS]
    if len(found) > 1:
        raise unclear(path, "columns", "labels", found)
    like = [name for name in others if _is_label(fields[name]) and name not in (*found, splits)]
    if found and like:
        reading.note(f"{path}: the labels are {found[0]}; not used: {listed(like)}.")
    elif like:
        reading.note(f"{path}: {listed(like)} may be labels, but are not called so, and are not read: say which are.")
    return Chosen(images, found[0] if found else "", encoded, splits)


def splits_column(schema: Any) -> str:
    """The column that tells the split of each row, by its name and type; empty without any."""
    words = [field.name for field in schema if names.plain(field.name) in names.SPLIT_COLUMNS and _is_text(field.type)]
    flags = [field.name for field in schema if names.plain(field.name) in names.FLAGS and _is_flag(field.type)]
    return next(iter(words + flags), "")


def _choose_images(path: Path, fields: dict[str, Any], reading: Reading) -> tuple[tuple[str, ...], bool]:
    """Columns of images, and whether these are encoded."""
    possible = [name for name, kind in fields.items() if _is_encoded(kind) or _is_pixels(kind)]
    if asked := reading.column("image_column"):
        if asked not in possible:
            raise no_such(path, "column of images", asked, possible, "image_column")
        return (asked,), _is_encoded(fields[asked])
    usual = [name for name in possible if names.parts(name)[0] in names.IMAGES]
    found = usual or [name for name in possible if names.parts(name)[0] not in names.LABELS]
    found = [name for name in found if _is_encoded(fields[name])] or found
    if len(found) > 1:
        raise unclear(path, "columns", "images", found)
    if found:
        if not usual:
            reading.note(f"{path}: {found[0]} is taken for the images.")
        return (found[0],), _is_encoded(fields[found[0]])
    numbered = [name for name in fields if re.search(r"\d", name) and _is_number(fields[name])]
    kinds = Counter(re.sub(r"\d+", "#", name) for name in numbered)
    if not kinds or max(kinds.values()) < _LEAST_PIXELS:
        raise DataError(
            f"{path} has the columns {listed([f'{name} ({kind})'[:80] for name, kind in fields.items()], 20)}, but no "
            f"image: images are bytes such as PNG, or pixels."
        )
    ((kind, _),) = kinds.most_common(1)
    return tuple(sorted((name for name in numbered if re.sub(r"\d+", "#", name) == kind), key=natural)), False


def _is_encoded(kind: Any) -> bool:
    if pa.types.is_struct(kind) and kind.get_field_index("bytes") >= 0:
        kind = kind.field("bytes").type
    return kind in (pa.binary(), pa.large_binary())


def _is_pixels(kind: Any) -> bool:
    """Whether it is a list of numbers, or of such lists."""
    depth = 0
    while _is_list(kind):
        kind, depth = kind.value_type, depth + 1
    return 0 < depth <= _MOST_AXES and _is_number(kind)


def _is_list(kind: Any) -> bool:
    types = pa.types
    return bool(types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind))


def _is_number(kind: Any) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind))


def _is_label(kind: Any) -> bool:
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    return bool(pa.types.is_integer(kind) or _is_text(kind))


def _is_flag(kind: Any) -> bool:
    return bool(pa.types.is_boolean(kind) or pa.types.is_integer(kind))


def _is_text(kind: Any) -> bool:
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def pixels_of(columns: Sequence[Any]) -> NDArray[Any]:
    """Numbers in one column of lists, or in several columns: [rows, …].

    Raises:
        ValueError: lists that are not equally long, or missing ones.
    """
    if len(columns) > 1:
        return np.column_stack([column.to_numpy(zero_copy_only=False) for column in columns])
    (array,), shape = columns, [len(columns[0])]
    while _is_list(array.type):
        lengths = {array.type.list_size} if pa.types.is_fixed_size_list(array.type) else {*_lengths(array)}
        if array.null_count or len(lengths) > 1:
            raise ValueError("its lists are not all of one length")
        shape.append(next(iter(lengths), 0))
        array = array.flatten()
    return np.asarray(array.to_numpy(zero_copy_only=False)).reshape(shape)


def _lengths(array: Any) -> list[int]:
    return [int(length) for length in pc.unique(pc.list_value_length(array)).to_pylist() if length is not None]


def labels_of(column: Any) -> list[Any]:
    """Numbers, names or one-hot rows, which are lists; None for a missing one.

    Raises:
        ValueError: something else.
    """
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if _is_pixels(column.type):
        return list(pixels_of([column]).tolist())
    if not (_is_label(column.type) or _is_number(column.type) or pa.types.is_boolean(column.type)):
        raise ValueError(f"labels must be whole numbers or names; these are {column.type}")
    return [int(label) if isinstance(label, bool) else label for label in column.to_pylist()]
