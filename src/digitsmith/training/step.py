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
    logits = discriminator.forward(torch.cat([real, fakes[:n]]), columns).squeeze(1)  # [2n]
    with torch.enable_grad():
        logits.requires_grad_()
        loss_real = real_loss(logits[:n], config.label_smoothing)
        loss_fake = fake_loss(logits[n:])
        (by_logits,) = torch.autograd.grad(loss_real + loss_fake, logits)
    discriminator.backward_weights(by_logits[:, None])
    discriminator.update()

    # Batch norm sees real and fake images together in both updates. By themselves, each kind would be normalised to
    # the same mean, and what all fakes have in common, such as a speckled border, would never be unlearnt.
    judged = torch.cat([real, fakes[n:]]) if config.discriminator.batch_norm else fakes[n:]
    logits_again = discriminator.forward(judged, None if columns is None else columns[-len(judged) :]).squeeze(1)
    with torch.enable_grad():
        logits_again.requires_grad_()
        loss_generator = generator_loss(logits_again[-n:], saturating=config.generator_loss == "saturating")
        (by_logits,) = torch.autograd.grad(loss_generator, logits_again)
    by_image = discriminator.backward_input(by_logits[:, None], last=n)
    generator.backward_weights(by_image * (1 - fakes[n:] ** 2))  # the derivative of tanh
    generator.update()

    d_real, d_fake = logits.sigmoid().view(2, n).mean(1)
    return torch.stack([loss_real + loss_fake, loss_real, loss_fake, loss_generator, d_real, d_fake])


def draw_noise(n: int, config: TrainConfig, device: torch.device) -> Tensor:
    """Noise for training, float32[n, z_dim], from torch's own random state."""
    z = torch.empty(n, config.z_dim, device=device)
    return z.normal_() if config.z_distribution == "normal" else z.uniform_(-1, 1)
