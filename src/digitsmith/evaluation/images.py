"""What is evaluated: images that a model generates now, or that a data set holds."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from digitsmith.addresses import is_address
from digitsmith.data.copies import record_at
from digitsmith.data.dataset import Dataset
from digitsmith.data.downloads.catalogue import TITLES
from digitsmith.data.images.framing import SIDE
from digitsmith.data.reading import Reading
from digitsmith.data.sources import Source, frame_of, read_source
from digitsmith.errors import DataError, blaming
from digitsmith.evaluation.mix import draw
from digitsmith.evaluation.samples import digit_labels, digits_in
from digitsmith.models.digitnet import as_digits
from digitsmith.models.generator import Model, load, shipped
from digitsmith.progress import Progress
from digitsmith.records.base import ReadOptions
from digitsmith.untrusted import exists

DEFAULT = Source("mnist")
"""What is compared with where nothing says what images are of."""


@dataclass(frozen=True, eq=False)
class Subject:
    """A model or a data set.

    Attributes:
        name: what the user calls it.
        content: itself.
    """

    name: str
    content: Model | Dataset

    @property
    def kind(self) -> Literal["model", "data"]:
        """Whether its images are generated now, or were found."""
        return "model" if isinstance(self.content, Model) else "data"

    @cached_property
    def sha256(self) -> str:
        """Of the model file, or of the data."""
        return self.content.sha256 if isinstance(self.content, Model) else self.content.sha256()

    @property
    def image_size(self) -> tuple[int, int]:
        """Height and width, in pixels."""
        return self.content.record.image_size if isinstance(self.content, Model) else self.content.image_size

    @property
    def classes(self) -> tuple[str, ...]:
        """The class names; empty without labels."""
        return self.content.record.classes if isinstance(self.content, Model) else self.content.classes

    @cached_property
    def digits(self) -> NDArray[np.int64] | None:
        """The digits that it is labelled as or can be asked for, ascending; None without labels that name digits."""
        if isinstance(self.content, Dataset):
            labels = digit_labels(self.content)
            return None if labels is None else digits_in(labels)
        digits = as_digits(self.classes) if self.content.conditional else None
        return None if digits is None else np.sort(digits)


def open_subject(
    subject: str | Path | Model | Dataset, progress: Progress, reference: str | Path | None = None
) -> Subject:
    """A shipped model, a run folder or an `.onnx` file as a model; anything else as a data set.

    Files that no model made are framed as the real images are that they are compared with.

    Args:
        subject: what the user names.
        progress: told of what is read.
        reference: the real images that it is to be compared with; MNIST by default.

    Raises:
        DataError: no such data set.
        ModelError: a file that is no generator.
    """
    if isinstance(subject, Model):
        return Subject(subject.name, subject)
    if isinstance(subject, Dataset):
        return Subject("images in memory", subject)
    name, path = str(subject), Path(subject)
    is_run = exists(path / "config.toml") or exists(path / "model.onnx")
    try:
        with blaming("subject"):
            if is_run or path.suffix == ".onnx" or name in shipped():
                return Subject(name, load(subject))
            source = Source.parse(name)
            return Subject(name, read_source(source, Reading(_frame_like(source, reference), progress)))
    except DataError as error:
        if exists(path) or path.suffix or path.name != name:  # meant as a path
            raise
        raise DataError(
            f"{error.message} Or name a model: {', '.join(shipped())}, a run folder or an .onnx file.",
            parameter="subject",
        ) from error


def _frame_like(source: Source, reference: str | Path | None) -> ReadOptions:
    """How a data set is read to be framed as a named one is; what a model made, or has a name, is as it is."""
    if source.name in TITLES or not (is_address(source.name) or exists(source.name)):
        return ReadOptions()
    record = record_at(source.name)
    frame = frame_of(Source.parse(str(reference or DEFAULT.name)).name)
    if frame is None or (record and record.generated):
        return ReadOptions()
    return ReadOptions(resize=(SIDE, SIDE), frame=frame)


def draw_images(data: Dataset, n: int, seed: int, wanted: NDArray[np.int64] | None = None) -> Dataset:
    """n random images of a data set, which has so many: of these digits, int64[n], if it is said which are wanted."""
    order = np.random.default_rng([seed, 1]).permutation(len(data))  # not those that a reference draws
    labels = digit_labels(data)
    places = draw(order, None if labels is None else labels[order], n, wanted)
    assert places is not None
    return data.take(places)
