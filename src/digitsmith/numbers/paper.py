"""Paper: white, or a piece of one of the user's pictures."""

import functools
import hashlib
import os
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from digitsmith.data import limits
from digitsmith.data.folders import counts
from digitsmith.data.images.decoding import ENDINGS, decode_picture
from digitsmith.data.labels import natural
from digitsmith.errors import ConfigError, DataError
from digitsmith.untrusted import read_bytes, reading

_MOST = 10_000
"""Pictures of a folder."""

_DARKEST = 96  # median level of paper that dark ink can be seen on
_KEPT = 64  # pictures that stay decoded: of a million pixels each, 200 MB at most
_LAID_ON = {"own", "white", "black"}  # what a transparent picture was laid on as it was decoded, as if it were a digit


class Paper:
    """Pictures of paper in a folder. Those that will not do are passed over: the next one takes the place of each.

    Attributes:
        passed_over: what is wrong with those of them that were looked at.

    Raises:
        ConfigError: there is no such folder, no picture in it, or too many.
        DataError: none can be read, or is as large as the images are.
    """

    def __init__(self, folder: str, height: int, width: int) -> None:
        place = Path(folder)
        if not place.is_dir():
            raise ConfigError(f"there is no folder {folder!r:.200}: give one of pictures.", parameter="paper")
        with reading(folder, DataError, "give a folder of pictures"), os.scandir(place) as entries:
            names = [
                e.name for e in entries if counts(e.name) and e.is_file() and Path(e.name).suffix.lower() in ENDINGS
            ]
        if not names:
            raise ConfigError(
                f"{folder} holds no picture of a format that is known ({' '.join(sorted(ENDINGS))}): put some there.",
                parameter="paper",
            )
        if len(names) > _MOST:
            raise ConfigError(f"{folder} holds {len(names):,} pictures; {_MOST:,} are the most.", parameter="paper")
        self.files = [place / name for name in sorted(names, key=natural)]
        self._size = height, width
        self._picture = functools.lru_cache(_KEPT)(self._read)
        self.passed_over = dict[Path, str]()
        for first in range(min(len(self.files), _KEPT)):
            self._from(first)

    @functools.cached_property
    def sha256(self) -> str:
        """Of all pictures, with their names: where it is the same, so are the pieces."""
        found = hashlib.sha256()
        for file in self.files:
            with reading(file, DataError, "remove it"):
                content = hashlib.sha256(read_bytes(file, limits.MAX_BYTES))
            found.update(f"{content.hexdigest()} {file.name}\n".encode("utf-8", "backslashreplace"))
        return found.hexdigest()

    def piece(self, height: int, width: int, random: np.random.Generator) -> NDArray[np.float32]:
        """A piece of one of the pictures, float32[height, width, 3]; of one that is too narrow, its mirror goes on."""
        which, y, x, flip = random.random(4)
        picture = self._from(int(which * len(self.files)))
        missing = width - picture.shape[1]
        if missing > 0:
            picture = np.pad(picture, ((0, 0), (0, missing), (0, 0)), mode="symmetric")
        top, left = (int(share * (side - wanted + 1)) for share, side, wanted in
                     ((y, picture.shape[0], height), (x, picture.shape[1], width)))  # fmt: skip
        part = picture[top : top + height, left : left + width]
        return (part[:, ::-1] if flip < 0.5 else part).astype(np.float32)

    def _from(self, place: int) -> NDArray[np.uint8]:
        """The first picture from a place on that will do."""
        for file in (*self.files[place:], *self.files[:place]):
            if file in self.passed_over:
                continue
            try:
                return self._picture(file)
            except DataError as error:
                self.passed_over[file] = error.message
        whys = " ".join(list(self.passed_over.values())[:3])
        raise DataError(f"none of the pictures will do. {whys} Put a better one there.", parameter="paper")

    def _read(self, file: Path) -> NDArray[np.uint8]:
        height, width = self._size
        with reading(file, DataError, "replace it, or take it out"):
            picture = decode_picture(read_bytes(file, limits.MAX_IMAGE_FILE))
        if not _LAID_ON.isdisjoint(picture.changes):
            raise DataError(f"{file} has transparent parts: save it without them, or take it out.")
        pixels = picture.pixels
        if pixels.shape[0] < height or pixels.shape[1] < width:
            raise DataError(
                f"{file} is {pixels.shape[1]} x {pixels.shape[0]} pixels, smaller than the images, which are "
                f"{width} x {height} at least: take it out, or put a larger one in its place."
            )
        if np.median(pixels) < _DARKEST:
            raise DataError(f"{file} is too dark to write on in dark ink: replace it by bright paper, or take it out.")
        return np.ascontiguousarray(pixels if pixels.ndim == 3 else cv2.cvtColor(pixels, cv2.COLOR_GRAY2RGB))
