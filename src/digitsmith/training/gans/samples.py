"""Grids of images that show how far a training has come: a column for each class, or ten by ten."""

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from digitsmith.config.schema import TrainConfig
from digitsmith.data.dataset import Dataset
from digitsmith.data.images.grid import save_png, tile
from digitsmith.data.images.pixels import to_uint8
from digitsmith.models.noise import noise
from digitsmith.records.run import Run

_LEAST_GRIDS, _MOST_GRIDS = 20, 200
_STEPS = 20  # from one grid to the next, where there are more than the least
_ROWS = 10
_MOST_COLUMNS = 50


def is_due(epoch: int, epochs: int, steps_per_epoch: int) -> bool:
    """Whether to save a grid after an epoch: after each, or, if they are many or short, after some, with the last."""
    most = min(max(epochs * steps_per_epoch // _STEPS, _LEAST_GRIDS), _MOST_GRIDS)
    return epoch % math.ceil(epochs / most) == 0 or epoch == epochs


def save(run: Run, generator: nn.Module, config: TrainConfig, data: Dataset, epoch: int) -> NDArray[np.uint8]:
    """Write the grid of an epoch, of the same noise every time, and return it: uint8[height, width], or in colour."""
    columns, labels = _arrangement(data, config)
    z = noise(config.run.seed, 0, len(labels), config.networks.z_dim, config.networks.z_distribution)
    sheet = tile(sample(generator, z, labels if config.networks.conditional else None), columns)
    save_png(run.sample(epoch), sheet)
    return sheet


@torch.no_grad()
def sample(
    generator: nn.Module, z: NDArray[np.float32], labels: NDArray[np.int64] | None, batch: int = 1000
) -> NDArray[np.uint8]:
    """Images, uint8[n, h, w] or uint8[n, h, w, 3], of a generator in evaluation mode, z float32[n, z_dim], int64[n]."""
    device = next(generator.parameters()).device
    parts = []
    for start in range(0, len(z), batch):
        of_batch = slice(start, start + batch)
        label = None if labels is None else torch.from_numpy(labels[of_batch]).to(device)
        parts.append(to_uint8(generator(torch.from_numpy(z[of_batch]).to(device), label).cpu().numpy()))
    return np.concatenate(parts)


def save_real(run: Run, data: Dataset, config: TrainConfig) -> None:
    """Write real images in the arrangement of the samples; a class that has none gets black ones."""
    columns, labels = _arrangement(data, config)
    if config.networks.conditional and data.labels is not None:
        images = np.zeros((len(labels), *data.images.shape[1:]), np.uint8)
        for label in range(columns):
            of_class = data.images[data.labels == label][:_ROWS]
            images[label::columns][: len(of_class)] = of_class
    else:
        images = data.images[np.arange(len(labels)) % len(data)]
    save_png(run.real, tile(images, columns))


def _arrangement(data: Dataset, config: TrainConfig) -> tuple[int, NDArray[np.int64]]:
    """Columns of a grid, and the label of each of its images."""
    columns = min(len(data.classes), _MOST_COLUMNS) if config.networks.conditional else 10
    return columns, np.tile(np.arange(columns), _ROWS)
