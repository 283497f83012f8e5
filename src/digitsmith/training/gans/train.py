"""`train`: from names and paths to a run folder with a generator in it."""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch

from digitsmith.config.loading import load_config
from digitsmith.data.assemble import fit
from digitsmith.data.dataset import Dataset, check_image_size
from digitsmith.data.reading import Reading
from digitsmith.data.sources import Source, read_over, read_source
from digitsmith.errors import ConfigError, DataError, DivergedError, DownloadError, OutputError
from digitsmith.figures.run import draw_figures
from digitsmith.files import require_new
from digitsmith.progress import Progress, listening
from digitsmith.records.base import LabelsRecord, ReadOptions, Versions
from digitsmith.records.run import Run, RunRecord, find_record
from digitsmith.training.gans import checkpoint, folder, samples
from digitsmith.training.gans.export import export_state
from digitsmith.training.gans.few_labels import FewLabels, keep_few
from digitsmith.training.gans.following import PARTS, invite
from digitsmith.training.gans.loop import Job, train_epochs
from digitsmith.training.gans.setup import prepare, relabelled
from digitsmith.training.gans.start import find_start
from digitsmith.training.gans.state import Position, State, new_state
from digitsmith.training.gans.styles import find_styles
from digitsmith.training.ranks import DONE
from digitsmith.training.torchrun import joined
from digitsmith.untrusted import reading


@dataclass(frozen=True)
class Outcome:
    """How a training ended.

    Attributes:
        run: the paths of what it left.
        finished: False if it was interrupted (Ctrl-C, SIGTERM, SIGHUP); then its state was saved.
        epochs: that are done.
        seconds: spent in training, over all sessions.
        best_epoch: the one whose generator is exported; None if none was measured: then it is the last.
        best_ratio: its Fréchet distance ratio; None if none was measured, or real images have no distance.
        rank: of this process, if torchrun started several: only the first one, 0, has written the run folder.
    """

    run: Run
    finished: bool
    epochs: int
    seconds: float
    best_epoch: int | None
    best_ratio: float | None
    rank: int = 0

    @property
    def said(self) -> dict[str, Any]:
        """What the ranks behind the first are told of it."""
        return {name: value for name, value in vars(self).items() if name not in ("run", "rank")}


def train(
    preset: str | Path | None = None,
    data: str | Path | Dataset | None = None,
    out: str | Path = "runs/run",
    *,
    changes: Sequence[str] | Mapping[str, Any] = (),
    start: str | Path | None = None,
    per_class: int | None = None,
    read: ReadOptions | Mapping[str, Any] | None = None,
    device: str | None = None,
    resume: bool = False,
    progress: Progress | bool = True,
) -> Outcome:
    """Train a generator, export it, and draw the figures of the run.

    Args:
        preset: `residual`, `cgan`, `gan`, or the path of a TOML file; with `resume`, the run's own config by default.
        data: what `load_dataset` takes, of which the training split is used, or a data set. By default those of the
            run that is resumed, or whose config.toml is the preset; else `digits`.
        out: the run folder.
        changes: hyperparameters to change: `{"epochs": 20}` or `["epochs=20"]`.
        start: a trained pair to start from, for few images or little time: the name of a shipped model, or a run
            folder of the preset residual. Images are brought to its size and frame.
        per_class: use so many labels of each class only, drawn by the seed. First a reader learns from these, and from
            all other images without their labels, in the folder `reader` of the run. It labels the others; then the
            generator is trained on all of them. By default as for the run that brings the data.
        read: how the files of the data are read, by the names of `load_dataset`: `{"resize": (28, 28)}`. What is left
            out is as for the run that brings the data, or as for the pair.
        device: auto, cpu, cuda or cuda:N; auto by default, or, with `resume`, the run's own.
        resume: continue the run in `out`, to the same weights as if it had never stopped.
        progress: True for a bar in a terminal or notebook, False for silence, or a listener.

    Raises:
        DataError: images that cannot be trained on, or that are not to be found; fewer labels of a class than
            `per_class`.
        ConfigError: an unknown preset or key, a value out of range, a device that is not there; with `per_class`, a
            preset without classes, or help that has learned from the labels which are not to be used.
        OutputError: a folder that is not empty, or cannot be written.
        RunError: a run that cannot be resumed.
        DivergedError: weights or losses that are no longer finite. The last good checkpoint is kept.

    Examples:
        >>> import digitsmith
        >>> outcome = digitsmith.train("cgan", "digits", "runs/tour", changes={"epochs": 1}, progress=False)
        >>> digitsmith.load(outcome.run.folder).sample([5]).shape
        (1, 28, 28)
    """
    with joined() as ranks, listening(progress) as progress:
        if ranks.follower:
            return Outcome(Run(Path(out)), **ranks.follower.follow(PARTS).said, rank=ranks.rank)
        changes = _plain(changes)
        run = Run(Path(out))
        folder.require_text(run.folder)
        if resume:
            run.read_config()
            recorded: RunRecord | None = run.read_record()
        elif preset is None:
            raise ConfigError(
                "say what to train: the preset residual, cgan or gan, or the path of a .toml file.", parameter="preset"
            )
        else:
            if run.config.is_file():
                raise OutputError(f"{run.folder} holds a run: resume it, or choose another folder.", parameter="resume")
            require_new(run.folder)
            recorded = find_record(preset) if data is None else None  # the config of a run brings its data
        config = load_config(preset or run.config, changes)
        if resume and recorded and recorded.start:
            start = recorded.start.name
        if per_class is None and recorded and recorded.labels:
            per_class = recorded.labels.per_class
        if per_class is not None and not config.networks.conditional:
            raise ConfigError(
                "an unconditional model is trained without labels: leave it out, or train residual or cgan.",
                parameter="per_class",
            )
        pair = None if start is None or (resume and run.checkpoint.exists()) else find_start(start)
        if pair is not None and not resume:
            config = pair.configured(config, load_config(preset or run.config))
        usual = recorded.data.read if recorded else pair.read if pair else ReadOptions()
        options = read_over(usual, read)
        if pair is not None and not resume and options.frame and not isinstance(data, Dataset):
            progress.note(f"Images are cropped to their ink, scaled and centred, as those of {pair.record.name} are.")
        images, source = _find_images(data, options, recorded, run.folder if resume else preset, progress)
        where = device or (recorded.device if resume and recorded else "auto")
        described, few, labels = images.record(source, options), None, None
        if per_class is not None:
            few = keep_few(images, described, per_class, config.run.seed)
            few.require_unseen(config, pair)
            images, labels = few.expected(), LabelsRecord(per_class=few.per_class)
        job = prepare(run, images, config, where, progress, pair, ranks)
        if recorded and not resume and recorded.data.sha256 != described.sha256:
            progress.note(f"{source} does not hold the images any more that the run of {preset} was trained on.")
        with reading("what is asked for", ConfigError, "change less at once"):  # such as a thousand changes
            record = RunRecord(
                preset=str(preset or run.config),
                changes=_as_texts(changes),
                data=described,
                device=str(job.device),
                ranks=ranks.count,
                start=pair.record if pair else None,
                labels=labels,
                versions=Versions.here("torch", "numpy"),
                started=datetime.now(UTC),
            )
        with torch.random.fork_rng():  # the caller's random state stays as it is
            outcome = _run(job, record, few, resume=resume)
        if run.samples():
            draw_figures(run)
        ranks.tell(DONE, outcome.said, {})
        return outcome


def _run(job: Job, record: RunRecord, few: FewLabels | None, *, resume: bool) -> Outcome:
    """Start the run or take it up, let a reader label its images if few labels are known, train, and export."""
    run, config = job.run, job.config
    torch.manual_seed(config.run.seed)
    state = None if resume else _new_state(job)
    if not resume:
        folder.start(run, config, record)
    with folder.locked(run.folder):
        if resume:
            folder.require_resumable(run, config, record)
            record = run.read_record()
            job.ranks.compare(record.ranks, job.progress)
            record = record.model_copy(update={"ranks": job.ranks.count})
        if few is not None:
            labelled = _labelled(job, record, few)
            if labelled is None:
                record.model_copy(update={"state": "interrupted"}).save(run.record)
                return _outcome(job, Position(), finished=False)
            job, record = labelled
        if resume:
            if run.checkpoint.exists() or (run.metrics.is_file() and run.metrics.stat().st_size):
                state = checkpoint.load(run.checkpoint, config, record.data, job.device, len(job.data))
            folder.write_config(run, config)
        if state is None:  # it was killed before its first checkpoint
            state = _new_state(job)
        if config.networks.styles > 1 and state.styles is None:
            started = time.monotonic()
            state.styles = find_styles(job.data, config, by_pixels=few is not None)
            state.position.seconds = time.monotonic() - started
        if state.position.epoch >= job.epochs:
            job.progress.note(f"All {job.epochs:,} epochs were trained before: nothing is left to train.")
        if not run.real.exists():
            samples.save_real(run, job.data, config)
        if record.state != "training":  # it is taken up again: killed from now on, it was not stopped
            record = record.model_copy(update={"state": "training"})
            record.save(run.record)
        invite(job, state)
        try:
            finished = train_epochs(job, state)
        except DivergedError:
            record.model_copy(update={"state": "diverged"}).save(run.record)
            raise
        if finished:
            export_state(state, run.model, config, record)
        stopped = {"state": "finished" if finished else "interrupted", "seconds": round(state.position.seconds, 3)}
        record.model_copy(update=stopped).save(run.record)
    return _outcome(job, state.position, finished=finished)


def _labelled(job: Job, record: RunRecord, few: FewLabels) -> tuple[Job, RunRecord] | None:
    """Let a reader give the images their labels; None if it was stopped while it learned."""
    with torch.random.fork_rng():
        try:
            reader = few.learn(job.run, record, job.config.run.seed, job.progress, job.ranks)
        except KeyboardInterrupt:
            return None
        images, labels = few.label(reader)
    if not (record.labels and record.labels.reader_sha256):
        left_out = f"; {labels.refused:,} are left out, as it takes them for no digit" if labels.refused else ""
        job.progress.note(f"The reader labelled {labels.given:,} images{left_out}.")
        record = record.model_copy(update={"labels": labels})
        record.save(job.run.record)
    return relabelled(job, images), record


def _outcome(job: Job, position: Position, *, finished: bool) -> Outcome:
    floor = job.validation.floor if job.validation else 0.0  # 0 where all images are the same
    ratio = position.best_distance / floor if floor and position.best_distance is not None else None
    return Outcome(job.run, finished, position.epoch, position.seconds, position.best_epoch or None, ratio)


def _new_state(job: Job) -> State:
    shape = (job.data.channels, *job.data.image_size)
    state = new_state(job.config, shape, len(job.data.classes), job.device)
    if job.start is not None:
        job.start.fill(state, job.data.classes)
    return state


def _find_images(
    data: str | Path | Dataset | None,
    options: ReadOptions,
    recorded: RunRecord | None,
    trained_before: str | Path | None,
    progress: Progress,
) -> tuple[Dataset, str]:
    """The images to train on, and what the user calls them; empty for a data set in memory."""
    if isinstance(data, Dataset):
        images = Dataset(fit(data.images, options, "data"), data.labels, data.classes)
        check_image_size(images, "training data")
        return images, ""
    source = str(data or (recorded.data.source if recorded else "digits"))
    if not source:
        raise DataError(f"{trained_before} was trained on a data set in memory: pass it again.", parameter="data")
    try:
        return read_source(Source.parse(source), Reading(options, progress)), source
    except DataError as error:
        if not recorded or isinstance(error, DownloadError):
            if error.parameter == "source":
                error.parameter = "data"
            raise
        raise DataError(
            f"{trained_before} was trained on {source!r}, which is looked for from the folder that you are in: "
            f"{error.message} Go to where it is, or name it.",
            parameter="data",
        ) from error


def _plain(changes: Sequence[str] | Mapping[str, Any]) -> Sequence[str] | Mapping[str, Any]:
    """Changes whose numbers are Python's own, as they may be NumPy's."""
    if not isinstance(changes, Mapping):
        return changes
    return {key: value.item() if isinstance(value, np.generic) else value for key, value in changes.items()}


def _as_texts(changes: Sequence[str] | Mapping[str, Any]) -> tuple[str, ...]:
    """Changes as `key=value`, whose value is written as in TOML, or as a bare word."""
    if not isinstance(changes, Mapping):
        return tuple(changes)
    return tuple(f"{key}={value if isinstance(value, str) else json.dumps(value)}" for key, value in changes.items())
