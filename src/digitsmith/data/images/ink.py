"""Ink and paper: which is brighter, and images of bright ink on dark paper in the end."""

from collections.abc import Iterator
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from digitsmith.data.images.even_light import even_light
from digitsmith.data.images.lines import LEAST_SIDE, THICK
from digitsmith.data.reading import Reading
from digitsmith.errors import DataError

Ink = Literal["dark", "bright"]
"""What is darker or brighter than its paper."""

Images = NDArray[np.uint8] | list[NDArray[np.uint8]]
"""uint8[n, h, w] or uint8[n, h, w, 3]; or n images, uint8[h, w] or uint8[h, w, 3] each, of any sizes."""

_LEAST_CONTRAST = 48.0  # levels from paper to ink; less is taken for an empty image, and not made brighter
_OUTER, _MOST = 1 / 3, 2 / 3  # of an image's range, the part where paper is; of its border, the part that is paper
_BOXED = 0.95  # the same of the border within the lines of a box: less may be a digit that fills the image
_FEW = 0.05  # share of the images that must be clear for any to be inverted
_STRAY = 0.005  # share of clear images that may differ from the others: of clean data sets, at most 0.0003 do
_WORTH_SAYING = 10  # images, most of which are empty
_BATCH = 2**20  # pixels that are looked at together


def settle_ink(
    images: Images, reading: Reading, what: object, *, known: bool = False, otherwise: Ink = "bright"
) -> Images:
    """Make grey images bright ink on dark paper, as it is asked for or found, all alike; colour ones stay.

    Each image has a vote, if its paper is clear: two thirds of its border are in the outer third of its range, and its
    mean is on the same side.

    Args:
        images: grey or in colour.
        reading: what is asked for; it is told what is found, and what is done.
        what: they are in, for errors and notes.
        known: their ink is bright, unless something else is asked for.
        otherwise: what it is taken for where most images do not say.

    Raises:
        DataError: images of both kinds: how many of each.
    """
    grey = [image.ndim == 2 for image in images] if isinstance(images, list) else [images.ndim == 3]
    asked = reading.options.ink
    if not all(grey) and not reading.options.frame:
        if any(grey):
            reading.note(
                f"{what}: {grey.count(False):,} of {len(grey):,} images are in colour; all were taken for colour "
                f"images, whose ink and paper are left as they are."
            )
        elif asked != "auto":
            reading.note(f"{what}: these are colour images, whose ink and paper are left as they are.")
        return images
    if any(grey):
        if asked != "auto":
            reading.ink = asked
        else:
            reading.ink = "bright" if known else _found(images, reading, what, otherwise)
        if reading.ink == "dark":
            images = [_inverted(image) for image in images] if isinstance(images, list) else np.bitwise_not(images)
    if coloured := grey.count(False) * (1 if isinstance(images, list) else len(images)):
        one = coloured == 1
        reading.note(
            f"{what}: {coloured:,} {'image' if one else 'images'} in colour became grey: what differs from the paper's "
            "colour is ink, and bright."
        )
    return images


def _inverted(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.bitwise_not(image) if image.ndim == 2 else image


def _found(images: Images, reading: Reading, what: object, otherwise: Ink) -> Ink:
    """What the votes say; all that cannot be left unsaid is noted."""
    counts = np.zeros(4, np.int64)
    for batch in _batches(images):
        counts += np.bincount(_votes(batch), minlength=4)
    dark, unclear, bright, empty = counts.tolist()
    clear = dark + bright
    if empty * 2 > len(images) >= _WORTH_SAYING:
        reading.note(
            f"{what}: {empty:,} of {len(images):,} images are empty, or nearly so: their levels, of 0 to 255, differ "
            f"by less than {_LEAST_CONTRAST:g}."
        )
    if clear < _FEW * (clear + unclear):
        paper = "dark" if otherwise == "bright" else "bright"
        reading.note(f"{what}: ink cannot be told from paper; it was taken for {otherwise} ink on {paper} paper.")
        return otherwise
    kinds = (f"{dark:,} images of dark ink on bright paper", f"{bright:,} of bright ink on dark paper")
    if min(dark, bright) > _STRAY * clear:
        raise DataError(
            f"{what} has {kinds[0]} and {kinds[1]}: divide them, or say which they are, all of them.", parameter="ink"
        )
    if dark > bright:
        reading.note(f"{what}: dark ink on bright paper; images were inverted.")
    if min(dark, bright):
        reading.note(f"{what} has {kinds[0]} and {kinds[1]}; all were taken for the kind that most are.")
    return "dark" if dark > bright else "bright"


def _batches(images: Images) -> Iterator[NDArray[np.uint8]]:
    """Grey images in even light, those of one size that follow each other together."""
    start = 0
    while start < len(images):
        shape = images[start].shape
        end, most = start + 1, start + max(1, _BATCH // images[start].size)
        while end < min(len(images), most) and images[end].shape == shape:
            end += 1
        if len(shape) == 2:
            yield np.stack([even_light(image) for image in images[start:end]])
        start = end


def _votes(images: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Of uint8[n, h, w]: 0 for dark ink, 2 for bright, 1 if that is not clear, 3 without contrast; int64[n]."""
    low, high = images.min((1, 2)).astype(np.float32), images.max((1, 2)).astype(np.float32)
    contrast = np.maximum(high - low, 1)
    mean = (images.mean((1, 2), dtype=np.float32) - low) / contrast
    votes = np.ones(len(images), np.int64)
    boxed = [(_inner_border(images), _BOXED)] if min(images.shape[1:]) >= LEAST_SIDE else []
    for ring, most in [*boxed, (_border(images), _MOST)]:  # the border itself decides, if it is clear
        levels = (ring - low[:, None]) / contrast[:, None]
        votes[((levels < _OUTER).mean(1) > most) & (mean < 0.5)] = 2
        votes[((levels > 1 - _OUTER).mean(1) > most) & (mean > 0.5)] = 0
    votes[contrast < _LEAST_CONTRAST] = 3
    return votes


def _border(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The pixels at the border: uint8[n, k] or uint8[n, k, 3]."""
    return np.concatenate([images[:, 0], images[:, -1], images[:, 1:-1, 0], images[:, 1:-1, -1]], axis=1)


def _inner_border(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The same of what is left if the outermost lines are cut off: within a box that fills the image."""
    depth = round(THICK * min(images.shape[1:3]))
    return _border(images[:, depth : images.shape[1] - depth, depth : images.shape[2] - depth])


def to_ink(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Show colour images as bright ink on dark paper; grey ones are returned as they are.

    The paper's colour is the median of the pixels at the border, channel by channel; or of those further in, if most
    pixels are clearly nearer to that, as in a box whose lines are the border. A pixel is as bright as its colour is far
    from the paper's, less the median of that distance there, which is noise. The scale is such that one pixel in a
    hundred is white, which single specks do not change. An image with hardly any contrast stays dark.

    Args:
        images: uint8[n, h, w, 3], of one ink on one paper each.

    Returns:
        uint8[n, h, w].
    """
    if images.ndim == 3:
        return images
    distance, noise = _from_paper(images, _border(images))
    within, its_noise = _from_paper(images, _inner_border(images))
    boxed = (within + _LEAST_CONTRAST < distance).mean((1, 2)) > 0.5
    distance, noise = np.where(boxed[:, None, None], within, distance), np.where(boxed, its_noise, noise)
    distance = np.maximum(distance - noise[:, None, None], 0)
    white = np.maximum(np.percentile(distance, 99, axis=(1, 2)), _LEAST_CONTRAST)
    levels: NDArray[np.uint8] = np.minimum(distance * (255 / white)[:, None, None] + 0.5, 255).astype(np.uint8)
    return levels


def _from_paper(images: NDArray[np.uint8], ring: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """How far each pixel's colour is from the median of a ring, float32[n, h, w]; and its median there, float32[n]."""
    paper = np.median(ring, axis=1).astype(np.float32)
    noise = np.median(np.linalg.norm(ring - paper[:, None], axis=2), axis=1)
    return np.linalg.norm(images - paper[:, None, None], axis=3), noise
