"""What a reader says of labelled images that it never saw: how many it reads right, and which are the hardest."""

from collections import Counter

import numpy as np

from digitsmith.data.dataset import Dataset
from digitsmith.data.images.grid import png_text, tile
from digitsmith.models.reader import Reader
from digitsmith.records.learning import HARDEST_COLUMNS, Mistake, Tested

_HARDEST = 40


def examine(reader: Reader, images: Dataset, title: str, *, judged: bool) -> Tested:
    """Read labelled images of the reader's own classes, and keep what is worth a look.

    Args:
        reader: reads them.
        images: its training did not see them.
        title: which images they are.
        judged: whether verdicts on them say something: not if they were what thresholds were taken from.
    """
    assert images.labels is not None
    readings, n = reader.read(images.images), len(images.classes)
    counts = np.bincount(images.labels * n + readings.labels, minlength=n * n).reshape(n, n)
    of_label = readings.probabilities[np.arange(len(images)), images.labels]
    hardest = np.argsort(of_label, kind="stable")[:_HARDEST]
    return Tested(
        title=title,
        counts=tuple(tuple(map(int, row)) for row in counts),
        verdicts=dict(Counter(readings.verdicts)) if judged else {},
        accepted_right=int((readings.accepted & (readings.labels == images.labels)).sum()) if judged else 0,
        hardest=tuple(
            Mistake(
                truth=images.classes[images.labels[i]],
                read=images.classes[readings.labels[i]],
                probability=float(readings.confidence[i]),
            )
            for i in hardest
        ),
        picture=png_text(tile(images.images[hardest], HARDEST_COLUMNS)),
    )
