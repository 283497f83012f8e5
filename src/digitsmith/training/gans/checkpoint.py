"""The training state in one file: safetensors, with its position as JSON in the header. No pickle anywhere.

A file may be a stranger's. Before any of it is used, names, shapes and dtypes of all tensors, their values, and the
position are compared with what a training of that config and data leaves: native code trusts them.
"""

import json
import struct
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import asdict
from pathlib import Path

import torch
from pydantic import TypeAdapter
from safetensors.torch import load as deserialize
from safetensors.torch import save as serialize
from torch import Tensor, nn

from digitsmith.config.schema import TrainConfig
from digitsmith.errors import RunError
from digitsmith.files import staged_file
from digitsmith.records.base import DataRecord
from digitsmith.records.run import Run
from digitsmith.training.gans.state import Position, State, new_state, steps_per_epoch
from digitsmith.training.gans.step import SCALARS
from digitsmith.training.gans.styles import Styles
from digitsmith.training.learner import moments_of_one
from digitsmith.training.networks import outline
from digitsmith.untrusted import read_bytes, reading

_FORMAT = 2
_HEADER = 2**20  # bytes, at most
_EXACT = 2**24  # up to which float32, in which optimizers count steps, has all whole numbers

Kind = tuple[torch.Size, torch.dtype]
"""What is known of a tensor before it is read."""


def save(path: Path, state: State) -> None:
    """Write the state, whole or not at all."""
    header = {"format": str(_FORMAT), "position": json.dumps(asdict(state.position))}
    with staged_file(path) as staged:
        staged.write_bytes(serialize({key: t.detach().contiguous() for key, t in pack(state).items()}, header))


def pack(state: State) -> dict[str, Tensor]:
    """All of a state but its position, by name, with torch's random state."""
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
    return tensors


def load(path: Path, config: TrainConfig, data: DataRecord, device: torch.device, trained: int | None = None) -> State:
    """The state in a checkpoint; torch's random state becomes what it was.

    Args:
        path: the file.
        config: of the training.
        data: its images.
        device: to train on.
        trained: how many of the images are trained on; None if that is not known, as some may be held out.

    Raises:
        RunError: the file is missing, damaged, or of another config or other data.
    """
    tensors, position = _read(path, config, data, trained)
    state = new_state(config, (data.channels, *data.image_size), len(data.classes), device)
    state.position = position
    with _reading(path):
        unpack(state, tensors)
    return state


def unpack(state: State, tensors: Mapping[str, Tensor]) -> None:
    """Make a state, and torch's random state, what was packed."""
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


def load_pair(run: Run) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """The weights alone: of the generator that would be exported, which is the best measured, else the averaged, else
    the last; and of the discriminator.

    Raises:
        RunError: the run has no checkpoint, or a damaged one.
    """
    tensors, position = _read(run.checkpoint, run.read_config(), run.read_record().data, None)
    names = ["best"] * bool(position.best_epoch) + ["ema", "generator"]
    return next(found for name in names if (found := _under(name, tensors))), _under("discriminator", tensors)


def _networks(state: State) -> dict[str, nn.Module]:
    networks = {"generator": state.generator.network, "discriminator": state.discriminator.network}
    copies = {"ema": state.ema, "best": state.best}
    return networks | {name: network for name, network in copies.items() if network is not None}


def _under(name: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {key.removeprefix(f"{name}."): tensor for key, tensor in tensors.items() if key.startswith(f"{name}.")}


def _reading(path: Path) -> AbstractContextManager[None]:
    return reading(path, RunError, "it is damaged or of another configuration; start the run again in another folder")


def _read(path: Path, config: TrainConfig, data: DataRecord, trained: int | None) -> tuple[dict[str, Tensor], Position]:
    """What a file holds, if all of it can be of a training of that config and data."""
    if not path.exists():
        raise RunError(f"{path} is missing: this run has no checkpoint to go on from.")
    with _reading(path):
        kinds = _kinds(config, data)
        if trained is not None and "styles.of_images" in kinds:
            kinds["styles.of_images"] = torch.Size([trained]), torch.int64
        most = sum(shape.numel() * dtype.itemsize for shape, dtype in kinds.values())
        content = read_bytes(path, most + _HEADER)
        header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")]).get("__metadata__", {})
        if header.get("format") != str(_FORMAT):
            raise ValueError(f"format {header.get('format')}, not {_FORMAT}")
        position = TypeAdapter(Position).validate_json(header.get("position", ""), strict=True)
        _check_position(position, config, trained or data.images, exact=trained is not None)
        tensors = deserialize(content)
        if not position.step:  # before the first one, optimizers keep nothing
            kinds = {name: kind for name, kind in kinds.items() if "-optimizer." not in name}
        _check_kinds(tensors, kinds, exact=trained is not None)
        _check_values(tensors, position, len(data.classes) * config.networks.styles)
    return tensors, position


def _kinds(config: TrainConfig, data: DataRecord) -> dict[str, Kind]:
    """The tensors that a training leaves, by name."""
    generator, discriminator = outline(config, (data.channels, *data.image_size), len(data.classes))
    kept = {"generator": generator, "discriminator": discriminator}
    kept |= {name: generator for name, wanted in (("ema", config.optimizer.ema), ("best", config.run.evaluate_every))
             if wanted}  # fmt: skip
    kinds: dict[str, Kind] = {
        "sums": (torch.Size([len(SCALARS)]), torch.float64),
        "random.cpu": (torch.get_rng_state().shape, torch.uint8),
        "random.cuda": (torch.Size([16]), torch.uint8),
    }
    for name, network in kept.items():
        kinds |= {f"{name}.{key}": (tensor.shape, tensor.dtype) for key, tensor in network.state_dict().items()}
    for name, optimizer in (
        ("generator", config.optimizer.generator),
        ("discriminator", config.optimizer.discriminator),
    ):
        weights = sum(parameter.numel() for parameter in kept[name].parameters())
        for key, moment in moments_of_one(optimizer).items():
            kinds[f"{name}-optimizer.{key}"] = (torch.Size([weights] if moment.ndim else []), moment.dtype)
    if (styles := config.networks.styles) > 1:
        kinds["styles.of_images"] = torch.Size([data.images]), torch.int64
        kinds["styles.bounds"] = torch.Size([len(data.classes), styles - 1]), torch.float32
    return kinds


def _check_kinds(tensors: Mapping[str, Tensor], kinds: Mapping[str, Kind], *, exact: bool) -> None:
    """Refuse tensors that are missing, too many, or of another kind. Only a GPU's random state may be there or not.

    Without `exact`, of how many images there are styles is not known, but how many at most.
    """
    if missing := sorted(kinds.keys() - tensors.keys() - {"random.cuda"}):
        raise ValueError(f"it lacks {missing[0]}")
    for name, tensor in sorted(tensors.items()):
        if name not in kinds:
            raise ValueError(f"it has a tensor {name}, of which this training has none")
        shape, dtype = kinds[name]
        if name == "styles.of_images" and not exact and tensor.ndim == 1 and len(tensor) <= shape[0]:
            shape = tensor.shape
        if (tensor.shape, tensor.dtype) != (shape, dtype):
            raise ValueError(f"{name} is {_describe(tensor.shape, tensor.dtype)}, not {_describe(shape, dtype)}")


def _describe(shape: torch.Size, dtype: torch.dtype) -> str:
    return f"{str(dtype).removeprefix('torch.')}{list(shape)}"


def _check_values(tensors: Mapping[str, Tensor], position: Position, labels: int) -> None:
    """Refuse values that no training comes to."""
    for name, tensor in tensors.items():
        endless = name == "styles.bounds"  # infinite for styles that a class does not have
        if tensor.is_floating_point() and not (~tensor.isnan() if endless else tensor.isfinite()).all():
            raise ValueError(f"{name} has values that are no finite numbers")
        never_negative = not tensor.is_floating_point() or name.endswith(("running_var", "_sq", "square_avg"))
        if never_negative and tensor.numel() and tensor.min() < 0:
            raise ValueError(f"{name} has values below 0")
        if name.endswith("-optimizer.step") and tensor != min(position.step, _EXACT):
            raise ValueError(f"{name} is {tensor.item():g}, not {position.step}")
    if tensors["sums"].abs().max() > position.summed_steps * torch.finfo(torch.float32).max:
        raise ValueError(f"sums has values beyond those of {position.summed_steps} steps")
    styles = tensors.get("styles.of_images")
    if styles is not None and len(styles) and styles.max() >= labels:
        raise ValueError(f"styles.of_images has values up to {styles.max()}, of {labels} styles in all")
    left, following = struct.unpack_from("=i4xQ", tensors["random.cpu"].numpy().tobytes(), 8)
    if (left, following) not in {(1, 0), *((i, 625 - i) for i in range(1, 625))}:  # torch might read past its state
        raise ValueError("random.cpu is no state of torch's random numbers")


def _check_position(position: Position, config: TrainConfig, images: int, *, exact: bool) -> None:
    """Refuse a position to which no training comes.

    Without `exact`, so many images are trained on at most.
    """
    batch_size, epochs = config.optimizer.batch_size, config.optimizer.epochs
    if epochs is None or batch_size is None:
        raise ValueError("its config does not say for how many epochs, and of which batches")
    per_epoch = steps_per_epoch(images, batch_size)
    done = position.epoch * per_epoch + position.epoch_step
    ends = position.epoch == epochs
    for name, value, most in (
        ("epoch", position.epoch, epochs),
        ("epoch_step", position.epoch_step, 0 if ends else per_epoch - 1),
        ("step", position.step, done),
        ("summed_steps", position.summed_steps, position.epoch_step),
        ("best_epoch", position.best_epoch, position.epoch),
    ):
        if value > most:
            raise ValueError(f"{name} is {value:,}, more than {most:,}")
    if exact and position.step != done:
        raise ValueError(f"step is {position.step:,}, not {done:,}")
    if (position.best_epoch > 0) != (position.best_distance is not None):
        raise ValueError("best_epoch and best_distance are not of one measurement")
