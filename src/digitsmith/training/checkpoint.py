"""The training state in one file: safetensors, with its position as JSON in the header. No pickle anywhere."""

import contextlib
import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as serialize
from torch import Tensor

from digitsmith.errors import RunError
from digitsmith.files import staged_file
from digitsmith.training.state import Position, State
from digitsmith.training.styles import Styles

_FORMAT = 1


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
    if state.styles is not None:
        tensors |= {"styles.of_images": state.styles.of_images, "styles.bounds": state.styles.bounds}
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
        if "styles.bounds" in tensors:
            state.styles = Styles(tensors["styles.of_images"], tensors["styles.bounds"])
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
