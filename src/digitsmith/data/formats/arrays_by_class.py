"""Files in which each class has an array of its own, or an axis: Roweis' `mnist_all.mat` and `usps_all.mat`."""

import re
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import numpy as np

from digitsmith.data.arrays import Array
from digitsmith.data.formats import Split
from digitsmith.data.formats.named_arrays import Arrays, Claim
from digitsmith.data.labels import natural
from digitsmith.errors import MissingSplitError

_USPS = 16 * 16  # pixels of an image
_NAME = re.compile(r"(train|test)[-_ ]?(\d{1,2})")


class _Joined:
    """Arrays of a class each as one, with labels.

    Attributes:
        claims: of images and labels.
    """

    def __init__(self, pixels: int, dtype: np.dtype[np.generic], parts: Mapping[str, tuple[int, Callable[[], Array]]]):
        self._parts = parts
        count = sum(count for count, _ in parts.values())
        self.claims = {"images": Claim((count, pixels), dtype), "labels": Claim((count,), np.dtype("<U2"))}

    def read(self, name: str) -> Array:
        """All images, or all labels."""
        if name == "labels":
            return np.repeat([*self._parts], [count for count, _ in self._parts.values()])
        return np.concatenate([np.asarray(read()[...]) for _, read in self._parts.values()])


def joined(path: Path, arrays: Arrays, split: Split, note: Callable[[str], None]) -> Arrays:
    """The arrays of a file, those of classes put together if there are such."""
    claims = arrays.claims
    if (only := next(iter(claims), "")) and len(claims) == 1 and _is_cube(claims[only]):
        return _unstacked(path, arrays, only, note)
    classes = {name: match for name in sorted(claims, key=natural) if (match := _NAME.fullmatch(name.lower()))}
    mine = {match[2]: name for name, match in classes.items() if match[1] == split}
    if len(classes) < 2 or not all(len(claims[name].shape) == 2 for name in classes):
        return arrays
    if not mine:
        raise MissingSplitError(f"{path} has no {split} split, only {next(iter(classes.values()))[1]}.")
    (pixels, dtype), *more = {(claims[name].shape[1], claims[name].dtype) for name in mine.values()}
    if more:
        return arrays
    note(f"{path}: each class is an array of its own, {', '.join(mine.values())}.")
    parts = {label: (claims[name].shape[0], partial(arrays.read, name)) for label, name in mine.items()}
    return _Joined(pixels, dtype, parts)


def _is_cube(claim: Claim) -> bool:
    """Whether it is [256 pixels, images of a class, 10], as only USPS is: no image is as high as that."""
    return len(claim.shape) == 3 and claim.shape[::2] == (_USPS, 10) and claim.shape[1] != _USPS


def _unstacked(path: Path, arrays: Arrays, name: str, note: Callable[[str], None]) -> Arrays:
    claim = arrays.claims[name]
    pixels, count, _ = claim.shape
    note(f"{path}: {name} is taken for {count:,} images each of the digits 1 to 9, then 0, as USPS has them.")
    digits = [*range(1, 10), 0]
    return _Joined(
        pixels, claim.dtype, {str(digit): (count, partial(_cut, arrays, name, i)) for i, digit in enumerate(digits)}
    )


def _cut(arrays: Arrays, name: str, place: int) -> Array:
    """Images of one class, [n, pixels]."""
    return np.asarray(arrays.read(name)[:, :, place : place + 1])[..., 0].T
