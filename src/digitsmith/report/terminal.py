"""Results as tables in a terminal."""

from typing import Self

from rich.console import Console, Group, RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from digitsmith.records.results import Evaluation, Study
from digitsmith.report.formatting import GROUPS, amount, amount_and_error, direction

_COLOURS = {"good": "green", "weak": "yellow", "fails": "red"}


class Stages:
    """A progress bar for each piece of a long work, in turn; shown on terminals only."""

    def __init__(self, console: Console) -> None:
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        self._bars = Progress(*columns, console=console, transient=True)
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bars.stop()

    def update(self, what: str, done: int, total: int) -> None:
        """Say how much of a piece of work is done."""
        if what not in self._tasks:
            for task in self._tasks.values():
                self._bars.update(task, visible=False)
            self._tasks[what] = self._bars.add_task(what)
        self._bars.update(self._tasks[what], completed=done, total=total)


def show_evaluation(result: Evaluation, console: Console) -> None:
    """Print an evaluation, for people who have read no paper."""
    console.print(_evaluation(result))


def _evaluation(result: Evaluation) -> RenderableType:
    n = result.protocol["images"]
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("")
    table.add_column("these", justify="right")
    table.add_column("real", justify="right")
    table.add_column("better")
    table.add_column("verdict")
    for group, question in GROUPS.items():
        measures = [measure for measure in result.measures if measure.group == group]
        if not measures:
            continue
        table.add_section()
        table.add_row(Text(question, style="bold"))
        for measure in measures:
            table.add_row(
                f"  {measure.title}",
                amount_and_error(measure),
                amount(measure, measure.real),
                direction(measure),
                Text(measure.verdict, style=_COLOURS[measure.verdict]),
            )
    lines: list[RenderableType] = [
        Text(f"{result.subject}: {n:,} images, against {n:,} of {result.reference}", style="bold"),
        Text(f"'real': what as many unseen real images get, of {result.held_out}.\n"),
        table,
        Text(),
    ]
    if result.collapse.collapsed:
        lines.append(Text("Collapsed:", style="bold red"))
        lines += [Text(f"  {reason}") for reason in result.collapse.reasons]
    else:
        lines.append(Text("No sign of mode collapse.", style="green"))
    lines += [Text(note) for note in (*result.notes, *result.skipped.values())]
    return Group(*lines)


def show_study(result: Study, console: Console) -> None:
    """Print a study."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("trained on")
    table.add_column("tested on")
    table.add_column("images", justify="right")
    table.add_column("accuracy", justify="right")
    table.add_column("against the first", justify="right")
    for arm in result.arms:
        difference = ""
        if arm.difference is not None and arm.difference_error is not None:
            difference = f"{arm.difference * 100:+.2f} ± {arm.difference_error * 100:.2f}"
        accuracy = f"{arm.mean * 100:.2f} ± {arm.deviation * 100:.2f} %"
        table.add_row(arm.train_on, arm.test_on, f"{arm.images:,}", accuracy, difference)
    seeds = result.protocol["seeds"]
    console.print(Text(f"{result.subject}: what its digits teach a classifier\n", style="bold"))
    console.print(table)
    for note in result.notes:
        console.print(f"\n{note}", highlight=False)
    console.print(
        f"\nMean and standard deviation of {seeds} seeds; real test images: {result.protocol['test']}.\n"
        f"The difference is in percentage points, paired by seed, with its standard error.",
        highlight=False,
    )
