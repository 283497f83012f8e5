"""The curves of the study of written numbers: how well numbers are read, by their length."""

from matplotlib.figure import Figure

from digitsmith.records.written_numbers import TEACHERS, WrittenNumbers


def draw_lengths(result: WrittenNumbers, size: tuple[float, float]) -> Figure:
    """Draw the accuracy and the character error of each arm, on numbers worn as the study's; size is in inches."""
    figure = Figure(figsize=size, layout="constrained")
    accuracy, error = figure.subplots(1, 2)
    protocol = result.protocol
    for i, arm in enumerate(protocol.arms):
        rows = [row for digits in protocol.lengths if (row := result.row(digits, arm))]
        beside = 0.06 * (i - (len(protocol.arms) - 1) / 2)  # so that bars can be told apart
        places = [row.digits + beside for row in rows]
        means, deviations = [100 * row.mean for row in rows], [100 * row.deviation for row in rows]
        errors = [100 * row.character_error for row in rows]
        title, color = TEACHERS[arm], f"C{i}"
        accuracy.errorbar(places, means, deviations, label=title, color=color, marker="o", markersize=4, capsize=3)
        error.plot(places, errors, color=color, marker="o", markersize=4)
    accuracy.set_title("numbers without a mistake, %", loc="left", fontsize="medium")
    error.set_title("character error, %", loc="left", fontsize="medium")
    error.set_yscale("symlog", linthresh=1)
    error.set_ylim(bottom=0)
    for axes in (accuracy, error):
        axes.set_xticks(protocol.lengths)
        axes.axvline(protocol.length, color="0.6", linestyle=":", linewidth=1)
        axes.set_xlabel(f"digits of a number; learned from {protocol.length}")
        axes.grid(alpha=0.3)
    accuracy.legend(loc="best", fontsize="small")
    return figure
