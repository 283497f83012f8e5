"""One image file: whatever people save images as, to levels of grey or colour, and back to PNG."""

import contextlib
import io
import math
import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from digitsmith.data import limits
from digitsmith.errors import DataError, reason

ENDINGS = frozenset({".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".bmp", ".gif", ".tif", ".tiff", ".webp"})
"""Of files of these formats, in lower case."""

PHONE_ENDINGS = frozenset({".heic", ".heif", ".avif"})
"""Of photos that are refused, unless their content is of another format."""

MODES = {
    "1": "black and white", "L": "grey", "LA": "grey, transparent", "P": "palette", "RGB": "colour",
    "RGBA": "colour, transparent", "CMYK": "CMYK", "I;16": "16-bit grey", "I;16B": "16-bit grey", "I": "32-bit grey",
    "F": "grey of floats",
}  # fmt: skip
"""Kinds of pixels, by the names that Pillow has for them; others go by those."""

_HEIF = b"ftyp"  # from the fifth byte on, in HEIC and AVIF files
_FORMATS = ("PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP")
_TILE_WIDTH, _TILE_LENGTH = 322, 323  # tags of TIFF: a tile is decoded whole, however small the image is
_JPEG_SCAN, _MAX_SCANS = b"\xff\xda", 200  # a progressive image has about ten, and each takes time
_MAX_PHOTO = 2**26  # pixels of a JPEG, which is decoded at an eighth of its size, or larger
_PHOTO = 2**18  # pixels that are enough of it
_MAX_SCANNED = 2**30  # pixels of all its scans together
_MOST_PAGES = 100  # that are counted
_MOSTLY = 0.5  # of an image: ink covers less, so that what is opaque beyond that is paper
_WITH_ALPHA = {"1": "LA", "L": "LA", "LA": "LA", "La": "LA"}  # all others: RGBA
_DEPTHS = (8, 10, 12)  # bits that levels may have in files of 16: of old programs, and of cameras
_DEEP = ("I;16", "I;16L", "I;16B", "I;16N", "I", "F")  # modes of more than 8 bits


@dataclass(frozen=True)
class Picture:
    """A decoded image file.

    Attributes:
        pixels: uint8[h, w] if all are grey, else uint8[h, w, 3].
        mode: what the file has; one of the values of `MODES`, or what Pillow calls it.
        changes: what was done that a user should know, keys of `CHANGES`.
    """

    pixels: NDArray[np.uint8]
    mode: str
    changes: tuple[str, ...] = ()


CHANGES = {
    "turned": "turned upright, as their EXIF tag says",
    "reduced": f"read at a half, a quarter or an eighth of their size, as they have more than {limits.MAX_PIXELS:,} "
    "pixels",
    "white": "laid on white paper, as they are transparent and their ink is dark",
    "black": "laid on black paper, as they are transparent and their ink is bright",
    "own": "made opaque with the colour of their own paper, as parts of them are transparent",
    "opaque": "taken for opaque, though their files call one colour transparent",
    "few levels": "taken for images of 8, 10 or 12 bits: their files have 16 or more, but no level above 255, 1023 or "
    "4095",
}
"""What may be done with images, as the end of "3 images were …"."""


def decode(content: bytes, what: str) -> NDArray[np.uint8]:
    """Decode an image file: uint8[h, w] if all its pixels are grey, else uint8[h, w, 3].

    Raises:
        DataError: no image, several in one file, or one that is absurdly large; `what` names it.
    """
    try:
        return decode_picture(content).pixels
    except Exception as error:
        raise DataError(f"{what} cannot be read ({reason(error)}): replace it, or take it out.") from error


def encode(image: NDArray[np.uint8]) -> bytes:
    """Encode uint8[h, w] or uint8[h, w, 3] as PNG."""
    content = io.BytesIO()
    Image.fromarray(image).save(content, format="PNG", compress_level=1)
    return content.getvalue()


def decode_picture(content: bytes) -> Picture:
    """Decode an image file of a stranger, upright and opaque, to 8 bits.

    Raises:
        ValueError: no image, several in one file, or one that is absurdly large.
        Exception: whatever Pillow raises of damaged files.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow's, of what it leaves out
        _check_webp(content)
        try:
            image: Image.Image = Image.open(io.BytesIO(content), formats=_FORMATS)
        except UnidentifiedImageError as error:
            if content[4:8] == _HEIF:
                raise ValueError(
                    "it is a HEIC or AVIF photo, as phones save them: convert it to JPEG or PNG"
                ) from error
            raise ValueError("it is no image of a format that is known") from error
        with image:
            changes = ["reduced"] if _bound(image, content) else []
            mode = MODES.get(image.mode, image.mode)
            if image.getexif().get(ExifTags.Base.Orientation, 1) in range(2, 9):
                image = ImageOps.exif_transpose(image)
                changes.append("turned")
            pixels, change = _levels(image)
    if pixels.ndim == 3 and (pixels == pixels[..., :1]).all():
        pixels = np.ascontiguousarray(pixels[..., 0])
    return Picture(pixels, mode, (*changes, *change))


def _bound(image: Image.Image, content: bytes) -> bool:
    """Refuse what would take too much to decode, and pages; whether a large photo is to be decoded smaller."""
    size, is_jpeg = image.width * image.height, image.format in ("JPEG", "MPO")
    if size > (_MAX_PHOTO if is_jpeg else limits.MAX_PIXELS):
        most = _MAX_PHOTO if is_jpeg else limits.MAX_PIXELS
        raise ValueError(
            f"{image.width} x {image.height} pixels are too large for a digit: scale it to at most {most:,} pixels, "
            "or cut the digit out"
        )
    if is_jpeg and content.count(_JPEG_SCAN) > (most := min(_MAX_SCANS, _MAX_SCANNED // max(size, 1))):
        raise ValueError(f"it has more than {most} scans")
    if image.format == "TIFF":
        tags = getattr(image, "tag_v2", {})
        if tags.get(_TILE_WIDTH, 1) * tags.get(_TILE_LENGTH, 1) > limits.MAX_PIXELS:
            raise ValueError("its tiles are too large for a digit")
    if (pages := _count_pages(image)) > 1:
        count = f"{pages} pages" if pages < _MOST_PAGES else f"{_MOST_PAGES} pages or more"
        raise ValueError(f"it has {count}: save each as a file of its own")
    if size <= limits.MAX_PIXELS:
        return False
    part = min(8, 2 ** math.ceil(math.log2(size / _PHOTO) / 2))
    image.draft(None, (max(1, image.width // part), max(1, image.height // part)))
    if image.width * image.height > 1.1 * limits.MAX_PIXELS:  # its sides are rounded up
        raise ValueError(f"{image.width} x {image.height} pixels are too large for a digit: cut the digit out")
    return True


def _check_webp(content: bytes) -> None:
    """Refuse a large image, for which Pillow's decoder takes memory as soon as it is opened.

    As in https://developers.google.com/speed/webp/docs/riff_container: the size stands in the first chunk.
    """
    if content[:4] != b"RIFF" or content[8:12] != b"WEBP":
        return
    kind = content[12:16]
    if kind == b"VP8X":
        width, height = (int.from_bytes(content[place : place + 3], "little") + 1 for place in (24, 27))
    elif kind == b"VP8L":
        bits = int.from_bytes(content[21:25], "little")
        width, height = (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    else:
        width, height = (int.from_bytes(content[place : place + 2], "little") & 0x3FFF for place in (26, 28))
    if width * height > limits.MAX_PIXELS:
        raise ValueError(
            f"{width} x {height} pixels are too large for a digit: scale it to at most {limits.MAX_PIXELS:,} pixels, "
            "or cut the digit out"
        )


def _count_pages(image: Image.Image) -> int:
    """How many images there are in a file, `_MOST_PAGES` at most. A phone's second picture, or depths, are none."""
    if image.format not in ("TIFF", "GIF"):
        return 1 if image.format == "MPO" else int(getattr(image, "n_frames", 1))
    with contextlib.suppress(EOFError):
        for page in range(1, _MOST_PAGES):
            image.seek(page)
    pages = image.tell() + 1
    image.seek(0)
    return pages


def _levels(image: Image.Image) -> tuple[NDArray[np.uint8], tuple[str, ...]]:
    """An image of any mode as uint8[h, w] or uint8[h, w, 3], and what was done to it."""
    if image.mode in ("1", "L", "RGB") and "transparency" in image.info:  # of one colour, which is that of the paper
        del image.info["transparency"]
        pixels, change = _levels(image)
        return pixels, (*change, "opaque")
    transparent = "transparency" in image.info or image.mode in ("LA", "PA", "RGBA", "La", "RGBa")
    if image.mode in _DEEP:
        if transparent:
            raise ValueError(f"it is transparent and has more than 8 bits (mode {image.mode}): save it with 8 bits")
        return _scaled(np.asarray(image))
    if transparent:
        return _on_paper(np.asarray(image.convert(_WITH_ALPHA.get(image.mode, "RGBA"))))
    if image.mode not in ("L", "RGB"):
        image = image.convert("L" if image.mode == "1" else "RGB")
    return np.asarray(image), ()


def _scaled(levels: NDArray[np.generic]) -> tuple[NDArray[np.uint8], tuple[str, ...]]:
    """Levels of more than 8 bits as uint8.

    Floats run from 0 to 1 or to 255. Whole numbers of two bytes run to 65535; but if none of them is above 255, 1023 or
    4095, it is levels of 8, 10 or 12 bits that were saved so.
    """
    values = levels.astype(np.float64)
    least, most = float(values.min(initial=0)), float(values.max(initial=0))
    is_float = levels.dtype.kind == "f"
    if not (least >= 0 and most <= (255 if is_float else 65535)):  # nor NaN
        allowed = "from 0 to 1, or to 255" if is_float else "from 0 to 65535"
        raise ValueError(f"its levels run from {least:g} to {most:g}, not {allowed}: save it with 8 bits")
    change: tuple[str, ...] = ()
    if is_float:
        factor = 255.0 if most <= 1 else 1.0
    else:
        depth = next((bits for bits in _DEPTHS if most < 2**bits), 16)
        factor = 255 / (2**depth - 1)
        change = ("few levels",) if most and depth < 16 else ()
    return (values * factor + 0.5).astype(np.uint8), change


def _on_paper(pixels: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], tuple[str, ...]]:
    """Lay uint8[h, w, channels and alpha] on paper: white for dark ink, black for bright.

    If most of an image is opaque, its paper is: that has the median of the opaque colours.
    """
    colour, alpha = pixels[..., :-1], pixels[..., -1:].astype(np.uint32)
    share = int(alpha.sum()) / (255 * alpha.size)
    if share == 1:
        return (colour[..., 0] if colour.shape[2] == 1 else colour), ()
    if share > _MOSTLY:
        paper, change = np.median(colour[alpha[..., 0] > 127], axis=0).astype(np.uint32), "own"
    else:
        ink = float((colour * alpha).sum(dtype=np.float64)) / max(int(alpha.sum()) * colour.shape[2], 1)
        paper, change = (np.uint32(255), "white") if ink < 128 else (np.uint32(0), "black")
    laid = ((colour * alpha + paper * (255 - alpha) + 127) // 255).astype(np.uint8)
    return (laid[..., 0] if laid.shape[2] == 1 else laid), (change,)
