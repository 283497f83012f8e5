"""Cells of forms, drawn around digits: for tests, and for `benchmarks/cells.py`."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

PAPER, LINE = 244, 70
KINDS = ("left", "right", "rule", "ends", "box", "box inside", "comb", "turned box")


def cell(digit: NDArray[np.uint8], side: int, kind: str, width: int, margin: int) -> NDArray[np.uint8]:
    """A digit in dark ink, with lines of this width so many pixels from the border: uint8[side, side]."""
    image = np.full((side, side), PAPER, np.float64)
    inked = round(side * 0.72)
    start = (side - inked) // 2
    image[start : start + inked, start : start + inked] -= 0.85 * np.asarray(
        Image.fromarray(digit).resize((inked, inked), Image.Resampling.BICUBIC), np.float64
    )
    far = side - width - margin
    near_end = margin if kind == "box inside" else 0
    along = slice(near_end, side - near_end)
    if kind in ("rule", "comb", "box", "box inside", "turned box"):
        image[far : far + width, along] = LINE
    if kind in ("box", "box inside", "turned box"):
        image[margin : margin + width, along] = LINE
    if kind in ("left", "ends", "box", "box inside", "turned box"):
        image[along, margin : margin + width] = LINE
    if kind in ("right", "ends", "box", "box inside", "turned box"):
        image[along, far : far + width] = LINE
    if kind == "comb":
        teeth = slice(round(side * 0.6), side - margin)
        image[teeth, margin : margin + width] = image[teeth, far : far + width] = LINE
    if kind == "turned box":
        turned = Image.fromarray(image.astype(np.uint8)).rotate(1.5, Image.Resampling.BICUBIC, fillcolor=PAPER)
        image = np.asarray(turned, np.float64)
    image += np.random.default_rng(side).normal(0, 3, image.shape)
    return np.clip(image, 0, 255).astype(np.uint8)
