"""Random distortions of images, as handwriting varies: what classifiers and discriminators see in place of the images.

Differentiable, so that a generator learns through them (Zhao et al. 2020, arXiv:2006.10738).
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from digitsmith.training.ranks import ALONE, Ranks

_KNOTS = 5  # of the grid of random shifts, along the height: between them, shifts are smooth


@dataclass(frozen=True)
class Distortion:
    """How far images are distorted at most.

    Attributes:
        rotation: largest angle, in degrees.
        scale: largest change of size, as a share of it, for each axis by itself.
        shift: largest shift, as a share of the height.
        shear: largest shear.
        elastic: standard deviation of smooth shifts of each part by itself, as a share of half the height (Simard et
            al. 2003).
        thickness: how much thicker or thinner strokes become: 1 is a whole pixel on each side.
    """

    rotation: float
    scale: float
    shift: float
    shear: float
    elastic: float = 0.0
    thickness: float = 0.0


USUAL = Distortion(rotation=12.0, scale=0.12, shift=0.07, shear=0.15, elastic=0.08)
"""As hands vary: what discriminators see. Classifiers have recipes of their own."""


def distort(images: Tensor, distortion: Distortion, ranks: Ranks = ALONE) -> Tensor:
    """Turn, scale, shear, shift and bend each image, and thicken or thin its strokes, by a random amount.

    What comes in at the edges is background: black in grey images, the colour of the border in others.

    Args:
        images: float32[n, channels, h, w] in [-1, 1].
        distortion: how far at most.
        ranks: the processes of whose batch they are a share.

    Returns:
        The same shape and range.
    """
    n, device, (height, width) = len(images), images.device, images.shape[2:]
    aspect = width / height  # the grid is from -1 to 1 in both directions

    def amount(most: float) -> Tensor:
        return (ranks.draw(torch.rand, n, device=device) * 2 - 1) * most

    angle = amount(math.radians(distortion.rotation))
    cos, sin, shear = angle.cos(), angle.sin(), amount(distortion.shear)
    wide, high = 1 + amount(distortion.scale), 1 + amount(distortion.scale)
    affine = torch.stack(
        [
            torch.stack([cos * wide, (shear * cos - sin) * high / aspect, amount(2 * distortion.shift) / aspect], 1),
            torch.stack([sin * wide * aspect, (shear * sin + cos) * high, amount(2 * distortion.shift)], 1),
        ],
        1,
    )
    grid = functional.affine_grid(affine, list(images.shape), align_corners=False)
    if distortion.elastic:
        across = max(round(_KNOTS * aspect), 2)
        knots = ranks.draw(torch.randn, n, 2, _KNOTS, across, device=device) * distortion.elastic
        knots[:, 0] /= aspect
        bend = functional.interpolate(knots, size=(height, width), mode="bicubic", align_corners=True)
        grid = grid + bend.permute(0, 2, 3, 1)
    padding = "zeros" if images.shape[1] == 1 else "border"
    moved = functional.grid_sample(images + 1, grid, padding_mode=padding, align_corners=False) - 1
    if not distortion.thickness:
        return moved
    growth = amount(distortion.thickness)[:, None, None, None]
    brightest = functional.max_pool2d(moved, 3, stride=1, padding=1)
    darkest = -functional.max_pool2d(-moved, 3, stride=1, padding=1)
    return moved.lerp(torch.where(growth > 0, brightest, darkest), growth.abs())


def soften(images: Tensor, most: float) -> Tensor:
    """Make each image softer or crisper by a random amount, as scanners and pens differ.

    Args:
        images: float32[n, channels, h, w] in [-1, 1].
        most: 1 is edges of half the slope, as of an image of half the resolution, or of four times the slope.

    Returns:
        The same shape and range.
    """
    if not most:
        return images
    amount = (torch.rand(len(images), 1, 1, 1, device=images.device) * 2 - 1) * most
    padded = functional.pad(images, (2, 2, 2, 2), mode="replicate")
    soft = functional.avg_pool2d(functional.avg_pool2d(padded, 3, stride=1), 3, stride=1)
    crisp = (images * (1 - 3 * amount)).clamp(-1, 1)
    return torch.where(amount > 0, images.lerp(soft, amount.clamp(0, 1)), crisp)


def distort_some(images: Tensor, probability: float, ranks: Ranks = ALONE) -> Tensor:
    """Distort each image as hands vary, with a probability; the others stay as they are (Karras et al. 2020)."""
    if not probability:
        return images
    chosen = ranks.draw(torch.rand, len(images), 1, 1, 1, device=images.device) < probability
    return torch.where(chosen, distort(images.float(), USUAL, ranks), images)
