"""LMDB, as deep-text-recognition-benchmark and its kin read it: `lmdb/`, with images and texts.

Keys: `num-samples`, and for each number, counted from 1, `image-%09d`, the content of an image file, and `label-%09d`.
"""

import os
from pathlib import Path

from digitsmith.errors import DependencyError, OutputError, install, reason
from digitsmith.numbers.annotations import Entry

try:
    import lmdb
except ImportError:  # the extra is not installed
    lmdb = None  # type: ignore[assignment]

_FIRST_SIZE = 2**20  # bytes of the map, which some file systems take at once; it is doubled when it is full
_AT_ONCE = 2**20  # bytes that are written together


class Writer:
    """Writes numbers, some at a time."""

    def __init__(self, folder: Path, characters: tuple[str, ...]) -> None:
        if lmdb is None:
            raise DependencyError(f"LMDB needs lmdb: {install('numbers')}.")
        self._size, self._written, self._waiting = _FIRST_SIZE, 0, 0
        self._pairs: list[tuple[bytes, bytes]] = []
        self._environment = lmdb.open(str(folder / "lmdb"), map_size=self._size, sync=False, lock=False)

    def add(self, entry: Entry) -> None:
        """Write an image and its text."""
        self._written += 1
        self._pairs.append((b"image-%09d" % self._written, entry.content))
        self._pairs.append((b"label-%09d" % self._written, entry.text.encode()))
        self._waiting += len(entry.content)
        if self._waiting >= _AT_ONCE:
            self._flush()

    def _flush(self) -> None:
        while self._pairs:
            try:
                with self._environment.begin(write=True) as transaction:
                    for key, value in self._pairs:
                        transaction.put(key, value)
                self._pairs, self._waiting = [], 0
            except lmdb.MapFullError:
                self._size *= 2
                self._environment.set_mapsize(self._size)
            except lmdb.Error as error:
                if error.code > 0:  # the operating system's
                    raise OSError(error.code, os.strerror(error.code)) from error
                raise OutputError(f"LMDB cannot be written ({reason(error)}): check the disk.") from error

    def close(self) -> None:
        """Write the rest, and how many there are."""
        try:
            self._pairs.append((b"num-samples", b"%d" % self._written))
            self._flush()
        finally:
            self._environment.close()
