"""The one channel on which long work says how far it is.

Every public function that takes a while has `progress: Progress | bool = True`: True shows a bar in a terminal or a
notebook, and plain lines elsewhere; False is silence; any object with the two methods of `Progress` is told instead.
"""

import contextlib
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any, Protocol

from rich.console import Console
from rich.progress import BarColumn, TaskID, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as RichBars
from rich.table import Column


class Progress(Protocol):
    """A listener to long work. It may be told from any thread."""

    def update(self, work: str, done: int, total: int, detail: str = "") -> None:
        """Say how far a piece of work is.

        Args:
            work: its name, such as "making images"; several may be under way at once.
            done: how much of it is done; it is over when that is `total`.
            total: how much there is.
            detail: what else is of interest now, such as losses or a speed.
        """

    def note(self, text: str) -> None:
        """Say a sentence that the user should read: what was left out, changed or chosen."""


class Silent:
    """Shows nothing."""

    def update(self, work: str, done: int, total: int, detail: str = "") -> None:
        """Do nothing."""

    def note(self, text: str) -> None:
        """Do nothing."""


class Bars:
    """A bar in a terminal for each piece of work that is under way, on stderr."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(stderr=True)
        self._bars = RichBars(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=16),
            TaskProgressColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[detail]}", markup=False, table_column=Column(ratio=1, no_wrap=True)),  # the rest
            console=self._console,
            expand=True,
            transient=True,
        )
        self._tasks: dict[str, TaskID] = {}

    def update(self, work: str, done: int, total: int, detail: str = "") -> None:
        """Move a bar; one whose work is over goes."""
        if done >= total:
            if work in self._tasks:
                self._bars.remove_task(self._tasks.pop(work))
            return
        self._bars.start()
        if work not in self._tasks:
            self._tasks[work] = self._bars.add_task(work, detail="")
        self._bars.update(self._tasks[work], completed=done, total=total, detail=detail)

    def note(self, text: str) -> None:
        """Print a sentence above the bars."""
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)

    def close(self) -> None:
        """Take all bars away."""
        self._bars.stop()


class Lines:
    """A line for each piece of work now and then, for log files.

    Args:
        write: takes each line; prints on stderr by default.
        every: seconds between two lines on the same work. Work that takes less gets none.
    """

    def __init__(self, write: Callable[[str], Any] | None = None, every: float = 10.0) -> None:
        self._write = write or (lambda line: print(line, file=sys.stderr, flush=True))  # noqa: T201
        self._every = every
        self._last: dict[str, tuple[float, bool]] = {}  # of each work: when it was last shown, and whether it ever was

    def update(self, work: str, done: int, total: int, detail: str = "") -> None:
        """Write a line if it is time for one."""
        now = time.monotonic()
        last, shown = self._last.setdefault(work, (now, False))
        ends = done >= total
        if now - last >= self._every or (ends and shown):
            self._write(f"{work}: {done / max(total, 1):.0%}" + (f"  {detail}" if detail else ""))
            self._last[work] = now, True
        if ends:
            del self._last[work]

    def note(self, text: str) -> None:
        """Write the sentence."""
        self._write(text)


class Notebook(Lines):
    """One line in a notebook's output that changes in place; notes stay above it."""

    def __init__(self) -> None:
        from IPython.display import display  # type: ignore[import-not-found, unused-ignore]

        self._handle = display({"text/plain": ""}, raw=True, display_id=True)
        super().__init__(lambda line: self._handle.update({"text/plain": line}, raw=True), every=0.2)

    def note(self, text: str) -> None:
        """Print the sentence."""
        print(text)  # noqa: T201


def _shown_here() -> Progress:
    """What suits the place where the program runs."""
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    if shell is not None and hasattr(shell, "kernel"):
        return Notebook()
    return Bars() if sys.stderr.isatty() else Lines()


@contextlib.contextmanager
def listening(progress: Progress | bool) -> Iterator[Progress]:
    """The listener that a caller of a public function asks for; one that is made here is closed at the end."""
    if not isinstance(progress, bool):
        yield progress
        return
    listener = _shown_here() if progress else Silent()
    try:
        yield listener
    finally:
        if isinstance(listener, Bars):
            listener.close()
