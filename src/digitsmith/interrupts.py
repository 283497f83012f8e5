"""SIGINT (Ctrl-C), SIGTERM (a stopped container, a time limit) and SIGHUP (a closed terminal): one rule for all three.

Work that can save itself notes the signal, and stops in a good place. All other work ends with `KeyboardInterrupt`, and
what is half-written is removed on its way out. A signal that is ignored when the program starts (nohup) stays ignored.
"""

import contextlib
import signal
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

_SIGNALS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]


@contextlib.contextmanager
def raised() -> Iterator[None]:
    """Let signals that would kill the process raise `KeyboardInterrupt` instead."""
    with _handled(signal.default_int_handler, lambda before: before == signal.SIG_DFL):
        yield


@contextlib.contextmanager
def noted(*, patient: bool = False) -> Iterator[Callable[[], bool]]:
    """Give a function that tells whether a signal came. The second one does what it would have done without.

    Unless it is `patient`: to ranks, the same signal may come from a terminal or scheduler, and again from torchrun.
    """
    received: list[int] = []

    def note(number: int, _frame: FrameType | None) -> None:
        received.append(number)
        if not patient:
            for each, handler in before.items():
                signal.signal(each, handler)

    with _handled(note, lambda before: before != signal.SIG_IGN) as before:
        yield lambda: bool(received)


@contextlib.contextmanager
def _handled(handler: Callable[..., Any], wanted: Callable[[Any], bool]) -> Iterator[dict[int, Any]]:
    """Handle those signals whose present handler is `wanted`; gives these handlers."""
    before = {number: signal.getsignal(number) for number in _SIGNALS}
    before = {number: present for number, present in before.items() if present is not None and wanted(present)}
    try:
        for number in before:
            signal.signal(number, handler)
    except ValueError:  # not in the main thread, where no signal arrives
        yield {}
        return
    try:
        yield before
    finally:
        for number, present in before.items():
            signal.signal(number, present)
