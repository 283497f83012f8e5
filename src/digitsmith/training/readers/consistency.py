"""Learning from images without labels: what a classifier says of an image must stay so when the image is distorted."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from digitsmith.training.distortion import Distortion, distort
from digitsmith.training.ranks import ALONE, Ranks

_SURE = 0.95
_MILD = Distortion(rotation=10.0, scale=0.1, shift=0.05, shear=0.15, elastic=0.05)


_MEMORY = 0.99  # of the shares of classes, from step to step
_LEAST = 0.1  # of an equal share: a class that is not among the images is not made up


@torch.no_grad()
def pseudo_labels(
    logits_of: Callable[[Tensor], Tensor], images: Tensor, shares: Tensor, classes: int, ranks: Ranks = ALONE
) -> tuple[Tensor, Tensor]:
    """What a classifier says of mildly distorted images, and where it is sure (Sohn et al. 2020, arXiv:2001.07685).

    The classifier is an average of the weights that are trained, whose answers change less from step to step (Tarvainen
    and Valpola 2017, arXiv:1703.01780). With few labels, it prefers some classes at first. So its probabilities are
    divided by the shares of the classes in what it said so far: distribution alignment (Berthelot et al. 2020,
    arXiv:1911.09785).

    Args:
        logits_of: the classifier: float32[n, outputs] of images.
        images: float32[n, channels, h, w] in [-1, 1].
        shares: float32[outputs], a running mean of its probabilities, which is brought up to date.
        classes: the first so many outputs are aligned, to equal shares; others are not.
        ranks: the processes that see such images, and have the same shares.

    Returns:
        int64[n] labels, and float32[n]: 1 where the most likely class has a probability of 0.95, else 0.
    """
    probabilities = logits_of(distort(images, _MILD)).softmax(1)
    means = probabilities.mean(0)
    ranks.average([means])
    shares.lerp_(means, 1 - _MEMORY)
    equal = shares[:classes].mean()
    probabilities[:, :classes] *= equal / shares[:classes].clamp_min(_LEAST * equal)
    confidence, labels = (probabilities / probabilities.sum(1, keepdim=True)).max(1)
    return labels, (confidence >= _SURE).float()


def consistency_loss(logits: Tensor, labels: Tensor, sure: Tensor) -> Tensor:
    """Cross-entropy of strongly distorted images with their pseudo-labels, where these are sure: a scalar."""
    return (functional.cross_entropy(logits, labels, reduction="none") * sure).mean()
