"""Ctrl-C, SIGTERM and SIGHUP: what can save itself notes them, all else ends as after Ctrl-C."""

import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

import digitsmith
from digitsmith import interrupts

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@pytest.fixture(autouse=True)
def handlers_come_back() -> Iterator[None]:
    before = [signal.getsignal(number) for number in SIGNALS]
    yield
    assert [signal.getsignal(number) for number in SIGNALS] == before


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_ends_work_as_ctrl_c_does(number: int) -> None:
    with pytest.raises(KeyboardInterrupt), interrupts.raised():
        signal.raise_signal(number)


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_is_noted_and_the_second_one_ends_the_work(number: int) -> None:
    with interrupts.raised(), interrupts.noted() as noted:
        assert not noted()
        signal.raise_signal(number)
        assert noted()
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(number)


def test_writing_whole_folders_within_work_that_notes_signals_changes_nothing() -> None:
    with interrupts.noted() as noted, interrupts.raised():
        signal.raise_signal(signal.SIGTERM)
        assert noted()


def test_what_nohup_ignores_stays_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with interrupts.raised(), interrupts.noted() as noted:
            signal.raise_signal(signal.SIGHUP)
            assert not noted()
    finally:
        signal.signal(signal.SIGHUP, before)


def test_threads_get_no_signals_and_set_no_handlers() -> None:
    answers: list[bool] = []

    def work() -> None:
        with interrupts.raised(), interrupts.noted() as noted:
            answers.append(noted())

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert answers == [False]


@pytest.mark.parametrize("number", SIGNALS)
def test_a_generation_that_is_stopped_leaves_nothing(tmp_path: Path, number: int) -> None:
    class Stop:
        def update(self, work: str, done: int, total: int, detail: str = "") -> None:
            assert list(tmp_path.iterdir())
            signal.raise_signal(number)

        def note(self, text: str) -> None:
            raise AssertionError(text)

    with pytest.raises(KeyboardInterrupt):
        digitsmith.generate(tmp_path / "made", 1000, progress=Stop())
    assert not list(tmp_path.iterdir())
