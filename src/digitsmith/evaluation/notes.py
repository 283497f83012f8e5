"""What a reader of a result should know before believing some of its numbers."""

from collections.abc import Sequence

from digitsmith.evaluation.images import Subject
from digitsmith.evaluation.measures.verdicts import ENOUGH, near_real
from digitsmith.evaluation.metrics import Moments, total_variation
from digitsmith.evaluation.real import MOST, RealImages
from digitsmith.evaluation.samples import Sample, Sets
from digitsmith.evaluation.task import Task
from digitsmith.records.evaluation import Measure

_OTHER_MIX = 0.02  # share of images; two random choices of 10,000 differ by less


def on_mix(samples: Sets[Sample], task: Task) -> list[str]:
    """On the frequencies of digits, at which images are compared."""
    notes, generated, n = [], samples.generated, task.count
    if n < task.at_most:
        notes.append(
            f"{n:,} images of each kind are compared, not {task.at_most:,}: there are no more with the frequencies of "
            f"digits of {task.real.reference.record.title}."
        )
    if generated.labels is None and samples.reference.labels is not None:
        notes.append(
            "These images are compared as they come, with their own frequencies of digits, which is part of their "
            "distance: nothing says which digit each is meant to be."
        )
    elif task.subject.kind == "data" and generated.labelled and samples.reference.labelled:
        mixed = total_variation(generated.label_shares, samples.reference.label_shares)
        if mixed > _OTHER_MIX:
            notes.append(
                f"The digits have other frequencies than in the reference (total variation {mixed:.0%}). "
                + (
                    f"The {n:,} that are compared were drawn with the frequencies of those; the class imbalance is "
                    f"that of all."
                    if task.matched
                    else "There are too few of some digits to draw the same frequencies, or other digits, or some have "
                    "no label: that changes the distances, up or down."
                )
            )
    return notes


def on_images(samples: Sets[Sample], subject: Subject, real: RealImages) -> list[str]:
    """On what the images are."""
    notes = []
    images, labels = samples.generated.images, samples.generated.labels
    if labels is not None and (unlabelled := int((labels < 0).sum())):
        notes.append(
            f"{unlabelled:,} of the {len(labels):,} images are not labelled: label agreement is that of the others."
        )
    if real.channels == 3:
        notes.append("The digit-net sees colour images in grey, as ink against paper.")
    elif images is not None and images.mean() > 128:
        notes.append("These images look dark on bright. Here ink is bright on dark, as in MNIST: invert them.")
    if subject.sha256 == real.reference.record.sha256:
        notes.append("These are images of the reference itself: so they are close to it.")
    if subject.sha256 == real.held_out.record.sha256:
        notes.append("These are held-out images themselves: any difference from the real values is chance.")
    return notes


def on_ranks(moments: Sets[Moments]) -> list[str]:
    """Where a covariance has directions that do not vary."""
    return [
        f"The covariance of the features of {name} images has a rank of {of.rank}, not {len(of.mean)}. "
        f"The Fréchet distance is exact nevertheless."
        for name, of in (("these", moments.generated), ("the real", moments.reference))
        if of.rank < len(of.mean)
    ]


def on_trust(found: Sequence[Measure], n: int) -> list[str]:
    """On what low precision and few images do to the numbers."""
    notes = []
    if not near_real(found):
        notes.append(
            "The digit-net can be sure of images that are no digits at all: with a precision this low, "
            "do not trust that they are recognisable."
        )
    if n < ENOUGH:
        notes.append(
            f"With {n:,} images of each kind, chance moves the Fréchet distance ratio by a half, for real images too: "
            f"use {MOST:,} if there are so many."
        )
    return notes
