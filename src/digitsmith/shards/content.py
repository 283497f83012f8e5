"""What the files of a folder hold, as one hash."""

import hashlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from digitsmith.data.folders import counts
from digitsmith.records.dataset import ContentRecord

_DEPTH = 16  # of folders in folders


def content_of(folder: Path) -> ContentRecord:
    """Hash all files in a folder that may hold data, in the order of their paths.

    Raises:
        OSError: one cannot be read.
        ValueError: folders lie too deep.
    """
    return summed(_hashed(folder))


def summed(files: Iterable[tuple[str, int, str]]) -> ContentRecord:
    """The hash of all files, from the path, the size and the SHA-256 of each, in the order of their paths."""
    whole, count, total = hashlib.sha256(), 0, 0
    for path, size, sha256 in files:
        whole.update(f"{sha256}  {path}\n".encode("utf-8", "surrogateescape"))
        count, total = count + 1, total + size
    return ContentRecord(files=count, bytes=total, sha256=whole.hexdigest())


def counted(path: str) -> bool:
    """Whether a file of that path, with slashes, may hold data."""
    return all(map(counts, path.split("/")))


def _hashed(folder: Path) -> Iterator[tuple[str, int, str]]:
    for path in _files(folder, "", _DEPTH):
        with open(folder / path, "rb") as file:  # noqa: PTH123  # a hundred thousand of them are slow as paths
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            yield path, file.tell(), digest


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
