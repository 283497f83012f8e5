"""Experiments on what generated digits are good for."""

import platform
import statistics
from dataclasses import asdict, replace
from functools import partial
from importlib.metadata import version
from pathlib import Path

import numpy as np

from digitsmith.data.dataset import Dataset
from digitsmith.errors import ConfigError, DataError
from digitsmith.evaluation.measures import SURE
from digitsmith.evaluation.reference import Progress, RealData, digit_labels, load_real, silent
from digitsmith.evaluation.subject import choose_reference, name_of, open_subject, require_same_size
from digitsmith.generation.batches import make_images
from digitsmith.generation.request import Request
from digitsmith.models.digitnet import digit_net, usual_scale
from digitsmith.models.generator import Model
from digitsmith.records.results import Arm, Study
from digitsmith.training.classifier import Classifier, Recipe, classify, train_classifier

RECIPE = Recipe(layers=((32, 2), (64, 1), (64, 2), (128, 1)), epochs=10, batch_size=128)
"""Of the classifiers that are trained. None of them is the digit-net, nor starts from it."""

_LEAST_STEPS = 1500  # of a training: few images are passed over more often

_FILTER_NOTE = "The filter, the digit-net, has itself learned from 55,000 real images of MNIST."

_ARMS = {
    "real": ("real images", "real images"),
    "made": ("generated images", "real images"),
    "filtered": ("generated images, filtered", "real images"),
    "reverse": ("real images", "generated images"),
}  # what is trained on, and tested on


def tstr(
    subject: str | Path | Model | Dataset,
    reference: str | Path | None = None,
    *,
    count: int | None = None,
    seeds: int = 3,
    progress: Progress = silent,
) -> Study:
    """Train on synthetic, test on real (Esteban et al. 2017, arXiv:1706.02633), beside training on real; and back.

    The same classifier is trained on as many real images, on generated ones, and on generated ones of which those are
    left out that the digit-net does not read as their label with a probability of 0.9. All are tested on the real test
    split. The real one is also tested on the generated images.

    Args:
        subject: a conditional model, or labelled images, as for `digitsmith.evaluate`.
        reference: the real images; by default as for `digitsmith.evaluate`.
        count: training images of each kind; by default as many as there are real ones.
        seeds: how often everything is done: images made and classifier trained with seed 0, 1, …
        progress: told of the work.

    Raises:
        DataError: no labels, other classes than the reference's, or another image size.
        ConfigError: a single seed, or a model whose training data are gone and no reference.
    """
    if seeds < 2:
        raise ConfigError(f"{seeds} seed: a spread needs two at least; use --seeds 3.")
    opened = open_subject(subject)
    parts = load_real(*choose_reference(opened, name_of(subject), reference))
    train, test = parts.seen, parts.unseen
    _require_fitting(opened, name_of(subject), parts)
    n = min(count or len(train), len(train), len(opened) if isinstance(opened, Dataset) else len(train))
    real = train.take(np.random.default_rng(0).permutation(len(train))[:n])
    scale = usual_scale(train.images)
    scores: dict[str, list[float]] = {key: [] for key in _ARMS}
    sizes: dict[str, int] = {}
    for seed in range(seeds):
        made = _made(opened, real, seed)
        filtered = _filtered(opened, real, seed, scale) if digit_labels(train) is not None else None
        for key, data in (("real", real), ("made", made), ("filtered", filtered)):
            if data is None:
                continue
            recipe = _recipe(len(data))
            what = f"seed {seed}: training on {_ARMS[key][0]}"
            show = partial(_show, progress, what, recipe.epochs)
            net = train_classifier(data, recipe, seed, progress=show)
            scores[key].append(_accuracy(net, test))
            sizes[key] = len(data)
            if key == "real":
                scores["reverse"].append(_accuracy(net, made))
                sizes["reverse"] = n
    return Study(
        study="tstr",
        subject=name_of(subject),
        subject_sha256=opened.sha256 if isinstance(opened, Model) else opened.sha256(),
        reference=parts.seen_name,
        reference_sha256=train.sha256(),
        protocol={
            "images": n,
            "test": f"{parts.unseen_name}, {len(test):,} images",
            "test_sha256": test.sha256(),
            "seeds": seeds,
            "classifier": asdict(_recipe(n)),
            "filter": f"the digit-net reads the label with a probability of {SURE} or more",
            "digitnet_sha256": digit_net().sha256,
            "digitsmith": version("digitsmith"),
            "torch": version("torch"),
            "python": platform.python_version(),
        },
        notes=(*parts.notes, *((_FILTER_NOTE,) if scores["filtered"] else ())),
        arms=tuple(_arm(key, scores[key], scores["real"], sizes[key]) for key in _ARMS if scores[key]),
    )


def _recipe(images: int) -> Recipe:
    steps_per_epoch = max(1, images // RECIPE.batch_size)
    return replace(RECIPE, epochs=max(RECIPE.epochs, -(-_LEAST_STEPS // steps_per_epoch)))


def _show(progress: Progress, what: str, epochs: int, epoch: int, _: float | None) -> None:
    progress(what, epoch, epochs)


def _require_fitting(opened: Model | Dataset, name: str, parts: RealData) -> None:
    classes = opened.record.classes if isinstance(opened, Model) else opened.classes
    known = parts.seen.classes
    if not classes:
        raise DataError(f"{name} has no labels, so no classifier can learn from it: use a conditional model.")
    if not known:
        raise DataError(f"{parts.seen_name} has no labels: choose a labelled --reference.")
    if not set(classes) <= set(known):
        raise DataError(f"{name} has the classes {' '.join(classes)}, {parts.seen_name} has {' '.join(known)}.")
    if isinstance(opened, Dataset):
        require_same_size(opened, name, parts.seen.image_size, parts.seen_name)


def _made(opened: Model | Dataset, real: Dataset, seed: int, min_confidence: float = 0.0) -> Dataset:
    """As many generated images as there are real ones, with the same labels where a model can be asked for them."""
    assert real.labels is not None
    if isinstance(opened, Dataset):
        assert opened.labels is not None
        places = np.random.default_rng(seed).permutation(len(opened))[: len(real)]
        index = np.array([real.classes.index(name) for name in opened.classes])
        return Dataset(opened.images[places], index[opened.labels[places]], real.classes)
    known = [label for label in real.labels if real.classes[label] in opened.record.classes]
    labels = np.resize(np.array(known, np.int64), len(real))
    names = [real.classes[label] for label in labels]
    request = Request(len(names), names, seed=seed, min_confidence=min_confidence)
    return Dataset(make_images(opened, request).images, labels, real.classes)


def _filtered(opened: Model | Dataset, real: Dataset, seed: int, scale: float) -> Dataset:
    """Images that the digit-net reads as they are labelled; a model makes others in place of the rest."""
    if isinstance(opened, Model):
        return _made(opened, real, seed, min_confidence=SURE)
    made = _made(opened, real, seed)
    digits, readings = digit_labels(made), digit_net().predict(made.images, scale)
    kept = np.flatnonzero((readings.digits == digits) & (readings.confidence >= SURE))
    if len(kept) < 2 * len(made.classes):
        raise DataError("hardly any of these images is read as it is labelled: there is nothing to filter.")
    return made.take(kept)


def _accuracy(net: Classifier, data: Dataset) -> float:
    return float((classify(net, data.images) == data.labels).mean())


def _arm(key: str, scores: list[float], real: list[float], images: int) -> Arm:
    differences = [score - base for score, base in zip(scores, real, strict=True)]
    return Arm(
        key=key,
        train_on=_ARMS[key][0],
        test_on=_ARMS[key][1],
        images=images,
        accuracies=scores,
        mean=statistics.mean(scores),
        deviation=statistics.stdev(scores),
        difference=None if key == "real" else statistics.mean(differences),
        difference_error=None if key == "real" else statistics.stdev(differences) / len(scores) ** 0.5,
    )
