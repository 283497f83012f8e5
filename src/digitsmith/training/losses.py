"""The adversarial losses of Goodfellow et al. 2014 (arXiv:1406.2661), on logits.

Every function takes `logits: float[n]` (or any shape), the discriminator's output before the sigmoid, and returns a
float32 scalar: the mean over the batch. Working on logits keeps log(sigmoid(x)) finite for every x.
"""

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
