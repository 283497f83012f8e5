"""Commands that the studio runs, each in a process of its own: trainings and evaluations."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Sequence
from typing import Literal

from digitsmith.errors import RunError, printable
from digitsmith.progress import ASKED
from digitsmith.records.studio import JobRecord

MOST_AT_ONCE = 4
"""Commands that run at the same time."""

_LINE = 2**14  # bytes of a line that is read
_KEPT = 12  # notes, and lines of an error
_LEAVE = 20.0  # seconds that a training gets to save its state
_STOPPED = 130  # the exit code of a command that Ctrl-C ended
_OWN = "digitsmith: "  # begins an error that the user can mend


class Job:
    """One command: what it told last, and how it ended.

    Args:
        work: what it does.
        words: the arguments of `digitsmith`.
        command: the same as people type it.
    """

    def __init__(self, work: Literal["training", "evaluation"], words: Sequence[str], command: str) -> None:
        self.work: Literal["training", "evaluation"] = work
        self.command = command
        self._doing, self._share = "", None if work == "evaluation" else 0.0
        self._notes: deque[str] = deque(maxlen=_KEPT)
        self._said: deque[str] = deque(maxlen=_KEPT)
        self._told_to_stop = False
        self._process = subprocess.Popen(
            [sys.executable, "-m", "digitsmith.cli", *words],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
            env=os.environ | {ASKED: "json"},
            start_new_session=True,  # Ctrl-C in the studio's terminal is the studio's: it stops them itself, once
        )  # fmt: skip
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def running(self) -> bool:
        """Whether its process is there."""
        return self._process.poll() is None

    @property
    def stopped(self) -> bool:
        """Whether it ended because it was told to stop."""
        return self._told_to_stop and not self.running

    def record(self) -> JobRecord:
        """What is to be said of it."""
        return JobRecord(
            work=self.work,
            command=self.command,
            running=self.running,
            doing=self._doing,
            share=self._share,
            notes=tuple(self._notes),
            problem=self._problem(),
        )

    @property
    def saved(self) -> bool:
        """Whether it ended with its state saved, as it does when it is stopped in time."""
        return self._process.poll() in (0, _STOPPED)

    def stop(self) -> None:
        """Stop it as Ctrl-C does, once: a training saves its state."""
        if not self._told_to_stop and self.running:
            self._told_to_stop = True
            with contextlib.suppress(ProcessLookupError):
                if sys.platform == "win32":
                    self._process.terminate()  # there is no Ctrl-C for one process: the last checkpoint stays
                else:
                    self._process.send_signal(signal.SIGINT)

    def wait(self, seconds: float) -> None:
        """Wait for its end, but no longer than so many seconds."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=seconds)

    def _read(self) -> None:
        """Follow what it tells, line by line, to its end."""
        assert self._process.stderr is not None
        with self._process.stderr as stream:
            while line := stream.readline(_LINE):
                self._hear(line.decode("utf-8", "replace").rstrip("\n"))
        self._process.wait()

    def _hear(self, line: str) -> None:
        try:
            told = json.loads(line)
            if "note" in told:
                self._notes.append(str(told["note"]))
                return
            done, total = int(told["done"]), int(told["total"])
            detail = f": {told['detail']}" if told["detail"] else ""
            self._doing = f"{told['work']}{detail}"
            self._share = min(max(done / total, 0.0), 1.0) if total > 0 else None
        except (ValueError, TypeError, KeyError):  # a line for people
            self._said.append(line)

    def _problem(self) -> str:
        """The error with which it ended; empty if it ended well, was stopped, or runs."""
        code = self._process.poll()
        if code in (None, 0, _STOPPED) or (self._told_to_stop and code == -signal.SIGINT):  # before it could heed it
            return ""
        self._reader.join(timeout=1.0)
        lines = list(self._said)
        first = next((i for i, line in enumerate(lines) if line.startswith(_OWN)), None)
        if first is not None:
            return printable("\n".join([lines[first].removeprefix(_OWN), *lines[first + 1 :]]))
        if code < 0:
            return f"Its process was ended from outside ({signal.Signals(-code).name})."
        return printable(next((line for line in reversed(lines) if line.strip()), f"It ended with exit code {code}."))


class Jobs:
    """The commands of a studio, by the key of the run that each is for; of one run, the last is remembered."""

    def __init__(self) -> None:
        self._jobs: dict[str, Job] = {}
        self._lock = threading.Lock()
        self._ended = False

    def of(self, key: str) -> Job | None:
        """The last command for a run."""
        return self._jobs.get(key)

    def start(self, key: str, work: Literal["training", "evaluation"], words: Sequence[str], command: str) -> Job:
        """Run a command.

        Raises:
            RunError: one runs for this run, or as many run as may.
        """
        with self._lock:
            before = self._jobs.get(key)
            if before is not None and before.running:
                raise RunError(f"its {before.work} is under way: wait for its end, or stop it.")
            if self._ended or sum(job.running for job in self._jobs.values()) >= MOST_AT_ONCE:
                raise RunError(f"{MOST_AT_ONCE} commands are under way: wait for the end of one, or stop it.")
            job = self._jobs[key] = Job(work, words, command)
            return job

    def end(self) -> dict[str, bool]:
        """Stop all, and wait until they have saved what they can; of each training that was stopped, whether it has."""
        with self._lock:
            self._ended = True
            running = {key: job for key, job in self._jobs.items() if job.running}
        for job in running.values():
            job.stop()
        until = time.monotonic() + _LEAVE
        for job in running.values():
            job.wait(max(0.0, until - time.monotonic()))
        return {key: job.saved for key, job in running.items() if job.work == "training"}
