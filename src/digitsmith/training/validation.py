"""How far a generator is from images that it is not trained on, while it trains."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from digitsmith.config.schema import TrainConfig
from digitsmith.data.dataset import Dataset
from digitsmith.data.pixels import to_uint8
from digitsmith.errors import ConfigError
from digitsmith.evaluation import metrics
from digitsmith.evaluation.metrics import Moments
from digitsmith.evaluation.real import MOST
from digitsmith.models.digitnet import FEATURES, digit_net, usual_scale
from digitsmith.models.noise import noise

_SHARE = 10  # one in so many training images is held out
_BATCH = 1000
_FIRST = 2**31  # of the images to measure, in the seed's series: no evaluation or sample grid gets so far


def hold_out(data: Dataset) -> tuple[Dataset, Dataset]:
    """Part the training images: those to train on, and a tenth (10,000 at most) to measure on.

    The parts depend on the data alone, so that trainings with other configs and seeds can be compared.
    """
    held_out = _some(data, min(len(data) // _SHARE, MOST))
    return data.take(np.setdiff1d(np.arange(len(data)), held_out)), data.take(held_out)


def _some(data: Dataset, n: int) -> NDArray[np.int64]:
    """The places of n images, in order: always the same ones, each label in the proportion that it has in the data."""
    order = np.random.default_rng(0).permutation(len(data))
    if data.labels is not None:
        order = order[np.argsort(data.labels[order], kind="stable")]
    return np.sort(order[(2 * np.arange(n) + 1) * len(data) // max(2 * n, 1)])


class Validation:
    """The Fréchet distance of generated images to the held-out ones, in the digit-net's features.

    Attributes:
        floor: the same distance of as many images that are trained on.

    Raises:
        ConfigError: too few images to hold out.
    """

    def __init__(self, trained: Dataset, held_out: Dataset, config: TrainConfig) -> None:
        self._config = config
        self.count = n = len(held_out)
        if n <= FEATURES:
            raise ConfigError(
                f"evaluate_every holds a tenth of the training images out, here {n}, and needs more than {FEATURES} of "
                f"them: use more images, or set it to 0 (leave --during-training out)."
            )
        if config.evaluate_every > config.epochs:
            raise ConfigError(
                f"evaluate_every (--during-training) is {config.evaluate_every}, more than the {config.epochs} epochs: "
                f"nothing would be measured."
            )
        self._scale = usual_scale(trained.images)
        self._real = self._moments(held_out.images)
        self._labels = held_out.labels
        if not config.conditional:  # made images are then of labels as they fall; so are the floor's
            trained = Dataset(trained.images)
        self.floor = metrics.frechet_distance(self._moments(trained.take(_some(trained, n)).images), self._real)

    def distance(self, generator: nn.Module) -> float:
        """Of as many generated images as are held out, of their labels, from the same noise every time."""
        config = self._config
        z = torch.from_numpy(noise(config.seed, _FIRST, self.count, config.z_dim, config.z_distribution))
        labels = torch.from_numpy(self._labels) if config.conditional and self._labels is not None else None
        device = next(generator.parameters()).device
        images = []
        with torch.no_grad():
            for start in range(0, self.count, _BATCH):
                part = slice(start, start + _BATCH)
                made = generator(z[part].to(device), None if labels is None else labels[part].to(device))
                images.append(to_uint8(made.cpu().numpy()))
        return metrics.frechet_distance(self._moments(np.concatenate(images)), self._real)

    def _moments(self, images: NDArray[np.uint8]) -> Moments:
        return metrics.moments(digit_net().read(images, self._scale).features)
