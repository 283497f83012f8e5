"""Shards in processes of this machine. One that is killed is replaced, and costs its shard's time."""

import contextlib
import multiprocessing
import pickle
import signal
from collections import deque
from collections.abc import Generator, Iterable
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnContext

from digitsmith import interrupts
from digitsmith.errors import DigitsmithError, WorkerError
from digitsmith.models.running import cores
from digitsmith.shards.partition import Shard
from digitsmith.shards.work import Job, Made

TRIES = 3
"""How often a shard is given to a process, if those before were killed."""


class _Worker:
    """A process that makes shards, one at a time. It ends when this one does, after the shard that it is at."""

    def __init__(self, context: SpawnContext, job: bytes, threads: int) -> None:
        self.pipe, theirs = context.Pipe()
        self.shard: Shard | None = None
        self._process = context.Process(target=_serve, args=(theirs, job, threads), daemon=True)
        self._process.start()
        theirs.close()

    def give(self, shard: Shard) -> None:
        """Have a shard made."""
        self.shard = shard
        with contextlib.suppress(BrokenPipeError):  # it was killed, which `take` tells
            self.pipe.send(shard)

    def take(self) -> Made | DigitsmithError | None:
        """What came of the shard; None if the process was killed."""
        try:
            done: Made | DigitsmithError = self.pipe.recv()
        except (EOFError, OSError):
            return None
        self.shard = None
        return done

    def end(self) -> None:
        """End it; what it has half-written goes with it."""
        self.pipe.close()
        self._process.terminate()
        self._process.join()


def in_processes(job: Job, shards: Iterable[Shard], workers: int) -> Generator[Made | DigitsmithError]:
    """Have shards made, by so many processes; they come as they are finished.

    Raises:
        WorkerError: processes are killed again and again.
    """
    context = multiprocessing.get_context("spawn")
    todo, tries, content = deque(shards), dict[int, int](), pickle.dumps(job)
    threads = max(1, cores() // workers)
    busy = list[_Worker]()
    try:
        for _ in range(min(workers, len(todo))):
            busy.append(_Worker(context, content, threads))
            busy[-1].give(todo.popleft())
        while busy:
            ready = wait([worker.pipe for worker in busy])
            for worker in [worker for worker in busy if worker.pipe in ready]:
                shard, done = worker.shard, worker.take()
                assert shard is not None
                if done is None:
                    worker.end()
                    busy.remove(worker)
                    tries[shard.number] = tries.get(shard.number, 1) + 1
                    if tries[shard.number] > TRIES:
                        raise WorkerError(_killed(shard))
                    worker = _Worker(context, content, threads)
                    busy.append(worker)
                    worker.give(shard)
                    continue
                yield done
                if todo:
                    worker.give(todo.popleft())
                else:
                    worker.end()
                    busy.remove(worker)
    finally:
        for worker in busy:
            worker.end()


def _killed(shard: Shard) -> str:
    return (
        f"{TRIES} processes that were to make {shard.name} ended before: give them more memory, or use fewer workers. "
        f'(In a script, call this below `if __name__ == "__main__":`.)'
    )


def _serve(pipe: Connection, content: bytes, threads: int) -> None:
    """Make shards as they are asked for, until nobody asks any more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to all of a terminal; the one that asks ends this
    with contextlib.suppress(KeyboardInterrupt, EOFError, BrokenPipeError), interrupts.raised():
        job: Job = pickle.loads(content)
        while True:
            pipe.send(job.do(pipe.recv(), threads))
