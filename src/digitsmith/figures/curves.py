"""The curves of a run over its epochs, or those of several runs in one picture."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogFormatter, MaxNLocator
from numpy.typing import NDArray

from digitsmith.errors import printable
from digitsmith.records.learning import Learning
from digitsmith.records.run import MetricsLine

History = dict[str, tuple[NDArray[np.float64], NDArray[np.float64]]]
"""What became of each scalar: the epochs in which it was logged, and its mean over each of them."""


@dataclass(frozen=True)
class Kind:
    """One sort of picture."""

    title: str
    curves: Mapping[str, str]  # scalars of the history, with their names
    y_label: str  # what their values are, written over the axes
    level: tuple[float, str] | None = None  # a value to compare with, and its name
    limits: tuple[float, float] | None = None  # of the vertical axis, where they are fixed
    logarithmic: bool = False  # whether the vertical axis is


KINDS = {
    "losses": Kind(
        "Losses",
        {"d_loss": "discriminator", "g_loss": "generator"},
        "loss (binary cross-entropy, mean of each epoch)",
    ),
    "equilibrium": Kind(
        "Equilibrium",
        {"d_real": "D(x), real images", "d_fake": "D(G(z)), generated"},
        "probability of being real, by the discriminator",
        level=(0.5, "equilibrium, 0.5"),
        limits=(0, 1),
    ),
    "quality": Kind(
        "Quality",
        {"frechet_ratio": "generated images"},
        "Fréchet distance ratio (1.0 = as close as real images)",
        level=(1, "real images, 1.0"),
        logarithmic=True,
    ),
}
"""All pictures of the curves of a run, by the name of their file."""

OF_LEARNING = {
    "learning": Kind("Learning", {"loss": "labelled images"}, "loss (cross-entropy, mean of each epoch)"),
    "sure": Kind(
        "Unlabelled images",
        {"sure": "with a pseudo-label"},
        "share of unlabelled images that the network is sure of",
        limits=(0, 1),
    ),
}
"""Those of a reader."""


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


def learning_history(result: Learning) -> History:
    """The curves of a reader's training."""
    curves = {"loss": result.losses, "sure": result.sure}
    return {name: (np.arange(1.0, len(values) + 1), np.array(values)) for name, values in curves.items() if values}


# In the names of runs, no sign is one of TeX.
@mpl.rc_context({"text.parse_math": False, "text.usetex": False})
def draw_curves(kind: Kind, histories: Mapping[str, History], size: tuple[float, float]) -> Figure | None:
    """Draw one kind of curves, of size width x height in inches; None if no run has any.

    Of several runs, each has its colour, and each curve its dashes.
    """
    if not any(kind.curves.keys() & history.keys() for history in histories.values()):
        return None
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.subplots()
    if len(histories) == 1:
        _plot_one(axes, kind, *histories.values())
    else:
        _plot_several(axes, kind, histories)
    if kind.level is not None:
        level, name = kind.level
        axes.axhline(level, color="grey", linestyle=":", linewidth=1.5, label=name)
    if kind.limits is not None:
        axes.set_ylim(*kind.limits)
    if kind.logarithmic:
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter(LogFormatter())
        axes.yaxis.set_minor_formatter(LogFormatter())
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("epoch")
    axes.set_title(kind.y_label, loc="left", fontsize="medium")
    axes.grid(alpha=0.3)
    if len(histories) == 1:
        axes.legend()
    else:
        figure.legend(loc="outside lower center", ncols=3, fontsize="small")
    return figure


def _plot_one(axes: Axes, kind: Kind, history: History) -> None:
    for key, name in kind.curves.items():
        if key in history:
            epochs, values = history[key]
            axes.plot(epochs, values, linewidth=1.5, marker="o" if len(epochs) == 1 else None, label=name)


def _plot_several(axes: Axes, kind: Kind, histories: Mapping[str, History]) -> None:
    for i, (run, history) in enumerate(histories.items()):
        if not kind.curves.keys() & history.keys():
            continue
        axes.plot([], [], color=f"C{i}", label=f" {printable(run)}")  # Matplotlib hides labels that begin with _
        for key, dashes in zip(kind.curves, ("-", "--"), strict=False):
            if key in history:
                epochs, values = history[key]
                marker = "o" if len(epochs) == 1 else None
                axes.plot(epochs, values, color=f"C{i}", linestyle=dashes, linewidth=1.5, marker=marker)
    for name, dashes in zip(kind.curves.values(), ("-", "--"), strict=False):
        axes.plot([], [], color="grey", linestyle=dashes, label=name)
