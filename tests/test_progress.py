"""The one progress channel: silence, lines, bars, a notebook, and a caller's own listener."""

import io
import sys
import types
from typing import Any

import pytest
from rich.console import Console
from rich.live import Live

from digitsmith import progress
from digitsmith.progress import Bars, Lines, Notebook, Silent, listening


class Clock:
    """A clock that the test sets."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 100.0
        monkeypatch.setattr(progress.time, "monotonic", lambda: self.now)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


class Terminal(io.StringIO):
    """A stderr that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def terminal() -> Console:
    return Console(file=Terminal(), force_terminal=True, width=100, color_system=None)


def written(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def require_no_live_display(console: Console) -> None:
    """A console refuses a second live display."""
    with Live("free", console=console):
        pass
    shown, hidden = (written(console).count(f"\x1b[?25{end}") for end in "hl")
    assert shown == hidden  # the cursor is back


def test_silence_says_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    with listening(False) as listener:
        assert isinstance(listener, Silent)
        listener.update("making images", 1, 2, "detail")
        listener.note("a note")
    assert capfd.readouterr() == ("", "")


def test_lines_come_now_and_then(clock: Clock) -> None:
    lines: list[str] = []
    listener = Lines(lines.append, every=10)
    for seconds, done in ((0, 0), (9, 20), (1, 25), (5, 40), (5, 50), (1, 100)):
        clock.now += seconds
        listener.update("training", done, 100, "loss 0.5" if done == 50 else "")
    assert lines == ["training: 25%", "training: 50%  loss 0.5", "training: 100%"]


def test_short_work_gets_no_line_and_notes_come_at_once(clock: Clock) -> None:
    lines: list[str] = []
    listener = Lines(lines.append, every=10)
    listener.update("loading", 0, 2)
    clock.now += 9
    listener.update("loading", 2, 2)
    listener.note("a note [not markup]")
    assert lines == ["a note [not markup]"]
    clock.now += 5
    listener.update("loading", 1, 2)  # the same work again: its time starts anew
    clock.now += 9
    listener.update("loading", 2, 2)
    assert lines == ["a note [not markup]"]


def test_each_work_has_its_own_time(clock: Clock) -> None:
    lines: list[str] = []
    listener = Lines(lines.append, every=10)
    listener.update("download", 0, 4)
    clock.now += 6
    listener.update("unpack", 0, 2)
    clock.now += 6
    listener.update("download", 1, 4)
    listener.update("unpack", 1, 2)
    assert lines == ["download: 25%"]


def test_work_of_no_size_is_over_at_once(clock: Clock) -> None:
    lines: list[str] = []
    Lines(lines.append).update("nothing", 0, 0)
    bars = Bars(terminal())
    bars.update("nothing", 0, 0)
    bars.close()
    assert not lines


def test_lines_go_to_stderr(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    with listening(True) as listener:
        assert type(listener) is Lines
        listener.note("a note")
        listener.update("training", 0, 2)
        clock.now += 11
        listener.update("training", 1, 2)
    assert capsys.readouterr() == ("", "a note\ntraining: 50%\n")


def test_bars_show_each_work_until_it_is_over() -> None:
    console = terminal()
    bars = Bars(console)
    bars.update("training", 1, 4, "loss 0.5 [not markup]")
    bars.update("measuring [red]", 1, 2)
    bars._bars.refresh()
    assert "training" in written(console)
    assert "25%" in written(console)
    assert "loss 0.5 [not markup]" in written(console)
    assert "measuring [red]" in written(console)
    bars.update("measuring [red]", 2, 2)
    assert [task.description for task in bars._bars.tasks] == ["training"]
    bars.note("a note [not markup]")
    assert "a note [not markup]\n" in written(console)
    bars.update("training", 4, 4)
    assert not bars._bars.tasks
    bars.close()
    require_no_live_display(console)


def test_an_error_in_the_middle_leaves_no_live_display(monkeypatch: pytest.MonkeyPatch) -> None:
    stderr = Terminal()
    monkeypatch.setattr(sys, "stderr", stderr)

    def fail() -> None:
        with listening(True) as listener:
            assert isinstance(listener, Bars)
            listener.update("training", 1, 2)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    shown, hidden = (stderr.getvalue().count(f"\x1b[?25{end}") for end in "hl")
    assert shown == hidden == 1  # the cursor is back


def test_a_callers_own_listener_is_told_and_never_closed() -> None:
    console = terminal()
    mine = Bars(console)
    with listening(mine) as listener:
        assert listener is mine
        listener.update("training", 1, 2)
    with listening(mine) as listener:
        listener.update("measuring", 1, 2)
    assert [task.description for task in mine._bars.tasks] == ["training", "measuring"]
    mine.close()
    require_no_live_display(console)


class Handle:
    """A display in a notebook, which keeps what it was updated with."""

    def __init__(self) -> None:
        self.shown: list[str] = []

    def update(self, content: dict[str, str], *, raw: bool) -> None:
        assert raw
        self.shown.append(content["text/plain"])


def import_ipython(monkeypatch: pytest.MonkeyPatch, shell: object) -> Handle:
    """Put a stand-in for IPython in its place."""
    handle = Handle()

    def display(content: dict[str, str], *, raw: bool, display_id: bool) -> Handle:
        assert (content, raw, display_id) == ({"text/plain": ""}, True, True)
        return handle

    ipython: Any = types.ModuleType("IPython")
    ipython.get_ipython = lambda: shell
    ipython.display = types.ModuleType("IPython.display")
    ipython.display.display = display
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    monkeypatch.setitem(sys.modules, "IPython.display", ipython.display)
    return handle


def test_a_notebook_has_one_line_that_changes(
    clock: Clock, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    handle = import_ipython(monkeypatch, types.SimpleNamespace(kernel=object()))
    with listening(True) as listener:
        assert isinstance(listener, Notebook)
        for done in range(5):
            listener.update("training", done, 4, f"loss {done}")
            clock.now += 0.15
        listener.note("a note")
    assert handle.shown == ["training: 50%  loss 2", "training: 100%  loss 4"]
    assert capsys.readouterr() == ("a note\n", "")


@pytest.mark.parametrize("shell", [None, types.SimpleNamespace()])
def test_ipython_in_a_terminal_is_no_notebook(monkeypatch: pytest.MonkeyPatch, shell: object) -> None:
    import_ipython(monkeypatch, shell)
    with listening(True) as listener:
        assert type(listener) is Lines
    monkeypatch.setattr(sys, "stderr", Terminal())
    with listening(True) as listener:
        assert isinstance(listener, Bars)
