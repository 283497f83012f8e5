"""What the cells of a study of scarce data come to: means, paired differences with intervals, and a sentence."""

import itertools
import statistics
from collections.abc import Sequence

from scipy.stats import t as student

from digitsmith.records.scarce import TITLES, ArmKey, Cell, Row


def rows_of(cells: Sequence[Cell]) -> tuple[Row, ...]:
    """A row for each arm and number of examples, in the order in which they come."""
    accuracies: dict[tuple[int, ArmKey], dict[int, float]] = {}
    for cell in cells:
        accuracies.setdefault((cell.per_class, cell.arm), {})[cell.seed] = cell.accuracy
    return tuple(
        _row(number, arm, of_seeds, accuracies.get((number, "real"), {}))
        for (number, arm), of_seeds in sorted(accuracies.items(), key=lambda item: item[0][0])
    )


def _row(number: int, arm: ArmKey, accuracies: dict[int, float], real: dict[int, float]) -> Row:
    values = list(accuracies.values())
    row = Row(
        per_class=number, arm=arm, seeds=len(values), mean=statistics.mean(values),
        deviation=statistics.stdev(values) if len(values) > 1 else 0.0,
    )  # fmt: skip
    differences = [accuracy - real[seed] for seed, accuracy in accuracies.items() if seed in real]
    if arm == "real" or len(differences) < 2:
        return row
    mean = statistics.mean(differences)
    error = statistics.stdev(differences) / len(differences) ** 0.5
    most = float(student.ppf(0.975, len(differences) - 1)) * error
    return row.model_copy(update={"difference": mean, "low": max(mean - most, -1.0), "high": min(mean + most, 1.0)})


def verdicts_of(rows: Sequence[Row]) -> tuple[str, ...]:
    """Sentences for each number of examples: whether generated digits and unlabelled images help, and what they are
    worth.
    """
    real = {row.per_class: row.mean for row in rows if row.arm == "real"}
    sentences = []
    for number in real:
        arms = [row for row in rows if row.per_class == number and row.low is not None and row.high is not None]
        generated = [row for row in arms if row.arm != "unlabelled"]
        best = [max(generated, key=lambda row: row.mean)] if generated else []
        best += [row for row in arms if row.arm == "unlabelled"]
        sentences += [f"{number} of each class: {_verdict(number, row, real)}" for row in best]
    return tuple(sentences)


def _verdict(number: int, best: Row, real: dict[int, float]) -> str:
    what = "unlabelled images" if best.arm == "unlabelled" else "generated digits"
    assert best.difference is not None
    assert best.low is not None
    assert best.high is not None
    change = f"{100 * best.difference:+.1f} points (95 %: {100 * best.low:+.1f} to {100 * best.high:+.1f})"
    if best.high < 0:
        return f"{what} harm here: {change} {TITLES[best.arm]}."
    if best.low <= 0:
        alone = f"with real examples alone, accuracy is {100 * real[number]:.1f} %"
        found = f"{alone}; {change} {TITLES[best.arm]}"
        return f"no help that can be told from chance: {found}. More seeds narrow that."
    worth = _worth(number, best.mean, real)
    return f"{change} {TITLES[best.arm]}{f', worth about {worth} real examples of each class' if worth else ''}."


def _worth(number: int, accuracy: float, real: dict[int, float]) -> str:
    """How many real examples reach an accuracy, along straight lines between the numbers that were measured."""
    numbers = sorted(n for n in real if n >= number)
    for few, many in itertools.pairwise(numbers):
        if real[few] <= accuracy <= real[many]:
            share = (accuracy - real[few]) / max(real[many] - real[few], 1e-9)
            return f"{few + share * (many - few):.0f}"
    return f"more than {numbers[-1]}" if len(numbers) > 1 and accuracy > real[numbers[-1]] else ""
