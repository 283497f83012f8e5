"""The real images to compare with: which source, and its two parts that share no image."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from digitsmith.data import formats
from digitsmith.data.catalogue import TITLES
from digitsmith.data.dataset import Dataset
from digitsmith.data.sources import Source, load_dataset
from digitsmith.errors import ConfigError, DataError, MissingSplitError
from digitsmith.evaluation.images import Subject
from digitsmith.models.generator import Model
from digitsmith.progress import Progress
from digitsmith.records.evaluation import ReferenceRecord

DEFAULT = Source("mnist")
"""What is compared with where nothing says what images are of."""


@dataclass(frozen=True)
class Choice:
    """A source, and the height and width to scale it to, if any."""

    source: Source
    resize: tuple[int, int] | None = None


@dataclass(frozen=True, eq=False)
class RealData:
    """Two parts of a real data set that share no image: the reference, and images that are held out.

    Attributes:
        reference: what generated images are compared with, or what is trained on.
        held_out: other images of the same source.
        record: of the reference.
        held_out_record: of the others.
        notes: what a reader of results should know.
    """

    reference: Dataset
    held_out: Dataset
    record: ReferenceRecord
    held_out_record: ReferenceRecord
    notes: tuple[str, ...] = ()


def choose_reference(subject: Subject, reference: str | Path | None) -> Choice:
    """What to compare a subject with.

    Args:
        subject: what is evaluated.
        reference: what the user asks for. By default what the model was trained on, or the one that made the data set,
            as far as that is recorded; else MNIST.

    Raises:
        ConfigError: training data that are not to be found here.
    """
    model = isinstance(subject.content, Model)
    size = subject.image_size if model else None
    if reference:
        return Choice(Source.parse(str(reference)), size)
    trained_on = _data_of_model(subject.content) if isinstance(subject.content, Model) else _data_of_files(subject.name)
    if trained_on is None:
        return Choice(DEFAULT, size)
    if trained_on.name in TITLES or Path(trained_on.name).exists():
        return Choice(trained_on, subject.image_size)
    maker = subject.name if model else f"the model that made {subject.name}"
    raise ConfigError(
        f"{maker} was trained on {trained_on.name}, which is not to be found here: say what to compare with.",
        parameter="reference",
    )


def _data_of_model(model: Model) -> Source | None:
    """What a model was trained on; None if it is not recorded."""
    data = model.record.training.data if model.record.training else None
    return None if data is None else Source.parse(data.source or data.title, data.split)


def _data_of_files(name: str) -> Source | None:
    """The same of the model that made a folder of images, or the folder that a file is in."""
    path = Source.parse(name).name
    if path in TITLES or not Path(path).exists():
        return None
    record = formats.read_record(Path(path))
    trained_on = record.generated.trained_on if record and record.generated else ""
    return Source.parse(trained_on) if trained_on else None


def load_real(choice: Choice, progress: Progress) -> RealData:
    """Load a split as the reference, and the source's other split as the held-out images.

    Where there is no other split, both are halves of the one, drawn with a fixed seed.

    Raises:
        DataError: no such source.
    """
    source, split, other = choice.source.name, choice.source.split, choice.source.other.split
    reference = load_dataset(source, split, resize=choice.resize, progress=progress)
    try:
        held_out = load_dataset(source, other, resize=choice.resize, progress=progress)
        parted = not np.array_equal(reference.images, held_out.images)  # a file without splits gives all for either
    except MissingSplitError:
        parted = False
    if parted:
        require_same_kind(
            held_out, f"{source}:{other}", (reference.image_size, reference.channels), f"{source}:{split}"
        )
        swapped = f"The held-out images are {source}:train: of a model trained on them, these numbers say little."
        return RealData(
            reference,
            held_out,
            ReferenceRecord(source=source, split=split, sha256=reference.sha256()),
            ReferenceRecord(source=source, split=other, sha256=held_out.sha256()),
            (swapped,) if split == "test" else (),
        )
    order = np.random.default_rng(0).permutation(len(reference))
    half = len(order) // 2
    first, second = reference.take(order[:half]), reference.take(order[half:])
    note = (
        f"{source} has no second split, so it was halved: a model trained on it saw both halves, "
        f"and copies were looked for in one."
    )
    return RealData(
        first,
        second,
        ReferenceRecord(source=source, split=split, part="first half", sha256=first.sha256()),
        ReferenceRecord(source=source, split=split, part="second half", sha256=second.sha256()),
        (note,),
    )


def require_same_kind(data: Dataset, name: str, kind: tuple[tuple[int, int], int], reference: str) -> None:
    """Refuse images of another size, or with other channels, than (image size, channels) of a reference."""
    if (data.image_size, data.channels) != kind:
        described = (
            f"{height}x{width} in {'grey' if channels == 1 else 'colour'}"
            for (height, width), channels in ((data.image_size, data.channels), kind)
        )
        ours, theirs = described
        raise DataError(
            f"{name} has images of {ours}, {reference} of {theirs}: choose real images of the same kind.",
            parameter="reference",
        )
