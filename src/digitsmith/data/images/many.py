"""Many image files: all of them decoded, and all that cannot be told together."""

import os
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from digitsmith.data import limits
from digitsmith.data.images.decoding import CHANGES, decode_picture
from digitsmith.data.reading import UNREADABLE, Reading, listed
from digitsmith.errors import DataError, reason
from digitsmith.untrusted import read_bytes

_EVERY = 500  # images between two words on the progress


@dataclass(frozen=True, eq=False)
class Decoded:
    """What can be decoded.

    Attributes:
        images: uint8[h, w], or uint8[h, w, 3] if they have any colour, each of its own size.
        kept: int64[n], places of them among all: their labels are `labels[kept]`.
    """

    images: list[NDArray[np.uint8]]
    kept: NDArray[np.int64]


def decode_all(
    items: Iterable[tuple[str, bytes | Path | None]], what: object, reading: Reading, stored: int
) -> Decoded:
    """Decode images, and tell `reading` their modes and sizes.

    In one thread: for small images that is as fast as two, as Pillow spends its time in Python.

    Args:
        items: name, and content or file of each; None for a cell without any.
        what: the file or folder that they are in.
        reading: what is asked for: `skip_bad` leaves out images that cannot be read, which is noted.
        stored: bytes of all of them, as they are stored.

    Raises:
        DataError: images that cannot be read, how many and which; or more than may be read.
    """
    images, kept, bad = list[NDArray[np.uint8]](), list[int](), list[tuple[str, Exception]]()
    changes, size, seen, place = Counter[str](), 0, 0, -1
    for place, (name, item) in enumerate(items):
        try:
            content = _content(item)
            seen += len(content)
            picture = decode_picture(content)
        except Exception as error:  # of Pillow's decoders, which may raise anything
            bad.append((name, error))
            continue
        images.append(picture.pixels)
        kept.append(place)
        size += picture.pixels.nbytes
        limits.check_total(what, len(images), size, stored)
        changes.update(picture.changes)
        reading.modes[picture.mode] += 1
        shape = picture.pixels.shape[:2]
        reading.sizes[shape] += 1
        reading.examples.setdefault(shape, name)
        if place % _EVERY == 0:
            reading.progress.update("reading images", min(seen, stored - 1), stored)
    reading.progress.update("reading images", stored, stored)
    if bad:
        _tell(bad, place + 1, reading)
    note_changes(changes, len(images), what, reading)
    return Decoded(images, np.array(kept, np.int64))


def decode_files(folder: Path, files: Sequence[str], reading: Reading) -> Decoded:
    """The same of image files, by their paths within a folder."""
    stored = sum(os.stat(os.path.join(folder, file)).st_size for file in files)  # noqa: PTH116, PTH118  # 3 times as fast
    items = ((str(path), path) for path in (folder / file for file in files))
    return decode_all(items, folder, reading, stored)


def note_changes(changes: Counter[str], count: int, what: object, reading: Reading) -> None:
    """Say what was done to how many of the images of a file or folder."""
    for change, changed in changes.items():
        reading.note(f"{what}: {changed:,} of {count:,} images were {CHANGES[change]}.")


def _content(item: bytes | Path | None) -> bytes:
    if isinstance(item, Path):
        return read_bytes(item, limits.MAX_IMAGE_FILE)
    if item is None or len(item) > limits.MAX_IMAGE_FILE:
        raise ValueError("it is empty" if item is None else f"it has more than {limits.MAX_IMAGE_FILE:,} bytes")
    return item


def _tell(bad: list[tuple[str, Exception]], count: int, reading: Reading) -> None:
    """Refuse images that cannot be read, or note that they are left out."""
    which = listed([f"{name} ({reason(error)})" for name, error in bad])
    if not reading.options.skip_bad or len(bad) == count:
        them = "replace it, or take it out" if len(bad) == 1 else "replace them, or take them out"
        raise DataError(
            f"{len(bad):,} of {count:,} images cannot be read: {which}: {them}.", parameter="skip_bad"
        ) from bad[0][1]
    reading.ignored[UNREADABLE] += len(bad)
    reading.note(f"{len(bad):,} of {count:,} images were left out, as they cannot be read: {which}.")
