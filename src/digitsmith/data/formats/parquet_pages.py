"""The pages of a Parquet column, as their own headers say: what is decompressed, whatever the file's metadata claim.

A page begins with a `PageHeader` in Thrift's compact protocol: https://parquet.apache.org/docs/file-format/data-pages/
"""

from collections.abc import Iterator
from dataclasses import dataclass

_MAX_DEPTH = 8
_STRUCT, _LISTS, _BINARY, _DOUBLE, _BYTE = 12, (9, 10), 8, 7, 3
_BOOLEANS, _INTEGERS = (1, 2), (4, 5, 6)


@dataclass(frozen=True)
class Page:
    """Sizes in bytes, as a page claims them."""

    is_dictionary: bool
    decompressed: int
    compressed: int


def pages(column: memoryview) -> Iterator[Page]:
    """The pages of the bytes of a column, one after the other.

    Raises:
        ValueError: sizes that cannot be.
        IndexError: a header that is cut short.
    """
    place = 0
    while place < len(column):
        fields, place = _struct(column, place, 0)
        kind, decompressed, compressed = (fields.get(field, -1) for field in (1, 2, 3))
        if kind < 0 or decompressed < 0 or not 0 <= compressed <= len(column) - place:
            raise ValueError(f"a page claims {decompressed:,} bytes in {compressed:,}")
        yield Page(kind == 2, decompressed, compressed)
        place += compressed


def _struct(data: memoryview, place: int, depth: int) -> tuple[dict[int, int], int]:
    """The whole numbers among the fields of a struct, by the fields' numbers, and where it ends."""
    if depth > _MAX_DEPTH:
        raise ValueError("the header of a page is nested too deeply")
    fields: dict[int, int] = {}
    number = 0
    while head := data[place]:
        place += 1
        if head >> 4:
            number += head >> 4
        else:
            number, place = _integer(data, place)
        value, place = _value(data, place, head & 15, depth)
        if value is not None:
            fields[number] = value
    return fields, place + 1


def _value(data: memoryview, place: int, kind: int, depth: int) -> tuple[int | None, int]:
    """A whole number, or None for what is not needed, and where it ends."""
    if kind in _INTEGERS:
        return _integer(data, place)
    if kind in _BOOLEANS:  # in a struct it is in the field's head
        return None, place
    if kind == _BYTE:
        return None, place + 1
    if kind == _DOUBLE:
        return None, place + 8
    if kind == _BINARY:
        size, place = _varint(data, place)
        return None, place + size
    if kind == _STRUCT:
        return None, _struct(data, place, depth + 1)[1]
    if kind in _LISTS:
        head = data[place]
        count, place = (head >> 4, place + 1) if head >> 4 < 15 else _varint(data, place + 1)
        for _ in range(count):
            item = head & 15
            place = place + 1 if item in _BOOLEANS else _value(data, place, item, depth + 1)[1]
            if place > len(data):
                break
        return None, place
    raise ValueError(f"the header of a page has a value of the kind {kind}")


def _integer(data: memoryview, place: int) -> tuple[int, int]:
    value, place = _varint(data, place)
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
            raise ValueError("the header of a page has a number that is too long")
