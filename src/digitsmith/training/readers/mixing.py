"""How few real examples and generated digits are put together for a classifier, by `learn` and `study scarce`."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from digitsmith.data.dataset import Dataset
from digitsmith.models.generator import Model
from digitsmith.progress import Progress
from digitsmith.training.readers.adversarial import AdversarialRecipe
from digitsmith.training.readers.classifier import Classifier, Recipe, classify
from digitsmith.training.readers.teaching import train_classifier

RECIPE = Recipe(
    layers=((16, 1), (32, 2), (64, 1), (64, 2), (128, 1)), epochs=10, batch_size=64, rotation=18.0, scale=0.2,
    shift=0.07, shear=0.3, elastic=0.08, thickness=0.5,
)  # fmt: skip
"""Of classifiers of few images. Layers and distortions were tuned on MNIST with ten examples of each class
(benchmarks/distortions.py)."""

MANY = replace(
    RECIPE, batch_size=128, rotation=12.0, scale=0.12, shear=0.15, elastic=0.05, thickness=0.3, softness=1.0
)  # fmt: skip
"""Of classifiers of many labelled images."""

EPOCHS_WITH_UNLABELLED = 20
"""Longer, as what is sure of is little at first."""

AS_DISCRIMINATOR = AdversarialRecipe(steps=12_000, distortion=RECIPE.distortion)
"""Of the classifier that is a discriminator. It and its network were chosen on a part of USPS's training split."""

IMAGES = 12_800
"""In an epoch, examples repeated as often as it takes."""

REAL_SHARE = 0.5
"""Of the real examples in an epoch, where there are generated digits."""

GENERATED = 4000
"""Different generated digits of each kind."""

TRUSTED = 0.5
"""Generated digits are used if a classifier of them alone reads this share of the real examples."""


def draw_places(labels: NDArray[np.int64], classes: int, number: int, seed: int) -> NDArray[np.int64]:
    """The places of so many images of each class, drawn by the seed; fewer are among more: int64[classes * number]."""
    return np.concatenate([places[:number] for places in shuffled_places(labels, classes, seed)])


def shuffled_places(labels: NDArray[np.int64], classes: int, seed: int) -> list[NDArray[np.int64]]:
    """The places of all images of each class, in an order that the seed draws."""
    order = np.random.default_rng(seed).permutation(len(labels))
    return [order[labels[order] == label] for label in range(classes)]


def draw_examples(pool: Dataset, number: int, seed: int) -> Dataset:
    """So many labelled images of each class, drawn by the seed."""
    assert pool.labels is not None
    return pool.take(draw_places(pool.labels, len(pool.classes), number, seed))


def one_epoch(examples: Dataset, generated: Sequence[Dataset] = (), seed: int = 0) -> Dataset:
    """An epoch of a classifier: examples, again and again, and generated digits of all kinds in equal shares.

    Where not all of a part are seen equally often, the seed draws those that are.
    """
    share = 0.0 if not len(examples) else REAL_SHARE if generated else 1.0
    parts = [(examples, share), *((part, (1 - share) / len(generated)) for part in generated)]
    random = np.random.default_rng(seed)
    taken = [
        part.take(random.permutation(len(part))[np.arange(round(of_all * IMAGES)) % len(part)])
        for part, of_all in parts
        if of_all
    ]
    return together(taken)


def digits_of(model: Model, classes: tuple[str, ...], seed: int, count: int | None = None) -> Dataset | None:
    """So many digits of a model, of those of the classes that it has; None if it has none of these."""
    shared = [name for name in classes if name in model.record.classes]
    if not shared:
        return None
    names = [shared[i % len(shared)] for i in range(count or GENERATED)]
    labels: NDArray[np.int64] = np.array([classes.index(name) for name in names])
    return Dataset(model.sample(names, seed=seed), labels, classes)


def all_of(real: Dataset, generated: Sequence[Dataset] = (), seed: int = 0) -> Dataset:
    """What a classifier sees in an epoch: few examples again and again, or many once, with all generated digits."""
    few = len(real) < IMAGES * (REAL_SHARE if generated else 1.0)
    return one_epoch(real, generated, seed) if few else together([real, *generated])


def together(parts: Sequence[Dataset]) -> Dataset:
    """All labelled images of some parts."""
    labels = [part.labels for part in parts if part.labels is not None]
    return Dataset(np.concatenate([part.images for part in parts]), np.concatenate(labels), parts[0].classes)


def classifier_of(made: Dataset, progress: Progress) -> Classifier:
    """A classifier that has seen generated digits alone, to ask what it says of real examples."""
    shown = one_epoch(made.take(slice(0, 0)), [made])
    return train_classifier(shown, RECIPE, 0, progress, work="trying generated digits")


def trusts(classifier: Classifier, examples: Dataset) -> bool:
    """Whether a classifier of generated digits reads half of the examples as what they are, or more: they are alike."""
    return float((classify(classifier, examples.images) == examples.labels).mean()) >= TRUSTED
