"""A classifier that is a discriminator, and learns from a generator, too (Salimans et al. 2016, arXiv:1606.03498).

This is section 5 of that paper. A network with a logit l_c for each of k classes is a discriminator as it is, if one
thinks of one more class, *generated*, whose logit is always 0. An image is real, then, with the probability

    D(x) = Z / (Z + 1),   Z = sum_c exp l_c,

which is the sigmoid of log Z. Three things are asked of the network: labelled images are of their class, among the k;
real images are real, of whatever class, so that they need no label; generated ones are not. The generator makes images
whose features, in the network, are those of real ones on average (feature matching, section 3.1). What the network must
learn of digits to tell real ones from generated ones may help it to tell them from one another: it did in that paper.
"""

import contextlib
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from digitsmith.config.schema import FullyConnectedNetwork, FullyConnectedNetworks, NetworkOptimizer
from digitsmith.data.dataset import Dataset
from digitsmith.data.images.pixels import to_planes, to_unit
from digitsmith.progress import Progress
from digitsmith.training.device import bfloat16_is_fast
from digitsmith.training.distortion import Distortion, distort
from digitsmith.training.learner import Learner
from digitsmith.training.losses import class_loss, fake_loss, matching_loss, real_loss
from digitsmith.training.networks import Shape
from digitsmith.training.networks.fully_connected import Generator

_Z_DIM = 100
_WORK = "training a classifier"
_WARM_UP = 0.05  # share of the steps in which learning rates rise


@dataclass(frozen=True)
class AdversarialRecipe:
    """How a network is trained.

    Attributes:
        steps: updates of the network.
        batch_size: labelled images of a step, and as many real and as many generated ones.
        lr: the highest learning rate of Adam, of both networks: after a short rise, before a cosine fall to 0.
        weight: of what a discriminator learns, beside the loss of the labelled images. 0 is a network that is trained
            plainly, without a generator.
        distortion: of the labelled images; None leaves them as they are. Real and generated images are never distorted:
            the generator would learn the distortions, too.
    """

    steps: int
    batch_size: int = 64
    lr: float = 1e-3
    weight: float = 1.0
    distortion: Distortion | None = None


def train_network(
    build: Callable[[Shape, int], nn.Module],
    data: Dataset,
    recipe: AdversarialRecipe,
    seed: int,
    progress: Progress,
    *,
    unlabelled: NDArray[np.uint8] | None = None,
) -> nn.Module:
    """Train a classifier, as a discriminator or plainly, on CPU or a GPU.

    Args:
        build: makes the network, of the shape of an image and the number of classes. It takes float[n, *shape] in
            [-1, 1], and gives float[n, width] features and float[n, classes] logits.
        data: labelled images.
        recipe: how.
        seed: decides the first weights, the order of the images, the noise and the distortions.
        progress: told of it now and then.
        unlabelled: real images, uint8[n, h, w] or uint8[n, h, w, 3]; without any, the labelled ones are the real ones.

    Returns:
        The network, in evaluation mode.
    """
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    dtype = torch.bfloat16 if bfloat16_is_fast(device) else torch.float32
    images, labels = torch.tensor(to_planes(data.images)), torch.tensor(data.labels)
    others = images if unlabelled is None else torch.tensor(to_planes(unlabelled))
    shape: Shape = (images.shape[1], images.shape[2], images.shape[3])
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = Learner(build(shape, len(data.classes)).to(device), _adam(recipe), dtype)
        generator = Learner(new_generator(shape).to(device), _adam(recipe), dtype) if recipe.weight else None
        batches, other_batches = (_batches(len(of), recipe.batch_size) for of in (images, others))
        for step in range(recipe.steps):
            for learner in (network, generator) if generator else (network,):
                learner.optimizer.param_groups[0]["lr"] = recipe.lr * _rate((step + 1) / recipe.steps)
            batch = next(batches)
            labelled, label = to_unit(images[batch].to(device).float()), labels[batch].to(device)
            if recipe.distortion is not None:
                labelled = distort(labelled, recipe.distortion)
            if generator is None:
                network.minimise(class_loss(_run(network, labelled)[1], label))
            else:
                real = to_unit(others[next(other_batches)].to(device).float())
                semi_supervised_step(network, generator, labelled, label, real, recipe.weight)
            if step % 100 == 0:
                progress.update(_WORK, step, recipe.steps)
    progress.update(_WORK, recipe.steps, recipe.steps)
    return network.network.eval()


def semi_supervised_step(
    network: Learner, generator: Learner, labelled: Tensor, label: Tensor, real: Tensor, weight: float
) -> None:
    """Update the network on labelled, real and generated images, then the generator on the network's features.

    All images go through the network at once. By themselves, batch norm, if it has some, would normalise generated ones
    to the same mean as real ones. Its statistics, by which the network is used later, are those of the first pass.

    Args:
        network: changed in place.
        generator: changed in place.
        labelled: float32[n, channels, h, w] in [-1, 1].
        label: int64[n].
        real: float32[n, channels, h, w], of whatever class.
        weight: of what the network learns as a discriminator, beside the loss of the labelled images.
    """
    fake = generator.working(torch.randn(len(real), _Z_DIM, device=real.device))
    logits = _run(network, torch.cat([labelled, real, fake.detach()]))[1]
    of_labelled, of_real, of_fake = logits.split([len(labelled), len(real), len(fake)])  # type: ignore[no-untyped-call]
    judged = (real_loss(of_real.logsumexp(1)) + fake_loss(of_fake.logsumexp(1))) / 2  # the logit of D(x) is log Z
    network.minimise(class_loss(of_labelled, label) + weight * judged)

    with _statistics_kept(network.working):
        features = _run(network, torch.cat([real, fake]))[0]
    generator.minimise(matching_loss(features[: len(real)].detach(), features[len(real) :]))


@contextlib.contextmanager
def _statistics_kept(network: nn.Module) -> Iterator[None]:
    """Within the block, batch norms do not collect statistics."""
    norms = [module for module in network.modules() if isinstance(module, _BatchNorm)]
    for norm in norms:
        norm.track_running_stats = False
    try:
        yield
    finally:
        for norm in norms:
            norm.track_running_stats = True


def _run(network: Learner, images: Tensor) -> tuple[Tensor, Tensor]:
    """Features float32[n, width] and logits float32[n, classes] of images."""
    images = images.to(next(network.working.parameters()).dtype)
    features, logits = network.working(images.contiguous(memory_format=torch.channels_last))
    return features.float(), logits.float()


def new_generator(shape: Shape) -> Generator:
    """The generator: noise from N(0, 1), float[n, 100], to images, float32[n, *shape] in (-1, 1)."""
    hidden = FullyConnectedNetwork(widths=[256, 512], slope=0.0, batch_norm=True)
    config = FullyConnectedNetworks(
        architecture="fully-connected", conditional=False, z_dim=_Z_DIM, generator=hidden, discriminator=hidden
    )
    return Generator(config, shape, labels=0)


def _adam(recipe: AdversarialRecipe) -> NetworkOptimizer:
    return NetworkOptimizer(name="adam", lr=recipe.lr, betas=(0.5, 0.999))


def _rate(done: float) -> float:
    """The share of the highest learning rate, after this share of the steps."""
    return min(1.0, done / _WARM_UP) * (1 + math.cos(math.pi * done)) / 2


def _batches(count: int, size: int) -> Iterator[Tensor]:
    """Places of images, int64[size], without end: all of them once, in a random order, then in another one."""
    order = torch.empty(0, dtype=torch.int64)
    while True:
        while len(order) < size:
            order = torch.cat([order, torch.randperm(count)])
        batch, order = order[:size], order[size:]
        yield batch
