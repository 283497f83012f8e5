"""The adversarial losses of Goodfellow et al. 2014 (arXiv:1406.2661), on logits, and what may be added to them.

Every adversarial loss takes `logits: float[n]` (or any shape), the discriminator's output before the sigmoid, and
returns a float32 scalar: the mean over the batch. Working on logits keeps log(sigmoid(x)) finite for every x.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor


def real_loss(logits: Tensor, smoothing: float = 0.0) -> Tensor:
    """Binary cross-entropy against 'real': -log D(x).

    With one-sided label smoothing (Salimans et al. 2016, arXiv:1606.03498) the target is `1 - smoothing`, not 1.
    """
    logits = logits.float()
    return F.binary_cross_entropy_with_logits(logits, torch.full_like(logits, 1.0 - smoothing))


def fake_loss(logits: Tensor) -> Tensor:
    """Binary cross-entropy against 'fake': -log(1 - D(G(z))).

    The discriminator minimises its sum with `real_loss` (eq. 1 with its sign turned).
    """
    return F.softplus(logits.float()).mean()


def generator_loss(fake_logits: Tensor, *, saturating: bool = False) -> Tensor:
    """What the generator minimises: -log D(G(z)), or log(1 - D(G(z))) when `saturating`.

    The first is the binary cross-entropy of the fakes on flipped labels: as if they were real.
    """
    return -fake_loss(fake_logits) if saturating else real_loss(fake_logits)


def class_loss(class_logits: Tensor, classes: Tensor) -> Tensor:
    """Cross-entropy of the discriminator's classification: -log P(c | x).

    The discriminator minimises it for real images, the generator for its own (Odena et al. 2017, arXiv:1610.09585, eq.
    3, where the discriminator also does for fakes).

    Args:
        class_logits: float[n, classes].
        classes: int64[n].
    """
    return F.cross_entropy(class_logits.float(), classes)


def r1_penalty(discriminator: Callable[[Tensor], Tensor], real: Tensor) -> Tensor:
    """Half the squared gradient of the logits by real images: E |grad D(x)|^2 / 2.

    It keeps the discriminator from rising ever more steeply around the data (Mescheder et al. 2018, arXiv:1801.04406,
    eq. 9 without its weight).

    Args:
        discriminator: float[n, channels, h, w] images to float[n] logits, the gradient of whose sum is taken.
        real: float[n, channels, h, w].
    """
    image = real.detach().requires_grad_()
    (gradient,) = torch.autograd.grad(discriminator(image).sum(), image, create_graph=True)
    return gradient.float().square().flatten(1).sum(1).mean() / 2


def matching_loss(real_features: Tensor, fake_features: Tensor) -> Tensor:
    """Squared distance of the mean features of real and fake images: feature matching, which the generator minimises.

    Salimans et al. 2016, arXiv:1606.03498, section 3.1, there a sum over the features, here a mean.

    Args:
        real_features: float[n, width], what the discriminator makes of real images.
        fake_features: float[m, width].
    """
    return (real_features.float().mean(0) - fake_features.float().mean(0)).square().mean()
