"""The training state in one file: safetensors, with its position as JSON in the header. No pickle anywhere."""

import contextlib
import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import torch
from pydantic import TypeAdapter
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as serialize
from torch import Tensor, nn

from digitsmith.errors import RunError
from digitsmith.files import staged_file
from digitsmith.training.state import Position, State
from digitsmith.training.styles import Styles

_FORMAT = 2


def save(path: Path, state: State) -> None:
    """Write the state, whole or not at all."""
    tensors = {"sums": state.sums, "random.cpu": torch.get_rng_state()}
    if state.sums.is_cuda:
        tensors["random.cuda"] = torch.cuda.get_rng_state(state.sums.device)
    for name, network in _networks(state).items():
        tensors |= {f"{name}.{key}": tensor for key, tensor in network.state_dict().items()}
    for name, learner in (("generator", state.generator), ("discriminator", state.discriminator)):
        moments = learner.optimizer.state[learner.flat]
        tensors |= {f"{name}-optimizer.{key}": t for key, t in moments.items() if isinstance(t, Tensor)}
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
    with _reading(path):
        tensors, state.position = _read(path)
        state.sums.copy_(tensors["sums"])
        for name, network in _networks(state).items():
            network.load_state_dict(_under(name, tensors))
        for name, learner in (("generator", state.generator), ("discriminator", state.discriminator)):
            moments = _under(f"{name}-optimizer", tensors)
            learner.optimizer.state[learner.flat] = {key: t.to(learner.flat.device) for key, t in moments.items()}
            learner.refresh()
        if "styles.bounds" in tensors:
            state.styles = Styles(tensors["styles.of_images"], tensors["styles.bounds"])
        torch.set_rng_state(tensors["random.cpu"])
        if "random.cuda" in tensors and state.sums.is_cuda:
            torch.cuda.set_rng_state(tensors["random.cuda"], state.sums.device)


def load_generator(path: Path) -> dict[str, Tensor]:
    """The weights alone of the generator that would be exported: the best measured, else the averaged, else the last.

    Raises:
        RunError: the file is missing, or damaged.
    """
    with _reading(path):
        tensors, position = _read(path)
        names = ["best"] * bool(position.best_epoch) + ["ema", "generator"]
        return next(found for name in names if (found := _under(name, tensors)))


def _networks(state: State) -> dict[str, nn.Module]:
    networks = {"generator": state.generator.network, "discriminator": state.discriminator.network}
    copies = {"ema": state.ema, "best": state.best}
    return networks | {name: network for name, network in copies.items() if network is not None}


def _read(path: Path) -> tuple[dict[str, Tensor], Position]:
    with safe_open(path, framework="pt", device="cpu") as file:
        header = file.metadata() or {}
        if header.get("format") != str(_FORMAT):
            raise ValueError(f"format {header.get('format')}, not {_FORMAT}")
        position = TypeAdapter(Position).validate_json(header["position"], strict=True)
        return {key: file.get_tensor(key) for key in file.keys()}, position  # noqa: SIM118 - safe_open is no mapping


def _under(name: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {key.removeprefix(f"{name}."): tensor for key, tensor in tensors.items() if key.startswith(f"{name}.")}


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
