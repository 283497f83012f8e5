"""What an evaluation compares: which images, how many, and with which frequencies of digits."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from digitsmith.data.dataset import Dataset
from digitsmith.data.labels import DIGITS
from digitsmith.errors import DataError
from digitsmith.evaluation.extractors import FeatureExtractor
from digitsmith.evaluation.images import Subject, draw_images
from digitsmith.evaluation.mix import counts_of, digits_at, most_at, weights_of
from digitsmith.evaluation.real import RealImages
from digitsmith.evaluation.reference import require_same_kind
from digitsmith.evaluation.samples import Sample, Sets, digit_labels, digits_in
from digitsmith.generation.batches import make_dataset
from digitsmith.generation.request import Request
from digitsmith.models.digitnet import Predictions
from digitsmith.progress import Progress

_ENOUGH = 0.5  # of the images: of a data set that has fewer at the reference's mix, all are compared as they come


@dataclass(frozen=True, eq=False)
class Task:
    """What is compared with what, and how.

    Attributes:
        subject: what is evaluated.
        real: what it is compared with.
        extractor: of the features.
        count: how many images of each kind.
        seed: of those that are generated or drawn.
        wanted: int64[count], the digit of each real image, with the frequencies of the reference; None if real images
            are as they come.
        matched: whether the images of the subject are of these digits too, or are as they come.
        at_most: how many images of each kind there would be if their digits did not matter; `count` by default.
    """

    subject: Subject
    real: RealImages
    extractor: FeatureExtractor
    count: int
    seed: int = 0
    wanted: NDArray[np.int64] | None = None
    matched: bool = False
    at_most: int = 0


def task_of(count: int, subject: Subject, real: RealImages, extractor: FeatureExtractor, seed: int) -> Task:
    """With as many images of each kind as were asked for, or as there are.

    Real images are drawn at the reference's mix of digits (`mix`), and so are those of the subject, if it is labelled
    or can be asked for digits. The mix of others is part of what they get wrong: they are taken as they come.
    """
    there = {f"{split.record.title} has": len(split) for split in (real.reference, real.held_out)}
    if isinstance(subject.content, Dataset):
        there["the images to evaluate are"] = len(subject.content)
    n, least = min(count, *there.values()), extractor.dimensions + 1
    if n < least:
        short = [f"{what} {number:,}" for what, number in there.items() if number < least]
        raise DataError(
            f"at least {least} images are needed of each kind, one more than the features have dimensions; "
            f"{' and '.join(short) or f'{count:,} were asked for'}. Use more images (a data set without a test split "
            f"needs {2 * least}), or compare with another data set.",
            parameter="" if short else "count",
        )
    task = Task(subject, real, extractor, n, seed, at_most=n)
    if real.reference.labels is None or real.held_out.labels is None:
        return task
    mix, held_out = counts_of(real.reference.labels), counts_of(real.held_out.labels)
    most = most_at(mix, n, mix, held_out) if mix.any() else 0
    if most < least:
        return task
    of_subject = _most_of(subject, mix, most)
    matched = of_subject >= max(least, _ENOUGH * most)
    most = of_subject if matched else most
    return replace(task, count=most, wanted=digits_at(mix, most), matched=matched)


def _most_of(subject: Subject, mix: NDArray[np.int64], most: int) -> int:
    """How many images of a subject there are at a mix; 0 without labels for all, or with digits that are not in it."""
    if subject.digits is None or not isinstance(subject.content, Dataset):
        return 0 if subject.digits is None else most
    labels = digit_labels(subject.content)
    if labels is None or labels.min() < 0 or not mix[labels].all():
        return 0
    return most_at(mix, most, counts_of(labels))


def images_of(task: Task, progress: Progress) -> Dataset:
    """Let a model generate the images, or draw them from a data set."""
    subject, real, n = task.subject, task.real, task.count
    wanted = task.wanted if task.matched else None
    if isinstance(subject.content, Dataset):
        images = draw_images(subject.content, n, task.seed, wanted)
    else:
        labels: list[int | str] | None = None if wanted is None else [DIGITS[digit] for digit in wanted]
        images, _ = make_dataset(subject.content, Request(n, labels, seed=task.seed), progress)
    require_same_kind(images, subject.name, (real.image_size, real.channels), real.reference.record.title)
    return images


def samples_of(images: Dataset, predictions: Predictions, task: Task) -> Sets[Sample]:
    """The images of a task's subject, beside as many of the reference and held-out ones."""
    labels, weights = digit_labels(images), None
    if task.matched and task.wanted is not None and isinstance(task.subject.content, Dataset):
        all_labels = digit_labels(task.subject.content)
        assert all_labels is not None
        weights = weights_of(task.wanted, all_labels)
    splits = task.real.reference, task.real.held_out
    real = (split.sample(split.choose(task.count, task.wanted), task.wanted) for split in splits)
    return Sets(Sample(images.images, predictions, labels, weights), *real)


def require_all_digits(task: Task) -> None:
    """Refuse real images of which there are too few to say how those of each digit vary."""
    for split in (task.real.reference, task.real.held_out):
        there = np.arange(len(DIGITS)) if split.labels is None else digits_in(split.labels)
        chosen = split.predictions[split.choose(task.count, task.wanted)]
        counts = np.bincount(chosen.digits, minlength=len(DIGITS))[there]
        if counts.min() < 2:
            raise DataError(
                f"of {split.record.title}, fewer than two of the {task.count:,} images that are used are classified as "
                f"its digit {DIGITS[there[counts.argmin()]]}: choose real images with more of each.",
                parameter="reference",
            )
