"""PNG files in a folder for each class, under `train/` and `test/`, or without them.

Class names are the folders' names; their order is the natural one (9 before 10) unless a `dataset.json` says otherwise.
Images in a folder `unlabelled` have no label, unless `dataset.json` has a class of that name. Without class folders,
all images in the split's folder have none.

Images are grey if each pixel of all of them is, whatever the mode of the files: many people save grey digits as RGB. If
one is in colour, or `dataset.json` says 3 channels, all become colour.
"""

import io
import warnings
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from digitsmith.data import limits
from digitsmith.data.assemble import assemble
from digitsmith.data.dataset import UNLABELLED, Dataset
from digitsmith.data.formats import Header, Split, read_record, write_record
from digitsmith.data.labels import natural as _natural
from digitsmith.data.reading import Reading
from digitsmith.errors import DataError
from digitsmith.untrusted import read_bytes, reading

_ENDINGS = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff"})
_PILLOW_FORMATS = ("PNG", "JPEG", "BMP", "GIF", "TIFF")
_MODES = ("1", "L", "P", "RGB")
_TILE_WIDTH, _TILE_LENGTH = 322, 323  # tags of TIFF: a tile is decoded whole, however small the image is
_JPEG_SCAN, _MAX_SCANS = b"\xff\xda", 200  # a progressive image has about ten, and each takes time
_UNLABELLED_FOLDER = "unlabelled"


def decode(content: bytes, what: str) -> NDArray[np.uint8]:
    """Decode an image file: uint8[h, w] if all its pixels are grey, else uint8[h, w, 3].

    Raises:
        DataError: no image, or one that is absurdly large; `what` names it.
    """
    with reading(what, DataError, "replace it, or take it out"), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow's, of what it leaves out
        try:
            image = Image.open(io.BytesIO(content), formats=_PILLOW_FORMATS)
        except UnidentifiedImageError as error:
            raise DataError(f"{what} is no image of a format that is known: replace it, or take it out.") from error
        with image:
            if image.width * image.height > limits.MAX_PIXELS:
                raise DataError(f"{what} has {image.width} x {image.height} pixels: too large for a digit.")
            tags = getattr(image, "tag_v2", {})
            if tags.get(_TILE_WIDTH, 1) * tags.get(_TILE_LENGTH, 1) > limits.MAX_PIXELS:
                raise ValueError("its tiles are too large for a digit")
            if image.format == "JPEG" and content.count(_JPEG_SCAN) > _MAX_SCANS:
                raise ValueError(f"it has more than {_MAX_SCANS} scans")
            if image.mode not in _MODES or "transparency" in image.info:
                raise DataError(
                    f"{what} is transparent or has more than 8 bits (mode {image.mode}): save it as 8-bit grey or RGB."
                )
            if image.mode in ("1", "L"):
                return np.asarray(image.convert("L"))
            pixels = np.asarray(image.convert("RGB"))
            return pixels[..., 0] if (pixels == pixels[..., :1]).all() else pixels


def encode(image: NDArray[np.uint8]) -> bytes:
    """Encode uint8[h, w] or uint8[h, w, 3] as PNG."""
    content = io.BytesIO()
    Image.fromarray(image).save(content, format="PNG", compress_level=1)
    return content.getvalue()


def stack(images: Iterable[tuple[str, NDArray[np.uint8]]], what: object, stored: int) -> NDArray[np.uint8]:
    """Stack images of one size, in colour if one of them is.

    Args:
        images: as they are decoded, each with its name for the error.
        what: the file or folder that they are in.
        stored: how many bytes that has.

    Raises:
        DataError: two sizes, or more than may be read.
    """
    pixels, count, first = bytearray(), 0, ""
    shape: tuple[int, ...] = (1, 1)
    for name, image in images:
        if not count:
            first, shape = name, image.shape
        if image.shape[:2] != shape[:2]:
            sizes = [f"{height} x {width}" for height, width in (shape[:2], image.shape[:2])]
            raise DataError(
                f"images of two sizes: {first} is {sizes[0]}, {name} is {sizes[1]}. Scale them to one size first."
            )
        count += 1
        limits.check_images(what, (count, *max(shape, image.shape, key=len)), stored)
        if image.ndim > len(shape):
            pixels, shape = bytearray(np.repeat(np.frombuffer(pixels, np.uint8), 3)), image.shape
        elif image.ndim < len(shape):
            image = np.repeat(image[..., None], 3, axis=2)
        pixels += image.tobytes()
    return np.frombuffer(pixels, np.uint8).reshape(count, *shape)


def holds(path: Path, split: Split) -> bool:
    """Whether there are images of this split, or class folders."""
    folder = _folder(path, split)
    return folder is not None and any(
        _is_image(entry) or (entry.is_dir() and any(map(_is_image, entry.iterdir()))) for entry in folder.iterdir()
    )


def read(path: Path, split: Split, reading: Reading) -> Dataset:
    """Read class folders, or a folder of unlabelled images."""
    folder = _folder(path, split)
    if folder is None:
        raise DataError(f"{path} has no folder {split}.")
    record = reading.record = reading.record or read_record(folder)
    names = record.classes if record else ()
    folders = {entry.name for entry in folder.iterdir() if entry.is_dir()}
    found = {name for name in folders if name in names or not name.startswith(".")}
    classes = names or tuple(sorted(found - {_UNLABELLED_FOLDER}, key=_natural))
    if unknown := found - {*classes, _UNLABELLED_FOLDER}:
        raise DataError(f"{folder} has folders that are no class of its dataset.json: {', '.join(sorted(unknown))}.")
    beside = [entry.name for entry in folder.iterdir() if entry.is_file() and _is_image(entry)]
    if classes and beside:
        raise DataError(
            f"{folder / min(beside)} lies beside the class folders: move it into one, or into a folder "
            f"{_UNLABELLED_FOLDER}, or take it out."
        )
    places = [(folder / name, label) for label, name in enumerate(classes) if name in found]
    if not classes:
        places.append((folder, UNLABELLED))
    if _UNLABELLED_FOLDER in found - set(classes):
        places.append((folder / _UNLABELLED_FOLDER, UNLABELLED))
    files = [(file, label) for place, label in places for file in _image_files(place)]
    decoded = ((str(file), _decode_file(file)) for file, _ in files)
    images = stack(decoded, folder, sum(file.stat().st_size for file, _ in files))
    return assemble(path, reading, images, np.array([label for _, label in files], np.int64), classes)


def _decode_file(file: Path) -> NDArray[np.uint8]:
    with reading(file, DataError, "replace it, or take it out"):
        content = read_bytes(file, limits.MAX_IMAGE_FILE)
    return decode(content, str(file))


def _folder(path: Path, split: Split) -> Path | None:
    if not path.is_dir():
        return None
    if (path / split).is_dir():
        return path / split
    has_splits = (path / "train").is_dir() or (path / "test").is_dir()
    return path if split == "train" and not has_splits else None


def _is_image(path: Path) -> bool:
    return path.suffix.lower() in _ENDINGS and path.name != "preview.png"


def _image_files(folder: Path) -> list[Path]:
    files = [entry for entry in folder.iterdir() if entry.is_file() and not entry.name.startswith(".")]
    for file in files:
        if not _is_image(file) and file.name not in ("preview.png", "dataset.json"):
            raise DataError(f"{file} is no image: take it out of the folder.")
    return sorted((file for file in files if _is_image(file)), key=lambda file: _natural(file.name))


class Writer:
    """Writes a PNG for each image, named by its index."""

    def __init__(self, folder: Path, header: Header) -> None:
        self._index = header.start
        if header.unlabelled and _UNLABELLED_FOLDER in header.classes:
            raise DataError(
                f"a class is called {_UNLABELLED_FOLDER}, the name of PNG's folder for images without a label: "
                f"use npz, parquet or webdataset."
            )
        split_folder = folder / header.split
        unlabelled = split_folder / _UNLABELLED_FOLDER if header.classes else split_folder
        self._folders = [*(split_folder / name for name in header.classes), unlabelled]  # the last is that of label -1
        for class_folder in self._folders if header.unlabelled or not header.classes else self._folders[:-1]:
            class_folder.mkdir(parents=True)
        write_record(folder, header)

    def write(self, images: NDArray[np.uint8], labels: NDArray[np.int64] | None) -> None:
        """Append a batch."""
        labels = np.full(len(images), UNLABELLED) if labels is None else labels
        for image, label in zip(images, labels, strict=True):
            (self._folders[label] / f"{self._index:08d}.png").write_bytes(encode(image))
            self._index += 1

    def close(self) -> None:
        """Nothing is left to do."""
