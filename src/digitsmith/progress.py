"""The one channel on which long work says how far it is.

Every public function that takes a while has `progress: Progress | bool = True`: True shows a bar in a terminal or a
notebook, and plain lines elsewhere; False is silence; any object with the two methods of `Progress` is told instead.
"""

import contextlib
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any, Protocol

from rich.console import Console
from rich.progress import BarColumn, TaskID, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as RichBars
from rich.table import Column
from rich.text import Text

from digitsmith.errors import printable
from digitsmith.streams import Stream, terminal


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


class _Shown:
    """What people look at: whatever a listener is told, they see printable text."""

    def update(self, work: str, done: int, total: int, detail: str = "") -> None:
        """Show how far a piece of work is."""
        self._update(printable(work), done, total, printable(detail))

    def note(self, text: str) -> None:
        """Show a sentence."""
        self._note(printable(text))

    def _update(self, work: str, done: int, total: int, detail: str) -> None:
        raise NotImplementedError

    def _note(self, text: str) -> None:
        raise NotImplementedError


class Bars(_Shown):
    """A bar in a terminal for each piece of work that is under way, on stderr; one whose work is over goes."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(file=terminal(sys.stderr))
        self._bars = RichBars(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=16),
            TaskProgressColumn(),
            TimeRemainingColumn(),
            TextColumn(
                "{task.fields[detail]}", markup=False, table_column=Column(ratio=1, no_wrap=True, overflow="crop")
            ),  # the rest
            console=self._console,
            speed_estimate_period=3600,  # seconds: a step of a study takes minutes
            expand=True,
            transient=True,
            redirect_stdout=False,  # what others write is theirs, and must not become ours
            redirect_stderr=False,
        )
        self._tasks: dict[str, TaskID] = {}

    def _update(self, work: str, done: int, total: int, detail: str) -> None:
        if done >= total:
            if work in self._tasks:
                self._bars.remove_task(self._tasks.pop(work))
            return
        self._bars.start()
        if work not in self._tasks:
            self._tasks[work] = self._bars.add_task(work, completed=done, total=total, detail="")
        self._bars.update(self._tasks[work], completed=done, total=total, detail=detail)

    def _note(self, text: str) -> None:
        self._console.print(Text(text), soft_wrap=True)

    def close(self) -> None:
        """Take all bars away."""
        self._bars.stop()


class Lines(_Shown):
    """A line for each piece of work now and then, for log files.

    Args:
        write: takes each line; prints on stderr by default.
        every: seconds between two lines on the same work. Work that takes less gets none.
    """

    def __init__(self, write: Callable[[str], Any] | None = None, every: float = 10.0) -> None:
        self._write = write or Stream(sys.stderr).write_line
        self._every = every
        self._last: dict[str, tuple[float, bool]] = {}  # of each work: when it was last shown, and whether it ever was

    def _update(self, work: str, done: int, total: int, detail: str) -> None:
        now = time.monotonic()
        last, shown = self._last.setdefault(work, (now, False))
        ends = done >= total
        if now - last >= self._every or (ends and shown):
            self._write(f"{work}: {done / max(total, 1):.0%}" + (f"  {detail}" if detail else ""))
            self._last[work] = now, True
        if ends:
            del self._last[work]

    def _note(self, text: str) -> None:
        self._write(text)


class Notebook(Lines):
    """One line in a notebook's output that changes in place; notes stay above it."""

    def __init__(self) -> None:
        from IPython.display import display

        self._handle = display({"text/plain": ""}, raw=True, display_id=True)
        super().__init__(lambda line: self._handle.update({"text/plain": line}, raw=True), every=0.2)

    def _note(self, text: str) -> None:
        Stream(sys.stdout).write_line(text)


class Messages:
    """A line of JSON for each thing that is told, for the program that started this one; updates a few times a second.

    `{"work": …, "done": …, "total": …, "detail": …}`, or `{"note": …}`.
    """

    def __init__(self, write: Callable[[str], Any] | None = None, every: float = 0.2) -> None:
        self._write = write or Stream(sys.stderr).write_line
        self._every = every
        self._last: dict[str, float] = {}  # of each work: when it was last told

    def update(self, work: str, done: int, total: int, detail: str = "") -> None:
        """Write how far a piece of work is."""
        now = time.monotonic()
        if done >= total or now - self._last.get(work, -self._every) >= self._every:
            self._last[work] = now
            self._write(json.dumps({"work": work, "done": done, "total": total, "detail": detail}))

    def note(self, text: str) -> None:
        """Write a sentence."""
        self._write(json.dumps({"note": text}))


ASKED = "DIGITSMITH_PROGRESS"
"""The variable of the environment with which a program that starts this one asks for `Messages`: `json`."""


def _shown_here() -> Progress:
    """What suits the place where the program runs."""
    if os.environ.get(ASKED) == "json":
        return Messages()
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    if shell is not None and hasattr(shell, "kernel"):
        return Notebook()
    return Bars() if Stream(sys.stderr).isatty() else Lines()


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
