"""A folder of numbers: images, annotations, a record and a preview, whole or not at all."""

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from digitsmith.data.formats import RECORD
from digitsmith.data.images.grid import save_png
from digitsmith.files import staged_folder
from digitsmith.models.running import Runs, cores, in_order
from digitsmith.numbers.annotations import IMAGES, Annotation, Entry, annotating, need_files
from digitsmith.numbers.preview import MOST, draw_sheet
from digitsmith.numbers.texts import Texts
from digitsmith.numbers.written import Written
from digitsmith.progress import Progress
from digitsmith.records.dataset import DatasetRecord, NumbersRecord
from digitsmith.shards.content import content_of

WORK = "writing numbers"
"""The name of the work, for its progress."""

_PIECE = 64  # numbers that are written together
_ENDINGS = {"png": "png", "jpeg": "jpg"}
_OPTIONS = {  # of PNG: a third of the time that Pillow takes, and less space
    "png": (
        cv2.IMWRITE_PNG_COMPRESSION, 1, cv2.IMWRITE_PNG_STRATEGY, cv2.IMWRITE_PNG_STRATEGY_RLE,
        cv2.IMWRITE_PNG_FILTER, cv2.IMWRITE_PNG_FILTER_SUB,
    ),
    "jpeg": (
        cv2.IMWRITE_JPEG_QUALITY, 95, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444,
    ),
}  # fmt: skip

ImageFormat = Literal["png", "jpeg"]

Compose = Callable[[Sequence[str], int], list[Written]]
"""Writes texts on paper; the second argument is the index of the first of them."""


@dataclass(frozen=True, eq=False)
class Job:
    """What is to be in a folder.

    Attributes:
        record: what is said of its numbers.
        annotations: formats.
        texts: of all numbers.
        compose: writes them.
        runs: those of a model that it makes.
    """

    record: NumbersRecord
    annotations: tuple[Annotation, ...]
    texts: Texts
    compose: Compose
    runs: Runs


def write_folder(folder: Path, job: Job, progress: Progress, threads: int | None = None) -> None:
    """Write a folder, in so many threads, by default on all cores, and in constant memory.

    Raises:
        OutputError: the folder holds something already, or cannot be written.
        DependencyError: the library of a format is not installed.
    """
    first, count = job.record.first, job.record.count
    pieces = (range(start, min(start + _PIECE, first + count)) for start in range(first, first + count, _PIECE))
    shown, done = list[Entry](), 0
    with staged_folder(folder) as staged:
        if need_files(job.annotations):
            (staged / IMAGES).mkdir()
        with (
            annotating(job.annotations, staged, job.record.characters) as tell,
            contextlib.closing(in_order(job.runs, partial(_make, job, staged), pieces, threads or cores())) as made,
        ):
            for entries in made:
                for entry in entries:
                    tell(entry)
                shown.extend(entries[: MOST - len(shown)])
                done += len(entries)
                progress.update(WORK, done, count)
        save_png(staged / "preview.png", draw_sheet(shown))
        DatasetRecord(classes=(), numbers=job.record, content=content_of(staged)).save(staged / RECORD)


def encode(image: NDArray[np.uint8], image_format: ImageFormat) -> bytes:
    """Encode uint8[h, w] or uint8[h, w, 3], red, green and blue."""
    pixels = image if image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    done, content = cv2.imencode(f".{_ENDINGS[image_format]}", pixels, _OPTIONS[image_format])
    assert done
    return content.tobytes()


def _make(job: Job, folder: Path, piece: range) -> list[Entry]:
    """Write some numbers on paper, and their images into files where these are wanted."""
    kind, in_files = job.record.image_format, need_files(job.annotations)
    entries = []
    for index, one in zip(piece, job.compose([job.texts.of(i) for i in piece], piece.start), strict=True):
        height, width = one.image.shape[:2]
        content = encode(one.image, kind)
        entry = Entry(index, one.text, one.boxes, one.writer, (height, width), content, _ENDINGS[kind])
        if in_files:
            (folder / IMAGES / entry.file).write_bytes(content)
        entries.append(entry)
    return entries
