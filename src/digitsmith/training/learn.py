"""From images, of which few or all are labelled, to a reader: one ONNX file that says which digit an image shows."""

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from digitsmith.data.dataset import Dataset
from digitsmith.data.reading import Reading, listed
from digitsmith.data.sources import Source, read_over, read_source
from digitsmith.data.splits import read_splits
from digitsmith.errors import ConfigError, DataError, ModelError
from digitsmith.files import staged_file, staged_folder
from digitsmith.models.check import METADATA_KEY
from digitsmith.models.generator import load
from digitsmith.models.noise import check_seed, whole
from digitsmith.models.reader import Reader
from digitsmith.progress import Progress, listening
from digitsmith.records.base import DataRecord, ReadOptions, Versions
from digitsmith.records.reader import Accuracy, Calibration, GeneratedRecord, ReaderRecord, ReaderTraining
from digitsmith.records.study import ClassifierRecord
from digitsmith.training import mixing
from digitsmith.training.classifier import Classifier, Extras, logits_of, train_classifier
from digitsmith.training.export import TOLERANCE, to_onnx
from digitsmith.training.mixing import classifier_of, digits_of, draw_places, one_epoch, trusts

USUAL = ReadOptions(resize=(28, 28), frame="mnist")
"""How images are read: framed, so that the reader takes digits of any size and place."""

_HELD_OUT = 0.2  # of labelled images, to say how sure is sure enough
_MOST_HELD_OUT = 1000  # of each class
_LEAST_TO_HOLD_OUT = 100  # labelled images of each class, for some to be held out
_FEW = 100  # labelled images of each class, up to which generated digits are used where the user does not say
_EPOCHS_WITH_UNLABELLED = 30
_LOWEST = 0.1  # share of the held-out probabilities that is kept


@dataclass(frozen=True, eq=False)
class Learned:
    """What became of a learning.

    Attributes:
        reader: ready to use.
        folder: where `reader.onnx` is.
        test: the images of the test split, if there is one; the reader's `record.measured` is of them.
    """

    reader: Reader
    folder: Path
    test: Dataset | None


@dataclass(frozen=True, eq=False)
class _Given:
    """What there is to learn from.

    Attributes:
        labelled: images whose labels are used in the training.
        held_out: others, whose labels say how sure is sure enough; None if there are too few.
        unlabelled: images whose labels are not known, or not looked at: uint8[n, h, w] or uint8[n, h, w, 3].
        drawn: the places of the labelled ones, if they were drawn.
        test: images to test on, which have no part in it.
    """

    labelled: Dataset
    held_out: Dataset | None
    unlabelled: NDArray[np.uint8] | None
    drawn: tuple[int, ...]
    test: Dataset | None
    data: DataRecord
    unlabelled_data: DataRecord | None


def learn(
    data: str | Path,
    out: str | Path = "reader",
    *,
    per_class: int | None = None,
    unlabelled: str | Path | None = None,
    generated: str | Path | None = None,
    seed: int = 0,
    epochs: int | None = None,
    read: ReadOptions | Mapping[str, Any] | None = None,
    progress: Progress | bool = True,
) -> Learned:
    """Train a reader of digits, and export it.

    Labelled images are learned with random distortions. Images without labels teach by consistency: what the network is
    sure of must stay so when the image is distorted (Sohn et al. 2020). Beside few labelled images, generated digits
    are mixed in where they are of the same kind. Images of no digit are made, so that the reader refuses what is none.

    Args:
        data: the labelled images; those in it without a label count as unlabelled. Its test split, if there is one, is
            read at the end.
        out: a new folder, for `reader.onnx`.
        per_class: use so many labels of each class only, drawn by the seed. All other images count as unlabelled.
        unlabelled: images without labels; their labels, if there are any, are not looked at.
        generated: a model whose digits are mixed in; "none" for none. By default the one in the box, if there are at
            most 100 labelled images of a class, and if they are of its kind.
        seed: draws the labels, and decides all random numbers.
        epochs: of 200 steps or, with many labelled images, passes over these; by default it follows from the images.
        read: how the files are read, by the names of `load_dataset`; by default they are framed as MNIST was made.
        progress: True shows it, False is silent; or a listener.

    Raises:
        DataError: images that nothing can be learned from: no labels, a single class, too few of one.
        ConfigError: a number out of range, or a model of other classes or size.
        OutputError: the folder exists and is not empty, or cannot be written.

    Examples:
        >>> import digitsmith
        >>> learned = digitsmith.learn("digits", "my-reader", epochs=1, progress=False)
        >>> learned.reader.record.classes
        ('0', '1', '2', '3', '4', '5', '6', '7', '8', '9')
    """
    seed = check_seed(seed)
    options = read_over(USUAL, read)
    with listening(progress) as listener, staged_folder(Path(out)) as staged:
        given = _gather(data, unlabelled, per_class, seed, options, listener)
        made, record = _generated(generated, given, seed, listener)
        recipe = mixing.RECIPE
        few = len(given.labelled) < mixing.IMAGES
        default = _EPOCHS_WITH_UNLABELLED if given.unlabelled is not None else recipe.epochs
        recipe = replace(recipe, epochs=default if epochs is None else whole(epochs, "epochs"))
        if recipe.epochs < 1:
            raise ConfigError(f"{epochs} is too few: use at least one.", parameter="epochs")
        shown = one_epoch(given.labelled, made) if few else given.labelled
        extras = Extras(unlabelled=given.unlabelled, refuses=True)
        net = train_classifier(shown, recipe, seed, listener, work="learning to read", extras=extras).cpu()
        training = ReaderTraining(
            data=given.data,
            device="cuda" if torch.cuda.is_available() else "cpu",
            versions=Versions.here("torch", "numpy"),
            labelled=len(given.labelled) + (len(given.held_out) if given.held_out else 0),
            drawn=given.drawn,
            unlabelled=0 if given.unlabelled is None else len(given.unlabelled),
            unlabelled_data=given.unlabelled_data,
            generated=record,
            classifier=ClassifierRecord(**asdict(recipe)),
            steps=recipe.epochs * (len(shown) // recipe.batch_size),
            seed=seed,
        )
        reader = _finish(net, given, training, staged / "reader.onnx")
    return Learned(reader, Path(out), given.test)


def _gather(
    data: str | Path, unlabelled: str | Path | None, per_class: int | None, seed: int, options: ReadOptions,
    progress: Progress,
) -> _Given:  # fmt: skip
    """Read the images, and choose whose labels are used."""
    source = Source.parse(str(data))
    splits = read_splits(source, options, progress)
    splits.require_chosen("data")
    images = splits.images[source.split]
    test = splits.images.get("test") if source.split == "train" else None
    test = None if test is None or not len(test.labelled()) else test.labelled()
    known = images.labelled()
    _require_learnable(known, str(data))
    assert images.labels is not None
    assert known.labels is not None
    places = np.flatnonzero(images.labels >= 0)
    drawn: tuple[int, ...] = ()
    if per_class is not None:
        places = places[_draw(known, whole(per_class, "per_class"), seed)]
        drawn = tuple(map(int, places))
    others = np.setdiff1d(np.arange(len(images)), places)
    more = [images.images[others]] if len(others) else []
    of_others = None
    if unlabelled is not None:
        extra = read_source(Source.parse(str(unlabelled)), Reading(options, progress))
        if (extra.image_size, extra.channels) != (images.image_size, images.channels):
            raise DataError(
                "these images are not of the kind of the labelled ones: frame both.", parameter="unlabelled"
            )
        more.append(extra.images)
        of_others = Dataset(extra.images).record(str(unlabelled), options)
    labelled = images.take(places)
    labelled, held_out = _hold_out(labelled, seed)
    return _Given(
        labelled,
        held_out,
        np.concatenate(more) if more else None,
        drawn,
        test,
        images.record(str(data), options),
        of_others,
    )


def _require_learnable(known: Dataset, name: str) -> None:
    if not len(known):
        raise DataError(
            f"{name} has no labels: a reader learns from some, if only one of each class.", parameter="data"
        )
    assert known.labels is not None
    counts = np.bincount(known.labels, minlength=len(known.classes))
    if len(known.classes) < 2:
        raise DataError(f"all images of {name} are of one class: there is nothing to tell apart.", parameter="data")
    if missing := [name for name, count in zip(known.classes, counts, strict=True) if not count]:
        raise DataError(f"no labelled image is of class {listed(missing)}: label one.", parameter="data")


def _draw(known: Dataset, number: int, seed: int) -> NDArray[np.int64]:
    """The places, among labelled images, of those whose labels are used."""
    assert known.labels is not None
    counts = np.bincount(known.labels, minlength=len(known.classes))
    if number < 1:
        raise ConfigError(f"{number} is too few: use at least one image of each class.", parameter="per_class")
    if number > counts.min():
        least = known.classes[int(counts.argmin())]
        raise DataError(f"{number} is more than the {counts.min()} images of class {least}.", parameter="per_class")
    return draw_places(known.labels, len(known.classes), number, seed)


def _hold_out(labelled: Dataset, seed: int) -> tuple[Dataset, Dataset | None]:
    """Divide labelled images into those to learn from, and those that say how sure is sure enough."""
    assert labelled.labels is not None
    counts = np.bincount(labelled.labels, minlength=len(labelled.classes))
    if counts.min() < _LEAST_TO_HOLD_OUT:
        return labelled, None
    order = np.random.default_rng(seed).permutation(len(labelled))
    of_class = [order[labelled.labels[order] == label] for label in range(len(counts))]
    held = np.concatenate([places[: min(round(_HELD_OUT * len(places)), _MOST_HELD_OUT)] for places in of_class])
    return labelled.take(np.setdiff1d(order, held)), labelled.take(held)


def _generated(
    generated: str | Path | None, given: _Given, seed: int, progress: Progress
) -> tuple[list[Dataset], GeneratedRecord | None]:
    """Digits to mix in, if they are wanted; or if few real ones are there and they are of their kind."""
    labelled = given.labelled
    assert labelled.labels is not None
    if generated == "none" or (generated is None and np.bincount(labelled.labels).max() > _FEW):
        return [], None
    model = load(generated)
    record = model.record
    if given.drawn and record.training is not None and record.training.data.sha256 == given.data.sha256:
        if generated is None:
            return [], None
        raise ConfigError(
            f"{model.name} was trained on all labels of these images, of which only some are to be used: its digits "
            f"would give the others away. Choose another model, or none.",
            parameter="generated",
        )
    kind = (record.image_size, record.channels) == (labelled.image_size, labelled.channels)
    made = digits_of(model, labelled.classes, seed) if kind and model.conditional else None
    if made is None and generated is not None:
        raise ConfigError(
            f"{model.name} makes no images of this size, with these channels and classes: choose another, or none.",
            parameter="generated",
        )
    if made is None or (generated is None and not trusts(classifier_of(made), labelled)):
        return [], None
    progress.note(f"{len(made):,} digits of the model {model.name} are mixed in: half of what is seen with a label.")
    return [made], GeneratedRecord(model=model.name, sha256=model.sha256, images=len(made))


def _finish(net: Classifier, given: _Given, training: ReaderTraining, path: Path) -> Reader:
    """Calibrate, measure and export."""
    classes = given.labelled.classes
    temperature = 1.0
    calibration: tuple[Calibration, ...] = ()
    if given.held_out is not None:
        logits, labels = logits_of(net, given.held_out.images), torch.tensor(given.held_out.labels)
        temperature = _temperature(logits, labels)
        calibration = _calibrate((logits / temperature).softmax(1), labels, len(classes))
    record = ReaderRecord(
        classes=classes,
        image_size=given.labelled.image_size,
        channels=given.labelled.channels,
        frame=training.data.read.frame,
        temperature=temperature,
        calibration=calibration,
        training=training,
    )
    measured = []
    for title, images in (("held out of the training images", given.held_out), ("test split", given.test)):
        if images is not None:
            right = logits_of(net, images.images)[:, : len(classes)].argmax(1) == torch.tensor(images.labels)
            measured.append(Accuracy(title=title, images=len(images), accuracy=float(right.double().mean())))
    return _export(net, temperature, record.model_copy(update={"measured": tuple(measured)}), path)


def _temperature(logits: Tensor, labels: Tensor) -> float:
    """What to divide logits by, so that probabilities are as often right as they say (Guo et al. 2017)."""
    tried = torch.logspace(-1, 1, 201).tolist()
    losses = [float(nn.functional.cross_entropy(logits / temperature, labels)) for temperature in tried]
    return float(tried[int(np.argmin(losses))])


def _calibrate(probabilities: Tensor, labels: Tensor, classes: int) -> tuple[Calibration, ...]:
    found = []
    for label in range(classes):
        of_class = probabilities[labels == label, label].sort().values.clamp(0, 1)
        kept = of_class[: max(1, round(_LOWEST * len(of_class)))]
        found.append(Calibration(images=len(of_class), lowest=tuple(kept.tolist())))
    return tuple(found)


class _Probabilities(nn.Module):
    """A classifier's probabilities of its classes, without that of no digit."""

    def __init__(self, net: Classifier, temperature: float, classes: int) -> None:
        super().__init__()
        self.net, self.temperature, self.classes = net, temperature, classes

    def forward(self, image: Tensor) -> Tensor:
        """float32[n, classes] of float32[n, channels, h, w] in [-1, 1]."""
        _, logits = self.net(image)
        probabilities: Tensor = (logits * (1 / self.temperature)).softmax(1)
        return probabilities[:, : self.classes]


def _export(net: Classifier, temperature: float, record: ReaderRecord, path: Path) -> Reader:
    module = _Probabilities(net, temperature, len(record.classes)).eval()
    image = torch.zeros(2, record.channels, *record.image_size)
    proto = to_onnx(module, (image,), ["image"], ["probability"], name="reader")
    sha256 = hashlib.sha256(proto.SerializeToString()).hexdigest()
    record = record.model_copy(update={"graph_sha256": sha256})
    proto.metadata_props.add(key=METADATA_KEY, value=record.model_dump_json(exclude_none=True))
    content = proto.SerializeToString()
    reader = Reader(path.name, content)
    for n in (1, 7, 256):
        images = torch.rand(n, *image.shape[1:]) * 2 - 1
        with torch.no_grad():
            difference = float((torch.tensor(reader.probabilities(images.numpy())) - module(images)).abs().max())
        if not difference <= TOLERANCE:
            raise ModelError(
                f"the exported reader differs from the trained one by {difference:.1e}, more than {TOLERANCE}."
            )
    with staged_file(path) as staged:
        staged.write_bytes(content)
    return reader
