"""The runs that a studio shows: those that the user named, and those in the folder where new ones go."""

import functools
import hashlib
import os
import threading
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal

from digitsmith.errors import DigitsmithError, RunError, reason
from digitsmith.figures.history import read_history
from digitsmith.files import is_locked
from digitsmith.records.evaluation import check_picture
from digitsmith.records.run import MetricsLine, Run, RunRecord
from digitsmith.records.studio import EpochRow, Runs, RunStory, RunSummary, State
from digitsmith.report.commands import can_be_measured, command, train_command
from digitsmith.studio.jobs import Job, Jobs
from digitsmith.untrusted import read_bytes, reading

_KEY = 16
_MOST_RUNS = 200  # of the folder, the latest ones
_PICTURE_BYTES = 2**24

Stamp = tuple[tuple[int, int], ...]
"""Of some files: when each was changed, in nanoseconds, and its size; whoever has read them need not read again."""


def key_of(folder: Path) -> str:
    """By which the addresses of a run name its folder."""
    return hashlib.sha256(os.fsencode(folder.absolute())).hexdigest()[:_KEY]


def is_run(folder: Path) -> bool:
    """Whether a folder is one of a `digitsmith train`."""
    try:
        return (folder / "config.toml").is_file() and (folder / "run.json").is_file()
    except (OSError, ValueError):  # a name that can be no path
        return False


class GoneError(RunError):
    """A run that is not there, or not any more."""


class Shelf:
    """Runs on this machine's disk, by key. No path comes from a request: it names a key, which is looked up here.

    Args:
        named: run folders that the user named.
        folder: where new runs go, and others may be; None for the named ones alone.
    """

    def __init__(self, named: Iterable[Path] = (), folder: Path | None = None) -> None:
        self._named = {key_of(path): path for path in named}
        self.folder = folder
        self.jobs = Jobs()
        self._begun: dict[str, Path] = {}  # runs that were started here, whose folder may not be there yet
        self._lock = threading.Lock()  # of these

    def places(self) -> dict[str, Path]:
        """The folders of all runs that are there, the named ones first, then the latest."""
        found = {key: path for key, path in self._named.items() if is_run(path)}
        if self.folder is not None and self.folder.is_dir():
            with reading(self.folder, RunError, "name another folder for runs"):
                inner = [path for path in self.folder.iterdir() if is_run(path)]
            inner.sort(key=_changed, reverse=True)
            found |= {key_of(path): path for path in inner[:_MOST_RUNS]}
        return found

    def find(self, key: str) -> Run:
        """A run that is there.

        Raises:
            GoneError: it is not.
            RunError: its links lead out of it.
        """
        path = self._named.get(key) or self._begun.get(key)
        if path is None or not is_run(path):
            path = self.places().get(key)
        if path is None:
            raise GoneError("this run is not there any more: it was removed or renamed.")
        return Run(path)

    def begin(self, path: Path, words: Sequence[str], command: str) -> str:
        """Start the training of a run that is to be; its key. Those that did not begin are forgotten.

        Raises:
            RunError: one trains for this run, or as many commands run as may.
        """
        key = key_of(path)
        with self._lock:
            self.jobs.start(key, "training", words, command)
            under_way = {k: place for k, place in self._begun.items() if (job := self.jobs.of(k)) and job.running}
            self._begun = under_way | {key: path}
        return key

    def runs(self) -> Runs:
        """What there is to choose from."""
        places = self.places()
        with self._lock:
            self._begun = {key: path for key, path in self._begun.items() if key not in places}  # else it has a folder
            awaited = self._begun
        return Runs(
            live=True,
            runs=tuple(
                _summary(key, path, self.jobs.of(key), there=key in places)
                for key, path in {**awaited, **places}.items()
            ),
        )

    def summary(self, key: str) -> RunSummary:
        """What there is to say of one run.

        Raises:
            GoneError: it is not there.
            RunError: its links lead out of it.
        """
        return _summary(key, self.find(key).folder, self.jobs.of(key), there=True)

    def recorded(self) -> Runs:
        """The runs that the user named, for a site where nothing changes."""
        summaries = (_summary(key, path, None, there=True) for key, path in self._named.items())
        return Runs(live=False, runs=tuple(one for one in summaries if one.state != "damaged"))

    def story(self, key: str) -> RunStory:
        """All that is shown of a run.

        Raises:
            GoneError: it is not there.
            RunError: it cannot be read.
            ConfigError: its config is damaged.
        """
        run = self.find(key)
        stamp = _stamp(run.config, run.record, run.metrics, run.real.parent, run.real)
        return _read_story(key, run.folder, stamp)

    def picture(self, key: str, which: int | Literal["real"]) -> bytes:
        """The grid of an epoch's samples, or of real images: a PNG.

        Raises:
            GoneError: the run is not there.
            RunError: the picture is not there, or is none.
        """
        run = self.find(key)
        path = run.real if which == "real" else run.sample(which)
        if not path.is_file():
            raise RunError("there is no such picture.")
        with reading(path, RunError, "remove it"):
            return check_picture(read_bytes(path, _PICTURE_BYTES), "PNG")


def _summary(key: str, path: Path, job: Job | None, *, there: bool) -> RunSummary:
    told = job.record() if job else None
    training = bool(job and told and told.running and job.work == "training")
    ended = told.problem if told and told.work == "training" else ""
    if not there:
        stopped = "It was stopped before it began." if job and job.stopped else ended
        state: State = "starting" if training else "failed"
        return RunSummary(key=key, name=str(path), state=state, problem=stopped, ours=training, job=told)
    try:
        run = Run(path)
        stamp = _stamp(run.config, run.record, run.metrics, run.model, run.evaluation)
        summary = _read_summary(key, path, stamp)
        training = training or is_locked(run.lock)
    except (DigitsmithError, OSError) as error:
        said = error.message if isinstance(error, DigitsmithError) else reason(error)
        resumable = not training and _was_torn(path)
        return RunSummary(
            key=key, name=str(path), state="killed" if resumable else "damaged", problem=said, resumable=resumable,
            ours=bool(job and job.running and job.work == "training"), job=told,
        )  # fmt: skip
    if training:
        changes = {
            "state": "training",
            "resumable": False,
            "ours": bool(told and told.running and told.work == "training"),
        }
        return summary.model_copy(update={**changes, "job": told})
    return summary.model_copy(update={"problem": ended, "job": told})


@functools.lru_cache(maxsize=4 * _MOST_RUNS)
def _read_summary(key: str, path: Path, _stamp: Stamp) -> RunSummary:
    """The summary of a run that nobody trains at the moment."""
    run = Run(path)
    config, record = run.read_config(), run.read_record()
    lines = run.read_metrics()
    kind = "conditional" if config.networks.conditional else "unconditional"
    states: dict[str, State] = {"training": "killed", "interrupted": "stopped"}
    state = states.get(record.state) or ("diverged" if record.state == "diverged" else "finished")
    return RunSummary(
        key=key,
        name=str(path),
        state=state,
        about=f"{config.networks.architecture}, {kind}; {record.data.title}, {record.data.images:,} images",
        epochs=config.optimizer.epochs or 0,
        epoch=lines[-1].epoch if lines else 0,
        resumable=_can_resume(record),
        measurable=can_be_measured(run),
        evaluated=run.evaluation.is_file(),
    )


def _can_resume(record: RunRecord) -> bool:
    return record.state in ("training", "interrupted") and bool(record.data.source)


def _was_torn(path: Path) -> bool:
    """Whether all that is damaged is the last line of metrics, which a killed training left: resuming mends it."""
    try:
        run = Run(path)
        run.read_config()
        return _can_resume(run.read_record())
    except DigitsmithError:
        return False


@functools.lru_cache(maxsize=16)
def _read_story(key: str, path: Path, _stamp: Stamp) -> RunStory:
    run = Run(path)
    config, record = run.read_config(), run.read_record()
    networks = config.networks
    generator, discriminator = networks.generator.widths or [], networks.discriminator.widths or []
    pixels = record.data.channels * record.data.image_size[0] * record.data.image_size[1]
    noise = f"{networks.z_dim} numbers"
    return RunStory(
        key=key,
        name=str(path),
        started=record.started,
        image_size=record.data.image_size,
        channels=record.data.channels,
        classes=record.data.classes if networks.conditional else (),
        z_dim=networks.z_dim,
        z_distribution=networks.z_distribution,
        seed=str(config.run.seed),
        generator=" → ".join([noise, *map(str, generator), f"{pixels:,} pixels"]),
        discriminator=" → ".join([f"{pixels:,} pixels", *map(str, discriminator), "1 probability"]),
        images=record.data.images,
        data=record.data.title,
        command=train_command(record, path) if record.data.source else "",
        resume=command("train", resume=True, out=path) if _can_resume(record) else "",
        real=run.real.is_file(),
        samples=tuple(run.samples()),
        epochs=_rows(run.read_metrics()),
    )


def _rows(lines: Sequence[MetricsLine]) -> tuple[EpochRow, ...]:
    """The means of each epoch, as `digitsmith report` draws them."""
    if not lines:
        return ()
    history = read_history(lines)
    last = {line.epoch: line for line in lines}
    ratios = dict(zip(*history["frechet_ratio"], strict=True)) if "frechet_ratio" in history else {}
    curves = [history[name][1].tolist() for name in ("d_loss", "g_loss", "d_real", "d_fake")]
    return tuple(
        EpochRow(
            epoch=epoch, d_loss=d_loss, g_loss=g_loss, d_real=d_real, d_fake=d_fake, ratio=ratios.get(float(epoch)),
            images_per_second=line.images_per_second, seconds=line.seconds,
        )
        for (epoch, line), d_loss, g_loss, d_real, d_fake in zip(last.items(), *curves, strict=True)
    )  # fmt: skip


def _stamp(*paths: Path) -> Stamp:
    found = []
    for path in paths:
        try:
            status = path.stat()
            found.append((status.st_mtime_ns, status.st_size))
        except OSError:
            found.append((0, -1))
    return tuple(found)


def _changed(path: Path) -> int:
    try:
        return (path / "run.json").stat().st_mtime_ns
    except OSError:
        return 0
