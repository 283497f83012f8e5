"""The clocks of a training, and the means that its lines of metrics give."""

import time

from torch import Tensor

from digitsmith.config.schema import TrainConfig
from digitsmith.records.run import MetricsLine
from digitsmith.training.state import State
from digitsmith.training.step import SCALARS


class Meter:
    """Counts steps and sums what they measure, in the state of a training, and knows what is due."""

    def __init__(self, state: State, config: TrainConfig, steps_per_epoch: int) -> None:
        self._state, self._config, self._steps_per_epoch = state, config, steps_per_epoch
        now = time.monotonic()
        self._started = now - state.position.seconds
        self._saved = self._line_started = now
        self._line_step = state.position.step  # of the last line, or where this session started

    def count(self, scalars: Tensor) -> None:
        """Note one step and what it measured: float32[6], the `SCALARS`."""
        position = self._state.position
        self._state.sums += scalars
        position.step += 1
        position.epoch_step += 1
        position.summed_steps += 1
        position.seconds = time.monotonic() - self._started  # a run may stop before the next line

    @property
    def epoch_ends(self) -> bool:
        """Whether the last step was the last one of its epoch."""
        return self._state.position.epoch_step == self._steps_per_epoch

    @property
    def line_is_due(self) -> bool:
        """Whether it is time for a line of metrics."""
        return self.epoch_ends or self._state.position.step % self._config.run.log_every == 0

    @property
    def checkpoint_is_due(self) -> bool:
        """Whether it is time to save."""
        return time.monotonic() - self._saved >= self._config.run.checkpoint_seconds

    def saved(self) -> None:
        """Note that a checkpoint was just written."""
        self._saved = time.monotonic()

    def line(self, extra: dict[str, float]) -> MetricsLine:
        """The means since the last line, with `extra` fields; the next one starts."""
        position, batch_size = self._state.position, self._config.optimizer.batch_size
        now = time.monotonic()
        position.seconds = now - self._started
        means = (self._state.sums / position.summed_steps).tolist()
        rate = (position.step - self._line_step) * batch_size / max(now - self._line_started, 1e-9)
        self._line_started, self._line_step = now, position.step
        self._state.sums.zero_()
        position.summed_steps = 0
        values = {
            "epoch": position.epoch + 1,
            "step": position.step,
            "images": position.step * batch_size,
            **dict(zip(SCALARS, means, strict=True)),
            "images_per_second": round(rate, 1),
            "seconds": round(position.seconds, 3),
        }
        return MetricsLine.model_validate(values | extra)
