"""Readability and labels: whether images can be recognised, and are what their labels say."""

import numpy as np
from numpy.typing import NDArray

from digitsmith.data.labels import DIGITS
from digitsmith.evaluation import metrics
from digitsmith.evaluation.measures.verdicts import at_least
from digitsmith.evaluation.samples import Sample
from digitsmith.models.digitnet import Predictions
from digitsmith.records.evaluation import Confusion, Measure

CONFIDENT = 0.9
"""Probability of its most likely digit from which on an image counts as recognisable."""


def recognisability(generated: Predictions, held_out: Predictions, trusted: bool) -> Measure:
    """The share of images that the digit-net is sure of; it can be sure of noise too, and is not `trusted` then."""
    value, real = (float((of.confidence >= CONFIDENT).mean()) for of in (generated, held_out))
    good = max(1 - 2 * (1 - real) - 0.005, 0.95 * real)
    fair = max(1 - 5 * (1 - real) - 0.05, 0.75 * real)
    return Measure(
        key="recognisable", group="readability", title="Recognisable", value=value, real=real, better="up", unit="%",
        verdict=at_least(value, good, fair) if trusted else "fails",
        meaning=f"Share of images that the digit-net classifies with a probability of {CONFIDENT * 100:.0f} % or more.",
    )  # fmt: skip


def label_agreement(generated: Sample, held_out: Sample) -> tuple[Measure, Confusion]:
    """The share of labelled images that are classified as their label says, and what the others are classified as."""
    counts, real_counts = _confusion(generated), _confusion(held_out)
    present = np.flatnonzero(counts.sum(1))
    value, real = (float(np.trace(c) / c.sum()) for c in (counts, real_counts))
    measure = Measure(
        key="agreement", group="readability", title="Label agreement", value=value, real=real, better="up", unit="%",
        verdict=at_least(value, real - 0.005, real - 0.05),
        meaning="Share of images that the digit-net classifies as the digit that they are labelled as.",
    )  # fmt: skip
    own, totals, real_totals = counts.diagonal(), counts.sum(1), real_counts.sum(1)
    confusion = Confusion(
        labels=tuple(DIGITS[i] for i in present),
        digits=DIGITS,
        counts=counts[present].tolist(),
        agreement=[float(own[i] / totals[i]) for i in present],
        real_agreement=[float(real_counts[i, i] / real_totals[i]) if real_totals[i] else None for i in present],
    )
    return measure, confusion


def _confusion(sample: Sample) -> NDArray[np.int64]:
    assert sample.labels is not None
    labelled = sample.labels >= 0
    return metrics.confusion_matrix(sample.labels[labelled], sample.predictions.digits[labelled], len(DIGITS))
