"""Styles: each class split into clusters of images that look alike, such as ones with a bar under them.

A generator of a class leaves out kinds that are rare in it. Labels that name the cluster make it learn every one (Liu
et al. 2020, arXiv:2006.10728, who cluster the discriminator's features, again and again; here, the digit-net's, once).
"""

import warnings
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from digitsmith.config.schema import TrainConfig
from digitsmith.data.dataset import Dataset
from digitsmith.data.images.pixels import to_planes, to_unit
from digitsmith.models.digitnet import digit_net, usual_scale

_BLURRED = 14  # pixels a side, in which a stroke that is moved a little is still like itself
_BLURRED_AT_ONCE = 1000


@dataclass
class Styles:
    """The styles of a training, counted through all classes: style s of class c is `c * styles + s`.

    Attributes:
        of_images: int64[n], of each training image; the label that the networks see.
        bounds: float32[classes, styles - 1], between the values of the noise's last number that stand for each
            style of a class.
    """

    of_images: Tensor
    bounds: Tensor


def most_styles(images: int) -> int:
    """Of a class with so many images: styles of fewer than a hundred, on average, would be learned by heart."""
    return max(1, images // 100)


def find_styles(data: Dataset, config: TrainConfig, *, by_pixels: bool = False) -> Styles:
    """Split each class by k-means of its images' features, into fewer styles if it has few images.

    Args:
        data: the images, with labels.
        config: of the training.
        by_pixels: in blurred pixels in place of the digit-net's features, as that has learned from labels.
    """
    from sklearn.cluster import KMeans
    from sklearn.exceptions import ConvergenceWarning
    from threadpoolctl import threadpool_limits

    assert data.labels is not None
    if by_pixels:
        features = _blurred(data.images)
    else:
        features = digit_net().predict(data.images, usual_scale(data.images)).features
    of_images = data.labels * config.networks.styles
    counts = np.zeros((len(data.classes), config.networks.styles))
    with threadpool_limits(1), warnings.catch_warnings():  # on more threads, the order of sums is chance
        warnings.simplefilter("ignore", ConvergenceWarning)  # many images of a class may be the same
        for label in np.unique(data.labels):
            of_class = np.flatnonzero(data.labels == label)
            found = min(config.networks.styles, most_styles(len(of_class)))
            means = KMeans(found, n_init=1, random_state=config.run.seed % 2**32)
            style = means.fit_predict(features[of_class])
            of_images[of_class] += style
            counts[label] = np.bincount(style, minlength=config.networks.styles)
    shares = torch.from_numpy(counts / np.maximum(counts.sum(1, keepdims=True), 1))
    up_to = shares.cumsum(1)[:, :-1].clamp(0, 1)
    bounds = torch.special.ndtri(up_to) if config.networks.z_distribution == "normal" else up_to * 2 - 1
    return Styles(torch.from_numpy(of_images), bounds.half().float())  # the same in a file of float16


def _blurred(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Pixels of 14x14 images: float32[n, channels * 196]."""
    parts = torch.split(torch.tensor(to_planes(images)), _BLURRED_AT_ONCE)
    small = torch.cat([functional.adaptive_avg_pool2d(to_unit(part.float()), _BLURRED) for part in parts])
    blurred: NDArray[np.float32] = small.flatten(1).numpy()
    return blurred


class StyledGenerator(nn.Module):
    """A generator of styles, taken for one of classes.

    `forward(z: float[n, z_dim], label: int64[n]) -> float[n, channels, h, w]`. The noise's last number decides the
    style, in the proportions of the training images. The generator itself does not see that number.
    """

    bounds: Tensor

    def __init__(self, generator: nn.Module, bounds: Tensor) -> None:
        super().__init__()
        self.generator = generator
        self.register_buffer("bounds", bounds)

    def forward(self, z: Tensor, label: Tensor) -> Tensor:
        """As the generator's, with labels of classes."""
        style = (z[:, -1:] > self.bounds[label]).sum(1)
        images: Tensor = self.generator(z, label * (self.bounds.shape[1] + 1) + style)
        return images
