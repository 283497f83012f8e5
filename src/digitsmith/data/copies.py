"""Data sets at an address are copied to this machine, for as long as they are read."""

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from digitsmith.addresses import is_address
from digitsmith.data import limits
from digitsmith.data.formats import PLANNED, RECORD, read_record, reading_record, record_of
from digitsmith.data.formats.idx import is_idx
from digitsmith.data.reading import Copy
from digitsmith.errors import DataError, DigitsmithError
from digitsmith.progress import Progress
from digitsmith.records.dataset import DatasetRecord
from digitsmith.stores import Store, temporary_folder

WORK = "fetching files"
"""The name of the work, for its progress."""

_AT_ONCE = 2**26  # bytes


@contextlib.contextmanager
def copied(name: str, progress: Progress) -> Iterator[Copy | None]:
    """Give a copy of what is at an address, under whose name errors speak of it; None of a name or path.

    Raises:
        DataError: there is nothing, or too much, or it cannot be read.
        DependencyError: the library for such addresses is not installed.
    """
    if not is_address(name):
        yield None
        return
    store = Store.at(name, DataError)
    with temporary_folder() as temporary:
        copy = Copy(store.address, temporary / store.name)
        try:
            _fetch(store, copy.path, progress)
            yield copy
        except DigitsmithError as error:
            error.message = copy.named(error.message)
            raise


def record_at(name: str) -> DatasetRecord | None:
    """What the `dataset.json` in a folder, or beside a file, says, by its path or address; None if there is none.

    Raises:
        DataError: it is no `DatasetRecord`, or cannot be read.
    """
    if not is_address(name):
        return read_record(Path(name))
    store = Store.at(name, DataError)
    return record_in(store if store.file_size() is None else store.parent)


def record_in(store: Store) -> DatasetRecord | None:
    """What the `dataset.json` in a folder at an address says; None if there is none.

    Raises:
        DataError: it is no `DatasetRecord`.
    """
    with reading_record(f"{store}/{RECORD}"):
        content = store.read(RECORD, limits.MAX_RECORD)
        return None if content is None else record_of(content)


def _fetch(store: Store, place: Path, progress: Progress) -> None:
    size = store.file_size()
    if size is not None:
        _fetch_beside(store, place)
    sizes = store.sizes() if size is None else {"": size}
    if not sizes:
        raise DataError(f"there is no file or folder {store}.")
    if PLANNED in sizes and RECORD not in sizes:
        raise DataError(f"{store} is not finished: wait for what writes it, or resume it.")
    total, done = sum(sizes.values()), 0
    if total > limits.MAX_BYTES or len(sizes) > limits.MAX_FILES:
        raise DataError(
            f"{store} holds {len(sizes):,} files of {total:,} bytes, more than can be read: give the address of a part."
        )
    for part in _parts(sizes):
        store.fetch(part, place)
        done += sum(sizes[name] for name in part)
        progress.update(WORK, done, total)


def _fetch_beside(file: Store, place: Path) -> None:
    """Get what a file is not read without: the folder's `dataset.json`, and of IDX files the others."""
    folder = file.parent
    names = [name for name in folder.names() if name == RECORD or (is_idx(file.name) and is_idx(name))]
    for name in {*names} - {file.name}:
        size = (folder / name).file_size()
        if size is not None and size <= limits.MAX_BYTES:
            folder.fetch([name], place.parent)


def _parts(sizes: dict[str, int]) -> Iterator[Sequence[str]]:
    """All names, so many at once."""
    part, held = list[str](), 0
    for name, size in sizes.items():
        part.append(name)
        held += size
        if held >= _AT_ONCE or len(part) >= 1000:
            yield part
            part, held = [], 0
    if part:
        yield part
