"""Work that is done shard by shard, by anybody and in any order: each is found finished, or made whole."""

import contextlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from digitsmith.data.formats import PLANNED
from digitsmith.errors import DataError, DigitsmithError, OutputError, WorkerError
from digitsmith.progress import Progress
from digitsmith.records.dataset import DatasetRecord
from digitsmith.shards.partition import Shard
from digitsmith.shards.places import Place

_MAY_DIFFER = ("model", "trained_on", "from_file", "refused")
"""What records of the same images may say of them in other words, and what is known only when they are made."""


class Work(Protocol):
    """What is asked for. It can be pickled; what it opens is opened where it is used, once in each process."""

    @property
    def name(self) -> str:
        """Of the work, for its progress."""

    @property
    def count(self) -> int:
        """Of all images."""

    @property
    def block(self) -> int:
        """Images of which all is drawn at once."""

    def make(self, shard: Shard, folder: Path, threads: int, progress: Progress) -> None:
        """Make a shard as a folder of its own, whole or not at all, in which `dataset.json` says what it holds."""

    def record(self, start: int, stop: int) -> DatasetRecord:
        """What is said of some of the images, but for what is known only when they are made."""

    def total(self, refused: int) -> DatasetRecord:
        """What is said of all images, of which so many were made in the place of others."""


@dataclass(frozen=True)
class Made:
    """A shard that is finished.

    Attributes:
        number: of the shard.
        bytes: of its files.
        sha256: of its files.
        refused: how many images were refused while it was made.
        found: whether it was finished before.
        notes: what the user should read.
    """

    number: int
    bytes: int
    sha256: str
    refused: int
    found: bool
    notes: tuple[str, ...]


@dataclass
class Notes:
    """A listener that keeps what the user should read, for one who is elsewhere."""

    texts: list[str] = field(default_factory=list)

    def update(self, work: str, done: int, total: int, detail: str = "") -> None:
        """Do nothing: progress is counted in shards."""

    def note(self, text: str) -> None:
        """Keep a sentence."""
        self.texts.append(text)


@dataclass(frozen=True, eq=False)
class Job:
    """Shards of some work, in one folder.

    Attributes:
        work: what is asked for.
        place: the folder in which each shard gets one of its own.
        planned: SHA-256 of the folder's `shards.json`, by which it is known on other machines; empty if it need not be.
    """

    work: Work
    place: Place
    planned: str

    def do(self, shard: Shard, threads: int) -> Made | DigitsmithError:
        """Find a shard finished, or make it; an error that a user can meet is returned, as it may travel far."""
        try:
            self._require_seen()
            return self._do(shard, threads)
        except DigitsmithError as error:
            return error

    def _require_seen(self) -> None:
        if self.planned and self.place.planned != self.planned:
            import socket

            raise WorkerError(
                f"{socket.gethostname()} does not see {self.place} as it was begun: choose a place that all machines "
                f"share, and leave {PLANNED} in it alone."
            )

    def found(self, shard: Shard) -> Made | None:
        """A shard that another has finished just now; None if nobody has."""
        with contextlib.suppress(DataError):
            expected = self.work.record(shard.start, shard.stop)
            record = (self.place / shard.name).record()
            if record and record.content and not differences(record, expected):
                return _made(shard, record, found=True)
        return None

    def _do(self, shard: Shard, threads: int) -> Made:
        place, expected, notes = self.place / shard.name, self.work.record(shard.start, shard.stop), Notes()
        if record := finished(place, expected):
            return _made(shard, record, found=True)
        if place.remove():
            notes.note(f"{place} was damaged, or held other images: it is made again.")
        try:
            place.make(lambda folder: self.work.make(shard, folder, threads, notes))
            record = place.record()
        except OutputError:  # another may have made it meanwhile, whose driver was killed
            record = finished(place, expected)
            if record is None:
                raise
        assert record is not None
        return _made(shard, record, notes=tuple(notes.texts))


def _made(shard: Shard, record: DatasetRecord, *, found: bool = False, notes: tuple[str, ...] = ()) -> Made:
    assert record.content is not None
    refused = record.generated.refused if record.generated else 0
    return Made(shard.number, record.content.bytes, record.content.sha256, refused, found, notes)


def finished(place: Place, expected: DatasetRecord) -> DatasetRecord | None:
    """The record of a folder that holds what is expected, whole and unchanged; None if it does not."""
    with contextlib.suppress(DataError, OSError, ValueError):
        record = place.record()
        if record and record.content and not differences(record, expected) and place.keeps(record.content):
            return record
    return None


def differences(there: DatasetRecord, asked: DatasetRecord) -> list[str]:
    """In what two records are of other images, or files: one sentence each."""
    found, wanted = _flat(_identity(there)), _flat(_identity(asked))
    return [
        f"{key} is {found.get(key, 'not said')} there, and {wanted.get(key, 'not said')} is asked for"
        for key in dict.fromkeys([*found, *wanted])
        if found.get(key) != wanted.get(key)
    ]


def _identity(record: DatasetRecord) -> dict[str, Any]:
    of_images: dict[str, Any] = dict.fromkeys(("generated", "numbers"), dict.fromkeys(_MAY_DIFFER, True))
    return record.model_dump(exclude=of_images | {"content": True, "shards": True}) | {"shards": len(record.shards)}


def _flat(values: object, name: str = "") -> dict[str, str]:
    """All values by the last of their names."""
    if not isinstance(values, dict):
        return {} if values is None else {name: str(values)}
    flat = dict[str, str]()
    for key, value in values.items():
        flat |= _flat(value, key)
    return flat
