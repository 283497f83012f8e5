"""Train on synthetic, test on real (TSTR): how useful generated images are."""

import statistics
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from digitsmith.data.dataset import Dataset
from digitsmith.errors import ConfigError, DataError, ModelError, blaming
from digitsmith.evaluation.images import Subject, open_subject
from digitsmith.evaluation.measures.readability import CONFIDENT
from digitsmith.evaluation.reference import RealData, choose_reference, load_real, on_choice, require_same_kind
from digitsmith.evaluation.samples import digit_labels
from digitsmith.generation.batches import make_dataset
from digitsmith.generation.request import Request
from digitsmith.models.digitnet import digit_net, usual_scale
from digitsmith.models.generator import Model
from digitsmith.models.noise import whole
from digitsmith.progress import Progress, listening
from digitsmith.records.base import Versions
from digitsmith.records.study import Arm, ArmKey, ClassifierRecord, Images, Study, StudyProtocol
from digitsmith.training.readers.classifier import Classifier, Recipe, classify
from digitsmith.training.readers.teaching import train_classifier

RECIPE = Recipe(layers=((32, 2), (64, 1), (64, 2), (128, 1)), epochs=10, batch_size=128)
"""Of the classifiers that are trained. None of them is the digit-net, nor starts from it."""

_LEAST_STEPS = 1500  # of a training: few images are passed over more often

_FILTER_NOTE = "The filter, the digit-net, was itself trained on 55,000 real images of MNIST."

_NOTHING_KEPT = (
    "The row of filtered images was left out: the digit-net, which knows the digits of MNIST, does not classify enough "
    "of these images as they are labelled."
)


@dataclass(frozen=True)
class _Kind:
    title: str
    train_on: Images
    test_on: Images


_ARMS: dict[ArmKey, _Kind] = {
    "trtr": _Kind("Train on real, test on real (TRTR)", "real", "real"),
    "tstr": _Kind("Train on synthetic, test on real (TSTR)", "generated", "real"),
    "tstr_filtered": _Kind("TSTR, filtered", "generated, filtered", "real"),
    "trts": _Kind("Train on real, test on synthetic (TRTS)", "real", "generated"),
}


def tstr(
    subject: str | Path | Model | Dataset,
    reference: str | Path | None = None,
    *,
    count: int | None = None,
    seeds: int = 3,
    progress: Progress | bool = True,
) -> Study:
    """Train on synthetic, test on real (Esteban et al. 2017, arXiv:1706.02633), beside training on real; and back.

    The same classifier is trained on as many real images, on generated ones, and on generated ones of which those are
    left out that the digit-net does not classify as their label with a probability of 0.9. All are tested on the
    held-out real images. The one trained on real images is also tested on the generated ones.

    Args:
        subject: a conditional model, or labelled images, as for `digitsmith.evaluate`.
        reference: the real images; by default as for `digitsmith.evaluate`. Images that are not labelled are left out.
        count: training images of each kind; by default as many as there are real ones.
        seeds: how often everything is done: images generated and classifier trained with seed 0, 1, …
        progress: True shows it, False is silent; or an object that is told (`digitsmith.progress.Progress`).

    Raises:
        DataError: no labels, other classes than the reference's, or another image size.
        ConfigError: a single seed, a count below 1, or a model whose training data are gone and no reference.

    Examples:
        >>> import digitsmith
        >>> digitsmith.tstr("mnist", "digits", seeds=1)
        Traceback (most recent call last):
        digitsmith.errors.ConfigError: seeds: 1 is too few for a spread: use 3.
    """
    seeds = whole(seeds, "seeds")
    if count is not None and (count := whole(count, "count")) < 1:
        raise ConfigError(f"{count} is too few: use at least one image.", parameter="count")
    if seeds < 2:
        raise ConfigError(f"{seeds} is too few for a spread: use 3.", parameter="seeds")
    with listening(progress) as listener:
        opened = open_subject(subject, listener, reference)
        chosen, read = choose_reference(opened, reference)
        with blaming("reference"):
            data = load_real(chosen, read, listener)
        data = replace(data, notes=(*data.notes, *on_choice(opened, reference, chosen)))
        _require_fitting(opened, data)
        return _Experiment(opened, data, count).run(seeds, listener)


class _Experiment:
    """A subject, real images to train on beside it, and held-out real ones to test on; all of them labelled."""

    def __init__(self, subject: Subject, data: RealData, count: int | None) -> None:
        train = data.reference.labelled()
        self.data, self.subject, self.test = data, subject, data.held_out.labelled().among(train.classes)
        self.content: Model | Dataset = subject.content
        if isinstance(self.content, Dataset):
            self.content = self.content.labelled().among(train.classes)
        most = min(len(train), len(self.content)) if isinstance(self.content, Dataset) else len(train)
        self.images = min(count or most, most)
        self.real = train.take(np.random.default_rng(0).permutation(len(train))[: self.images])
        self.scale = usual_scale(data.reference.images)
        self.has_digits = digit_labels(train) is not None

    def run(self, seeds: int, progress: Progress) -> Study:
        """Train and test with each seed."""
        scores: dict[ArmKey, list[float]] = {key: [] for key in _ARMS}
        sizes: dict[ArmKey, int] = {}
        filtering, notes = self.has_digits, (_FILTER_NOTE,) if self.has_digits else ()
        for seed in range(seeds):
            generated = self.generated(seed, progress)
            trained_on: dict[ArmKey, Dataset] = {"trtr": self.real, "tstr": generated}
            filtered = self.filtered(seed, progress) if filtering else None
            if filtered is not None:
                trained_on["tstr_filtered"] = filtered
            elif filtering:
                filtering, notes, scores["tstr_filtered"] = False, (_NOTHING_KEPT,), []
            for key, data in trained_on.items():
                net = _train(data, seed, _ARMS[key].train_on, progress)
                scores[key].append(_accuracy(net, self.test))
                sizes[key] = len(data)
                if key == "trtr":
                    scores["trts"].append(_accuracy(net, generated))
                    sizes["trts"] = len(data)
        return Study(
            subject=self.subject.name,
            subject_sha256=self.subject.sha256,
            reference=self.data.record,
            held_out=self.data.held_out_record,
            protocol=self.protocol(seeds),
            notes=(*self.data.notes, *notes),
            arms=tuple(_arm(key, scores[key], scores["trtr"], sizes[key]) for key in _ARMS if scores[key]),
        )

    def protocol(self, seeds: int) -> StudyProtocol:
        """How the accuracies are taken."""
        return StudyProtocol(
            images=self.images,
            test_images=len(self.test),
            seeds=seeds,
            classifier=ClassifierRecord(**asdict(_recipe(self.images))),
            min_confidence=CONFIDENT,
            digitnet_sha256=digit_net().sha256,
            versions=Versions.here("torch", "numpy", "onnxruntime"),
        )

    def generated(self, seed: int, progress: Progress, min_confidence: float = 0.0) -> Dataset:
        """As many generated images as there are real ones, with the same labels where a model can be asked for them."""
        real, classes = self.real, self.real.classes
        if isinstance(self.content, Dataset):
            return self.content.take(np.random.default_rng(seed).permutation(len(self.content))[: len(real)])
        assert real.labels is not None
        known = [label for label in real.labels if classes[label] in self.subject.classes]
        labels: NDArray[np.int64] = np.resize(np.array(known, np.int64), len(real))
        request = Request(len(labels), [classes[i] for i in labels], seed=seed, min_confidence=min_confidence)
        images = make_dataset(self.content, request, progress)[0].images
        return Dataset(images, labels, classes)

    def filtered(self, seed: int, progress: Progress) -> Dataset | None:
        """Images that the digit-net classifies as they are labelled; None if too few are.

        A model makes others in place of the rest.
        """
        if isinstance(self.content, Model):
            try:
                return self.generated(seed, progress, min_confidence=CONFIDENT)
            except ModelError as error:
                if error.parameter == "min_confidence":
                    return None
                raise
        images = self.generated(seed, progress)
        predictions = digit_net().predict(images.images, self.scale, progress=progress, work="filtering")
        kept = np.flatnonzero((predictions.digits == digit_labels(images)) & (predictions.confidence >= CONFIDENT))
        return images.take(kept) if len(kept) >= 2 * len(images.classes) else None


def _recipe(images: int) -> Recipe:
    steps_per_epoch = max(1, images // RECIPE.batch_size)
    return replace(RECIPE, epochs=max(RECIPE.epochs, -(-_LEAST_STEPS // steps_per_epoch)))


def _train(data: Dataset, seed: int, what: Images, progress: Progress) -> Classifier:
    recipe = _recipe(len(data))
    return train_classifier(data, recipe, seed, progress, work=f"seed {seed}: training on {what} images")


def _require_fitting(subject: Subject, data: RealData) -> None:
    known, title = data.reference.classes, data.record.title
    if not subject.classes or (isinstance(subject.content, Dataset) and not len(subject.content.labelled())):
        raise DataError(
            f"{subject.name} has no labels, so no classifier can be trained on it: use a conditional model.",
            parameter="subject",
        )
    for real, name in ((data.reference, title), (data.held_out, data.held_out_record.title)):
        if not len(real.labelled()):
            raise DataError(f"{name} has no labels: choose labelled real images.", parameter="reference")
    for name, classes in ((subject.name, subject.classes), (data.held_out_record.title, data.held_out.classes)):
        if not set(classes) <= set(known):
            raise DataError(
                f"{name} has the classes {' '.join(classes)}, {title} has {' '.join(known)}.", parameter="reference"
            )
    if isinstance(subject.content, Dataset):
        kind = data.reference.image_size, data.reference.channels
        require_same_kind(subject.content, subject.name, kind, title)


def _accuracy(net: Classifier, data: Dataset) -> float:
    return float((classify(net, data.images) == data.labels).mean())


def _arm(key: ArmKey, scores: list[float], real: list[float], images: int) -> Arm:
    differences = [score - base for score, base in zip(scores, real, strict=True)]
    first = key == "trtr"
    return Arm(
        key=key,
        title=_ARMS[key].title,
        train_on=_ARMS[key].train_on,
        test_on=_ARMS[key].test_on,
        images=images,
        accuracies=scores,
        mean=statistics.mean(scores),
        deviation=statistics.stdev(scores),
        difference=None if first else statistics.mean(differences),
        difference_error=None if first else statistics.stdev(differences) / len(scores) ** 0.5,
    )
