"""Pictures of many small images: tiles in rows."""

import base64
import io
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from digitsmith.errors import ConfigError
from digitsmith.files import staged_file

GAP = 2
"""Pixels between two tiles, and around them."""

_BACKGROUND = 48


def tile(images: NDArray[np.uint8], columns: int) -> NDArray[np.uint8]:
    """Lay out uint8[n, h, w] or uint8[n, h, w, 3] in rows of `columns`, on dark grey: uint8[H, W] or uint8[H, W, 3]."""
    n, h, w = images.shape[:3]
    rows = -(-n // columns)
    size = (rows * (h + GAP) + GAP, columns * (w + GAP) + GAP)
    sheet = np.full((*size, *images.shape[3:]), _BACKGROUND, np.uint8)
    for i, image in enumerate(images):
        top, left = GAP + i // columns * (h + GAP), GAP + i % columns * (w + GAP)
        sheet[top : top + h, left : left + w] = image
    return sheet


def untile(sheet: NDArray[np.uint8], image_size: tuple[int, int]) -> NDArray[np.uint8]:
    """Cut a sheet of `tile` into its images again: uint8[rows, columns, h, w] or uint8[rows, columns, h, w, 3]."""
    h, w = image_size
    rows, columns = (sheet.shape[0] - GAP) // (h + GAP), (sheet.shape[1] - GAP) // (w + GAP)
    cells = sheet[GAP:, GAP:].reshape(rows, h + GAP, columns, w + GAP, *sheet.shape[2:])
    return cells[:, :h, :, :w].swapaxes(1, 2)


def require_png(path: Path) -> None:
    """Refuse a name for a sheet that says that it is no PNG."""
    if path.suffix.lower() != ".png":
        raise ConfigError(f"{path}: a sheet is a PNG file: let its name end in .png.", parameter="sheet")


def save_png(path: Path, sheet: NDArray[np.uint8], scale: int = 1) -> None:
    """Write a grey or colour picture, each pixel enlarged `scale` times."""
    with staged_file(path) as staged:
        Image.fromarray(np.repeat(np.repeat(sheet, scale, 0), scale, 1)).save(staged, format="PNG")


def png_text(sheet: NDArray[np.uint8]) -> str:
    """A grey or colour picture as PNG, in base64: so it can lie in a JSON file."""
    content = io.BytesIO()
    Image.fromarray(sheet).save(content, format="PNG", optimize=True)
    return base64.b64encode(content.getvalue()).decode()
