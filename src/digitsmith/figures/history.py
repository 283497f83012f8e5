"""What became of the scalars of a run, epoch by epoch."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from digitsmith.records.run import MetricsLine

History = dict[str, tuple[NDArray[np.float64], NDArray[np.float64]]]
"""What became of each scalar: the epochs in which it was logged, and its mean over each of them."""


def read_history(lines: Sequence[MetricsLine]) -> History:
    """The curves in the lines of metrics; a line counts as often as it averages steps.

    Quality is measured at the end of some epochs only, or of none.
    """
    step = np.array([line.step for line in lines], float)
    epochs, place = np.unique(np.array([line.epoch for line in lines], int), return_inverse=True)
    weight = np.diff(step, prepend=0.0)
    total = np.bincount(place, weight)
    history = {}
    for name in ("d_loss", "g_loss", "d_real", "d_fake"):
        values = np.array([getattr(line, name) for line in lines], float)
        history[name] = epochs.astype(float), np.bincount(place, weight * values) / total
    measured = {line.epoch: line.frechet_ratio for line in lines if line.frechet_ratio is not None}
    history["frechet_ratio"] = np.array(list(measured), float), np.array(list(measured.values()), float)
    return {name: curve for name, curve in history.items() if len(curve[0])}
