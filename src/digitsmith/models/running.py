"""Running a graph, with an end to it: what takes far too long is stopped, and so is what Ctrl-C interrupts."""

import os
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from threading import get_ident
from typing import Any, Self, TypeVar

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from digitsmith.errors import ModelError, reason

MOST_SECONDS = 120.0
"""Of one run. The most work that `models.check` lets through takes about five, on one core."""

Piece = TypeVar("Piece")
Result = TypeVar("Result")


def cores() -> int:
    """How many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def open_session(name: str, content: bytes) -> onnxruntime.InferenceSession:
    """Load a graph that has been checked.

    Raises:
        ModelError: it cannot be loaded.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # blocks run in parallel, not the layers of one
    options.inter_op_num_threads = 1
    options.log_severity_level = 4  # names in the file are not shown as they are; errors are raised all the same
    try:
        return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime raises a class of its own for each failure, with no common root
        raise ModelError(f"{name}: ONNX Runtime cannot load it ({reason(error)}).") from error


class Runs:
    """Runs of one session, in any number of threads, that can be stopped."""

    def __init__(self, name: str, session: onnxruntime.InferenceSession) -> None:
        self.name, self.session = name, session
        self._started: dict[onnxruntime.RunOptions, float] = {}

    def run(self, output: str, feed: Mapping[str, NDArray[Any]]) -> NDArray[np.float32]:
        """Run the graph once.

        Raises:
            ModelError: it fails, or is stopped.
        """
        options, start = onnxruntime.RunOptions(), time.monotonic()
        self._started[options] = start
        try:
            made: NDArray[np.float32] = self.session.run([output], feed, options)[0]
        except Exception as error:  # as above
            if (seconds := time.monotonic() - start) > MOST_SECONDS:
                raise ModelError(f"{self.name} was stopped, as one run took longer than {seconds:.0f} s.") from error
            raise ModelError(f"{self.name}: ONNX Runtime cannot run it ({reason(error)}).") from error
        finally:
            del self._started[options]
        return made

    def stop(self, after: float = 0.0) -> None:
        """End the runs that started so many seconds ago, each before its next operator; they raise a `ModelError`."""
        for options, start in self._started.copy().items():
            if time.monotonic() - start >= after:
                options.terminate = True


class Workers:
    """Threads that make runs for one that waits: it can be interrupted, which a thread that runs cannot.

    On leaving, for whatever reason, nothing is left to run.
    """

    def __init__(self, runs: Runs, threads: int) -> None:
        idents = set[int]()
        self._runs, self._process, self._idents = runs, os.getpid(), idents
        self._pool = ThreadPoolExecutor(threads, initializer=lambda: idents.add(get_ident()))
        self._unfinished: set[Future[Any]] = set()

    def submit(self, work: Callable[..., Result], *arguments: Any) -> "Future[Result]":
        """Have work done in one of the threads."""
        future = self._pool.submit(work, *arguments)
        self._unfinished.add(future)
        future.add_done_callback(self._unfinished.discard)
        return future

    def result(self, future: "Future[Result]") -> Result:
        """Wait for what submitted work returns or raises; runs that take too long are stopped."""
        while True:
            try:
                return future.result(timeout=1.0)
            except TimeoutError:
                if future.done():  # it is the work's own
                    raise
                self._runs.stop(after=MOST_SECONDS)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process != os.getpid():  # a fork has none of the threads, and would wait for them for ever
            return
        self._pool.shutdown(wait=False, cancel_futures=True)
        if get_ident() in self._idents:  # where garbage is collected; it cannot wait for itself
            return
        while running := tuple(self._unfinished):
            self._runs.stop()
            wait(running, timeout=0.1)
        self._pool.shutdown()


def in_order(runs: Runs, work: Callable[[Piece], Result], pieces: Iterable[Piece], threads: int) -> Generator[Result]:
    """Have pieces worked on, so many at a time and a few ahead of what is asked for; results come in their order.

    Args:
        runs: those that the work makes.
        work: what is done with each piece, in any thread.
        pieces: of the work; they may be endless.
        threads: how many.

    Raises:
        Exception: what the work raises.
    """
    pending = deque[Future[Result]]()
    with Workers(runs, threads) as workers:
        for piece in pieces:
            pending.append(workers.submit(work, piece))
            if len(pending) > 2 * threads:
                yield workers.result(pending.popleft())
        while pending:
            yield workers.result(pending.popleft())
