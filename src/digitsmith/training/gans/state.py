"""All that a training changes while it runs."""

import copy
import math
from dataclasses import dataclass
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, nn

from digitsmith.config.schema import TrainConfig
from digitsmith.records.run import MOST_SECONDS
from digitsmith.training.gans.step import SCALARS
from digitsmith.training.gans.styles import StyledGenerator, Styles
from digitsmith.training.learner import Learner
from digitsmith.training.networks import Shape, new_networks
from digitsmith.training.ranks import Ranks

Count = Annotated[int, Field(ge=0)]


@dataclass
class Position:
    """How far a training has come."""

    epoch: Count = 0  # epochs that are finished
    epoch_step: Count = 0  # steps made in the epoch after them
    step: Count = 0
    seconds: Annotated[float, Field(ge=0, le=MOST_SECONDS)] = 0.0
    summed_steps: Count = 0  # since the last line of metrics
    best_epoch: Count = 0  # after how many epochs the generator was best, of those that were measured
    best_distance: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None


@dataclass
class State:
    """All that a training changes while it runs."""

    generator: Learner
    discriminator: Learner
    ema: nn.Module | None
    best: nn.Module | None  # `latest` of the best epoch; meaningless before `position.best_epoch`
    sums: Tensor  # float64[len(SCALARS)], over the `position.summed_steps` steps since the last line of metrics
    position: Position
    styles: Styles | None = None  # of the classes, if they have any; found from the data, or read from a checkpoint

    @property
    def latest(self) -> nn.Module:
        """The generator as it is now: the averaged one where there is one."""
        return self.ema or self.generator.network

    @property
    def sampler(self) -> nn.Module:
        """The generator to show: the latest, of classes."""
        return self._of_classes(self.latest)

    @property
    def chosen(self) -> nn.Module:
        """The generator to export, of classes: the best that was measured, or else the latest."""
        return self._of_classes(self.best if self.best is not None and self.position.best_epoch else self.latest)

    def _of_classes(self, generator: nn.Module) -> nn.Module:
        if self.styles is None:
            return generator
        return StyledGenerator(generator, self.styles.bounds.to(self.sums.device)).eval()

    def join(self, ranks: Ranks) -> None:
        """Be trained by several processes."""
        self.generator.join(ranks)
        self.discriminator.join(ranks)

    def is_finite(self) -> bool:
        """Whether all weights, batch-norm statistics and sums are finite numbers."""
        networks = (self.generator.network, self.discriminator.network)
        tensors = [self.sums, *(tensor for network in networks for tensor in network.state_dict().values())]
        return all(bool(tensor.isfinite().all()) for tensor in tensors)


def new_state(config: TrainConfig, shape: Shape, classes: int, device: torch.device) -> State:
    """The state before the first step; torch's random state decides the weights."""
    dtype = torch.bfloat16 if config.run.precision == "bfloat16" else torch.float32
    generator, discriminator = (network.to(device) for network in new_networks(config, shape, classes))
    averaged, best = (copy.deepcopy(generator) if kept else None
                      for kept in (config.optimizer.ema, config.run.evaluate_every))  # fmt: skip
    return State(
        generator=Learner(generator, config.optimizer.generator, dtype),
        discriminator=Learner(discriminator, config.optimizer.discriminator, dtype),
        ema=averaged,
        best=best,
        sums=torch.zeros(len(SCALARS), dtype=torch.float64, device=device),
        position=Position(),
    )


def steps_per_epoch(images: int, batch_size: int) -> int:
    """Full batches in so many images. Where these are fewer than a batch, it has some of them several times."""
    return max(1, images // batch_size)


def set_learning_rates(state: State, config: TrainConfig, done: float) -> None:
    """From the config's rates to `final_lr` times them along half a cosine; `done` is the share of all steps."""
    final = config.optimizer.final_lr
    share = final + (1 - final) * (1 + math.cos(math.pi * done)) / 2
    state.generator.optimizer.param_groups[0]["lr"] = config.optimizer.generator.lr * share
    state.discriminator.optimizer.param_groups[0]["lr"] = config.optimizer.discriminator.lr * share


@torch.no_grad()
def update_ema(state: State, decay: float) -> None:
    """Move the averaged generator toward the one in training by `1 - decay`, and by more in the first steps."""
    if state.ema is None:
        return
    step = state.position.step + 1
    decay = min(decay, (1 + step) / (10 + step))
    current = state.generator.network.state_dict()
    for name, averaged in state.ema.state_dict().items():
        if averaged.is_floating_point():
            averaged.lerp_(current[name], 1 - decay)
        else:  # how many batches a batch norm has seen
            averaged.copy_(current[name])
