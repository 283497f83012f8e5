"""What the cells of a study come to: means, paired differences with intervals, and a sentence."""

import itertools
import statistics
from collections.abc import Mapping, Sequence

from scipy.stats import t as student

from digitsmith.records.cells import TITLES, ArmKey, Cell, Row
from digitsmith.records.written_numbers import TEACHERS, NumbersCell, NumbersRow, Reading, Teacher

WITHOUT_LABELS: tuple[ArmKey, ...] = ("unlabelled", "discriminator")
"""Arms that learn from the other images, without their labels."""


def rows_of(
    cells: Sequence[Cell], against: Mapping[ArmKey, ArmKey] | None = None, *, resolution: float = 0.0
) -> tuple[Row, ...]:
    """A row for each arm and number of examples, in the order in which they come.

    Args:
        cells: of all arms.
        against: the arm that each arm is compared with, if it is; by default, real examples.
        resolution: the least difference of two accuracies, which is one test image. Differences are taken to spread by
            no less: a few that happen to be equal are no certainty.
    """
    accuracies: dict[tuple[int, ArmKey], dict[int, float]] = {}
    for cell in cells:
        accuracies.setdefault((cell.per_class, cell.arm), {})[cell.seed] = cell.accuracy
    rows = []
    for (number, arm), of_seeds in sorted(accuracies.items(), key=lambda item: item[0][0]):
        other = against.get(arm) if against is not None else None if arm == "real" else "real"
        others = accuracies.get((number, other), {}) if other else {}
        row = Row(
            per_class=number, arm=arm, seeds=len(of_seeds), mean=statistics.mean(of_seeds.values()),
            deviation=statistics.stdev(of_seeds.values()) if len(of_seeds) > 1 else 0.0, against=other,
        )  # fmt: skip
        differences = [accuracy - others[seed] for seed, accuracy in of_seeds.items() if seed in others]
        rows.append(row.model_copy(update=_compared(differences, resolution)))
    return tuple(rows)


def _compared(differences: Sequence[float], resolution: float) -> dict[str, float]:
    """Their mean, its 95 % interval and the p-value of its being 0: the paired t-test. Nothing of fewer than two."""
    if len(differences) < 2:
        return {}
    mean, free = statistics.mean(differences), len(differences) - 1
    error = max(statistics.stdev(differences), resolution) / len(differences) ** 0.5
    most = float(student.ppf(0.975, free)) * error
    p = 2 * float(student.sf(abs(mean) / error, free)) if error else float(not mean)
    return {"difference": mean, "low": max(mean - most, -1.0), "high": min(mean + most, 1.0), "p": p}


def corrected(rows: Sequence[Row]) -> tuple[Row, ...]:
    """The same rows with p-values that hold for all comparisons together.

    Holm 1979: of m p-values, the i-th smallest is multiplied by m - i + 1, and is no smaller than those before it. If
    no arm differs from its other, the probability that any corrected p-value is below 0.05 is 0.05 at most.
    """
    compared = sorted((row for row in rows if row.p is not None), key=lambda row: row.p or 0.0)
    found: dict[tuple[int, ArmKey], float] = {}
    least = 0.0
    for i, row in enumerate(compared):
        least = max(least, min(1.0, (len(compared) - i) * (row.p or 0.0)))
        found[row.per_class, row.arm] = least
    return tuple(row.model_copy(update={"corrected": found.get((row.per_class, row.arm))}) for row in rows)


def change_of(row: Row | NumbersRow) -> str:
    """The difference of a row, with its interval."""
    assert row.difference is not None
    assert row.low is not None
    assert row.high is not None
    return f"{100 * row.difference:+.1f} points (95 %: {100 * row.low:+.1f} to {100 * row.high:+.1f})"


def verdicts_of(rows: Sequence[Row]) -> tuple[str, ...]:
    """Sentences for each number of examples: whether generated digits and unlabelled images help, and what they are
    worth.
    """
    real = {row.per_class: row.mean for row in rows if row.arm == "real"}
    sentences = []
    for number in real:
        arms = [row for row in rows if row.per_class == number and row.low is not None and row.high is not None]
        generated = [row for row in arms if row.arm not in WITHOUT_LABELS]
        best = [max(generated, key=lambda row: row.mean)] if generated else []
        best += [row for row in arms if row.arm in WITHOUT_LABELS]
        sentences += [f"{number} of each class: {_verdict(number, row, real)}" for row in best]
    return tuple(sentences)


def _verdict(number: int, best: Row, real: dict[int, float]) -> str:
    what = "unlabelled images" if best.arm in WITHOUT_LABELS else "generated digits"
    assert best.low is not None
    assert best.high is not None
    change = change_of(best)
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


def numbers_rows(cells: Sequence[NumbersCell], resolution: float) -> tuple[NumbersRow, ...]:
    """A row for each test and arm, compared with the CRNN that written numbers teach; `resolution` as in `rows_of`."""
    found: dict[tuple[str, int], dict[Teacher, dict[int, Reading]]] = {}
    for cell in cells:
        for reading in cell.readings:
            of_test = found.setdefault((reading.wear, reading.digits), {})
            of_test.setdefault(cell.arm, {})[cell.seed] = reading
    rows = []
    for of_test in found.values():
        for arm in [arm for arm in TEACHERS if arm in of_test]:
            of_seeds, others = of_test[arm], {} if arm == "written" else of_test.get("written", {})
            accuracies = [reading.accuracy for reading in of_seeds.values()]
            row = NumbersRow(
                digits=next(iter(of_seeds.values())).digits, wear=next(iter(of_seeds.values())).wear, arm=arm,
                seeds=len(accuracies), mean=statistics.mean(accuracies),
                deviation=statistics.stdev(accuracies) if len(accuracies) > 1 else 0.0,
                character_error=statistics.mean(reading.character_error for reading in of_seeds.values()),
                against=None if arm == "written" else "written",
            )  # fmt: skip
            differences = [
                reading.accuracy - others[seed].accuracy for seed, reading in of_seeds.items() if seed in others
            ]
            rows.append(row.model_copy(update=_compared(differences, resolution)))
    return tuple(rows)


def numbers_verdicts(rows: Sequence[NumbersRow], length: int, wear: str) -> tuple[str, ...]:
    """Sentences on numbers as long and as worn as those learned from: how many are read, and what else teaches."""
    of_test = [row for row in rows if (row.digits, row.wear) == (length, wear)]
    if not of_test:
        return ()
    written = next((row for row in of_test if row.arm == "written"), None)
    if written is None:
        return ()
    first = (
        f"Taught by written numbers alone, a CRNN reads {100 * written.mean:.1f} % of real numbers of {length} digits "
        f"without a mistake."
    )
    others = [row for row in of_test if row.low is not None]
    return (first, *(f"Taught by {TEACHERS[row.arm]}: {change_of(row)}." for row in others))
