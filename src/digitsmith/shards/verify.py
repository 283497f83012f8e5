"""Whether a folder still holds what was made."""

from dataclasses import dataclass
from pathlib import Path

from digitsmith.data.formats import PLANNED, RECORD
from digitsmith.data.reading import listed
from digitsmith.errors import DataError
from digitsmith.progress import Progress, listening
from digitsmith.records.dataset import DatasetRecord, ShardRecord
from digitsmith.shards.bucket import Bucket
from digitsmith.shards.places import Place, place_of
from digitsmith.untrusted import reading

WORK = "verifying files"
"""The name of the work, for its progress."""


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


def verify(folder: str | Path, *, progress: Progress | bool = True) -> Verified:
    """Check that the files of a generated or written folder are all there, and are those that were made.

    Args:
        folder: its path or address, with a `dataset.json` that says what its files, or its shards, hold.
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
    place = place_of(folder, DataError)
    with reading(place, DataError, "check the path"):
        if not place.exists():
            raise DataError(f"there is no folder {place}.")
        record = place.record()
    if record is None:
        if place.has(PLANNED):
            raise DataError(f"{place} is not finished: wait for what writes it, or resume it.")
        raise DataError(f"{place} has no {RECORD}: only what `generate` and `write` made can be verified.")
    with listening(progress) as progress:
        wrong = _wrong(place, record, progress)
    if wrong:
        mend = "resume, and these are made again" if record.shards else "take out what is not of it, or make it again"
        if record.shards and isinstance(place, Bucket):  # where resuming does not read what it finds
            mend = "remove these, and resume"
        raise DataError(f"{place} is not what its {RECORD} says ({listed(wrong)}): {mend}.")
    made = record.generated or record.numbers
    size = sum(shard.bytes for shard in record.shards) or (record.content.bytes if record.content else 0)
    return Verified(len(record.shards), made.count if made else None, size)


def _wrong(place: Place, record: DatasetRecord, progress: Progress) -> list[str]:
    """What is not as a record says."""
    if not record.shards:
        if record.content is None:
            raise DataError(f"{place}/{RECORD} does not say what its files hold: they cannot be verified.")
        held = _holds(place, record.content.bytes, record.content.sha256)
        return [] if held else ["files were changed, added or taken away"]
    wrong = []
    for done, shard in enumerate(record.shards, 1):
        if problem := _problem(place, shard):
            wrong.append(problem)
        progress.update(WORK, done, len(record.shards), shard.name)
    return wrong


def _problem(place: Place, shard: ShardRecord) -> str:
    """What is wrong with a shard; empty if nothing is."""
    if not (place / shard.name).exists():
        return f"{shard.name} is missing"
    return "" if _holds(place / shard.name, shard.bytes, shard.sha256) else f"{shard.name} was changed"


def _holds(place: Place, size: int, sha256: str) -> bool:
    with reading(place, DataError, "check that you may read it"):
        found = place.content()
    return (found.bytes, found.sha256) == (size, sha256)
