"""How much is read of a data set that may come from anybody, whatever its files claim.

A few kilobytes can decompress to gigabytes. So sizes are checked as they are claimed, before anything is allocated, and
again as content comes.
"""

import math
from collections.abc import Sequence

from digitsmith.errors import DataError

MAX_PIXELS = 2**20
"""Of one image."""

MAX_BYTES = 2**32
"""Of all images of a split together, decompressed: 5.4 million of 28x28."""

FREE_BYTES = 2**30
"""As many may come out of files of any size; more of them only out of files that hold a `MAX_RATIO`-th of it."""

MAX_RATIO = 100

MAX_IMAGE_FILE = 2**24
"""Bytes of one image file, such as a PNG."""

MAX_FILES = 10**7
"""In a folder and all folders in it."""

MAX_TABLE = 2**28
"""Bytes of a table of labels, which is read line by line: some millions of them."""

MAX_JSON = 2**26
"""Bytes of a table in JSON, which is read at once."""

MAX_RECORD = 2**25
"""Bytes of a `dataset.json`, with as many shards as there can be, or of class names elsewhere."""

_LEAST = 64  # bytes that an image counts at least: it has a label, too


def allowed(stored: int) -> int:
    """How many bytes may come out of so many stored ones."""
    return min(MAX_BYTES, max(FREE_BYTES, MAX_RATIO * stored))


def check_images(what: object, shape: Sequence[int], stored: int) -> None:
    """Refuse images that are too large, or too many.

    Args:
        what: where they are, for the error.
        shape: [n, h, w] or [n, h, w, 3], as it is claimed.
        stored: bytes of the file that they come out of.

    Raises:
        DataError: it says how large they are and what is allowed.
    """
    count, pixels = shape[0], math.prod(shape[1:3])
    if count and not pixels:
        raise DataError(f"{what} has images of {shape[1]}x{shape[2]}: there is nothing in them.")
    if pixels > MAX_PIXELS:
        raise DataError(
            f"{what} has images of {shape[1]}x{shape[2]}, too large for a digit: {MAX_PIXELS:,} pixels are allowed."
        )
    check_total(what, count, count * max(_LEAST, math.prod(shape[1:])), stored)


def check_total(what: object, count: int, size: int, stored: int) -> None:
    """Refuse so many images of `size` bytes together, if a file of `stored` bytes cannot honestly hold them.

    Raises:
        DataError: it says how large they are and what is allowed.
    """
    size, most = max(size, _LEAST * count), allowed(stored)
    if size > most:
        why = "in all" if most == MAX_BYTES else f"from a file of {stored:,}"
        raise DataError(
            f"{what} claims {count:,} images of {size:,} bytes, decompressed: at most {most:,} {why} are read. "
            f"Divide it into parts, if it is what it should be."
        )
