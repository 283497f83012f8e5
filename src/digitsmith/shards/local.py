"""Shards in a folder of this machine, or one that it shares with others."""

import contextlib
import hashlib
import shutil
from collections.abc import Callable, Collection
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from digitsmith.data import limits
from digitsmith.data.formats import PLANNED, RECORD, read_record
from digitsmith.files import clear, clear_all, locked, require_new, staged_file, writing
from digitsmith.records.dataset import ContentRecord, DatasetRecord
from digitsmith.shards.content import content_of
from digitsmith.untrusted import read_bytes


@dataclass(frozen=True)
class Folder:
    """A folder of this machine, or one that it shares with others: `Place`."""

    path: Path

    def __str__(self) -> str:
        return str(self.path)

    def __truediv__(self, name: str) -> "Folder":
        return Folder(self.path / name)

    def absolute(self) -> "Folder":
        """The same, from wherever one looks."""
        return Folder(self.path.absolute())

    def exists(self) -> bool:
        """Whether there is such a folder."""
        return self.path.is_dir()

    def has(self, name: str) -> bool:
        """Whether a file is in it."""
        return (self.path / name).exists()

    def read(self, name: str) -> bytes | None:
        """The content of a small file in it; None if there is none."""
        path = self.path / name
        return read_bytes(path, limits.MAX_RECORD) if path.is_file() else None

    def record(self) -> DatasetRecord | None:
        """What its `dataset.json` says; None if there is none, or no folder."""
        return read_record(self.path) if self.path.is_dir() else None

    def content(self) -> ContentRecord:
        """What its files hold; all are read."""
        return content_of(self.path)

    def keeps(self, content: ContentRecord) -> bool:
        """Whether its files hold just that."""
        return content_of(self.path) == content

    def count(self, shards: Collection[str]) -> int:
        """How many of some shards in it are finished."""
        return sum((self.path / name / RECORD).is_file() for name in shards)

    def require_new(self) -> None:
        """Refuse it if there is anything in it."""
        require_new(self.path)

    def begin(self) -> bool:
        """Make the folder; whether it is new."""
        with writing(self.path):
            new = not self.path.exists()
            self.path.mkdir(parents=True, exist_ok=True)
        return new

    def held(self, busy: Callable[[], object], *, shared: bool) -> AbstractContextManager[None]:
        """Hold it against others that would fill it."""
        return locked(self.path, busy, shared=shared)

    def save(self, name: str, content: bytes) -> None:
        """Write a small file, whole or not at all."""
        with staged_file(self.path / name) as staged:
            staged.write_bytes(content)

    def save_new(self, name: str, content: bytes) -> bool:
        """The same: while it is held, nobody else writes."""
        self.save(name, content)
        return True

    def make(self, make: Callable[[Path], None]) -> None:
        """Have a shard made, whole or not at all."""
        make(self.path)

    def remove(self) -> bool:
        """Remove a file, a link, or a folder; its record goes first, so that the rest is taken for nothing finished."""
        if not (self.path.exists() or self.path.is_symlink()):
            return False
        with writing(self.path):
            if self.path.is_dir() and not self.path.is_symlink():
                (self.path / RECORD).unlink(missing_ok=True)
                shutil.rmtree(self.path)
            else:
                self.path.unlink()
        return True

    def delete(self, name: str) -> None:
        """Remove a file from it, if it is there."""
        with writing(self.path):
            (self.path / name).unlink(missing_ok=True)

    def sweep(self, shards: Collection[str]) -> None:
        """Remove what those left who began shards in it that are finished now."""
        with writing(self.path):
            clear(self.path)
            clear_all(self.path, shards)

    def tidy(self, *, new: bool) -> None:
        """Remove what killed workers left, and the plan if there is nothing else; the folder, too, if it was new."""
        with contextlib.suppress(OSError):
            clear(self.path)
            if [entry.name for entry in self.path.iterdir()] == [PLANNED]:
                (self.path / PLANNED).unlink()
                if new:
                    self.path.rmdir()

    @property
    def planned(self) -> str:
        """SHA-256 of the plan in it, as it is seen at this moment; empty if there is none."""
        try:
            return hashlib.sha256((self.path / PLANNED).read_bytes()).hexdigest()
        except OSError:
            return ""
