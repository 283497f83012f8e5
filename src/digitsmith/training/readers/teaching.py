"""Training a classifier: from labelled images, and from what else there is to learn from."""

import itertools
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor

from digitsmith.data.dataset import Dataset
from digitsmith.progress import Progress
from digitsmith.training.distortion import Distortion
from digitsmith.training.ranks import ALONE, Group, Message, Parts, Ranks
from digitsmith.training.readers.classifier import Classifier, Recipe, classify
from digitsmith.training.readers.classifier_training import ClassifierTraining, Extras


@dataclass(frozen=True, eq=False)
class Taught:
    """A classifier, and what became of its training in each epoch.

    Attributes:
        classifier: its weights are an exponential average over the last epoch or so.
        losses: the mean loss of labelled images.
        sure: the share of unlabelled images that had a pseudo-label; empty without unlabelled images.
    """

    classifier: Classifier
    losses: tuple[float, ...]
    sure: tuple[float, ...]


def train_classifier(
    data: Dataset,
    recipe: Recipe,
    seed: int,
    progress: Progress,
    *,
    work: str = "training a classifier",
    validation: Dataset | None = None,
) -> Classifier:
    """Train a classifier on labelled images alone, on CPU or a GPU.

    The weights kept are an exponential average over the last epoch or so.

    Args:
        data: labelled images.
        recipe: what to build and how to train it.
        seed: decides the first weights, the order of the images and their augmentation.
        progress: told of each epoch, and of the accuracy on the validation images.
        work: its name for the progress.
        validation: labelled images on which to choose the best epoch; without any, the last epoch is taken.
    """
    with torch.random.fork_rng():
        training = ClassifierTraining(data, recipe, seed, Extras())
        best: tuple[float, dict[str, Tensor]] | None = None
        for epoch in range(recipe.epochs):
            training.make_epoch()
            detail = ""
            if validation is not None and validation.labels is not None:
                predicted = classify(training.trained, validation.images)
                accuracy = float((predicted == validation.labels).mean())
                if best is None or accuracy > best[0]:
                    best = accuracy, {name: value.clone() for name, value in training.trained.state_dict().items()}
                detail = f"validation accuracy {accuracy:.4f}"
            progress.update(work, epoch + 1, recipe.epochs, detail)
        if best is not None:
            training.trained.load_state_dict(best[1])
        return training.trained


def teach(
    data: Dataset, recipe: Recipe, seed: int, extras: Extras, checkpoint: Path, progress: Progress, *, work: str,
    ranks: Ranks = ALONE,
) -> Taught:  # fmt: skip
    """Train a classifier on labelled images and on what else there is, resumably.

    Args:
        data: labelled images.
        recipe: what to build and how to train it.
        seed: decides the first weights, the order of the images and their augmentation.
        extras: what else it learns from.
        checkpoint: a file for its state after each epoch, from which it goes on if it is there.
        progress: told of each epoch.
        work: its name for the progress.
        ranks: the processes that share its batches; the others `follow`, with `PARTS`.

    Raises:
        RunError: the checkpoint is damaged, or that of another training.
        KeyboardInterrupt: a signal came to a rank. The state after the last epoch is kept.
    """
    with torch.random.fork_rng(), ranks.noted() as interrupted:
        training = ClassifierTraining(data, recipe, seed, extras, ranks)
        if checkpoint.is_file():
            training.load(checkpoint)
        if ranks.count > 1:
            _invite(ranks, training, data)
        for epoch in range(len(training.losses), recipe.epochs):
            steps = itertools.count(1)

            def stops(epoch: int = epoch, steps: Iterator[int] = steps) -> bool:
                progress.update(work, epoch, recipe.epochs, f"step {next(steps)} of {training.steps}")
                return interrupted()

            if not training.make_epoch(stops):
                raise KeyboardInterrupt
            training.save(checkpoint)
            detail = f"sure of {training.sure[-1]:.0%} of the unlabelled images" if training.sure else ""
            progress.update(work, epoch + 1, recipe.epochs, detail)
        if interrupted():
            raise KeyboardInterrupt
        return Taught(training.trained, tuple(training.losses), tuple(training.sure))


def _take_part(ranks: Group, message: Message) -> None:
    """Take part, as another rank, in what the first one teaches."""
    said, tensors = message.said, message.tensors
    data = Dataset(tensors["data.images"].numpy(), tensors["data.labels"].numpy(), tuple(said["classes"]))
    others = tensors["data.others"].numpy() if "data.others" in tensors else None
    late = Distortion(**said["late"]) if said["late"] else None
    extras, recipe = Extras(others, late=late, **said["extras"]), Recipe(**said["recipe"])
    with torch.random.fork_rng(), ranks.noted() as interrupted:
        training = ClassifierTraining(data, recipe, 0, extras, ranks)
        training.unpack(tensors)
        for _ in range(len(training.losses), recipe.epochs):
            if not training.make_epoch(interrupted):
                return
        interrupted()  # as the first rank asks


PARTS: Parts = {"teach": _take_part}
"""For `Group.follow`."""


def _invite(ranks: Ranks, training: ClassifierTraining, data: Dataset) -> None:
    """Tell the other ranks all that it takes to take part."""
    extras = training.extras
    tensors = {"data.images": torch.tensor(data.images), "data.labels": torch.tensor(data.labels)}
    if extras.unlabelled is not None:
        tensors["data.others"] = torch.tensor(extras.unlabelled)
    said = {
        "recipe": asdict(training.recipe),
        "classes": data.classes,
        "extras": {"per_step": extras.per_step, "refuses": extras.refuses},
        "late": asdict(extras.late) if extras.late else None,
    }
    ranks.tell("teach", said, training.pack() | tensors)
