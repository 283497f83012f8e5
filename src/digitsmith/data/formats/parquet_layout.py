"""How a Parquet file is laid out, read without Arrow: which columns lie where, and what their pages decompress to.

Arrow ends the process on some damages of this, and decompresses pages of any size. It is written in Thrift's
compact protocol: https://parquet.apache.org/docs/file-format/
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

_MAX_FOOTER = 2**24  # bytes
_MAX_DEPTH = 10
_BOOLEANS, _BYTE, _I16, _I32, _I64, _DOUBLE, _BINARY, _LIST, _SET, _STRUCT = (1, 2), 3, 4, 5, 6, 7, 8, 9, 10, 12
_BITS = {_I16: 16, _I32: 32, _I64: 64}


@dataclass(frozen=True)
class Column:
    """Part of a column: that of one group of rows.

    Attributes:
        number: of the column, by which Arrow takes it, whatever name it has here.
        content: its pages.
    """

    number: int
    content: memoryview


@dataclass(frozen=True)
class Page:
    """Sizes in bytes, as a page claims them."""

    is_dictionary: bool
    decompressed: int
    compressed: int


def columns(file: memoryview) -> Iterator[Column]:
    """The columns of each group of rows, as the end of the file says.

    Raises:
        ValueError, LookupError, TypeError: no Parquet, or a damaged one.
    """
    size = int.from_bytes(file[-8:-4], "little")
    if bytes(file[-4:]) != b"PAR1" or not 0 < size <= min(_MAX_FOOTER, len(file) - 8):
        raise ValueError("it does not end as a Parquet file does")
    metadata, _ = _struct(file[-8 - size : -8], 0, 0)
    for group in metadata[4, _LIST]:
        for number, column in enumerate(group[1, _LIST]):
            about = column[3, _STRUCT]
            start, size = about[9, _I64], about[7, _I64]
            if 0 < (dictionary := about.get((11, _I64), 0)) < start:  # which comes first
                start = dictionary
            if not 0 < start <= start + size <= len(file):
                raise ValueError("one of its columns lies outside of it")
            yield Column(number, file[start : start + size])


def pages(column: memoryview) -> Iterator[Page]:
    """The pages of a column, one after the other.

    Raises:
        ValueError, LookupError, TypeError: headers or sizes that cannot be.
    """
    place = 0
    while place < len(column):
        header, place = _struct(column, place, 0)
        kind, decompressed, compressed = (int(header[field, _I32]) for field in (1, 2, 3))
        if decompressed < 0 or not 0 <= compressed <= len(column) - place:
            raise ValueError(f"a page claims {decompressed:,} bytes in {compressed:,}")
        yield Page(kind == 2, decompressed, compressed)
        place += compressed


def _struct(data: memoryview, place: int, depth: int) -> tuple[dict[tuple[int, int], Any], int]:
    """The fields of a struct by their number and kind, and where it ends. Arrow passes over one of another kind."""
    if depth > _MAX_DEPTH:
        raise ValueError("it is nested too deeply")
    fields: dict[tuple[int, int], Any] = {}
    number = 0
    while head := data[place]:
        place += 1
        if head >> 4:
            number += head >> 4
        else:
            number, place = _integer(data, place, _I16)
        if number >> 15:
            raise ValueError("it has a field whose number is too large")
        kind = head & 15
        if kind not in _BOOLEANS:  # whose value is in the head
            fields[number, kind], place = _value(data, place, kind, depth)
    return fields, place + 1


def _value(data: memoryview, place: int, kind: int, depth: int) -> tuple[Any, int]:
    """A value, and where it ends."""
    if kind in _BITS:
        return _integer(data, place, kind)
    if kind == _BYTE or kind in _BOOLEANS:
        return data[place], place + 1
    if kind == _DOUBLE:
        return None, place + 8
    if kind == _BINARY:
        size, place = _varint(data, place)
        return data[place : place + size], place + size
    if kind == _STRUCT:
        return _struct(data, place, depth + 1)
    if kind in (_LIST, _SET):
        count, item = data[place] >> 4, data[place] & 15
        count, place = (count, place + 1) if count < 15 else _varint(data, place + 1)
        values = []
        for _ in range(count):
            value, place = _value(data, place, item, depth + 1)
            values.append(value)
            if place > len(data):
                raise IndexError("a list is cut short")
        return values, place
    raise ValueError(f"it has a value of the kind {kind}")


def _integer(data: memoryview, place: int, kind: int) -> tuple[int, int]:
    value, place = _varint(data, place)
    if value >> _BITS[kind]:  # Arrow would take the lower bits
        raise ValueError("it has a number that is too large for its kind")
    return value >> 1 ^ -(value & 1), place


def _varint(data: memoryview, place: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[place]
        value |= (byte & 127) << shift
        place, shift = place + 1, shift + 7
        if byte < 128:
            return value, place
        if shift > 63:
            raise ValueError("it has a number that is too long")
