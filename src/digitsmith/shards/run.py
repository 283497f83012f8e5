"""Work becomes a folder: as one part, or as shards that are made here, in processes, by ranks, or on a Ray cluster."""

import contextlib
import time
from collections.abc import Generator, Iterable
from dataclasses import dataclass

from digitsmith.data.reading import listed
from digitsmith.errors import ConfigError, DigitsmithError, OutputError
from digitsmith.models.noise import whole
from digitsmith.models.running import cores
from digitsmith.progress import Progress
from digitsmith.shards.bucket import Bucket
from digitsmith.shards.cluster import on_cluster
from digitsmith.shards.folder import begun, finish, found_in
from digitsmith.shards.partition import Partition, Shard, one_shard, partition
from digitsmith.shards.places import Place
from digitsmith.shards.processes import in_processes
from digitsmith.shards.work import Job, Made, Work, differences, finished


@dataclass(frozen=True)
class Sharding:
    """How work is divided, and by whom its parts are done.

    Attributes:
        shard: (i, n) makes only the i-th of n equal parts, counted from 1, into the folder itself.
        shards: how many parts, each in a folder of its own.
        workers: how many processes make them, or how many tasks at a time.
        ray: the cluster whose tasks make them.
        rank: (i, n), counted from 0: this process is one of n that make parts of the same folder at the same time.
        resume: go on with a folder in which parts are finished.
    """

    shard: tuple[int, int] | None = None
    shards: int | None = None
    workers: int | None = None
    ray: str | None = None
    rank: tuple[int, int] | None = None
    resume: bool = False

    def __post_init__(self) -> None:
        if self.workers is not None and whole(self.workers, "workers") < 1:
            raise ConfigError(f"{self.workers} is too few: use one at least.", parameter="workers")
        if self.ray is not None and (not isinstance(self.ray, str) or not self.ray):
            raise ConfigError(f"{self.ray!r:.60} is no cluster: give its address, auto or local.", parameter="ray")
        for one, others in (("shard", ("shards", "workers", "ray", "rank")), ("rank", ("workers", "ray"))):
            for other in others:
                if getattr(self, one) is not None and getattr(self, other) is not None:
                    raise ConfigError(f"it cannot be given together with {one}: leave one out.", parameter=other)
        if self.rank is not None:
            _check_rank(self.rank)

    @property
    def divided(self) -> bool:
        """Whether each part gets a folder of its own."""
        return any(given is not None for given in (self.shards, self.workers, self.ray, self.rank))

    def parts(self, count: object, block: int) -> Partition:
        """All parts, where each gets a folder of its own.

        Raises:
            ConfigError, ModelError: as for `partition`.
        """
        return partition(count, self.rank[1] if self.rank and self.shards is None else self.shards, block)

    def whole(self, count: object, block: int) -> Shard:
        """What is made here, if no part gets a folder of its own.

        Raises:
            ConfigError, ModelError: as for `one_shard`.
        """
        return one_shard(count, (1, 1) if self.shard is None else self.shard, block)

    def range(self, count: object, block: int) -> tuple[int, int]:
        """Index of the first image that is made, by whomever, and of the one after the last."""
        if self.divided:
            return 0, self.parts(count, block).count
        shard = self.whole(count, block)
        return shard.start, shard.stop


def _check_rank(rank: tuple[int, int]) -> None:
    try:
        i, n = (whole(number, "rank") for number in rank)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"{rank!r:.60} is no pair such as (0, 4).", parameter="rank") from error
    if not 0 <= i < n:
        raise ConfigError(f"there is no rank {i} of {n}: they are counted from 0 to {n - 1}.", parameter="rank")


def run(work: Work, place: Place, how: Sharding, progress: Progress) -> None:
    """Do work into a folder: all of it, or what falls to this process. At an address it is always divided.

    Raises:
        ConfigError, ModelError: no such parts, or not there.
        OutputError: the folder holds something else already, or cannot be written.
        WorkerError: processes or a cluster that cannot be had, or end before their work is done.
        DigitsmithError: whatever the work raises.
    """
    if isinstance(place, Bucket):
        _check_bucket(place, how)
    elif not how.divided:
        _run_whole(work, how.whole(work.count, work.block), place, how.resume, progress)
        return
    parts = how.parts(work.count, work.block)
    with begun(place, work, parts, resume=how.resume, ranks=how.rank is not None) as (job, plan):
        size = sum(shard.bytes for shard in plan.shards)
        of = f"{len(parts):,} shard{'s' * (len(parts) > 1)} of {len(parts[0]):,} images"
        progress.note(f"{of}, about {_size(size)} in all, in {place}")
        mine = [*parts][how.rank[0] :: how.rank[1]] if how.rank else [*parts]
        made = _follow(job, mine, _made(job, mine, how, progress), progress)
        if how.rank is None or _add_others(job, parts, made):
            finish(job, plan, made)


def _check_bucket(place: Bucket, how: Sharding) -> None:
    """Refuse what makes no sense at an address."""
    if how.shard not in (None, (1, 1)):
        raise ConfigError(
            f"at {place} all parts are made, each as a shard: leave it out, or make the part in a folder.",
            parameter="shard",
        )
    for parameter in ("workers", "ray"):
        if place.store.of_one_process and getattr(how, parameter) is not None:
            raise ConfigError(f"{place} is in the memory of this process alone: leave it out.", parameter=parameter)


def _add_others(job: Job, parts: Partition, made: dict[int, Made]) -> bool:
    """Add the shards that other ranks have made; whether all are there."""
    for shard in parts:
        if shard.number not in made:
            found = job.found(shard)
            if found is None:
                return False
            made[shard.number] = found
    return True


def _run_whole(work: Work, shard: Shard, place: Place, resume: bool, progress: Progress) -> None:
    """Make one part into the folder itself, on all cores."""
    there = found_in(place) if resume else None
    if there is None:
        place.make(lambda folder: work.make(shard, folder, cores(), progress))
        return
    expected = work.record(shard.start, shard.stop)
    if wrong := differences(there, expected):
        raise OutputError(f"{place} holds other images, or the same in other files: {listed(wrong)}.")
    if not finished(place, expected):
        raise OutputError(f"{place} was changed since it was made: choose another place, or remove it first.")
    progress.note(f"{place} is complete: nothing is left to make.")


def _made(job: Job, shards: Iterable[Shard], how: Sharding, progress: Progress) -> Generator[Made | DigitsmithError]:
    """Shards as they are finished, by whomever."""
    if how.ray is not None:
        return on_cluster(job, shards, how.ray, how.workers, progress)
    if how.workers is not None:
        return in_processes(job, shards, how.workers)
    return (job.do(shard, cores()) for shard in shards)


def _follow(
    job: Job, shards: Iterable[Shard], made: Generator[Made | DigitsmithError], progress: Progress
) -> dict[int, Made]:
    """Take finished shards, and tell how far all is."""
    sizes = {shard.number: len(shard) for shard in shards}
    total, done, new, start = sum(sizes.values()), 0, 0, time.monotonic()
    finished, said = dict[int, Made](), set[str]()
    try:
        with contextlib.closing(made):
            for one in made:
                if isinstance(one, DigitsmithError):
                    raise one
                finished[one.number] = one
                done += sizes[one.number]
                new += 0 if one.found else sizes[one.number]
                for note in one.notes:
                    if note not in said:
                        said.add(note)
                        progress.note(note)
                speed = _speed(new, total - done, time.monotonic() - start)
                progress.update(job.work.name, done, total, f"{len(finished):,} of {len(sizes):,} shards{speed}")
    except KeyboardInterrupt:
        progress.note(_kept(len(finished), len(sizes)))
        raise
    except DigitsmithError as error:
        if finished:
            error.message += f" {_kept(len(finished), len(sizes))}"
        raise
    if found := sum(one.found for one in finished.values()):
        progress.note(f"{found:,} of {len(sizes):,} shards were finished before.")
    return finished


def _kept(finished: int, shards: int) -> str:
    return f"{finished:,} of {shards:,} shards are finished: resume, and the others are made."


def _speed(images: int, left: int, seconds: float) -> str:
    """How fast it is, and how long it will take."""
    if not images or seconds <= 0:
        return ""
    rate = images / seconds
    minutes, rest = divmod(round(left / rate), 60)
    return f", {rate:,.0f} images/s, {minutes // 60}:{minutes % 60:02}:{rest:02} left"


def _size(size: float) -> str:
    """A number of bytes for people."""
    for factor, unit in ((1e9, "GB"), (1e6, "MB")):
        if size >= factor:
            return f"{size / factor:.3g} {unit}"
    return f"{size / 1000:.3g} kB"
