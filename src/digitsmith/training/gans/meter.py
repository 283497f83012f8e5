"""The clocks of a training, and the means that its lines of metrics give."""

import time

from torch import Tensor

from digitsmith.config.schema import TrainConfig
from digitsmith.records.run import MetricsLine
from digitsmith.training.gans.state import State
from digitsmith.training.gans.step import SCALARS


class Meter:
    """Counts steps and sums what they measure, in the state of a training, and knows what is due."""

    def __init__(self, state: State, config: TrainConfig, steps_per_epoch: int) -> None:
        self._state, self._config, self._steps_per_epoch = state, config, steps_per_epoch
        now = time.monotonic()
        self._started = now - state.position.seconds
        self._saved = self._line_started = now
        self._line_step = state.position.step  # where the steps of the next line start, in this session

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

    def start_line(self) -> None:
        """Note that the steps from now on are those of the next line."""
        self._line_started, self._line_step = time.monotonic(), self._state.position.step

    def line(self) -> MetricsLine:
        """The means of the steps since the last line, up to the last step that was counted."""
        position, batch_size = self._state.position, self._config.optimizer.batch_size or 0
        means = (self._state.sums / position.summed_steps).tolist()
        seconds = self._started + position.seconds - self._line_started
        self._state.sums.zero_()
        position.summed_steps = 0
        values = {
            "epoch": position.epoch + 1,
            "step": position.step,
            "images": position.step * batch_size,
            **dict(zip(SCALARS, means, strict=True)),
            "images_per_second": round((position.step - self._line_step) * batch_size / max(seconds, 1e-9), 1),
            "seconds": round(position.seconds, 3),
        }
        return MetricsLine.model_validate(values)
