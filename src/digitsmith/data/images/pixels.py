"""Between images as people keep them and images as networks see them: here, and nowhere else.

Kept: uint8[n, h, w] grey, or uint8[n, h, w, 3] colour. Seen: float32[n, channels, h, w] in [-1, 1].
"""

from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

_Pixels = TypeVar("_Pixels", bound=Any)  # a NumPy array or a torch tensor, of floats


def to_planes(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Put channels first: uint8[n, h, w] to uint8[n, 1, h, w], uint8[n, h, w, 3] to uint8[n, 3, h, w]."""
    return images[:, None] if images.ndim == 3 else np.ascontiguousarray(images.transpose(0, 3, 1, 2))


def to_unit(levels: _Pixels) -> _Pixels:
    """Map levels [0, 255] (an array or a tensor of floats) to [-1, 1]."""
    scaled: _Pixels = levels * (1 / 127.5) - 1
    return scaled


def to_uint8(images: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Map float32[n, 1 or 3, h, w] in [-1, 1] to the nearest levels: uint8[n, h, w] or uint8[n, h, w, 3].

    Values outside the range are clipped. `images` is overwritten: this runs on every generated pixel, and a copy would
    cost as much as the work.
    """
    np.multiply(images, 127.5, out=images)
    np.add(images, 128.0, out=images)  # 127.5, and a half so that the cast, which truncates, rounds
    np.clip(images, 0.0, 255.0, out=images)
    levels = images.astype(np.uint8)
    return levels[:, 0] if levels.shape[1] == 1 else np.ascontiguousarray(levels.transpose(0, 2, 3, 1))
