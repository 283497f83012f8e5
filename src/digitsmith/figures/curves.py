"""The curves of a run over its epochs, or those of several runs in one picture."""

from collections.abc import Mapping
from dataclasses import dataclass

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogFormatter, MaxNLocator

from digitsmith.errors import printable
from digitsmith.figures.history import History
from digitsmith.records.learning import Learning


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
    "learning": Kind(
        "Learning",
        {"loss": "labelled images", "again": "all images, with pseudo-labels (self-training)"},
        "loss (cross-entropy, mean of each epoch)",
    ),
    "sure": Kind(
        "Unlabelled images",
        {"sure": "with a pseudo-label"},
        "share of unlabelled images that the network is sure of",
        limits=(0, 1),
    ),
}
"""Those of a reader."""


def learning_history(result: Learning) -> History:
    """The curves of a reader's training."""
    first = len(result.sure) or len(result.losses)  # epochs before self-training
    curves = {"loss": (1, result.losses[:first]), "again": (first + 1, result.losses[first:]), "sure": (1, result.sure)}
    return {
        name: (np.arange(start, start + len(values), dtype=np.float64), np.array(values))
        for name, (start, values) in curves.items()
        if values
    }


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
