"""How protobuf is laid out, as far as one must look before it is parsed: two bytes become an object of a hundred."""

_OBJECT = 64  # bytes, about


def require_raw(content: bytes | memoryview, path: tuple[int, ...], most: int) -> int:
    """Refuse a file whose fields, but for those of that path, take more than so many bytes when it is parsed.

    Args:
        content: the file, or a message in it.
        path: numbers of fields, each within the one before.
        most: bytes that everything else may take.

    Returns:
        What is left of `most`.

    Raises:
        ValueError: there is more, or it is no protobuf.
    """
    content, at = memoryview(content), 0
    while at < len(content):
        start = at
        key, at = _number(content, at)
        match key & 7:
            case 0:
                _, at = _number(content, at)
            case 1:
                at += 8
            case 2:
                length, at = _number(content, at)
                if key >> 3 == path[0]:
                    start += length
                    if path[1:]:
                        most = require_raw(content[at : at + length], path[1:], most)
                at += length
            case 5:
                at += 4
            case _:
                raise ValueError("it is damaged")
        most -= at - start + _OBJECT
        if at > len(content):
            raise ValueError("it is cut short")
        if most < 0:
            raise ValueError("it holds far more than weights")
    return most


def _number(content: memoryview, at: int) -> tuple[int, int]:
    """The number that starts at a place, seven bits in a byte; and the place behind it."""
    value = shift = 0
    while at < len(content) and shift < 64:
        byte = content[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at
    raise ValueError("it is cut short")
