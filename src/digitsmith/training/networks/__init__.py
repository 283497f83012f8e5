"""The two networks, as a config asks for them. They know no loss, no optimizer and no file.

An architecture is a module here, of its name, with two classes, and a class of its keys in `config/schema.py`:

- `Generator(config, shape, labels)`: `(z: float[n, z_dim], label: int64[n] | None) -> float32[n, *shape]` in (-1, 1).
  Its linear layer `first` sees the noise, in its first `inputs` columns.
- `Discriminator(config, shape, classes, labels)`: `(image: float32[n, *shape], label) -> Judgement`. Its `joint` says
  whether it must see real and fake images in one batch.

A module that has something simpler for inference gives it as `folded()`, and takes its own weights from those of the
simpler one by `unfold(stored)`. Inputs are cast to the dtype of the weights.
"""

import importlib
from typing import NamedTuple

import torch
from torch import Tensor, nn

from digitsmith.config.schema import TrainConfig
from digitsmith.errors import ConfigError

MOST_WEIGHTS = 2**28
"""Of both networks together: a gigabyte, and several times that in training."""

Shape = tuple[int, int, int]
"""Channels, height and width of an image."""


class Judgement(NamedTuple):
    """What a discriminator says of images."""

    logit: Tensor  # float32[n]; its sigmoid is the probability that the image is real
    class_logits: Tensor | None  # float[n, classes], from the image alone, if it learns to classify


def new_networks(config: TrainConfig, shape: Shape, classes: int) -> tuple[nn.Module, nn.Module]:
    """A generator and a discriminator with fresh weights, in evaluation mode.

    Where classes have styles, the label of style s of class c is `c * styles + s`.

    Raises:
        ConfigError: more than `MOST_WEIGHTS`. Nothing of their size was allocated then.
    """
    networks = outline(config, shape, classes)
    weights = sum(parameter.numel() for network in networks for parameter in network.parameters())
    if weights > MOST_WEIGHTS:
        raise ConfigError(f"networks of {weights:,} weights, more than {MOST_WEIGHTS:,}: choose smaller widths.")
    generator, discriminator = _new_networks(config, shape, classes)
    return generator.eval(), discriminator.eval()


def outline(config: TrainConfig, shape: Shape, classes: int) -> tuple[nn.Module, nn.Module]:
    """The same networks without memory for their weights: the names, shapes and dtypes of these."""
    with torch.device("meta"):
        return _new_networks(config, shape, classes)


def _new_networks(config: TrainConfig, shape: Shape, classes: int) -> tuple[nn.Module, nn.Module]:
    networks = config.networks
    module = importlib.import_module(f"{__name__}.{networks.architecture.replace('-', '_')}")
    labels = classes * networks.styles if networks.conditional else 0
    generator: nn.Module = module.Generator(networks, shape, labels)
    discriminator: nn.Module = module.Discriminator(networks, shape, classes if config.loss.auxiliary else 0, labels)
    return generator, discriminator
