"""The training state in one file: safetensors, with its position as JSON in the header. No pickle anywhere."""

import contextlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as serialize
from torch import Tensor, nn

from digitsmith.atomic import staged_file
from digitsmith.errors import RunError
from digitsmith.training.dense import DenseTrainee
from digitsmith.training.step import SCALARS
from digitsmith.training.trainee import Trainee

_FORMAT = 1


@dataclass
class Position:
    """How far a training has come, and the sums of the metrics line that is not yet complete."""

    epoch: int = 0  # epochs that are finished
    epoch_step: int = 0  # steps made in the epoch after them
    step: int = 0
    seconds: float = 0.0
    summed_steps: int = 0
    best_epoch: int = 0  # after how many epochs the generator was best, of those that were measured
    best_distance: float | None = None


@dataclass
class State:
    """All that a training changes while it runs."""

    generator: Trainee | DenseTrainee
    discriminator: Trainee | DenseTrainee
    ema: nn.Module | None
    best: nn.Module | None  # the sampler of the best epoch; meaningless before `position.best_epoch`
    sums: Tensor  # float64[len(SCALARS)], over the `position.summed_steps` steps since the last line of metrics
    position: Position

    @property
    def sampler(self) -> nn.Module:
        """The generator to show and to export: the averaged one where there is one."""
        return self.ema or self.generator.network

    @property
    def chosen(self) -> nn.Module:
        """The generator to export: the best that was measured, or else the latest."""
        return self.best if self.best is not None and self.position.best_epoch else self.sampler

    def is_finite(self) -> bool:
        """Whether all weights, batch-norm statistics and sums are finite numbers."""
        networks = (self.generator.network, self.discriminator.network)
        tensors = [self.sums, *(tensor for network in networks for tensor in network.state_dict().values())]
        return all(bool(tensor.isfinite().all()) for tensor in tensors)


def new_sums(device: torch.device) -> Tensor:
    """The sums of no step."""
    return torch.zeros(len(SCALARS), dtype=torch.float64, device=device)


def save(path: Path, state: State) -> None:
    """Write the state, whole or not at all."""
    tensors = {"sums": state.sums, "random.cpu": torch.get_rng_state()}
    if state.sums.is_cuda:
        tensors["random.cuda"] = torch.cuda.get_rng_state(state.sums.device)
    for name, trainee in (("generator", state.generator), ("discriminator", state.discriminator)):
        tensors |= {f"{name}.{key}": tensor for key, tensor in trainee.network.state_dict().items()}
        optimizer = trainee.optimizer.state[trainee.flat]
        tensors |= {f"{name}.optimizer.{key}": t for key, t in optimizer.items() if isinstance(t, Tensor)}
    for name, network in (("ema", state.ema), ("best", state.best)):
        if network is not None:
            tensors |= {f"{name}.{key}": tensor for key, tensor in network.state_dict().items()}
    header = {"format": str(_FORMAT), "position": json.dumps(asdict(state.position))}
    with staged_file(path) as staged:
        staged.write_bytes(serialize({key: tensor.detach().contiguous() for key, tensor in tensors.items()}, header))


def load(path: Path, state: State) -> None:
    """Read a checkpoint into `state`, which must be that of a training with the same config and data.

    Raises:
        RunError: the file is missing, cut short, or of another configuration. `state` is then of no use.
    """
    with _reading(path), safe_open(path, framework="pt", device="cpu") as file:
        header = file.metadata() or {}
        if header.get("format") != str(_FORMAT):
            raise ValueError(f"format {header.get('format')}, not {_FORMAT}")
        tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 - safe_open is no mapping
        state.position = Position(**json.loads(header["position"]))
        state.sums.copy_(tensors["sums"])
        for name, trainee in (("generator", state.generator), ("discriminator", state.discriminator)):
            own = {key.removeprefix(f"{name}."): t for key, t in tensors.items() if key.startswith(f"{name}.")}
            prefix = "optimizer."
            trainee.network.load_state_dict({key: t for key, t in own.items() if not key.startswith(prefix)})
            trainee.optimizer.state[trainee.flat] = {
                key.removeprefix(prefix): t.to(trainee.flat.device) for key, t in own.items() if key.startswith(prefix)
            }
            trainee.refresh()
        for name, network in (("ema", state.ema), ("best", state.best)):
            if network is not None:
                network.load_state_dict(
                    {key.removeprefix(f"{name}."): t for key, t in tensors.items() if key.startswith(f"{name}.")}
                )
        torch.set_rng_state(tensors["random.cpu"])
        if "random.cuda" in tensors and state.sums.is_cuda:
            torch.cuda.set_rng_state(tensors["random.cuda"], state.sums.device)


@contextlib.contextmanager
def _reading(path: Path) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        raise RunError(f"{path} is missing: this run has no checkpoint to go on from.") from error
    except (SafetensorError, OSError, ValueError, KeyError, TypeError, RuntimeError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise RunError(
            f"{path} is damaged or of another configuration ({reason}): start the run again in another folder."
        ) from error
