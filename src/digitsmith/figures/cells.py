"""The curves of a study of classifiers: accuracy over the number of real examples, with what it varies by."""

from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator, ScalarFormatter

from digitsmith.records.cells import TITLES, CellStudy


def draw_accuracies(result: CellStudy, size: tuple[float, float]) -> Figure:
    """Draw an accuracy for each arm and number of examples, with its standard deviation; size is in inches."""
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.subplots()
    numbers = sorted({row.per_class for row in result.rows if row.per_class})
    for i, arm in enumerate(result.protocol.arms):
        rows = sorted((row for row in result.rows if row.arm == arm and row.per_class), key=lambda row: row.per_class)
        if not rows:
            continue
        beside = 1.02 ** (i - (len(result.protocol.arms) - 1) / 2)  # so that bars can be told apart
        places = [row.per_class * beside for row in rows]
        means, deviations = [100 * row.mean for row in rows], [100 * row.deviation for row in rows]
        axes.errorbar(places, means, deviations, label=TITLES[arm], color=f"C{i}", marker="o", markersize=4, capsize=3)
    if none := result.row(0, "box"):
        color = f"C{result.protocol.arms.index('box')}"
        axes.axhline(100 * none.mean, color=color, linestyle=":", label="no real example, digits of the model alone")
    axes.set_ylim(top=min(axes.get_ylim()[1], 100.5))
    axes.set_xscale("log")
    if numbers:
        axes.set_xlim(numbers[0] / 1.3, numbers[-1] * 1.3)
    axes.xaxis.set_major_locator(FixedLocator(numbers))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(ScalarFormatter())
    axes.set_xlabel("real examples of each class")
    axes.set_title("accuracy on real test images, %", loc="left", fontsize="medium")
    axes.grid(alpha=0.3)
    axes.legend(loc="lower right", fontsize="small")
    return figure
