"""Ink and paper: which is brighter, and images of bright ink on dark paper in the end."""

import numpy as np
from numpy.typing import NDArray

_LEAST_CONTRAST = 48.0  # levels from paper to ink; less is taken for an empty image, and not made brighter


def to_ink(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Show colour images as bright ink on dark paper; grey ones are returned as they are.

    The paper's colour is the median of the pixels at the border, channel by channel. A pixel is as bright as its colour
    is far from the paper's, less the median of that distance at the border, which is noise. The scale is such that one
    pixel in a hundred is white, which single specks do not change. An image with hardly any contrast stays dark.

    Args:
        images: uint8[n, h, w, 3], of one ink on one paper each.

    Returns:
        uint8[n, h, w].
    """
    if images.ndim == 3:
        return images
    border = np.concatenate([images[:, 0], images[:, -1], images[:, 1:-1, 0], images[:, 1:-1, -1]], axis=1)
    paper = np.median(border, axis=1).astype(np.float32)
    noise = np.median(np.linalg.norm(border - paper[:, None], axis=2), axis=1)
    distance = np.maximum(np.linalg.norm(images - paper[:, None, None], axis=3) - noise[:, None, None], 0)
    white = np.maximum(np.percentile(distance, 99, axis=(1, 2)), _LEAST_CONTRAST)
    levels: NDArray[np.uint8] = np.minimum(distance * (255 / white)[:, None, None] + 0.5, 255).astype(np.uint8)
    return levels
