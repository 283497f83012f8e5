"""Learning from images without labels: by consistency at first, then from the labels that the classifier gives them.

Consistency leaves out what the classifier is not sure of, so rare forms stay undecided: most of its errors are among
the few images that never get a label. A new classifier, which learns from the most likely label of every image, decides
them by what they have in common with the others; and a next one learns from its labels (Lee 2013; Xie et al. 2020,
arXiv:1911.04252). The label of an image is what the classifier says of it and of distortions of it on average, which is
right more often than what it says of the image alone (Radosavovic et al. 2018, arXiv:1712.04440).
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from digitsmith.data.dataset import Dataset
from digitsmith.progress import Progress
from digitsmith.training.ranks import ALONE, Ranks
from digitsmith.training.readers import mixing
from digitsmith.training.readers.classifier import Classifier, Recipe, logits_of
from digitsmith.training.readers.classifier_training import Extras
from digitsmith.training.readers.mixing import one_epoch, together
from digitsmith.training.readers.teaching import Taught, teach

ROUNDS = 2
"""New classifiers, one after the other."""

_STEPS = 0.5  # of a round, for each step by consistency
_VIEWS = 4  # distortions of an image that is to be labelled

METHOD = (
    f"consistency, in its second half with milder distortions; then {ROUNDS} new classifiers, one after the other, of "
    f"the labels that the one before gives to {1 + _VIEWS} views of each image on average"
)
"""All of it, in words that change when it does."""


def self_train(
    shown: Dataset, known: Dataset, recipe: Recipe, seed: int, extras: Extras, state: Path, progress: Progress,
    *, work: str, ranks: Ranks = ALONE,
) -> Taught:  # fmt: skip
    """Train a classifier on labelled images and on others without labels, resumably.

    Args:
        shown: an epoch of labelled images; few are repeated.
        known: the same, each once.
        recipe: of the first classifier.
        seed: decides the first weights, the order of the images and their augmentation.
        extras: the images without labels, and whether the classifiers refuse what is no digit.
        state: a file for the state of the first training; those of the others are beside it.
        progress: told of each epoch.
        work: its name for the progress.
        ranks: the processes that share its batches.

    Returns:
        The last classifier, and what became of all trainings, one after the other.

    Raises:
        RunError: a state is damaged, or that of another training.
    """
    others = extras.unlabelled
    assert others is not None
    first, *later = states(state)
    both = replace(extras, late=mixing.MANY.distortion)
    taught = teach(shown, recipe, seed, both, first, progress, work=work, ranks=ranks)
    steps = round(_STEPS * recipe.epochs * max(1, len(shown) // recipe.batch_size))
    losses, sure = taught.losses, taught.sure
    for i, place in enumerate(later, 1):
        labelling = f"{work}: labelling the unlabelled images ({i} of {ROUNDS})"
        found = labelled_by(taught.classifier, others, known.classes, seed, progress, work=labelling)
        data = together([known, found])
        if len(data) < mixing.MANY.batch_size:
            data = one_epoch(data, seed=seed)
        epochs = max(1, round(steps * mixing.MANY.batch_size / len(data)))
        said = f"{work}, from its own labels ({i} of {ROUNDS})"
        again = Extras(refuses=extras.refuses)
        taught = teach(
            data, replace(mixing.MANY, epochs=epochs), seed + i, again, place, progress, work=said, ranks=ranks
        )
        losses += taught.losses
    return Taught(taught.classifier, losses, sure)


def states(state: Path) -> list[Path]:
    """The files of a training by `self_train`, whether or not they are there."""
    return [state, *(state.with_name(f"{state.stem}-{i}{state.suffix}") for i in range(1, ROUNDS + 1))]


def labelled_by(
    classifier: Classifier, images: NDArray[np.uint8], classes: tuple[str, ...], seed: int, progress: Progress,
    *, work: str,
) -> Dataset:  # fmt: skip
    """Images with the most likely class of each; without those that are taken for no digit.

    Its probabilities are averaged over the image and distortions of it, which the seed draws.
    """
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        views, found = (None, *[mixing.MANY.distortion] * _VIEWS), list[Tensor]()
        for view in views:
            progress.update(work, len(found), len(views))
            found.append(logits_of(classifier, images, view).softmax(1))
        progress.update(work, len(found), len(views))
        probabilities = torch.stack(found).mean(0)
    labels: NDArray[np.int64] = probabilities.argmax(1).numpy()
    places = np.flatnonzero(labels < len(classes))
    return Dataset(images[places], labels[places], classes)
