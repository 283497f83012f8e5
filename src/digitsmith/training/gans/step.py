"""One adversarial step, for any pair of networks: a discriminator update, then a generator update."""

import torch
from torch import Tensor

from digitsmith.config.schema import TrainConfig
from digitsmith.training.distortion import distort_some
from digitsmith.training.learner import Learner
from digitsmith.training.losses import class_loss, fake_loss, generator_loss, r1_penalty, real_loss
from digitsmith.training.ranks import ALONE, Ranks

SCALARS = ("d_loss", "d_loss_real", "d_loss_fake", "g_loss", "d_real", "d_fake")
"""What a step measures: the losses, and the mean probability D(x) and D(G(z)) before the discriminator's update.

In relativistic training these are the probabilities of being the more real one of a pair, and add up to 1.
"""


def adversarial_step(
    generator: Learner, discriminator: Learner, real: Tensor, label: Tensor | None, config: TrainConfig, step: int
) -> Tensor:
    """Update the discriminator on real and fake images, then the generator on fakes that are judged anew.

    If relativistic, a logit is how much more real an image looks than its partner, of the same label and the other kind
    (Jolicoeur-Martineau 2018, arXiv:1807.00734, section 4.2). What the discriminator sees may be distorted, real and
    fake alike, which the generator learns through (Zhao et al. 2020, arXiv:2006.10738).

    Args:
        generator: changed in place.
        discriminator: changed in place.
        real: float32[n, channels, h, w] in [-1, 1]; where several ranks train, this one's share of the batch.
        label: int64[n], the labels of `real`, which the fakes are made for too; None for an unconditional pair. Where
            classes have styles, it counts these.
        config: losses, styles and noise.
        step: how many steps were made before; every `config.loss.r1_every`-th has the penalty.

    Returns:
        float32[6], the `SCALARS` of this step.
    """
    loss, n, ranks = config.loss, len(real), generator.ranks
    augment = loss.augment or 0.0
    classes = label // config.networks.styles if label is not None and loss.auxiliary else None
    both = None if label is None else label.repeat(2)  # of real and fake images

    with torch.set_grad_enabled(not loss.fresh_fakes):
        fakes = generator.working(draw_noise(n, config, real.device, ranks), label)
    real = distort_some(real, augment, ranks)
    judged, class_logits = discriminator.working(torch.cat([real, distort_some(fakes.detach(), augment, ranks)]), both)
    real_logits, fake_logits = judged.chunk(2)
    partners = torch.zeros_like(real_logits)
    if loss.relativistic:
        partners = real_logits.detach()  # not judged again after the update, which saves a pass
        real_logits, fake_logits = real_logits - fake_logits, fake_logits - real_logits
    loss_real, loss_fake = real_loss(real_logits, loss.label_smoothing), fake_loss(fake_logits)
    d_loss = loss_real + loss_fake
    if loss.r1 and step % loss.r1_every == 0:
        some = slice(n // 2)  # half of the batch is enough to know the slope
        penalty = r1_penalty(lambda image: discriminator.working(image, None if label is None else label[some]).logit,
                             real[some])  # fmt: skip
        d_loss = d_loss + loss.r1 * loss.r1_every * penalty
    if classes is not None:
        d_loss = d_loss + loss.auxiliary * class_loss(class_logits[:n], classes)
    discriminator.minimise(d_loss)

    if loss.fresh_fakes:
        fakes = generator.working(draw_noise(n, config, real.device, ranks), label)
    fakes = distort_some(fakes, augment, ranks)
    if discriminator.network.joint:
        judged, class_logits = discriminator.working(torch.cat([real, fakes]), both)
    else:
        judged, class_logits = discriminator.working(fakes, label)
    loss_generator = generator_loss(judged[-n:] - partners, saturating=loss.generator == "saturating")
    g_loss = loss_generator
    if classes is not None:
        g_loss = g_loss + loss.auxiliary * class_loss(class_logits[-n:], classes)
    generator.minimise(g_loss)

    scalars = (loss_real + loss_fake, loss_real, loss_fake, loss_generator)
    probabilities = (real_logits.sigmoid().mean(), fake_logits.sigmoid().mean())
    return torch.stack([*scalars, *probabilities]).detach()


def draw_noise(n: int, config: TrainConfig, device: torch.device, ranks: Ranks = ALONE) -> Tensor:
    """Noise for training, float32[n, z_dim], from torch's own random state."""
    z = torch.empty(n * ranks.count, config.networks.z_dim, device=device)
    return ranks.part(z.normal_() if config.networks.z_distribution == "normal" else z.uniform_(-1, 1))
