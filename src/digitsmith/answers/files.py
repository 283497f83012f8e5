"""Reading image files: any number of them, in constant memory."""

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from digitsmith.data import limits
from digitsmith.data.assemble import fit
from digitsmith.data.downloads.catalogue import TITLES
from digitsmith.data.folders import is_image, walk
from digitsmith.data.images.decoding import decode_picture
from digitsmith.data.images.ink import settle_ink
from digitsmith.data.labels import natural
from digitsmith.data.reading import Reading
from digitsmith.data.sources import Source, read_source
from digitsmith.errors import reason
from digitsmith.models.reader import Reader, Verdict
from digitsmith.progress import Progress
from digitsmith.records.base import ReadOptions
from digitsmith.untrusted import exists, read_bytes

_AT_ONCE = 1000  # images
_BYTES_AT_ONCE = 2**28


@dataclass(frozen=True)
class Answer:
    """What a reader says of one image.

    Attributes:
        name: of its file, or its place in a data set, counted from 0.
        label: the name of the most likely class; empty if there is none.
        probability: of that class.
        verdict: `read`, or why the image is refused; "unreadable" if the file is no image.
        truth: the name of its class, where the data set says it; else empty.
        error: why a file cannot be read.
        image: uint8[h, w] or uint8[h, w, 3], as it was read; None if it could not be.
    """

    name: str
    label: str
    probability: float
    verdict: Verdict | Literal["unreadable"]
    truth: str = ""
    error: str = ""
    image: NDArray[np.uint8] | None = None


def read_subject(
    subject: str | Path, reader: Reader, options: ReadOptions, error: float | None, progress: Progress
) -> Iterator[Answer]:
    """Read an image file, all image files of a folder, however deep, or a data set.

    Whether ink is dark or bright is found out from the first files together, up to a thousand, and holds for all. The
    name of a data set means that data set, whatever lies in a folder of that name.

    Raises:
        DataError: there is no such file, or no image in it.
    """
    path = Path(subject)
    source = Source.parse(str(subject))
    if source.name in TITLES:
        yield from _read_data_set(source, reader, options, error, progress)
    elif exists(path) and path.is_dir() and (files := _images_in(path)):
        yield from _read_files(files, path, reader, options, error, progress)
    elif exists(path) and is_image(path.name):
        yield from _read_files([path], path, reader, options, error, progress)
    else:
        yield from _read_data_set(source, reader, options, error, progress)


def _images_in(folder: Path) -> list[Path]:
    return [folder / name for name in sorted(filter(is_image, walk(folder)), key=natural)]


def _read_files(
    files: Sequence[Path], what: Path, reader: Reader, options: ReadOptions, error: float | None, progress: Progress
) -> Iterator[Answer]:
    reading, done = Reading(options, progress), 0
    for decoded in _decoded_in_parts(files):
        images = [image for _, image, _ in decoded if image is not None]
        fitted = fit(settle_ink(images, reading, what), options, what) if images else np.zeros((0, 1, 1), np.uint8)
        if reading.ink:
            reading.options = options = options.model_copy(update={"ink": reading.ink})
        answers = iter(_answers(fitted, reader, error) if images else ())
        for file, image, why in decoded:
            name = str(file)
            if image is None:
                yield Answer(name, "", 0.0, "unreadable", error=why)
            else:
                label, probability, verdict, shown = next(answers)
                yield Answer(name, label, probability, verdict, image=shown)
        done += len(decoded)
        progress.update("reading", done, len(files))


_Decoded = tuple[Path, NDArray[np.uint8] | None, str]  # a file, its pixels, or why there are none


def _decoded_in_parts(files: Sequence[Path]) -> Iterator[list[_Decoded]]:
    """Up to a thousand files at once, fewer if their images are large."""
    part: list[_Decoded] = []
    size = 0
    for file in files:
        part.append((file, *_decoded(file)))
        image = part[-1][1]
        size += 0 if image is None else image.nbytes
        if len(part) == _AT_ONCE or size > _BYTES_AT_ONCE:
            yield part
            part, size = [], 0
    if part:
        yield part


def _decoded(file: Path) -> tuple[NDArray[np.uint8] | None, str]:
    try:
        return decode_picture(read_bytes(file, limits.MAX_IMAGE_FILE)).pixels, ""
    except Exception as error:  # of Pillow's decoders, which may raise anything
        return None, reason(error)


def _read_data_set(
    source: Source, reader: Reader, options: ReadOptions, error: float | None, progress: Progress
) -> Iterator[Answer]:
    data = read_source(source, Reading(options, progress))
    for start in range(0, len(data), _AT_ONCE):
        part = data.take(slice(start, start + _AT_ONCE))
        labels: Iterable[Any] = itertools.repeat(-1) if part.labels is None else part.labels
        for i, (answer, truth) in enumerate(zip(_answers(part.images, reader, error), labels, strict=False)):
            label, probability, verdict, shown = answer
            known = data.classes[truth] if truth >= 0 else ""
            yield Answer(str(start + i), label, probability, verdict, truth=known, image=shown)
        progress.update("reading", start + len(part), len(data))


def _answers(
    images: NDArray[np.uint8], reader: Reader, error: float | None
) -> Iterator[tuple[str, float, Verdict, NDArray[np.uint8]]]:
    readings = reader.read(images, error=error)
    for label, confidence, verdict, image in zip(
        readings.labels, readings.confidence, readings.verdicts, images, strict=True
    ):
        yield reader.record.classes[label], float(confidence), verdict, image
