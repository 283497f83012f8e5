"""Uneven light: photos of paper are brighter at one side, and darker in the corners."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

_LEAST_SIDE = 56  # pixels: smaller images are no photos
_COARSE = 32  # pixels of the longer side of the copy in which the paper's levels are found
_EVEN = 8.0  # levels between the quartiles at the border of paper that is even
_NEAR = 3.0  # deviations from the surface within which a pixel is of paper
_BORDER, _WHOLE = 0.8, 0.5  # shares of all pixels that must be of paper


def even_light(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Take out of an image how its paper's level changes smoothly over it; what has even paper is returned as it is.

    A surface of the second degree is fitted to the paper, beginning from what most of the border has; ink, which is far
    from it, does not count. Where less of the border than `_BORDER` lies on a surface, the image stays as it is.

    Args:
        image: uint8[h, w] or uint8[h, w, 3], ink of any colour.

    Returns:
        The same, its paper of the median level everywhere.
    """
    if min(image.shape[:2]) < _LEAST_SIDE:
        return image
    coarse = np.asarray(Image.fromarray(image).reduce(-(-max(image.shape[:2]) // _COARSE))).astype(np.float64)
    planes = coarse.reshape(*coarse.shape[:2], -1)
    border = np.zeros(planes.shape[:2], np.bool_)
    border[[0, -1], :] = border[:, [0, -1]] = True
    low, high = np.percentile(planes[border], (25, 75), axis=0)
    if (high - low <= _EVEN).all():
        return image
    surfaces = [_fit(planes[..., channel], border) for channel in range(planes.shape[2])]
    lifted = np.empty((*image.shape[:2], planes.shape[2]), np.uint8)
    basis = _basis(*image.shape[:2])
    for channel, surface in enumerate(surfaces):
        if surface is None:
            return image
        level = np.tensordot(surface.astype(np.float32), basis, 1)
        plane = image.reshape(lifted.shape)[..., channel] - level + np.median(level)
        lifted[..., channel] = np.clip(plane + 0.5, 0, 255)
    return lifted.reshape(image.shape)


def _fit(plane: NDArray[np.float64], border: NDArray[np.bool_]) -> NDArray[np.float64] | None:
    """The coefficients of the paper's surface: float64[6]; None if it has none."""
    basis = _basis(*plane.shape).reshape(6, -1).T.astype(np.float64)
    levels, edge = plane.ravel(), border.ravel()
    inside, terms = edge, 3  # a plane through the border first
    surface = np.zeros(6)
    for _ in range(6):
        surface[:terms] = np.linalg.lstsq(basis[inside, :terms], levels[inside], rcond=None)[0]
        away = np.abs(levels - basis @ surface)
        deviation = max(1.4826 * float(np.median(away[edge])), 1.0)
        inside = away < _NEAR * deviation
        terms = 6
        if inside[edge].mean() < _WHOLE:
            return None
    return surface if inside[edge].mean() >= _BORDER and inside.mean() >= _WHOLE and deviation < _EVEN else None


def _basis(height: int, width: int) -> NDArray[np.float32]:
    """1, y, x, yy, xy and xx at each pixel, from -1 to 1: float32[6, h, w]."""
    y = np.linspace(-1, 1, height, dtype=np.float32)[:, None] * np.ones((1, width), np.float32)
    x = np.linspace(-1, 1, width, dtype=np.float32)[None, :] * np.ones((height, 1), np.float32)
    return np.stack([np.ones_like(x), y, x, y * y, y * x, x * x])
