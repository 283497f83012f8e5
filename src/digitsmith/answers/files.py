"""Reading image files: any number of them, in constant memory."""

import contextlib
import itertools
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from digitsmith.data import limits
from digitsmith.data.assemble import fit
from digitsmith.data.dataset import Dataset
from digitsmith.data.downloads.catalogue import TITLES
from digitsmith.data.folders import is_image, walk
from digitsmith.data.formats import read_record
from digitsmith.data.images.decoding import Picture, decode_picture
from digitsmith.data.images.ink import Images, settle_ink
from digitsmith.data.images.many import note_changes
from digitsmith.data.labels import natural
from digitsmith.data.reading import Reading, listed
from digitsmith.data.sources import Source, read_source
from digitsmith.errors import ConfigError, DataError, reason
from digitsmith.models.reader import Reader, Verdict
from digitsmith.progress import Progress
from digitsmith.records.base import ReadOptions
from digitsmith.untrusted import exists, read_bytes

_AT_ONCE = 1000  # images
_TABLES = frozenset([".csv", ".tsv", ".jsonl"])  # as may be of labels
_BYTES_AT_ONCE = 2**28


@dataclass(frozen=True)
class Answer:
    """What a reader says of one image.

    Attributes:
        name: of its file; or the data set's, and its place there, counted from 0: "digits:test:17".
        likeliest: the name of the most likely class, even if the image is refused; empty if the file is no image.
        probability: of that class.
        verdict: `read`, or why the image is refused; "unreadable" if the file is no image.
        truth: the name of its class, where the data set or the folder of the file says it; else empty.
        error: why a file cannot be read.
        image: uint8[h, w] or uint8[h, w, 3], as it was read; None if it could not be.
        machine_made: the probability that a generator made it; None if that was not asked for, or cannot be said.
    """

    name: str
    likeliest: str
    probability: float
    verdict: Verdict | Literal["unreadable"]
    truth: str = ""
    error: str = ""
    image: NDArray[np.uint8] | None = field(default=None, repr=False)
    machine_made: float | None = None

    @property
    def label(self) -> str:
        """The answer, the name of a class; empty if the image is refused."""
        return self.likeliest if self.verdict == "read" else ""


@dataclass(frozen=True)
class Asked:
    """What is asked of images.

    Attributes:
        reader: reads them.
        error: see `Reader.read`.
        min_probability: the same.
        detector: says how likely a generator made them; None if that is not asked for.
    """

    reader: Reader
    error: float | None = None
    min_probability: float = 0.0
    detector: Reader | None = None


def read_subject(subject: str | Path, asked: Asked, options: ReadOptions, progress: Progress) -> Iterator[Answer]:
    """Read an image file, all image files of a folder, however deep, or a data set.

    Whether ink is dark or bright is found out from up to a thousand files together, the next thousand, and so on; if
    there are both among them, from each file by itself. Files that lie in folders named as all classes of the reader
    are taken to show what these say, and so are those that `generate` made, if they are of some classes only. The name
    of a data set means that data set, whatever lies in a folder of that name.

    Raises:
        DataError: there is no such file, or no image in it.
    """
    path = Path(subject)
    source = Source.parse(str(subject))
    if source.name in TITLES:
        yield from _read_data_set(source, str(subject), asked, options, progress)
    elif exists(path) and path.is_dir() and (files := _images_in(path, progress)):
        yield from _read_files(files, path, asked, options, progress)
    elif exists(path) and is_image(path.name):
        yield from _read_files([path], path, asked, options, progress)
    else:
        yield from _read_data_set(source, str(subject), asked, options, progress)


def _images_in(folder: Path, progress: Progress) -> list[Path]:
    """Its image files, in order; if there are any, others are named."""
    names = sorted(walk(folder), key=natural)
    images = [folder / name for name in names if is_image(name)]
    if images and (others := [name for name in names if not is_image(name)]):
        progress.note(f"{folder}: what is no image file is passed over: {listed(others, 3)}.")
        if table := next((name for name in others if Path(name).suffix.lower() in _TABLES), ""):
            says = f"If {table} says what the images show, read {folder / table}"
            progress.note(f"{says}: then it is said how many answers are right.")
    return images


def _read_files(
    files: Sequence[Path], what: Path, asked: Asked, options: ReadOptions, progress: Progress
) -> Iterator[Answer]:
    for name in ("image_column", "label_column"):
        if getattr(options, name):
            message = f"{what} is read file by file, without a table: leave this out."
            raise ConfigError(message, parameter=name)
    reading, done = Reading(options, progress), 0
    folders, classes = {file.parent.name for file in files}, set(asked.reader.record.classes)
    sorted_by_class = folders == classes or folders <= classes.intersection(_made_classes(what))
    changes, readable = Counter[str](), 0
    for decoded in _decoded_in_parts(files):
        pictures = [picture for _, picture in decoded if isinstance(picture, Picture)]
        changes.update(change for picture in pictures for change in picture.changes)
        readable += len(pictures)
        images = _settle_ink([picture.pixels for picture in pictures], reading, what)
        answers = _answers(images, asked, options, what)
        for file, picture in decoded:
            name, truth = str(file), file.parent.name if sorted_by_class else ""
            if isinstance(picture, Picture):
                yield next(answers)(name, truth=truth)
            else:
                yield Answer(name, "", 0.0, "unreadable", truth, picture)
        done += len(decoded)
        progress.update("reading", done, len(files))
    note_changes(changes, readable, what, reading)


def _made_classes(folder: Path) -> tuple[str, ...]:
    """The classes of what `generate` made, of some of which there may be no image; none of other folders."""
    with contextlib.suppress(DataError):
        if folder.is_dir() and (record := read_record(folder)) and record.generated:
            return record.classes
    return ()


def _settle_ink(images: list[NDArray[np.uint8]], reading: Reading, what: Path) -> Images:
    """Part by part; one that does not say which ink it has is taken to have that of the first."""
    usual = reading.ink or "bright"
    part = Reading(reading.options, reading.progress, reading) if reading.ink else reading
    try:
        settled = settle_ink(images, part, what, otherwise=usual)
        both = part.ink not in ("", usual) and part is not reading
    except DataError:
        settled = [settle_ink([image], Reading(reading.options), what, otherwise=usual)[0] for image in images]
        both = True
    if both:
        reading.note(f"{what}: there is dark ink on bright paper, and bright on dark: each is read as what it is.")
    return settled


_Decoded = tuple[Path, Picture | str]  # a file, and what is in it, or why it cannot be read


def _decoded_in_parts(files: Sequence[Path]) -> Iterator[list[_Decoded]]:
    """Up to a thousand files at once, fewer if their images are large."""
    part: list[_Decoded] = []
    size = 0
    for file in files:
        picture = _decoded(file)
        part.append((file, picture))
        size += picture.pixels.nbytes if isinstance(picture, Picture) else 0
        if len(part) == _AT_ONCE or size > _BYTES_AT_ONCE:
            yield part
            part, size = [], 0
    if part:
        yield part


def _decoded(file: Path) -> Picture | str:
    try:
        return decode_picture(read_bytes(file, limits.MAX_IMAGE_FILE))
    except Exception as error:  # of Pillow's decoders, which may raise anything
        return reason(error)


def _read_data_set(
    source: Source, what: str, asked: Asked, options: ReadOptions, progress: Progress
) -> Iterator[Answer]:
    data, asked, options = _load(source, asked, options, progress)
    truths = [name if name in asked.reader.record.classes else "" for name in data.classes]
    if data.labels is not None and not any(truths):
        progress.note(
            f"{what}: its classes ({listed(data.classes, 3)}) are none of the reader's, so it is not said how many "
            "answers are right."
        )
    for start in range(0, len(data), _AT_ONCE):
        part = data.take(slice(start, start + _AT_ONCE))
        labels: Iterable[Any] = itertools.repeat(-1) if part.labels is None else part.labels
        answers = _answers(part.images, asked, options, source.name)
        for i, (answer, truth) in enumerate(zip(answers, labels, strict=False)):
            yield answer(f"{what}:{start + i}", truth=truths[truth] if truth >= 0 else "")
        progress.update("reading", start + len(part), len(data))


def _load(source: Source, asked: Asked, options: ReadOptions, progress: Progress) -> tuple[Dataset, Asked, ReadOptions]:
    """A data set, what can be asked of it, how it is still to be framed: a detector sees grey images as they are."""
    before = None
    if asked.detector is not None:
        before = Reading(options.model_copy(update={"frame": None, "resize": None}), progress)
        with contextlib.suppress(DataError):  # they are of several sizes, or too large
            data = read_source(source, before)
            if data.channels == 1:
                return data, asked, options
    return read_source(source, Reading(options, progress, before)), replace(asked, detector=None), ReadOptions()


def _answers(images: Images, asked: Asked, options: ReadOptions, what: object) -> Iterator[Callable[..., Answer]]:
    """For each image, what makes an answer of its name."""
    if not len(images):
        return
    fitted = fit(images, options, what)
    readings = asked.reader.read(fitted, error=asked.error, min_probability=asked.min_probability)
    for label, confidence, verdict, image, machine_made in zip(
        readings.labels, readings.confidence, readings.verdicts, fitted, _machine_made(images, asked.detector),
        strict=True,
    ):  # fmt: skip
        name = asked.reader.record.classes[label]
        yield partial(
            Answer,
            likeliest=name,
            probability=float(confidence),
            verdict=verdict,
            image=image,
            machine_made=machine_made,
        )


def _machine_made(images: Images, detector: Reader | None) -> list[float | None]:
    """How likely a generator made each; None for those of another size than the detector's, in colour, or empty."""
    found: list[float | None] = [None] * len(images)
    if detector is None:
        return found
    places = [i for i, image in enumerate(images) if image.shape == detector.record.image_size]  # grey
    if places:
        readings = detector.read(np.stack([images[i] for i in places]))
        for i, probability, verdict in zip(places, readings.probabilities[:, 1], readings.verdicts, strict=True):
            found[i] = None if verdict == "empty" else float(probability)
    return found
