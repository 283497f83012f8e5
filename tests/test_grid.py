"""Pictures of many images: what is tiled can be cut out again, in grey and in colour."""

import numpy as np
import pytest
from PIL import Image

from digitsmith.data.images.grid import GAP, save_png, tile, untile

GREY = np.arange(1, 5 * 6 * 7 + 1, dtype=np.uint8).reshape(5, 6, 7)
COLOUR = np.stack([GREY, 255 - GREY, GREY // 2], axis=3)

grey_and_colour = pytest.mark.parametrize("images", [GREY, COLOUR], ids=["grey", "colour"])


@grey_and_colour
def test_tiles_come_back_row_by_row(images) -> None:
    sheet = tile(images, 2)
    assert sheet.shape == (3 * (6 + GAP) + GAP, 2 * (7 + GAP) + GAP, *images.shape[3:])
    cells = untile(sheet, (6, 7))
    assert cells.shape == (3, 2, *images.shape[1:])
    assert np.array_equal(cells.reshape(6, *images.shape[1:])[:5], images)
    assert len(np.unique(cells[2, 1])) == 1  # the place that is left over is background


@grey_and_colour
def test_a_picture_is_enlarged_pixel_by_pixel(tmp_path, images) -> None:
    save_png(tmp_path / "sheet.png", tile(images, 5), scale=3)
    saved = np.asarray(Image.open(tmp_path / "sheet.png"))
    assert np.array_equal(saved[::3, ::3], tile(images, 5))
    assert np.array_equal(saved[2::3, 2::3], tile(images, 5))
