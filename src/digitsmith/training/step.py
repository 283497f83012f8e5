"""One adversarial step: a discriminator update, then a generator update."""

import torch
from torch import Tensor

from digitsmith.training.config import TrainConfig
from digitsmith.training.losses import fake_loss, generator_loss, real_loss
from digitsmith.training.trainee import Trainee

SCALARS = ("d_loss", "d_loss_real", "d_loss_fake", "g_loss", "d_real", "d_fake")
"""What a step measures: the losses, and the mean probability D(x) and D(G(z)) before the discriminator's update."""


@torch.no_grad()
def adversarial_step(
    generator: Trainee, discriminator: Trainee, real: Tensor, label: Tensor | None, config: TrainConfig
) -> Tensor:
    """Update the discriminator on real and fake images, then the generator on noise of its own (Goodfellow, alg. 1).

    Args:
        generator: changed in place.
        discriminator: changed in place.
        real: float[n, h * w] in [-1, 1].
        label: int64[n], the labels of `real`, which the fakes are made for too; None for an unconditional pair.
        config: losses, smoothing and noise.

    Returns:
        float32[6], the `SCALARS` of this step.
    """
    n = len(real)
    twice = None if label is None else label.repeat(2)

    # The generator does not change before its own update, so one pass makes the fakes of both updates.
    z = draw_noise(2 * n, config, real.device)
    fakes = torch.tanh(generator.forward(z, generator.label_columns(twice), groups=2))  # [2n, h * w]

    columns = discriminator.label_columns(twice)
    logits = discriminator.forward(torch.cat([real, fakes[:n]]), columns, groups=2).squeeze(1)  # [2n]
    with torch.enable_grad():
        logits.requires_grad_()
        loss_real = real_loss(logits[:n], config.label_smoothing)
        loss_fake = fake_loss(logits[n:])
        (by_logits,) = torch.autograd.grad(loss_real + loss_fake, logits)
    discriminator.backward_weights(by_logits[:, None])
    discriminator.update()

    judged = discriminator.forward(fakes[n:], None if columns is None else columns[n:]).squeeze(1)  # [n]
    with torch.enable_grad():
        judged.requires_grad_()
        loss_generator = generator_loss(judged, saturating=config.generator_loss == "saturating")
        (by_logits,) = torch.autograd.grad(loss_generator, judged)
    by_image = discriminator.backward_input(by_logits[:, None])
    generator.backward_weights(by_image * (1 - fakes[n:] ** 2))  # the derivative of tanh
    generator.update()

    d_real, d_fake = logits.sigmoid().view(2, n).mean(1)
    return torch.stack([loss_real + loss_fake, loss_real, loss_fake, loss_generator, d_real, d_fake])


def draw_noise(n: int, config: TrainConfig, device: torch.device) -> Tensor:
    """Noise for training, float32[n, z_dim], from torch's own random state."""
    z = torch.empty(n, config.z_dim, device=device)
    return z.normal_() if config.z_distribution == "normal" else z.uniform_(-1, 1)
