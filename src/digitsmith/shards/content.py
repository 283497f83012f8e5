"""What the files of a folder hold, as one hash, and whether they still hold it."""

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from digitsmith.data.folders import counts
from digitsmith.data.formats import PLANNED, RECORD, read_record
from digitsmith.data.reading import listed
from digitsmith.errors import DataError
from digitsmith.progress import Progress, listening
from digitsmith.records.dataset import ContentRecord, DatasetRecord, ShardRecord
from digitsmith.untrusted import reading

WORK = "verifying files"
"""The name of the work, for its progress."""

_DEPTH = 16  # of folders in folders


@dataclass(frozen=True)
class Verified:
    """A folder that holds what its record says.

    Attributes:
        shards: how many; 0 of a folder that is no set of shards.
        images: how many; None where the record does not say.
        bytes: of its files.
    """

    shards: int
    images: int | None
    bytes: int


def content_of(folder: Path) -> ContentRecord:
    """Hash all files in a folder that may hold data, in the order of their paths.

    Raises:
        OSError: one cannot be read.
        ValueError: folders lie too deep.
    """
    whole, files, size = hashlib.sha256(), 0, 0
    for path in _files(folder, "", _DEPTH):
        with open(folder / path, "rb") as file:  # noqa: PTH123  # a hundred thousand of them are slow as paths
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            size += file.tell()
        whole.update(f"{digest}  {path}\n".encode("utf-8", "surrogateescape"))
        files += 1
    return ContentRecord(files=files, bytes=size, sha256=whole.hexdigest())


def _files(folder: Path, prefix: str, depth: int) -> Iterator[str]:
    """Paths of files that count, with slashes, in the order of their characters."""
    if not depth:
        raise ValueError(f"{prefix} lies more than {_DEPTH} folders deep")
    with os.scandir(folder / prefix) as entries:
        found = sorted(
            f"{entry.name}/" if entry.is_dir(follow_symlinks=False) else entry.name
            for entry in entries
            if counts(entry.name) and (entry.is_dir(follow_symlinks=False) or entry.is_file())
        )
    for name in found:
        if name.endswith("/"):
            yield from _files(folder, prefix + name, depth - 1)
        else:
            yield prefix + name


def verify(folder: str | Path, *, progress: Progress | bool = True) -> Verified:
    """Check that the files of a generated or written folder are all there, and are those that were made.

    Args:
        folder: with a `dataset.json` that says what its files, or its shards, hold.
        progress: show how far it is; False is silence, and an object of one's own is told instead.

    Returns:
        What there is.

    Raises:
        DataError: it is not complete, not what it was, or says nothing of its content.

    Examples:
        >>> import digitsmith
        >>> digitsmith.verify(digitsmith.generate("made", 500, progress=False), progress=False)
        Verified(shards=0, images=500, bytes=392524)
    """
    folder = Path(folder)
    with reading(folder, DataError, "check the path"):
        if not folder.is_dir():
            raise DataError(f"there is no folder {folder}.")
        record = read_record(folder)
    if record is None:
        if (folder / PLANNED).exists():
            raise DataError(f"{folder} is not finished: wait for what writes it, or resume it.")
        raise DataError(f"{folder} has no {RECORD}: only what `generate` and `write` made can be verified.")
    with listening(progress) as progress:
        wrong = _wrong(folder, record, progress)
    if wrong:
        mend = "resume, and these are made again" if record.shards else "make it again"
        raise DataError(f"{folder} is not what its {RECORD} says ({listed(wrong)}): {mend}.")
    made = record.generated or record.numbers
    size = sum(shard.bytes for shard in record.shards) or (record.content.bytes if record.content else 0)
    return Verified(len(record.shards), made.count if made else None, size)


def _wrong(folder: Path, record: DatasetRecord, progress: Progress) -> list[str]:
    """What is not as a record says."""
    if not record.shards:
        if record.content is None:
            raise DataError(f"{folder / RECORD} does not say what its files hold: they cannot be verified.")
        return [] if _holds(folder, record.content.bytes, record.content.sha256) else ["its files were changed"]
    wrong = []
    for done, shard in enumerate(record.shards, 1):
        if problem := _problem(folder, shard):
            wrong.append(problem)
        progress.update(WORK, done, len(record.shards), shard.name)
    return wrong


def _problem(folder: Path, shard: ShardRecord) -> str:
    """What is wrong with a shard; empty if nothing is."""
    if not (folder / shard.name).is_dir():
        return f"{shard.name} is missing"
    return "" if _holds(folder / shard.name, shard.bytes, shard.sha256) else f"{shard.name} was changed"


def _holds(folder: Path, size: int, sha256: str) -> bool:
    with reading(folder, DataError, "check that you may read it"):
        found = content_of(folder)
    return (found.bytes, found.sha256) == (size, sha256)
