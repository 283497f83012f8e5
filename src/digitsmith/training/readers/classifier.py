"""A small convolutional classifier of digits: the digit-net is one, readers are, and studies train others."""

import copy
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from digitsmith.data.images.pixels import to_planes, to_unit
from digitsmith.training.distortion import Distortion, distort

_SCORED_AT_ONCE = 1000


@dataclass(frozen=True)
class Recipe:
    """How a classifier is built and trained.

    Attributes:
        layers: (width, stride) of each 3x3 convolution, from the image on.
        epochs: passes over the images.
        batch_size: images per step.
        lr: the highest learning rate of AdamW, after a rise over a fifth of the steps and before a cosine fall to 0.
        weight_decay: of AdamW.
        rotation: largest angle of augmentation, in degrees.
        scale: largest change of size, as a share of it, for each axis by itself.
        shift: largest shift, as a share of the side.
        shear: largest shear.
        elastic: standard deviation of smooth shifts, as a share of half the side.
        thickness: largest growth or loss of strokes, in pixels on each side.
        softness: how much softer or crisper images become, as in `soften`.
    """

    layers: tuple[tuple[int, int], ...]
    epochs: int
    batch_size: int = 128
    lr: float = 3e-3
    weight_decay: float = 0.02
    rotation: float = 12.0
    scale: float = 0.12
    shift: float = 0.07
    shear: float = 0.15
    elastic: float = 0.0
    thickness: float = 0.0
    softness: float = 0.0

    @property
    def distortion(self) -> Distortion:
        """Of the images in training."""
        return Distortion(self.rotation, self.scale, self.shift, self.shear, self.elastic, self.thickness)


class Classifier(nn.Module):
    """Convolutions with batch norm and ReLU, an average over places, and one linear layer.

    The features are what the linear layer sees: the widest convolution's ReLUs, averaged over places.
    """

    def __init__(self, layers: tuple[tuple[int, int], ...], classes: int, channels: int = 1) -> None:
        super().__init__()
        blocks: list[nn.Module] = []
        width_in = channels
        for width, stride in layers:
            blocks += [
                nn.Conv2d(width_in, width, kernel_size=3, stride=stride, padding=1, bias=False),
                nn.BatchNorm2d(width),
                nn.ReLU(),
            ]
            width_in = width
        self.convolutions = nn.Sequential(*blocks)
        self.head = nn.Linear(width_in, classes)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Features and logits.

        Args:
            images: float32[n, channels, h, w] in [-1, 1].

        Returns:
            float32[n, width] features, and float32[n, classes] logits.
        """
        features = self.convolutions(images).mean((2, 3))
        return features, self.head(features)

    def folded(self) -> "Classifier":
        """The same with the batch norms' running statistics in the convolutions."""
        folded, layers = copy.deepcopy(self).eval(), list[nn.Module]()
        for layer in folded.convolutions:
            if isinstance(layer, nn.BatchNorm2d):
                convolution = layers.pop()
                assert isinstance(convolution, nn.Conv2d)
                layer = fuse_conv_bn_eval(convolution, layer)
            layers.append(layer)
        folded.convolutions = nn.Sequential(*layers)
        return folded


def classify(classifier: nn.Module, images: NDArray[np.uint8]) -> NDArray[np.int64]:
    """The most likely class of images, uint8[n, h, w] or uint8[n, h, w, 3]: int64[n]."""
    predicted: NDArray[np.int64] = logits_of(classifier, images).argmax(1).numpy()
    return predicted


@torch.no_grad()
def logits_of(classifier: nn.Module, images: NDArray[np.uint8], distortion: Distortion | None = None) -> Tensor:
    """What a classifier says of images, uint8[n, h, w] or uint8[n, h, w, 3]: float32[n, classes], on the CPU.

    With a distortion, it says so of a random distortion of each.
    """
    classifier.eval()
    device = next(classifier.parameters()).device
    parts = []
    for start in range(0, len(images), _SCORED_AT_ONCE):
        batch = to_unit(torch.tensor(to_planes(images[start : start + _SCORED_AT_ONCE]), device=device).float())
        if distortion is not None:
            batch = distort(batch, distortion)
        parts.append(classifier(batch.contiguous(memory_format=torch.channels_last))[1].cpu())
    return torch.cat(parts)
