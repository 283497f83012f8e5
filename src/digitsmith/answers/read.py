"""`digitsmith.read`: from files to answers, and what is written of them."""

import contextlib
import csv
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from digitsmith.answers.files import Answer, Asked, read_subject
from digitsmith.data.folders import is_image, is_in
from digitsmith.data.images.grid import require_png, save_png
from digitsmith.data.sources import read_over
from digitsmith.errors import ConfigError, DataError, OutputError
from digitsmith.files import require_file_place, staged_file
from digitsmith.models.reader import Reader, check_probability, load_detector, load_reader
from digitsmith.progress import Progress, listening
from digitsmith.records.base import ReadOptions
from digitsmith.untrusted import exists

_SHEET = 400  # images
_SHEET_COLUMNS = 20
_SUSPECT = 0.5  # probability of being machine-made
_CELL, _LINE, _SIDE = 40, 12, 32  # pixels: of a cell, of a line of text under an image, and of an image
_GREY, _RED, _AMBER = (150, 150, 150), (255, 90, 90), (255, 190, 60)


@dataclass
class Tally:
    """What came of all images.

    Attributes:
        verdicts: how many images have each.
        labelled: of how many of them it is known what they show.
        right: how many of these are read right, were none refused.
        accepted: how many of these are accepted.
        accepted_right: how many of these are right.
        confirmed: how many show the digit that is verified.
        denied: how many show another one.
        scored: of how many it is said how likely a generator made them.
        suspect: for how many of these that is more likely than not.
    """

    verdicts: Counter[str] = field(default_factory=Counter)
    labelled: int = 0
    right: int = 0
    accepted: int = 0
    accepted_right: int = 0
    confirmed: int = 0
    denied: int = 0
    scored: int = 0
    suspect: int = 0

    def add(self, answer: Answer, claim: str | None) -> None:
        """Count one."""
        accepted = answer.verdict == "read"
        self.verdicts[answer.verdict] += 1
        if answer.truth and answer.likeliest:
            right = answer.likeliest == answer.truth
            self.labelled += 1
            self.right += right
            self.accepted += accepted
            self.accepted_right += accepted and right
        if claim is not None and accepted:
            self.confirmed += answer.label == claim
            self.denied += answer.label != claim
        if answer.machine_made is not None:
            self.scored += 1
            self.suspect += answer.machine_made > _SUSPECT


def read(
    subjects: str | Path | Sequence[str | Path],
    reader: str | Path | Reader | None = None,
    *,
    error: float | None = None,
    min_probability: float = 0.0,
    verify: str | None = None,
    machine_made: bool = False,
    csv_file: str | Path | None = None,
    json_file: str | Path | None = None,
    sheet: str | Path | None = None,
    read: ReadOptions | Mapping[str, Any] | None = None,
    told: Callable[[Answer], None] = lambda _: None,
    progress: Progress | bool = True,
) -> Tally:
    """Read images of one digit each: files and folders of files, in constant memory, and data sets.

    Args:
        subjects: what to read.
        reader: what reads: as for `load_reader`.
        error: the share of all images that may get a wrong answer; see `Reader.read`.
        min_probability: an answer has at least this probability, too: it only takes answers away.
        verify: a label, of which each image is asked whether it shows it; files get a column `shows`.
        machine_made: say of images of 28x28 pixels how likely a generator made them, as `load_detector` does; files get
            a column `machine_made`, which is empty for others.
        csv_file: where to write all answers as CSV.
        json_file: where to write them as lines of JSON.
        sheet: where to draw up to 400 images with their answers, and their places among all, counted from 1. Refused
            ones (red) and those whose answer is known to be wrong (amber) are chosen before others.
        read: how files are read, where that is not the reader's own way.
        told: is told of each answer as it comes.
        progress: True shows it, False is silent; or a listener.

    Raises:
        DataError: there is no such file, no image in it, or none that can be read.
        ModelError: no such reader, or one that cannot be used.
        ConfigError: an error that the reader cannot promise, or a label that it does not have.
        OutputError: a file that cannot be written.
    """
    reader = reader if isinstance(reader, Reader) else load_reader(reader)
    reader.thresholds(error)
    check_probability(min_probability)
    options = _options(reader, read)
    if verify is not None and verify not in reader.record.classes:
        known = " ".join(reader.record.classes)
        raise ConfigError(f"{verify}: {reader.name} knows no such label, only {known}.", parameter="verify")
    subjects = [subjects] if isinstance(subjects, str | Path) else subjects
    if not all(isinstance(subject, str | Path) for subject in subjects):
        message = "give the names of files, folders or data sets; load_reader().read(images) reads arrays."
        raise DataError(message, parameter="subjects")
    if "" in map(str, subjects):
        raise DataError(
            "an empty name is no file: give one, or . for the folder that you are in.", parameter="subjects"
        )
    places = [None if place is None else Path(place) for place in (csv_file, json_file, sheet)]
    _require_places([place for place in places if place], subjects)
    table, lines, picture = places
    if picture:
        require_png(picture)
    asked = Asked(reader, error, min_probability, load_detector() if machine_made else None)
    columns = _columns(verify, machine_made)
    tally, drawn = Tally(), _Sheet()
    with listening(progress) as listener, contextlib.ExitStack() as stack:
        writers = [stack.enter_context(_csv(table, columns))] if table else []
        writers += [stack.enter_context(_json(lines, columns))] if lines else []
        for subject in subjects:
            for answer in read_subject(subject, asked, options, listener):
                tally.add(answer, verify)
                told(answer)
                for write in writers:
                    write(answer)
                if picture:
                    drawn.add(answer)
        if tally.verdicts.keys() == {"unreadable"}:
            raise DataError(f"none of these files is an image that can be read: {answer.name}: {answer.error}.")
    if picture:
        drawn.draw(picture)
    return tally


def _require_places(places: Sequence[Path], subjects: Sequence[str | Path]) -> None:
    """Refuse to write where no file can be, two files at one place, over what is read, or a picture among that.

    Raises:
        OutputError: that would be.
    """
    taken = {Path(subject).resolve() for subject in subjects if exists(subject)}
    for place in places:
        require_file_place(place)
        if place.resolve() in taken:
            raise OutputError(f"{place} is read, or written already: choose another place.")
        if is_image(place.name) and any(is_in(place, folder) for folder in taken):
            raise OutputError(f"{place} would lie among the images that are read: choose another place.")
        taken.add(place.resolve())


_Columns = dict[str, Callable[[Answer], str | float | None]]


def _columns(claim: str | None, machine_made: bool) -> _Columns:
    """What is written of an answer; `shows` is whether it shows the digit that is verified: yes, no, or empty."""
    columns: _Columns = {
        "file": lambda answer: answer.name,
        "label": lambda answer: answer.label,
        "probability": lambda answer: round(answer.probability, 6),
        "verdict": lambda answer: answer.verdict,
        "likeliest": lambda answer: answer.likeliest,
        "truth": lambda answer: answer.truth,
        "error": lambda answer: answer.error,
    }
    if claim is not None:
        columns["shows"] = lambda answer: "" if answer.verdict != "read" else "yes" if answer.label == claim else "no"
    if machine_made:
        columns["machine_made"] = lambda answer: None if answer.machine_made is None else round(answer.machine_made, 6)
    return columns


def _row(answer: Answer, columns: _Columns) -> dict[str, str | float | None]:
    return {name: value(answer) for name, value in columns.items()}


@contextlib.contextmanager
def _csv(path: Path, columns: _Columns) -> Iterator[Callable[[Answer], object]]:
    with staged_file(path) as staged, staged.open("w", newline="", encoding="utf-8", errors="backslashreplace") as file:
        writer = csv.DictWriter(file, list(columns))
        writer.writeheader()
        yield lambda answer: writer.writerow(_row(answer, columns))


@contextlib.contextmanager
def _json(path: Path, columns: _Columns) -> Iterator[Callable[[Answer], object]]:
    with staged_file(path) as staged, staged.open("w", encoding="utf-8", errors="backslashreplace") as file:
        yield lambda answer: file.write(json.dumps(_row(answer, columns)) + "\n")


class _Sheet:
    """Up to 400 images, with what is said of them; those to look at are chosen before others."""

    def __init__(self) -> None:
        self._doubtful: list[tuple[int, Answer]] = []  # refused or wrong; with their places, counted from 1
        self._others: list[tuple[int, Answer]] = []
        self._count = 0

    def add(self, answer: Answer) -> None:
        """Keep an answer, if there may be room for it; of its image a copy, as it is a part of many."""
        self._count += 1
        of_its_kind = self._doubtful if _said(answer)[1] else self._others
        if len(of_its_kind) < _SHEET:
            image = None if answer.image is None else answer.image.copy()
            of_its_kind.append((self._count, replace(answer, image=image)))

    def draw(self, path: Path) -> None:
        """Draw them in the order in which they came."""
        shown = sorted((self._doubtful + self._others)[:_SHEET], key=lambda one: one[0])
        height = _CELL + 2 * _LINE
        rows = max(-(-len(shown) // _SHEET_COLUMNS), 1)
        picture = Image.new("RGB", (_SHEET_COLUMNS * _CELL, rows * height), (30, 30, 30))
        drawing = ImageDraw.Draw(picture)
        for i, (place, answer) in enumerate(shown):
            left, top = i % _SHEET_COLUMNS * _CELL + 4, i // _SHEET_COLUMNS * height + 4
            label, colour = _said(answer)
            if answer.image is not None:
                scaled = Image.fromarray(answer.image).convert("RGB").resize((_SIDE, _SIDE), Image.Resampling.NEAREST)
                picture.paste(scaled, (left, top))
            if colour:
                drawing.rectangle((left - 2, top - 2, left + _SIDE + 1, top + _SIDE + 1), outline=colour)
            drawing.text((left, top + _SIDE + 2), label, fill=colour or (230, 230, 230))
            drawing.text((left, top + _SIDE + 2 + _LINE), str(place), fill=_GREY)
        save_png(path, np.asarray(picture))


def _said(answer: Answer) -> tuple[str, tuple[int, int, int] | None]:
    """What stands under an image, and the colour of what is to be looked at."""
    if answer.verdict != "read":
        return f"{answer.likeliest[:3]}?", _RED
    if answer.truth not in ("", answer.label):
        return f"{answer.label[:2]} ({answer.truth[:2]})", _AMBER
    return answer.label[:5], None


def _options(reader: Reader, asked: ReadOptions | Mapping[str, Any] | None) -> ReadOptions:
    """How files are read: what the reader's framing says is not asked."""
    own = ReadOptions(resize=reader.record.image_size, frame=reader.record.frame)
    options = read_over(own, asked)
    for name in ("frame", "resize"):
        if own.frame is not None and getattr(options, name) != getattr(own, name):
            message = f"{reader.name} frames each image as it learned to: leave this out."
            raise ConfigError(message, parameter=name)
    return options
