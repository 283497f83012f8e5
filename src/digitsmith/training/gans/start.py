"""A start from a trained pair: both networks keep what they know, and learn new classes from few images.

What is drawn differently in another hand or alphabet is learned; how strokes vary (weight, slant, size) is kept.
Classes are matched by name. New ones start from the mean of all old ones.
"""

import functools
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import torch
from safetensors.torch import load as deserialize
from torch import Tensor, nn

from digitsmith.config.schema import TrainConfig
from digitsmith.data.dataset import Dataset
from digitsmith.data.sources import read_like
from digitsmith.errors import ConfigError, DataError, ModelError, RunError
from digitsmith.models.generator import load, shipped
from digitsmith.records.base import DataRecord, ReadOptions
from digitsmith.records.run import Run, StartRecord
from digitsmith.training.gans import checkpoint
from digitsmith.training.gans.state import State
from digitsmith.training.gans.weights import read_weights

Weights = Mapping[str, Tensor]
"""Of a network, by name."""


@dataclass(frozen=True, eq=False)
class Start:
    """A trained pair.

    Attributes:
        record: what a run that starts from it says of it.
        config: of its training.
        data: what it was trained on.
        generator: the weights of its generator, by name.
        discriminator: those of its discriminator.
    """

    record: StartRecord
    config: TrainConfig
    data: DataRecord
    generator: Weights
    discriminator: Weights

    @property
    def read(self) -> ReadOptions:
        """How images are brought to the size and the frame of the pair's own."""
        return read_like(self.data)

    def configured(self, config: TrainConfig, unchanged: TrainConfig) -> TrainConfig:
        """A config with the pair's own networks.

        Args:
            config: what the user asks for.
            unchanged: the same without the user's changes, which are told from the defaults by that.

        Raises:
            ConfigError: a preset or a change that asks for other networks.
        """
        own, theirs = self.config.networks, config.networks
        if theirs.architecture != own.architecture or not theirs.conditional:
            raise ConfigError(
                f"{self.record.name} has residual networks with classes: train the preset residual from it.",
                parameter="preset",
            )
        for key in type(theirs).model_fields:
            value = getattr(theirs, key)
            if key != "styles" and value not in (getattr(unchanged.networks, key), getattr(own, key)):
                raise ConfigError(
                    f"networks.{key}: {self.record.name} has networks of its own: leave this key out.",
                    parameter="changes",
                )
        return config.model_copy(update={"networks": own.model_copy(update={"styles": theirs.styles})})

    def require_fitting(self, images: Dataset) -> None:
        """Refuse images that its networks cannot see."""
        if images.channels != self.data.channels:
            kinds = {1: "grey", 3: "colour"}
            raise DataError(
                f"the images are in {kinds[images.channels]}, and {self.record.name} makes {kinds[self.data.channels]} "
                f"ones: read them with frame=mnist, which makes colour grey, or start from another model.",
                parameter="start",
            )
        if images.image_size != self.data.image_size:
            (height, width), (own_height, own_width) = images.image_size, self.data.image_size
            raise DataError(
                f"the images are read as {height}x{width}, and {self.record.name} makes {own_height}x{own_width}: "
                f"leave the size to it, or start from another model.",
                parameter="start",
            )

    @torch.no_grad()
    def fill(self, state: State, classes: Sequence[str]) -> None:
        """Give the networks of a new state, which are for other classes, the pair's weights.

        Styles are found anew: each starts as its class, which is the mean of its old styles.
        """
        index = {name: i for i, name in enumerate(self.data.classes)}
        rows = [index.get(name) for name in classes]
        generator = state.generator.network
        for learner, weights in ((state.generator, self.generator), (state.discriminator, self.discriminator)):
            network, merged = learner.network, _without_styles(weights)
            tables = {f"{name}.weight" for name, module in network.named_modules() if isinstance(module, nn.Embedding)}
            for name, own in network.state_dict().items():
                if name in merged and (name in tables or name.startswith("classifier.")):
                    own.copy_(_rows(merged[name], rows))
                elif name == "first.weight" and network is generator:
                    _copy_columns(own, merged[name], self.config.networks.z_dim)
                elif name in merged and not name.endswith(".own"):
                    own.copy_(merged[name])
            learner.refresh()
        if state.ema is not None:
            state.ema.load_state_dict(generator.state_dict())


def find_start(source: str | Path) -> Start:
    """The pair of a shipped model, by name, or of a run folder.

    Raises:
        ModelError: no such model, one without a discriminator, or an unconditional one.
        RunError: a run without a checkpoint, or a damaged one.
    """
    name = str(source)
    if name in shipped() and not isinstance(source, Path):
        return _shipped(name)
    run = Run(Path(source))
    if not run.config.is_file():
        raise ModelError(
            f"{name} is no run folder, and {', '.join(shipped())} is the only model in the box: a start takes both "
            f"networks, and a model file has the generator alone.",
            parameter="start",
        )
    config, data = run.read_config(), run.read_record().data
    if not run.checkpoint.is_file():
        raise RunError(f"{name} has no checkpoint to start from.", parameter="start")
    return _start(name, config, data, *checkpoint.load_pair(run))


@functools.cache
def _shipped(name: str) -> Start:
    content = (resources.files("digitsmith.models") / "zoo" / f"{name}-discriminator.safetensors").read_bytes()
    training = load(name).record.training
    assert training is not None
    config = TrainConfig.model_validate(training.config, strict=False)
    discriminator = {key: tensor.float() for key, tensor in deserialize(content).items()}
    return _start(name, config, training.data, read_weights(name), discriminator)


def _start(
    name: str,
    config: TrainConfig,
    data: DataRecord,
    generator: Weights,
    discriminator: Weights,
) -> Start:
    networks = config.networks
    if networks.architecture != "residual" or not networks.conditional:
        kind = networks.architecture if networks.conditional else "unconditional"
        raise ModelError(
            f"{name} is a pair of {kind} networks: start from a conditional one of the preset residual.",
            parameter="start",
        )
    record = StartRecord(name=name, sha256=_sha256(generator, discriminator))
    return Start(record, config, data, generator, discriminator)


def _sha256(*networks: Weights) -> str:
    digest = hashlib.sha256()
    for network in networks:
        for key in sorted(network):
            digest.update(key.encode())
            digest.update(network[key].contiguous().numpy().tobytes())
    return digest.hexdigest()


def _without_styles(weights: Weights) -> dict[str, Tensor]:
    merged = dict(weights)
    for name, own in weights.items():
        if name.endswith(".own"):
            of_classes = weights[table := f"{name.removesuffix('own')}weight"]
            merged[table] = of_classes + own.view(len(of_classes), -1, own.shape[1]).mean(1)
    return merged


def _rows(table: Tensor, rows: Sequence[int | None]) -> Tensor:
    """A row for each class: its old one, or the mean of all."""
    mean = table.mean(0)
    return torch.stack([mean if row is None else table[row] for row in rows])


def _copy_columns(own: Tensor, stored: Tensor, label_columns: int) -> None:
    """The first layer of a generator sees noise and label; of the noise one number less where there are styles."""
    seen = min(own.shape[1], stored.shape[1]) - label_columns
    own.zero_()
    own[:, :seen], own[:, -label_columns:] = stored[:, :seen], stored[:, -label_columns:]
