"""What is evaluated: images that a model makes now, or that a data set holds."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from digitsmith.data import formats
from digitsmith.data.catalogue import TITLES
from digitsmith.data.dataset import Dataset
from digitsmith.data.sources import Source, load_dataset
from digitsmith.errors import ConfigError, DataError
from digitsmith.evaluation.reference import Progress, Reference, digit_labels
from digitsmith.generation.batches import make_images
from digitsmith.generation.request import Request
from digitsmith.models.digitnet import DIGITS, as_digits
from digitsmith.models.generator import Model, load, shipped


@dataclass(frozen=True, eq=False)
class Subject:
    """The images that are evaluated.

    Attributes:
        name: what the user calls them.
        kind: whether a model made them now, or they were found.
        sha256: hash of the model file, or of the data.
        images: uint8[n, h, w].
        labels: int64[n], digits; None if there are none, or if they name no digits.
    """

    name: str
    kind: Literal["model", "data"]
    sha256: str
    images: NDArray[np.uint8]
    labels: NDArray[np.int64] | None


def open_subject(subject: str | Path | Model | Dataset) -> Model | Dataset:
    """A shipped model, a run folder or an `.onnx` file as a model; anything else as a data set."""
    if isinstance(subject, Model | Dataset):
        return subject
    name, path = str(subject), Path(subject)
    if path.suffix == ".onnx" or (path / "config.toml").is_file() or (path / "model.onnx").is_file():
        return load(subject)
    if name in shipped():
        return load(name)
    try:
        return load_dataset(name)
    except DataError as error:
        if path.exists() or str(error).startswith(name):
            raise
        raise DataError(f"{error} Or name a model: {', '.join(shipped())}, a run folder or an .onnx file.") from error


def digits_of(opened: Model | Dataset) -> NDArray[np.int64] | None:
    """The digits that a subject says it holds or can make, ascending; None if it does not say."""
    if isinstance(opened, Dataset):
        labels = digit_labels(opened)
        return None if labels is None else np.unique(labels)
    digits = as_digits(opened.record.classes) if opened.conditional else None
    return None if digits is None else np.sort(digits)


def name_of(subject: str | Path | Model | Dataset) -> str:
    """What the user calls a subject."""
    if isinstance(subject, Model):
        return subject.name
    return "images in memory" if isinstance(subject, Dataset) else str(subject)


def choose_reference(
    opened: Model | Dataset, name: str, reference: str | Path | None
) -> tuple[str, tuple[int, int] | None]:
    """The source to compare with, and the size to scale it to, if any: that of what a model makes, or made.

    Args:
        opened: what is evaluated.
        name: what the user calls it.
        reference: what the user asks for; by default what the model was trained on, or the one that made the data set,
            as far as that is told; else MNIST.

    Raises:
        ConfigError: training data that are not to be found here.
    """
    if isinstance(opened, Model):
        trained_on = (
            None if reference else _at_hand(opened.record.training and opened.record.training.data.source, name)
        )
        return str(reference or trained_on or "mnist"), opened.record.image_size
    made_after = None if reference else _at_hand(_trained_on(name), f"the model that made {name}")
    return str(reference or made_after or "mnist"), opened.image_size if made_after else None


def _at_hand(source: object, model: str) -> str | None:
    """What a model was trained on, if that is told and can be found."""
    if not source:
        return None
    name = Source.parse(str(source)).name
    if name in TITLES or Path(name).exists():
        return str(source)
    raise ConfigError(
        f"{model} was trained on {source}, which is not to be found here: "
        f"say what to compare it with (--reference SOURCE)."
    )


def _trained_on(name: str) -> object:
    """What a folder of digits, or the one that a file is in, says of the model that made them."""
    source = Source.parse(name).name
    path = Path(source)
    if source in TITLES or not path.exists():
        return None
    record = formats.read_record(path)
    return record and record.generated and record.generated.trained_on


def require_same_size(data: Dataset, name: str, size: tuple[int, int], reference: str) -> None:
    """Refuse images of another size than the reference's."""
    if data.image_size != size:
        raise DataError(
            "{} has images of {}x{}, {} of {}x{}: choose a --reference of the same size.".format(
                name, *data.image_size, reference, *size
            )
        )


def make(opened: Model | Dataset, name: str, real: Reference, n: int, seed: int, progress: Progress) -> Subject:
    """Let a model make n images, or draw n of a data set's.

    A conditional model is asked for the labels of the unseen real images, which set the real-data values: with those of
    the seen ones it would be nearer to them than real images can be.
    """
    if isinstance(opened, Dataset):
        require_same_size(opened, name, real.image_size, real.seen.name)
        places = np.random.default_rng([seed, 1]).permutation(len(opened))[:n]  # not those that a reference draws
        labels = digit_labels(opened)
        label = None if labels is None else labels[places]
        return Subject(name, "data", opened.sha256(), opened.images[places], label)
    classes = opened.record.classes
    wanted: list[int | str] | None = None
    if opened.conditional and real.unseen.labels is not None and digits_of(opened) is not None:
        wanted = [DIGITS[digit] for digit in real.unseen.labels[:n]]
    made = make_images(opened, Request(n, wanted, seed=seed))
    progress("making images", n, n)
    labels = digit_labels(Dataset(made.images, made.labels, classes))
    return Subject(name, "model", opened.sha256, made.images, labels)
