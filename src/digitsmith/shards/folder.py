"""The folder of a set of shards, from the plan that is laid in it to the `dataset.json` that says it is complete."""

import contextlib
import hashlib
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from digitsmith.data.formats import PLANNED, RECORD
from digitsmith.data.reading import listed
from digitsmith.errors import DataError, OutputError
from digitsmith.models.running import cores
from digitsmith.progress import Silent
from digitsmith.records.dataset import DatasetRecord, ShardRecord
from digitsmith.shards.content import content_of
from digitsmith.shards.partition import Partition, Shard
from digitsmith.shards.places import Place
from digitsmith.shards.work import Job, Made, Work, differences
from digitsmith.untrusted import reading

PREVIEW = "preview.png"
_SAMPLE = 64  # images that are made to know how large files will be


def planned(work: Work, parts: Partition, bytes_each: float) -> DatasetRecord:
    """The plan: what the `dataset.json` will say, but for hashes and what is known when the images are made."""
    shards = tuple(
        ShardRecord(name=shard.name, first=shard.start, count=len(shard), bytes=round(bytes_each * len(shard)))
        for shard in parts
    )
    return work.total(0).model_copy(update={"shards": shards})


@contextlib.contextmanager
def begun(
    place: Place, work: Work, parts: Partition, *, resume: bool, ranks: bool = False
) -> Iterator[tuple[Job, DatasetRecord]]:
    """Lay the plan in a folder, or find it there, and hold the folder while its shards are made; gives job and plan.

    Args:
        place: a new or empty one, or the one of a plan to go on with.
        work: what is made.
        parts: its shards.
        resume: go on with what is there.
        ranks: others of the same plan make other shards of it at the same time.

    Raises:
        OutputError: it holds something else, another plan, or is filled by another program at this moment.
        DigitsmithError: whatever the work raises, if not even a few images can be made.
    """

    def busy() -> None:
        raise OutputError(f"another program fills {place} at this moment: wait for it, or choose another place.")

    def found() -> DatasetRecord | None:
        there = found_in(place)
        if there is None:
            try:
                place.require_new()
            except OutputError:
                there = found_in(place)  # another rank has begun at this moment
                if there is None:
                    raise
        if there is None:
            return None
        if not (resume or (ranks and not place.has(RECORD))):
            raise OutputError(_exists(place, there))
        elif wrong := differences(there, planned(work, parts, 0)):
            raise OutputError(f"{place} holds other images, or the same in other files: {listed(wrong)}.")
        return there

    plan = found() or planned(work, parts, _bytes_each(work))
    content = plan.as_file()
    new = place.begin()
    with place.held(busy, shared=ranks):
        found()  # again: another may have begun, or even ended, meanwhile
        laid = place.read(PLANNED)
        if laid is None:
            if not place.save_new(PLANNED, content) and not (ranks and found()):  # another has, at this moment
                busy()
        elif laid != content:
            place.save(PLANNED, content)
        try:
            yield Job(work, place.absolute(), "" if ranks else hashlib.sha256(content).hexdigest()), plan
        finally:
            if not ranks:
                place.tidy(new=new)


def _bytes_each(work: Work) -> float:
    """Bytes that an image takes, as far as a few of them tell."""
    sample = Shard(0, 1, 0, min(_SAMPLE, work.count))
    with tempfile.TemporaryDirectory() as place:
        work.make(sample, Path(place) / "sample", cores(), Silent())
        return content_of(Path(place) / "sample").bytes / len(sample)


def found_in(place: Place) -> DatasetRecord | None:
    """What a folder says that it holds, or is to hold; None if it is new, empty, or no such folder."""
    with reading(place, OutputError, "choose another place"), contextlib.suppress(DataError):  # of a stranger
        if (plan := place.read(PLANNED)) is not None:
            return DatasetRecord.model_validate_json(plan)
        return place.record()
    return None


def _exists(place: Place, there: DatasetRecord) -> str:
    """Why a folder is not filled without being asked to go on."""
    if not there.shards or place.has(RECORD):
        return f"{place} exists and is not empty: choose another place, or remove it first."
    finished = place.count([shard.name for shard in there.shards])
    return (
        f"{place} exists, and {finished:,} of its {len(there.shards):,} shards are finished: resume it if no other "
        f"program fills it, choose another place, or remove it first."
    )


def finish(job: Job, plan: DatasetRecord, made: Mapping[int, Made]) -> None:
    """Say, last of all, what a folder holds of which all shards are there."""
    place = job.place
    if (preview := (place / plan.shards[0].name).read(PREVIEW)) is not None:
        place.save(PREVIEW, preview)
    place.sweep({shard.name for shard in plan.shards})
    shards = tuple(
        shard.model_copy(update={"bytes": made[i].bytes, "sha256": made[i].sha256})
        for i, shard in enumerate(plan.shards)
    )
    record = job.work.total(sum(one.refused for one in made.values()))
    place.save(RECORD, record.model_copy(update={"shards": shards}).as_file())
    place.delete(PLANNED)
