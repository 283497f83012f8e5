"""Which number each image shows, and where its characters are, as programs that learn to read want to be told.

One module for each format, named after it. Its `Writer(folder, characters)` is told of each number with `add`, in the
order of their indices and in constant memory, and at the end to `close`. `lmdb` and `webdataset` hold the images
themselves; the others speak of files in the folder `images`. Ids of characters are their places among `characters`.
"""

import contextlib
import importlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol, cast, get_args

from digitsmith.errors import ConfigError
from digitsmith.numbers.written import Box

Annotation = Literal["labels", "paddle", "coco", "yolo", "imagefolder", "tesseract", "lmdb", "webdataset"]
ANNOTATIONS: tuple[Annotation, ...] = get_args(Annotation)

IMAGES = "images"
"""The folder of image files."""

_HOLD_IMAGES = ("lmdb", "webdataset")


@dataclass(frozen=True, eq=False)
class Entry:
    """A number as it is written into files.

    Attributes:
        index: in the series of the seed; it names the file.
        text: what is written.
        boxes: of all characters with ink, in reading order.
        writer: whose hand it is.
        size: height and width of the image.
        content: of the image file.
        ending: of its name.
    """

    index: int
    text: str
    boxes: tuple[Box, ...]
    writer: int
    size: tuple[int, int]
    content: bytes
    ending: str

    @property
    def name(self) -> str:
        """Of its files, without an ending."""
        return f"{self.index:08d}"

    @property
    def file(self) -> str:
        """Of its image, in the folder of images."""
        return f"{self.name}.{self.ending}"


class Writer(Protocol):
    """Writes the annotations of one format into a folder."""

    def add(self, entry: Entry) -> None:
        """Tell the next number."""

    def close(self) -> None:
        """Finish the files."""


class _Module(Protocol):
    def Writer(self, folder: Path, characters: tuple[str, ...]) -> Writer: ...


def check_annotations(names: str | Sequence[str]) -> tuple[Annotation, ...]:
    """Formats by their names, each once; of a text, those between its commas.

    Raises:
        ConfigError: none, or an unknown one.
    """
    names = [name.strip() for name in names.split(",")] if isinstance(names, str) else names
    for name in names:
        if name not in ANNOTATIONS:
            raise ConfigError(
                f"there are no annotations {name!r:.60}: use {', '.join(ANNOTATIONS)}.", parameter="annotations"
            )
    if not names:
        raise ConfigError(
            f"none are asked for: name at least one of {', '.join(ANNOTATIONS)}.", parameter="annotations"
        )
    return cast(tuple[Annotation, ...], tuple(dict.fromkeys(names)))


def need_files(names: Sequence[Annotation]) -> bool:
    """Whether any of the formats speaks of image files."""
    return any(name not in _HOLD_IMAGES for name in names)


@contextlib.contextmanager
def annotating(
    names: Sequence[Annotation], folder: Path, characters: tuple[str, ...]
) -> Iterator[Callable[[Entry], None]]:
    """Give a function that tells a number to the writers of several formats; at the end they finish their files.

    Args:
        names: of the formats.
        folder: with a folder of images in it.
        characters: all that have an id, in the order of their ids.

    Raises:
        DependencyError: a format's library is not installed.
    """
    with contextlib.ExitStack() as stack:
        writers = []
        for name in names:
            module = cast(_Module, importlib.import_module(f"{__name__}.{name}"))
            writers.append(stack.enter_context(contextlib.closing(module.Writer(folder, characters))))

        def add(entry: Entry) -> None:
            for writer in writers:
                writer.add(entry)

        yield add
