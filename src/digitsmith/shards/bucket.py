"""Shards at an address.

In a bucket there are no folders, no renaming and no locks; but each object is there whole, or not at all. So a shard is
made whole in a temporary folder of this machine. Its files are put and looked up, and its `dataset.json` is put last.
Another program may make the same shard at the same time: the files of both have the same names and bytes, so neither
removes those of the other.
"""

import contextlib
import hashlib
from collections.abc import Callable, Collection
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from digitsmith.data import limits
from digitsmith.data.copies import record_in
from digitsmith.data.formats import PLANNED, RECORD, read_record
from digitsmith.errors import DigitsmithError, OutputError
from digitsmith.records.dataset import ContentRecord, DatasetRecord
from digitsmith.shards.content import counted, summed
from digitsmith.stores import Store, temporary_folder


@dataclass(frozen=True)
class Bucket:
    """A folder at an address: `Place`."""

    store: Store

    def __str__(self) -> str:
        return str(self.store)

    def __truediv__(self, name: str) -> "Bucket":
        return Bucket(self.store / name)

    def absolute(self) -> "Bucket":
        """The same, as an address is."""
        return self

    def exists(self) -> bool:
        """Whether there is anything in it."""
        return bool(self.store.names())

    def has(self, name: str) -> bool:
        """Whether a file is in it."""
        return (self.store / name).file_size() is not None

    def read(self, name: str) -> bytes | None:
        """The content of a small file in it; None if there is none."""
        return self.store.read(name, limits.MAX_RECORD)

    def record(self) -> DatasetRecord | None:
        """What its `dataset.json` says; None if there is none."""
        return record_in(self.store)

    def content(self) -> ContentRecord:
        """What its files hold; all are read."""
        sizes = self.store.sizes()
        return summed((path, sizes[path], self.store.sha256(path)) for path in sizes if counted(path))

    def keeps(self, content: ContentRecord) -> bool:
        """Whether there are as many files, of as many bytes, as were put. They are not read again."""
        return _fit(self.store.sizes(), content)

    def count(self, shards: Collection[str]) -> int:
        """How many of some shards in it are finished."""
        found = {path.removesuffix(f"/{RECORD}") for path in self.store.sizes() if path.endswith(f"/{RECORD}")}
        return len(found & {*shards})

    def require_new(self) -> None:
        """Refuse it if there is anything in it.

        Raises:
            OutputError: there is.
        """
        if self.exists():
            raise OutputError(f"{self} exists and is not empty: choose another place, or remove it first.")

    def begin(self) -> bool:
        """Make the folder, where there are folders; whether nobody has laid a plan in it."""
        self.store.make_folder()
        return not self.has(PLANNED)

    def held(self, busy: Callable[[], object], *, shared: bool) -> AbstractContextManager[None]:
        """Nothing is held: a store has no locks that end with the program which holds them."""
        return contextlib.nullcontext()

    def save(self, name: str, content: bytes) -> None:
        """Put a small file, whole."""
        self.store.write(name, content)

    def save_new(self, name: str, content: bytes) -> bool:
        """The same, if there is none; False if another has put one with other content meanwhile."""
        return self.store.write_new(name, content)

    def make(self, make: Callable[[Path], None]) -> None:
        """Have a shard made here, and put it: first its files, and its record when all of them are there.

        Raises:
            OutputError: they cannot be put, or are not there afterwards.
        """
        with temporary_folder() as temporary:
            folder = temporary / self.store.name
            make(folder)
            record = read_record(folder)
            assert record is not None
            assert record.content is not None
            paths = {*_paths_in(folder)}
            self.store.put(folder, sorted(paths - {RECORD}))
            there = self.store.sizes()
            self.store.remove([path for path in there if path not in paths])
            if not _fit({path: there[path] for path in paths & {*there}}, record.content):
                raise OutputError(
                    f"{self} does not hold what was put there: see whether others write to it, and resume."
                )
            self.save(RECORD, (folder / RECORD).read_bytes())

    def remove(self) -> bool:
        """Remove its record; whether there was one. All else is put again, or removed when that is done."""
        if there := self.has(RECORD):
            self.store.remove([RECORD])
        return there

    def delete(self, name: str) -> None:
        """Remove a file from it, if it is there."""
        if self.has(name):
            self.store.remove([name])

    def sweep(self, shards: Collection[str]) -> None:
        """Nothing is left: what others put has the names that it was to have."""

    def tidy(self, *, new: bool) -> None:
        """Remove the plan, if this program has laid it, and there is nothing else."""
        with contextlib.suppress(DigitsmithError):
            if new and self.store.names() == [PLANNED]:
                self.store.remove([PLANNED])

    def __reduce__(self) -> tuple[Any, ...]:
        return Bucket, (self.store,)  # each process sees for itself

    @cached_property
    def _seen(self) -> str:
        content = self.read(PLANNED)
        return "" if content is None else hashlib.sha256(content).hexdigest()

    @property
    def planned(self) -> str:
        """SHA-256 of the plan in it, as this process has first seen it; empty if there is none."""
        return self._seen


def _fit(sizes: dict[str, int], content: ContentRecord) -> bool:
    """Whether files of these sizes are as many, of as many bytes, as a record says."""
    held = [size for path, size in sizes.items() if counted(path)]
    return (len(held), sum(held)) == (content.files, content.bytes)


def _paths_in(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
