"""One adversarial step: a discriminator update, then a generator update."""

import torch
from torch import Tensor

from digitsmith.config.schema import TrainConfig
from digitsmith.training.losses import class_loss, fake_loss, generator_loss, r1_penalty, real_loss
from digitsmith.training.trainee import Trainee, draw_noise

SCALARS = ("d_loss", "d_loss_real", "d_loss_fake", "g_loss", "d_real", "d_fake")
"""What a step measures: the losses, and the mean probability D(x) and D(G(z)) before the discriminator's update.

In relativistic training these are the probabilities of being the more real one of a pair, and add up to 1.
"""


def adversarial_step(
    generator: Trainee,
    discriminator: Trainee,
    real: Tensor,
    label: Tensor | None,
    config: TrainConfig,
    step: int,
) -> Tensor:
    """Update the discriminator on real and fake images, then the generator on the same fakes, judged anew.

    If relativistic, a logit is how much more real an image looks than its partner, of the same label and the other kind
    (Jolicoeur-Martineau 2018, arXiv:1807.00734, section 4.2).

    Args:
        generator: changed in place.
        discriminator: changed in place.
        real: float[n, 1, h, w] in [-1, 1].
        label: int64[n], the labels of `real`, which the fakes are made for too; None for an unconditional pair. Where
            classes have styles, it counts these.
        config: losses, smoothing, penalty, styles and noise.
        step: how many steps were made before; every `config.r1_every`-th has the penalty.

    Returns:
        float32[6], the `SCALARS` of this step.
    """
    classes = label // config.styles if label is not None and config.auxiliary else None
    fakes = generator(draw_noise(len(real), config, real.device), label)

    real_logits, real_read = discriminator(real, label)
    fake_logits, _ = discriminator(fakes.detach(), label)
    partners = torch.zeros_like(real_logits)
    if config.relativistic:
        partners = real_logits.detach()  # not judged again after the update, which saves a pass
        real_logits, fake_logits = real_logits - fake_logits, fake_logits - real_logits
    loss_real, loss_fake = real_loss(real_logits, config.label_smoothing), fake_loss(fake_logits)
    loss = loss_real + loss_fake
    if config.r1 and step % config.r1_every == 0:
        some = slice(len(real) // 2)  # half of the batch is enough to know the slope
        penalty = r1_penalty(lambda image: discriminator(image, None if label is None else label[some])[0], real[some])
        loss = loss + config.r1 * config.r1_every * penalty
    if classes is not None:
        loss = loss + config.auxiliary * class_loss(real_read, classes)
    discriminator.minimise(loss)

    judged, read = discriminator(fakes, label)
    loss_generator = generator_loss(judged - partners, saturating=config.generator_loss == "saturating")
    loss = loss_generator if classes is None else loss_generator + config.auxiliary * class_loss(read, classes)
    generator.minimise(loss)

    scalars = (loss_real + loss_fake, loss_real, loss_fake, loss_generator)
    probabilities = (real_logits.sigmoid().mean(), fake_logits.sigmoid().mean())
    return torch.stack([*scalars, *probabilities]).detach()
