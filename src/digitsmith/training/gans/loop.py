"""The training loop: read it from the top."""

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from digitsmith.config.schema import TrainConfig
from digitsmith.data.dataset import Dataset
from digitsmith.data.images.pixels import to_planes, to_unit
from digitsmith.errors import DivergedError
from digitsmith.progress import Progress
from digitsmith.records.run import MetricsLine, Run
from digitsmith.training.gans import checkpoint, samples
from digitsmith.training.gans.meter import Meter
from digitsmith.training.gans.metrics_log import MetricsLog, raised_once
from digitsmith.training.gans.start import Start
from digitsmith.training.gans.state import State, set_learning_rates, steps_per_epoch, update_ema
from digitsmith.training.gans.step import adversarial_step
from digitsmith.training.gans.validation import Validation
from digitsmith.training.ranks import ALONE, Ranks

_SILENCE = 2.0  # seconds after which progress is told, though no line of metrics is due


@dataclass(frozen=True)
class Job:
    """All of a training that does not change while it runs."""

    config: TrainConfig  # with nothing left open
    data: Dataset  # the images to train on, all of them labelled if it is conditional
    run: Run
    device: torch.device
    validation: Validation | None  # if the generator is to be measured while it trains
    progress: Progress
    start: Start | None = None  # what the networks start from, if not fresh weights
    ranks: Ranks = ALONE  # the processes that share the batches

    @property
    def epochs(self) -> int:
        """Passes over the images, in all."""
        assert self.config.optimizer.epochs is not None
        return self.config.optimizer.epochs

    @property
    def batch_size(self) -> int:
        """Images per step."""
        assert self.config.optimizer.batch_size is not None
        return self.config.optimizer.batch_size

    @property
    def steps_per_epoch(self) -> int:
        """Full batches in the images, as often as they come in an epoch."""
        return steps_per_epoch(len(self.data), self.batch_size)

    @property
    def steps(self) -> int:
        """In all epochs."""
        return self.epochs * self.steps_per_epoch


def train_epochs(job: Job, state: State) -> bool:
    """Make all steps from the state's position to the last epoch; False if interrupted before."""
    config, position = job.config, state.position
    state.join(job.ranks)
    batches = Batches(job, state)
    meter = Meter(state, config, job.steps_per_epoch)
    with (
        raised_once(),
        contextlib.closing(MetricsLog(job.run, position.step)) as log,
        flushed_denormals(),
        job.ranks.noted() as interrupted,
    ):
        if position.step == 0:
            _show_samples(job, state, log)
            checkpoint.save(job.run.checkpoint, state)
        detail, told = "", time.monotonic()
        while position.epoch < job.epochs:
            scalars = make_step(job, state, batches)
            update_ema(state, config.optimizer.ema)
            meter.count(scalars)

            if meter.line_is_due:
                _require_finite(job, state)
                line = meter.line()
                if meter.epoch_ends:
                    line = line.model_copy(update=_validate(job, state))
                log.line(line)
                meter.start_line()  # measuring is no training
                detail = _describe(line, job.epochs)
            if meter.line_is_due or time.monotonic() - told > _SILENCE:
                job.progress.update("training", position.step, job.steps, detail)
                told = time.monotonic()
            if meter.epoch_ends:
                position.epoch += 1
                position.epoch_step = 0
                if samples.is_due(position.epoch, job.epochs, job.steps_per_epoch):
                    _show_samples(job, state, log)
            stops = interrupted() or position.epoch == job.epochs
            if stops or meter.checkpoint_is_due:
                _require_finite(job, state)
                log.sync()
                checkpoint.save(job.run.checkpoint, state)
                meter.saved()
            if stops:
                break
    return position.epoch == job.epochs


def make_step(job: Job, state: State, batches: "Batches") -> Tensor:
    """Make the step at the state's position, in each rank that takes part; float32[6], the `SCALARS` of the batch."""
    step = state.position.step
    real, label = batches.next()
    set_learning_rates(state, job.config, step / job.steps)
    scalars = adversarial_step(state.generator, state.discriminator, real, label, job.config, step)
    job.ranks.average([scalars, *state.generator.statistics, *state.discriminator.statistics])
    return scalars


class Batches:
    """The training images in the order of their epoch, which depends on the seed and the epoch alone."""

    def __init__(self, job: Job, state: State) -> None:
        self._images = torch.tensor(to_planes(job.data.images), device=job.device)  # uint8: a quarter of the floats
        self._labels = None
        if job.config.networks.conditional:
            labels = torch.tensor(job.data.labels) if state.styles is None else state.styles.of_images
            self._labels = labels.to(job.device)
        self._size, self._seed, self._ranks = job.batch_size, job.config.run.seed, job.ranks
        self._position, self._epoch = state.position, -1

    def next(self) -> tuple[Tensor, Tensor | None]:
        """This rank's share of the batch at the state's position: float32[n, channels, h, w] in [-1, 1], int64[n]."""
        if self._epoch != self._position.epoch:
            self._epoch = self._position.epoch
            random = np.random.Generator(np.random.Philox(key=[self._seed, self._epoch]))
            times = -(-self._size // len(self._images))
            order = np.concatenate([random.permutation(len(self._images)) for _ in range(times)])
            self._order = torch.from_numpy(order).to(self._images.device)
        batch = self._ranks.part(self._order[self._position.epoch_step * self._size :][: self._size])
        real = to_unit(self._images.index_select(0, batch).float())
        return real, None if self._labels is None else self._labels.index_select(0, batch)


def _show_samples(job: Job, state: State, log: MetricsLog) -> None:
    sheet = samples.save(job.run, state.sampler, job.config, job.data, state.position.epoch)
    log.picture("samples", sheet, state.position.step)


def _validate(job: Job, state: State) -> dict[str, float]:
    """The distance after the epoch that ends now, if it is due; the generator is kept if it is the best."""
    position, validation = state.position, job.validation
    if validation is None or (position.epoch + 1) % job.config.run.evaluate_every:
        return {}
    distance = validation.distance(state.sampler)
    if state.best is not None and (position.best_distance is None or distance < position.best_distance):
        position.best_epoch, position.best_distance = position.epoch + 1, distance
        state.best.load_state_dict(state.latest.state_dict())
    return {"frechet_distance": distance, "frechet_floor": validation.floor}


def _describe(line: MetricsLine, epochs: int) -> str:
    detail = (
        f"epoch {line.epoch}/{epochs}  {line.images_per_second:,.0f} images/s  "
        f"loss D {line.d_loss:.3f} G {line.g_loss:.3f}  D(x) {line.d_real:.2f} D(G(z)) {line.d_fake:.2f}"
    )
    return detail if line.frechet_ratio is None else f"{detail}  Fréchet distance ratio {line.frechet_ratio:.1f}"


def _require_finite(job: Job, state: State) -> None:
    if not state.is_finite():
        optimizer = job.config.optimizer
        raise DivergedError(
            f"the training diverged before step {state.position.step}: a loss or a weight is no finite number. "
            f"The last good checkpoint is kept in {job.run.checkpoint.parent}. Try lower learning rates than "
            f"{optimizer.generator.lr} (generator.lr) and {optimizer.discriminator.lr} (discriminator.lr)."
        )


@contextlib.contextmanager
def flushed_denormals() -> Iterator[None]:
    """Take floats under 1e-38, such as the moments that Adam keeps of idle weights, for zero: they are slow on CPUs."""
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(False)
