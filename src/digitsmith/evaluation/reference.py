"""The real images to compare with: which source, and its two parts that share no image."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from digitsmith.addresses import is_address
from digitsmith.data.copies import record_at
from digitsmith.data.dataset import Dataset
from digitsmith.data.downloads.catalogue import TITLES
from digitsmith.data.sources import Source, read_like
from digitsmith.data.splits import read_splits
from digitsmith.errors import ConfigError, DataError
from digitsmith.evaluation.images import DEFAULT, Subject
from digitsmith.models.generator import Model
from digitsmith.progress import Progress
from digitsmith.records.base import ReadOptions
from digitsmith.records.evaluation import Part, ReferenceRecord
from digitsmith.untrusted import exists


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


def choose_reference(subject: Subject, reference: str | Path | None) -> tuple[Source, ReadOptions]:
    """What to compare a subject with, and how that is read: framed and scaled as the model's images are.

    Args:
        subject: what is evaluated.
        reference: what the user asks for. By default what the model was trained on, or the one that made the data set,
            as far as that is recorded; else MNIST.

    Raises:
        ConfigError: training data that are not to be found here.
    """
    model = subject.content
    data = model.record.training.data if isinstance(model, Model) and model.record.training else None
    of_model = ReadOptions(resize=model.record.image_size) if isinstance(model, Model) else ReadOptions()
    if reference:
        return Source.parse(str(reference)), read_like(data) if data else of_model
    trained_on = _data_of_files(subject.name) if data is None else Source.parse(data.source or data.title, data.split)
    if trained_on is None:
        return DEFAULT, of_model
    if trained_on.name in TITLES or exists(trained_on.name):
        return trained_on, (data.read if data else ReadOptions()).model_copy(update={"resize": subject.image_size})
    raise ConfigError(
        f"{_maker(subject)} was trained on {trained_on.name}, which is not to be found here: say what to compare with.",
        parameter="reference",
    )


def on_choice(subject: Subject, reference: str | Path | None, chosen: Source) -> tuple[str, ...]:
    """What a reader should know of a reference that `choose_reference` chose: who named it, if not the user."""
    if reference or chosen.name in TITLES:
        return ()
    return (
        f"The real images are those of {chosen.name} on this computer, which {_maker(subject)} names as its training "
        f"data. Some of them are shown in this result.",
    )


def _maker(subject: Subject) -> str:
    return subject.name if isinstance(subject.content, Model) else f"the model that made {subject.name}"


def _data_of_files(name: str) -> Source | None:
    """What the model was trained on that made a folder of images, or the folder that a file is in."""
    path = Source.parse(name).name
    if path in TITLES or not (is_address(path) or exists(path)):
        return None
    record = record_at(path)
    trained_on = record.generated.trained_on if record and record.generated else ""
    return Source.parse(trained_on) if trained_on else None


def load_real(chosen: Source, read: ReadOptions, progress: Progress) -> RealData:
    """Load a split as the reference, and the source's other split as the held-out images.

    Where there is no other split, both are halves of the one, drawn with a fixed seed.

    Raises:
        DataError: no such source, or one whose splits are not of one kind.
    """
    source, split, other = chosen.name, chosen.split, chosen.other.split
    splits = read_splits(chosen, read, progress)
    splits.require_chosen("source")
    reference = splits.images[split]
    if parted := other in splits.images:
        held_out = splits.images[other]
        kind = reference.image_size, reference.channels
        require_same_kind(held_out, f"{source}:{other}", kind, f"{source}:{split}")
        parts: tuple[Part, Part] = ("whole", "whole")
        note = f"The held-out images are {source}:train: of a model trained on them, these numbers say little."
    else:
        other, parts = split, ("first half", "second half")
        first, second = _halves(reference)
        reference, held_out = reference.take(first), reference.take(second)
        note = (
            f"{source} has no second split, so it was halved: a model trained on it saw both halves, "
            f"and copies were looked for in one."
        )
    return RealData(
        reference,
        held_out,
        ReferenceRecord(source=source, split=split, part=parts[0], sha256=reference.sha256()),
        ReferenceRecord(source=source, split=other, part=parts[1], sha256=held_out.sha256()),
        () if parted and split == "train" else (note,),
    )


def _halves(data: Dataset) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Places of the images of two halves, drawn with a fixed seed; each has half of every class, but for one image."""
    order = np.random.default_rng(0).permutation(len(data))
    if data.labels is not None:
        order = order[np.argsort(data.labels[order], kind="stable")]
    return order[::2], order[1::2]


def require_same_kind(data: Dataset, name: str, kind: tuple[tuple[int, int], int], reference: str) -> None:
    """Refuse images of another size, or with other channels, than (image size, channels) of a reference."""
    if (data.image_size, data.channels) != kind:
        ours, theirs = (
            f"{height}x{width} in {'grey' if channels == 1 else 'colour'}"
            for (height, width), channels in ((data.image_size, data.channels), kind)
        )
        raise DataError(
            f"{name} has images of {ours}, {reference} of {theirs}: choose real images of the same kind.",
            parameter="reference",
        )
