"""Results as tables in a terminal."""

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from digitsmith.data.summary import Summary
from digitsmith.errors import printable
from digitsmith.records.cells import TITLES
from digitsmith.records.classifiers import Classifiers
from digitsmith.records.evaluation import Evaluation
from digitsmith.records.scarce import Scarce
from digitsmith.records.study import Study
from digitsmith.records.written_numbers import TEACHERS, WrittenNumbers
from digitsmith.report.formatting import GROUPS, NUMBERS, STUDIES, amount, amount_and_error, direction

_MOST_CLASSES = 40
_COLOURS = {"good": "green", "weak": "yellow", "fails": "red"}


def show_evaluation(result: Evaluation, console: Console) -> None:
    """Print an evaluation."""
    n = result.protocol.images
    lines: list[RenderableType] = [
        _text(f"{result.subject}: {n:,} images, compared with {n:,} of {result.reference.title}", style="bold"),
        _text(f"real: the same measure of {n:,} held-out real images, {result.held_out.title}\n"),
        _measures(result),
        _text(),
    ]
    if result.collapse.collapsed:
        lines.append(_text("Mode collapse:", style="bold red"))
        lines += [_text(f"  {reason}") for reason in result.collapse.reasons]
    else:
        lines.append(_text("No sign of mode collapse.", style="green"))
    lines += [_text(note) for note in (*result.notes, *result.skipped.values())]
    console.print(Group(*lines))


def _measures(result: Evaluation) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("")
    table.add_column("value", justify="right")
    table.add_column("real", justify="right")
    table.add_column("better")
    table.add_column("verdict")
    for group, (title, _) in GROUPS.items():
        measures = [measure for measure in result.measures if measure.group == group]
        if not measures:
            continue
        table.add_section()
        table.add_row(_text(title, style="bold"))
        for measure in measures:
            table.add_row(
                _text(f"  {measure.title}"),
                _text(amount_and_error(measure)),
                _text(amount(measure, measure.real)),
                _text(direction(measure)),
                _text(measure.verdict, style=_COLOURS[measure.verdict]),
            )
    return table


def show_study(result: Study, console: Console) -> None:
    """Print a study."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("")
    table.add_column("images", justify="right")
    table.add_column("accuracy", justify="right")
    table.add_column("difference", justify="right")
    for arm in result.arms:
        difference = ""
        if arm.difference is not None and arm.difference_error is not None:
            difference = f"{arm.difference * 100:+.2f} ± {arm.difference_error * 100:.2f}"
        accuracy = f"{arm.mean * 100:.2f} ± {arm.deviation * 100:.2f} %"
        table.add_row(*map(_text, (arm.title, f"{arm.images:,}", accuracy, difference)))
    protocol = result.protocol
    title = f"{result.subject}: train on synthetic, test on real (TSTR), compared with {result.reference.title}\n"
    console.print(_text(title, style="bold"))
    console.print(table)
    for note in result.notes:
        console.print(_text(f"\n{note}"))
    explained = (
        f"\nAccuracy: mean and standard deviation over {protocol.seeds} seeds, on {protocol.test_images:,} images of "
        f"{result.held_out.title}.\nDifference: to the first row, in percentage points, paired by seed, with its "
        f"standard error."
    )
    console.print(_text(explained))


def show_cells(result: Scarce | Classifiers, console: Console) -> None:
    """Print a study of classifiers."""
    title, other = STUDIES[result.kind]
    many = any(row.corrected is not None for row in result.rows)
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for name in ("per class", "arm", "accuracy", "difference", "95 % interval", *(["p"] if many else [])):
        table.add_column(name, justify="left" if name == "arm" else "right")
    for row in result.rows:
        difference = interval = ""
        if row.difference is not None and row.low is not None and row.high is not None:
            difference = f"{row.difference * 100:+.2f}"
            interval = f"{row.low * 100:+.2f} to {row.high * 100:+.2f}"
        deviation = f" ± {row.deviation * 100:.2f}" if row.seeds > 1 else ""
        accuracy = f"{row.mean * 100:.2f}{deviation} %"
        shown = [
            str(row.per_class),
            row.arm if many else f"{row.arm}: {TITLES[row.arm]}",
            accuracy,
            difference,
            interval,
        ]
        table.add_row(*map(_text, [*shown, *([] if row.corrected is None else [f"{row.corrected:.3f}"])]))
    protocol = result.protocol
    console.print(_text(f"{result.subject}: {title[0].lower()}{title[1:]}\n", style="bold"))
    console.print(table)
    for sentence in (*result.verdicts, *result.notes):
        console.print(_text(f"\n{sentence}"))
    corrected = "\np: of the paired t-test, corrected for the number of comparisons (Holm)." if many else ""
    console.print(_text(
        f"\nAccuracy: mean and standard deviation over {protocol.seeds} seeds, which draw the examples from "
        f"{protocol.pool:,} images, on {protocol.test_images:,} images of {result.held_out.title}.\nDifference: to "
        f"{other}, in percentage points, paired by seed, with its 95 % interval.{corrected}"
    ))  # fmt: skip


def show_numbers(result: WrittenNumbers, console: Console) -> None:
    """Print a study of written numbers."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for name in ("digits", "wear", "arm", "accuracy", "difference", "95 % interval", "character error"):
        table.add_column(name, justify="left" if name in ("wear", "arm") else "right")
    for row in result.rows:
        deviation = f" ± {row.deviation * 100:.2f}" if row.seeds > 1 else ""
        difference = "" if row.difference is None else f"{row.difference * 100:+.2f}"
        interval = "" if row.low is None or row.high is None else f"{row.low * 100:+.2f} to {row.high * 100:+.2f}"
        accuracy, error = f"{row.mean * 100:.2f}{deviation} %", f"{row.character_error * 100:.2f} %"
        table.add_row(*map(_text, (str(row.digits), row.wear, row.arm, accuracy, difference, interval, error)))
    protocol = result.protocol
    console.print(_text(f"{result.subject}: {NUMBERS[0].lower()}{NUMBERS[1:]}\n", style="bold"))
    console.print(table)
    for sentence in (*result.verdicts, *result.notes):
        console.print(_text(f"\n{sentence}"))
    arms = "; ".join(f"{arm}: {TEACHERS[arm]}" for arm in protocol.arms)
    console.print(_text(
        f"\n{arms}.\nAccuracy: of the numbers that are read without a mistake; mean and standard deviation over "
        f"{protocol.seeds} seeds, on {protocol.numbers:,} numbers of each length and wear, written with "
        f"{protocol.test_images:,} digits of {result.held_out.title}.\nDifference: to written, in percentage points, "
        f"paired by seed, with its 95 % interval."
    ))  # fmt: skip


def show_data(summary: Summary, console: Console) -> None:
    """Print what was understood of a data set."""
    facts = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_header=False)
    for title, text in summary.facts().items():
        facts.add_row(_text(title), _text(text))
    classes = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    classes.add_column("class")
    for split in summary.splits:
        classes.add_column(split, justify="right")
    rows = summary.classes()
    for name, numbers in rows[:_MOST_CLASSES]:
        classes.add_row(_text(name), *(_text(f"{number:,}") for number in numbers))
    console.print(_text(f"{summary.source}\n", style="bold"))
    console.print(facts)
    console.print(_text())
    console.print(classes)
    if len(rows) > _MOST_CLASSES:
        console.print(_text(f"and {len(rows) - _MOST_CLASSES:,} more classes"))


def _text(shown: str = "", style: str = "") -> Text:
    """Text that means nothing to Rich and to the terminal: names in it are those of strangers."""
    return Text(printable(shown), style=style)
