"""What an evaluation compares: which images, how many, and with which frequencies of digits."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from digitsmith.data.dataset import Dataset
from digitsmith.data.labels import DIGITS
from digitsmith.errors import DataError
from digitsmith.evaluation.extractors import FeatureExtractor
from digitsmith.evaluation.images import Subject, draw_images, most_alike
from digitsmith.evaluation.real import RealImages
from digitsmith.evaluation.reference import require_same_kind
from digitsmith.evaluation.samples import digit_labels, digits_in
from digitsmith.generation.batches import make_dataset
from digitsmith.generation.request import Request
from digitsmith.progress import Progress

_ENOUGH = 0.75  # of the images: where fewer can be drawn at the frequencies of others, all are compared as they come


@dataclass(frozen=True, eq=False)
class Task:
    """What is compared with what, and how.

    Attributes:
        subject: what is evaluated.
        real: what it is compared with.
        extractor: of the features.
        count: how many images of each kind.
        seed: of those that are generated or drawn.
        wanted: int64[count], the digits of the held-out images, which those of the subject are, too; None if they are
            as they come.
    """

    subject: Subject
    real: RealImages
    extractor: FeatureExtractor
    count: int
    seed: int = 0
    wanted: NDArray[np.int64] | None = None


def task_of(count: int, subject: Subject, real: RealImages, extractor: FeatureExtractor, seed: int) -> Task:
    """With as many images of each kind as were asked for, or as there are.

    Of digits with other frequencies, the distance would be one of frequencies, too. So those of the held-out images are
    asked for, or drawn, as these set the real-data values: with those of the reference, images would be nearer to it
    than real ones can be.
    """
    there = {f"{split.record.title} has": len(split) for split in (real.reference, real.held_out)}
    if isinstance(subject.content, Dataset):
        there["the images to evaluate are"] = len(subject.content)
    n, least, known = min(count, *there.values()), extractor.dimensions + 1, real.held_out.labels
    if n < least:
        short = [f"{what} {number:,}" for what, number in there.items() if number < least]
        raise DataError(
            f"at least {least} images are needed of each kind, one more than the features have dimensions; "
            f"{' and '.join(short) or f'{count:,} were asked for'}. Use more images (a data set without a test split "
            f"needs {2 * least}), or compare with another data set.",
            parameter="" if short else "count",
        )
    task = Task(subject, real, extractor, n, seed)
    if known is None or subject.digits is None or not (known >= 0).any():
        return task
    if not isinstance(subject.content, Dataset):
        return replace(task, wanted=np.resize(known[known >= 0], n))
    most = most_alike(subject.content, known)
    return task if most < max(least, _ENOUGH * n) else replace(task, count=min(n, most), wanted=known)


def images_of(task: Task, progress: Progress) -> Dataset:
    """Let a model generate the images, or draw them from a data set."""
    subject, real, n = task.subject, task.real, task.count
    if isinstance(subject.content, Dataset):
        images = draw_images(subject.content, n, task.seed, task.wanted)
    else:
        wanted: list[int | str] | None = None if task.wanted is None else [DIGITS[digit] for digit in task.wanted]
        images, _ = make_dataset(subject.content, Request(n, wanted, seed=task.seed), progress)
    require_same_kind(images, subject.name, (real.image_size, real.channels), real.reference.record.title)
    return images


def weights_of(task: Task) -> NDArray[np.float64] | None:
    """How many images of a data set each one stands for that was drawn by its digit: float64[count]."""
    if task.wanted is None or not isinstance(task.subject.content, Dataset):
        return None
    labels = digit_labels(task.subject.content)
    assert labels is not None
    wanted = task.wanted[: task.count]
    there, drawn = (np.bincount(of, minlength=len(DIGITS)) for of in (labels, wanted))
    weights: NDArray[np.float64] = there[wanted] / drawn[wanted]
    return weights


def require_all_digits(task: Task) -> None:
    """Refuse real images of which there are too few to say how those of each digit vary."""
    for split in (task.real.reference, task.real.held_out):
        there = np.arange(len(DIGITS)) if split.labels is None else digits_in(split.labels)
        counts = np.bincount(split.predictions[: task.count].digits, minlength=len(DIGITS))[there]
        if counts.min() < 2:
            raise DataError(
                f"of {split.record.title}, fewer than two of the {task.count:,} images that are used are classified as "
                f"its digit {DIGITS[there[counts.argmin()]]}: choose real images with more of each.",
                parameter="reference",
            )
