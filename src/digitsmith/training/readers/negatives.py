"""Images of no digit, made of digits and of chance: what a reader is to refuse.

Outlier exposure (Hendrycks et al. 2019, arXiv:1812.04606). None of them shows anything that is read elsewhere: letters,
clothes and other alphabets are left to test with.
"""

import torch
from torch import Tensor
from torch.nn import functional


def negatives(images: Tensor) -> Tensor:
    """One image of no digit for each image, each of a random kind.

    Args:
        images: float32[n, channels, h, w] in [-1, 1], of digits.

    Returns:
        The same shape and range.
    """
    kind = torch.randint(len(_KINDS), (len(images),), device=images.device)
    made = images.clone()
    for i, make in enumerate(_KINDS):
        chosen = (kind == i).nonzero()[:, 0]
        if len(chosen):
            made[chosen] = make(images[chosen], images)
    return made


def _tiles(images: Tensor, _: Tensor) -> Tensor:
    """Three quarters of an image, each in the place of another one or mirrored, and one of them twice."""
    h, w = images.shape[2] // 2 * 2, images.shape[3] // 2 * 2
    top, bottom = images[:, :, : h // 2, : w // 2], images[:, :, h // 2 : h, : w // 2]
    made = images.clone()
    made[:, :, : h // 2, : w // 2] = images[:, :, h // 2 : h, w // 2 : w].flip(3)
    made[:, :, h // 2 : h, w // 2 : w] = top.flip(2)
    made[:, :, : h // 2, w // 2 : w] = bottom
    return made


def _two_at_once(images: Tensor, all_images: Tensor) -> Tensor:
    """Two digits over each other, the second one turned over."""
    others = all_images[torch.randint(len(all_images), (len(images),), device=images.device)]
    return torch.maximum(
        images, others.transpose(2, 3).flip(3) if others.shape[2] == others.shape[3] else others.flip(2)
    )


def _inverted(images: Tensor, _: Tensor) -> Tensor:
    return -images


def _noise(images: Tensor, _: Tensor) -> Tensor:
    """Noise of a random grain."""
    n, channels, h, w = images.shape
    grain = int(torch.randint(1, 8, ()))
    coarse = torch.randn(n, channels, -(-h // grain), -(-w // grain), device=images.device)
    return functional.interpolate(coarse, size=(h, w), mode="bilinear", align_corners=False).mul(1.5).clamp(-1, 1)


def _solid(images: Tensor, _: Tensor) -> Tensor:
    """Filled shapes: where smooth noise is above a level, with a texture within."""
    n, channels, h, w = images.shape
    smooth = functional.interpolate(torch.randn(n, 1, 4, 4, device=images.device), size=(h, w), mode="bicubic")
    level = torch.rand(n, 1, 1, 1, device=images.device) - 0.5
    texture = torch.rand(n, channels, 1, 1, device=images.device) + 0.3 * torch.randn(
        n, channels, h, w, device=images.device
    )
    return torch.where(smooth > level, texture, -1.0).clamp(-1, 1)


def _strokes(images: Tensor, _: Tensor) -> Tensor:
    """Scribbles: three or four pens that move along random curves. Fewer would often draw a digit."""
    n, channels, h, w = images.shape
    device, pens = images.device, 4
    knots = torch.rand(n, pens, 4, 1, 2, device=device) * 1.5 - 0.75
    t = torch.linspace(0, 1, 40, device=device)[:, None]
    a, b, c, d = knots.unbind(2)
    points = (1 - t) ** 3 * a + 3 * (1 - t) ** 2 * t * b + 3 * (1 - t) * t**2 * c + t**3 * d  # cubic Bézier curves
    points[:, 3][torch.rand(n, device=device) < 0.5] = 9.0  # the fourth pen is elsewhere
    points = points.flatten(1, 2)[:, :, :, None, None]  # [n, pens * steps, 2, 1, 1]
    y, x = (torch.linspace(-1, 1, size, device=device) for size in (h, w))
    squared = (y[:, None] - points[:, :, 0]) ** 2 + (x - points[:, :, 1]) ** 2
    nearest = squared.amin(1, keepdim=True).sqrt()  # [n, 1, h, w]
    width = 0.03 + 0.09 * torch.rand(n, 1, 1, 1, device=device)
    soft = 0.7 + 2 * torch.rand(n, 1, 1, 1, device=device)  # pixels from ink to paper: pens and scanners differ
    ink = ((width - nearest) * h / (2 * soft) + 0.5).clamp(0, 1)
    return (2 * ink - 1).expand(n, channels, h, w)


_KINDS = (_tiles, _two_at_once, _inverted, _noise, _solid, _strokes)
