"""A sheet of images of numbers, with the boxes of their characters drawn in colour."""

import io
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from digitsmith.data.images.grid import GAP
from digitsmith.numbers.annotations import Entry
from digitsmith.numbers.written import Box

MOST = 60
"""Images of a sheet."""

_SIDES = (1640, 1640)  # width, and height at most
_SMALL = 128  # height of images that are enlarged twice
_BACKGROUND = (48, 48, 48)
_COLOURS = ((220, 20, 60), (0, 110, 255), (0, 150, 60), (230, 120, 0))  # of neighbours


def draw_sheet(entries: Sequence[Entry]) -> NDArray[np.uint8]:
    """Lay out images in rows, as many as there is room for, with a line around each box: uint8[H, W, 3]."""
    pictures = []
    for entry in entries[:MOST]:
        with Image.open(io.BytesIO(entry.content)) as image:
            pictures.append(boxed(image, entry.boxes))
    return lay_out(pictures, _SIDES)


def lay_out(pictures: Sequence[Image.Image], sides: tuple[int, int]) -> NDArray[np.uint8]:
    """Lay out pictures in rows, as many as there is room for in this width and height: uint8[H, W, 3].

    If one is larger, the sheet is, too.
    """
    width = max(sides[0], 2 * GAP + max(picture.width for picture in pictures))
    sheet = Image.new("RGB", (width, 2 * GAP + max(sides[1], pictures[0].height)), _BACKGROUND)
    used = 0
    for picture, (left, top) in zip(pictures, _places(pictures, width), strict=True):
        if (bottom := top + picture.height + GAP) > sheet.height:
            break
        sheet.paste(picture, (left, top))
        used = max(used, bottom)
    return np.asarray(sheet)[:used]


def boxed(image: Image.Image, boxes: Sequence[Box]) -> Image.Image:
    """An image with its boxes, enlarged if it is small; the lines are around them, so that they hide no ink."""
    scale = 2 if image.height <= _SMALL else 1
    picture = image.convert("RGB").resize((image.width * scale, image.height * scale), Image.Resampling.NEAREST)
    pen = ImageDraw.Draw(picture)
    for place, box in enumerate(boxes):
        corners = (box.left * scale - 1, box.top * scale - 1, box.right * scale, box.bottom * scale)
        pen.rectangle(corners, outline=_COLOURS[place % len(_COLOURS)])
    return picture


def _places(pictures: Sequence[Image.Image], width: int) -> Iterator[tuple[int, int]]:
    """Left and top of each: from left to right, and below the highest of a row when it is full."""
    left = top = GAP
    below = top
    for picture in pictures:
        if left > GAP and left + picture.width + GAP > width:
            left, top = GAP, below
        yield left, top
        left, below = left + picture.width + GAP, max(below, top + picture.height + GAP)
