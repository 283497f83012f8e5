"""The folder of a set of shards, from the plan that is laid in it to the `dataset.json` that says it is complete."""

import contextlib
import hashlib
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from digitsmith.data import limits
from digitsmith.data.formats import PLANNED, RECORD, read_record
from digitsmith.data.reading import listed
from digitsmith.errors import DataError, OutputError
from digitsmith.files import clear, clear_all, locked, require_new, staged_file, writing
from digitsmith.models.running import cores
from digitsmith.progress import Silent
from digitsmith.records.dataset import DatasetRecord, ShardRecord
from digitsmith.shards.content import content_of
from digitsmith.shards.partition import Partition, Shard
from digitsmith.shards.work import Job, Made, Work, differences
from digitsmith.untrusted import read_bytes, reading

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
    folder: Path, work: Work, parts: Partition, *, resume: bool, ranks: bool = False
) -> Iterator[tuple[Job, DatasetRecord]]:
    """Lay the plan in a folder, or find it there, and hold the folder while its shards are made; gives job and plan.

    Args:
        folder: a new or empty one, or the one of a plan to go on with.
        work: what is made.
        parts: its shards.
        resume: go on with what is there.
        ranks: others of the same plan make other shards of it at the same time.

    Raises:
        OutputError: it holds something else, another plan, or is filled by another program at this moment.
        DigitsmithError: whatever the work raises, if not even a few images can be made.
    """

    def busy() -> None:
        raise OutputError(f"another program fills {folder} at this moment: wait for it, or choose another place.")

    def found() -> DatasetRecord | None:
        there = found_in(folder)
        if there is None:
            try:
                require_new(folder)
            except OutputError:
                there = found_in(folder)  # another rank has begun at this moment
                if there is None:
                    raise
        if there is None:
            return None
        if not (resume or (ranks and not (folder / RECORD).exists())):
            raise OutputError(_exists(folder, there))
        elif wrong := differences(there, planned(work, parts, 0)):
            raise OutputError(f"{folder} holds other images, or the same in other files: {listed(wrong)}.")
        return there

    plan = found() or planned(work, parts, _bytes_each(work))
    content = (plan.model_dump_json(indent=1) + "\n").encode()
    with writing(folder):
        new = not folder.exists()
        folder.mkdir(parents=True, exist_ok=True)
    with locked(folder, busy, shared=ranks):
        found()  # again: another may have begun, or even ended, meanwhile
        if not _is(folder / PLANNED, content):
            with staged_file(folder / PLANNED) as staged:
                staged.write_bytes(content)
        try:
            yield Job(work, folder.absolute(), "" if ranks else hashlib.sha256(content).hexdigest()), plan
        finally:
            if not ranks:
                with contextlib.suppress(OSError):
                    _tidy(folder, new)


def _bytes_each(work: Work) -> float:
    """Bytes that an image takes, as far as a few of them tell."""
    sample = Shard(0, 1, 0, min(_SAMPLE, work.count))
    with tempfile.TemporaryDirectory() as place:
        work.make(sample, Path(place) / "sample", cores(), Silent())
        return content_of(Path(place) / "sample").bytes / len(sample)


def _is(path: Path, content: bytes) -> bool:
    """Whether a file has that content."""
    return path.is_file() and path.stat().st_size == len(content) and path.read_bytes() == content


def found_in(folder: Path) -> DatasetRecord | None:
    """What a folder says that it holds, or is to hold; None if it is new, empty, or no such folder."""
    with reading(folder, OutputError, "choose another place"):
        if not folder.is_dir():
            return None
        with contextlib.suppress(DataError):  # a stranger's, which is no plan of ours
            if (folder / PLANNED).is_file():
                return DatasetRecord.model_validate_json(read_bytes(folder / PLANNED, limits.MAX_RECORD))
            return read_record(folder)
    return None


def _exists(folder: Path, there: DatasetRecord) -> str:
    """Why a folder is not filled without being asked to go on."""
    if (folder / RECORD).exists() or not there.shards:
        return f"{folder} exists and is not empty: choose another place, or remove it first."
    finished = sum((folder / shard.name / RECORD).is_file() for shard in there.shards)
    return (
        f"{folder} exists, and {finished:,} of its {len(there.shards):,} shards are finished: resume it, choose "
        f"another place, or remove it first."
    )


def _tidy(folder: Path, new: bool) -> None:
    """Take away what killed workers left; and the plan, and a folder that was new, if there is nothing else in it."""
    clear(folder)
    if [entry.name for entry in folder.iterdir()] == [PLANNED]:
        (folder / PLANNED).unlink()
        if new:
            folder.rmdir()


def finish(job: Job, plan: DatasetRecord, made: Mapping[int, Made]) -> None:
    """Say, last of all, what a folder holds of which all shards are there."""
    folder = job.folder
    first = folder / plan.shards[0].name / PREVIEW
    with writing(folder):
        with staged_file(folder / PREVIEW) as staged:
            staged.write_bytes(first.read_bytes())
        clear(folder)
        clear_all(folder, {shard.name for shard in plan.shards})
    shards = tuple(
        shard.model_copy(update={"bytes": made[i].bytes, "sha256": made[i].sha256})
        for i, shard in enumerate(plan.shards)
    )
    record = job.work.total(sum(one.refused for one in made.values()))
    record.model_copy(update={"shards": shards}).save(folder / RECORD)
    with writing(folder):
        (folder / PLANNED).unlink(missing_ok=True)
