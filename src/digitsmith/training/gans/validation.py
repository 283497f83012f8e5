"""How far a generator is from images that it is not trained on, while it trains."""

import numpy as np
from numpy.typing import NDArray
from torch import nn

from digitsmith.config.schema import TrainConfig
from digitsmith.data.dataset import Dataset
from digitsmith.errors import ConfigError
from digitsmith.evaluation import metrics
from digitsmith.evaluation.metrics import Moments
from digitsmith.evaluation.real import MOST
from digitsmith.models.digitnet import FEATURES, digit_net, usual_scale
from digitsmith.models.noise import noise
from digitsmith.training.gans.samples import sample

_SHARE = 10  # one in so many training images is held out
_FIRST = 2**31  # of the images to measure, in the seed's series: no evaluation or sample grid gets so far


def hold_out(data: Dataset) -> tuple[Dataset, Dataset]:
    """Split the training images: those to train on, and a tenth (10,000 at most) to measure on.

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
        floor: the same distance of as many images that are trained on; 0 if they are the same images over again.

    Raises:
        ConfigError: too few images to hold out.
    """

    def __init__(self, trained: Dataset, held_out: Dataset, config: TrainConfig) -> None:
        self._config = config
        self.count = n = len(held_out)
        if n <= FEATURES:
            raise ConfigError(
                f"evaluate_every holds a tenth of the training images out, here {n}, and needs more than {FEATURES} of "
                f"them: use more images, or set it to 0.",
                parameter="changes",
            )
        if config.run.evaluate_every > (config.optimizer.epochs or 0):
            raise ConfigError(
                f"evaluate_every is {config.run.evaluate_every}, more than the {config.optimizer.epochs} epochs: "
                f"nothing would be measured.",
                parameter="changes",
            )
        self._scale = usual_scale(trained.images)
        self._real = self._moments(held_out.images)
        self._labels = held_out.labels
        if not config.networks.conditional:  # generated images are then of labels as they fall; so are the floor's
            trained = Dataset(trained.images)
        floor = metrics.frechet_distance(self._moments(trained.take(_some(trained, n)).images), self._real)
        self.floor = floor if floor > 1e-9 * np.trace(self._real.covariance) else 0.0  # but for rounding

    def distance(self, generator: nn.Module) -> float:
        """Of as many generated images as are held out, of their labels, from the same noise every time."""
        networks, seed = self._config.networks, self._config.run.seed
        z = noise(seed, _FIRST, self.count, networks.z_dim, networks.z_distribution)
        generated = sample(generator, z, self._labels if networks.conditional else None)
        return metrics.frechet_distance(self._moments(generated), self._real)

    def _moments(self, images: NDArray[np.uint8]) -> Moments:
        return metrics.moments(digit_net().predict(images, self._scale).features)
