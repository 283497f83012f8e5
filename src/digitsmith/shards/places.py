"""Where shards go: a folder of this machine, or one at an address that many machines reach."""

from collections.abc import Callable, Collection
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from digitsmith.addresses import is_address
from digitsmith.errors import DigitsmithError, OutputError
from digitsmith.records.dataset import ContentRecord, DatasetRecord
from digitsmith.shards.bucket import Bucket
from digitsmith.shards.local import Folder
from digitsmith.stores import Store


class Place(Protocol):
    """A folder, of shards or of one shard."""

    def __truediv__(self, name: str) -> "Place":
        """A folder in it."""

    def absolute(self) -> "Place":
        """The same, from wherever one looks."""

    def exists(self) -> bool:
        """Whether there is such a folder."""

    def has(self, name: str) -> bool:
        """Whether a file is in it."""

    def read(self, name: str) -> bytes | None:
        """The content of a small file in it; None if there is none."""

    def record(self) -> DatasetRecord | None:
        """What its `dataset.json` says; None if there is none, or no folder."""

    def content(self) -> ContentRecord:
        """What its files hold; all are read."""

    def keeps(self, content: ContentRecord) -> bool:
        """Whether its files are those of a shard that was finished, as far as can be told here."""

    def count(self, shards: Collection[str]) -> int:
        """How many of some shards in it are finished."""

    def require_new(self) -> None:
        """Refuse it if there is anything in it."""

    def begin(self) -> bool:
        """Make the folder; whether it is new, or nobody has laid a plan in it."""

    def held(self, busy: Callable[[], object], *, shared: bool) -> AbstractContextManager[None]:
        """Hold it against others that would fill it, as far as can be; see `files.locked`."""

    def save(self, name: str, content: bytes) -> None:
        """Write a small file, whole or not at all."""

    def save_new(self, name: str, content: bytes) -> bool:
        """The same, if there is none; False if another has written one with other content meanwhile."""

    def make(self, make: Callable[[Path], None]) -> None:
        """Have a shard made by what makes a folder of this machine: it is here whole, or without a record."""

    def remove(self) -> bool:
        """Remove what says that it is finished, and what is in the way of making it again; whether there was any."""

    def delete(self, name: str) -> None:
        """Remove a file from it, if it is there."""

    def sweep(self, shards: Collection[str]) -> None:
        """Remove what those left who began shards in it that are finished now."""

    def tidy(self, *, new: bool) -> None:
        """Remove what killed workers left, and the plan if there is nothing else; the folder, too, if it was new."""

    @property
    def planned(self) -> str:
        """SHA-256 of the plan in it, as it is seen here; empty if there is none."""


def place_of(where: str | Path, kind: type[DigitsmithError] = OutputError) -> Place:
    """A folder by its path or address.

    Args:
        where: it is.
        kind: of the errors of a store.

    Raises:
        DigitsmithError: of `kind`, an empty name, an address that is none, or of a kind that nobody knows.
        DependencyError: the library for it is not installed.
    """
    if not str(where):
        raise kind("the name of the folder is empty: give one.")
    return Bucket(Store.at(str(where), kind)) if is_address(where) else Folder(Path(where))
