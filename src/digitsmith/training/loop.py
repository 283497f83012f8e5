"""The training loop: read it from the top."""

import contextlib
import math
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from rich.console import Console
from torch import Tensor

from digitsmith.config.schema import TrainConfig
from digitsmith.data.dataset import Dataset
from digitsmith.data.pixels import to_unit
from digitsmith.errors import DivergedError
from digitsmith.models.generator import Model
from digitsmith.records import run as runs
from digitsmith.records.base import DataRecord, Versions
from digitsmith.records.model import GeneratorRecord, TrainingRecord
from digitsmith.records.run import Run
from digitsmith.training import checkpoint, samples
from digitsmith.training.export import export
from digitsmith.training.logs import Display, Metrics
from digitsmith.training.prepare import check_data, find_device, settle_epochs, settle_precision, settle_styles
from digitsmith.training.state import State, make_step, new_state, set_learning_rates, update_ema
from digitsmith.training.step import SCALARS
from digitsmith.training.styles import find_styles
from digitsmith.training.validation import Validation, hold_out


@dataclass(frozen=True)
class Outcome:
    """How a training ended."""

    run: Run
    finished: bool
    epochs: int
    seconds: float
    best_epoch: int  # the one whose generator is exported; 0 if none was measured: then it is the last
    best_ratio: float  # of its distance to that of real images


def train(
    config: TrainConfig,
    data: Dataset,
    source: str,
    run: Run,
    *,
    device: str,
    resume: bool,
    command: str,
    console: Console,
) -> Outcome:
    """Train a generator, or go on with a training, and export it at the end.

    Args:
        config: everything that decides what is computed. A precision of `auto` and epochs of 0 are settled here, and
            recorded.
        data: the training images.
        source: what the user calls them, for the record.
        run: the folder to fill, or, with `resume`, to go on with.
        device: `auto`, `cpu`, `cuda` or `cuda:N`.
        resume: continue from the run's checkpoint, to the same weights as if it had never stopped.
        command: the command line that does the same, for the record.
        console: where to show how it goes.

    Returns:
        The outcome. It is not finished if the training was interrupted (Ctrl-C, SIGTERM); then the state was saved.

    Raises:
        DataError: images that cannot be trained on.
        ConfigError: a device that is not there.
        OutputError: a folder that is not empty, or cannot be written.
        RunError: a run that cannot be resumed.
        DivergedError: weights or losses that are no longer finite. The last good checkpoint is kept.
    """
    check_data(data, config)
    where = find_device(device)
    trained, held_out = hold_out(data) if config.evaluate_every else (data, None)
    check_data(trained, config)
    styles = config.styles
    config = settle_epochs(settle_styles(settle_precision(config, where), trained), len(trained))
    validation = None if held_out is None else Validation(trained, held_out, config)
    torch.manual_seed(config.seed)
    state = new_state(config, data.image_size, len(data.classes), where)
    if not resume:
        record = runs.describe(data, source, str(where), command)
        runs.start(run, config, record)
    with runs.locked(run):
        if resume:
            record = runs.check_resumable(run, config, data.sha256())
            if run.checkpoint.exists() or run.metrics.stat().st_size:
                checkpoint.load(run.checkpoint, state)  # else it was killed before its first one, and starts again
            runs.write_config(run, config, record)
        if config.styles < styles:
            console.print(f"Styles of a class: {config.styles}, not {styles}; there is one for 100 images at most.")
        if config.styles > 1 and state.styles is None:
            started = time.monotonic()
            state.styles = find_styles(trained, config)
            state.position.seconds = time.monotonic() - started
        if not run.real.exists():
            samples.save_real(run, trained, config)
        with contextlib.closing(Metrics(run, state.position.step)) as metrics, flushed_denormals():
            finished = _run_epochs(config, trained, run, state, validation, metrics, console, where)
        if finished:
            export(state.chosen, run.model, _metadata(config, record, state))
    position = state.position
    ratio = (position.best_distance or 0) / validation.floor if validation is not None else 0.0
    return Outcome(run, finished, position.epoch, position.seconds, position.best_epoch, ratio)


def _run_epochs(
    config: TrainConfig,
    data: Dataset,
    run: Run,
    state: State,
    validation: Validation | None,
    metrics: Metrics,
    console: Console,
    device: torch.device,
) -> bool:
    """Make all steps from the state's position to the last epoch; False if interrupted before."""
    images = torch.tensor(data.images, device=device)[:, None]  # uint8[n, 1, h, w]: a quarter of the floats
    labels = None
    if config.conditional:
        labels = torch.tensor(data.labels) if state.styles is None else state.styles.of_images
        labels = labels.to(device)
    position = state.position
    steps_per_epoch = len(data) // config.batch_size
    started = saved = line_started = time.monotonic()
    steps_before = line_step = position.step
    seconds_before = position.seconds

    def show_samples() -> None:
        sheet = samples.save(run, state.sampler, config, data, position.epoch)
        metrics.picture("samples", sheet, position.step)

    if position.step == 0:
        show_samples()
        checkpoint.save(run.checkpoint, state)
    order = _shuffled(len(data), config.seed, position.epoch).to(device)
    with Display(console, config.epochs, steps_per_epoch, position.step) as display, _interruptible() as interrupted:
        while position.epoch < config.epochs:
            batch = order[position.epoch_step * config.batch_size :][: config.batch_size]
            real = to_unit(images.index_select(0, batch).float())
            label = None if labels is None else labels.index_select(0, batch)
            set_learning_rates(state, config, position.step / (config.epochs * steps_per_epoch))
            state.sums += make_step(state, real, label, config)
            update_ema(state, config.ema)
            position.step += 1
            position.epoch_step += 1
            position.summed_steps += 1

            epoch_ends = position.epoch_step == steps_per_epoch
            if epoch_ends or position.step % config.log_every == 0:
                now = time.monotonic()
                position.seconds = seconds_before + now - started
                values = _line(config, state, position.step - line_step, now - line_started)
                _require_finite(state, run, config)
                if epoch_ends and validation is not None and (position.epoch + 1) % config.evaluate_every == 0:
                    values |= _measure(validation, state)
                metrics.line(values)
                rate = (position.step - steps_before) * config.batch_size / (now - started)
                display.update(values, rate, epoch_ends=epoch_ends)
                line_started, line_step = time.monotonic(), position.step
            if epoch_ends:
                position.epoch += 1
                position.epoch_step = 0
                if samples.is_due(position.epoch, config.epochs):
                    show_samples()
                order = _shuffled(len(data), config.seed, position.epoch).to(device)

            stopping = interrupted() or position.epoch == config.epochs
            if stopping or time.monotonic() - saved >= config.checkpoint_seconds:
                _require_finite(state, run, config)
                metrics.sync()
                checkpoint.save(run.checkpoint, state)
                saved = time.monotonic()
            if stopping:
                break
    return position.epoch == config.epochs


def export_checkpoint(
    folder: Path, path: Path, weights: Literal["float32", "float16"] = "float32", truncation: float = 1.0
) -> Model:
    """Export the generator of a run's latest checkpoint; the best so far, if it was measured during training.

    See `training.export.export` for the weights and the truncation.

    Raises:
        RunError: the folder holds no run, or its checkpoint is damaged.
    """
    run = Run(folder)
    config, record = run.read()
    state = new_state(config, record["image_size"], len(record["classes"]), torch.device("cpu"))
    checkpoint.load(run.checkpoint, state)
    return export(state.chosen, path, _metadata(config, record, state), weights, truncation)


@contextlib.contextmanager
def flushed_denormals() -> Iterator[None]:
    """Take floats under 1e-38, such as the moments that Adam keeps of idle weights, for zero: they are slow on CPUs."""
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(False)


def _measure(validation: Validation, state: State) -> dict[str, float]:
    """The distance after the epoch that ends now, for the line of metrics; and keep the generator if it is the best."""
    position, distance = state.position, validation.distance(state.sampler)
    if state.best is not None and (position.best_distance is None or distance < position.best_distance):
        position.best_epoch, position.best_distance = position.epoch + 1, distance
        state.best.load_state_dict(state.latest.state_dict())
    return {"frechet_distance": distance, "frechet_floor": validation.floor}


def _shuffled(n: int, seed: int, epoch: int) -> Tensor:
    """The order of the images in an epoch, which depends on nothing else."""
    random = np.random.Generator(np.random.Philox(key=[seed, epoch]))
    return torch.from_numpy(random.permutation(n))


def _line(config: TrainConfig, state: State, steps: int, seconds: float) -> dict[str, float]:
    """The means since the last line of metrics, and start the next. This session made the last `steps` of them."""
    position = state.position
    means = (state.sums / position.summed_steps).tolist()
    line = {
        "epoch": position.epoch + 1,
        "step": position.step,
        "images": position.step * config.batch_size,
        **dict(zip(SCALARS, means, strict=True)),
        "images_per_second": round(steps * config.batch_size / max(seconds, 1e-9), 1),
        "seconds": round(position.seconds, 3),
    }
    if all(math.isfinite(mean) for mean in means):  # else they stay, for the error to be seen
        state.sums.zero_()
    position.summed_steps = 0
    return line


def _require_finite(state: State, run: Run, config: TrainConfig) -> None:
    if not state.is_finite():
        raise DivergedError(
            f"the training diverged before step {state.position.step}: a loss or a weight is no finite number. "
            f"The last good checkpoint is kept in {run.checkpoint.parent}. Try lower learning rates than "
            f"{config.generator.lr} and {config.discriminator.lr} (--set generator.lr=…, --set discriminator.lr=…)."
        )


def _metadata(config: TrainConfig, record: dict[str, Any], state: State) -> GeneratorRecord:
    position, size, classes = state.position, tuple(record["image_size"]), tuple(record["classes"])
    measured = state.best is not None
    return GeneratorRecord(
        classes=classes if config.conditional else (),
        image_size=size,
        z_dim=config.z_dim,
        z_distribution=config.z_distribution,
        training=TrainingRecord(
            command=record["command"],
            data=DataRecord(
                source=record["data"],
                sha256=record["data_sha256"],
                images=record["images"],
                image_size=size,
                classes=classes,
            ),
            device=record["device"],
            versions=Versions(
                digitsmith=record["digitsmith"],
                git=record["git"],
                python=record["python"],
                libraries={name: record[name] for name in ("torch", "numpy")},
            ),
            config=config.model_dump(mode="json"),
            steps=position.step,
            best_epoch=position.best_epoch if measured else None,
            validation_distance=position.best_distance if measured else None,
        ),
    )


@contextlib.contextmanager
def _interruptible() -> Iterator[Any]:
    """Give a function that tells whether Ctrl-C or SIGTERM came. The second Ctrl-C stops at once."""
    received: list[int] = []

    def note(number: int, _frame: object) -> None:
        received.append(number)
        signal.signal(signal.SIGINT, signal.default_int_handler)

    try:
        before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    except ValueError:  # not in the main thread, where no signal arrives
        yield lambda: False
        return
    try:
        yield lambda: bool(received)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
