"""Trials: a process of its own reads what may crash it, and what went wrong is told."""

import faulthandler
import os
import re
import resource
import signal
import socket
import tempfile
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from digitsmith.errors import DigitsmithError
from fuzz.mutations import Files
from runs import FORKS

SECONDS = 5
"""Of computing that an input may take."""
MEMORY = 2**30
"""Bytes that it may take."""
MESSAGE = 3000
"""Characters that an error may have."""

_HANGS = 60  # seconds after which a process that computes nothing is ended
_RAM = Path("/dev/shm")


@dataclass(frozen=True)
class Finding:
    """What went wrong.

    Attributes:
        kind: type of the exception, or name of the signal that ended the process.
        place: in the package, file and line.
        message: of the exception.
    """

    kind: str
    place: str
    message: str

    @property
    def identity(self) -> tuple[str, str]:
        """The same for the same mistake."""
        return self.kind, self.place


class Trials:
    """Lets a process read one input after the other, and starts another one when that ends."""

    def __init__(self) -> None:
        self._dump = tempfile.NamedTemporaryFile()
        self._process: BaseProcess | None = None

    def __enter__(self) -> "Trials":
        return self

    def __exit__(self, *_: object) -> None:
        self._end()
        self._dump.close()

    def read(self, reader: str, files: Files, *, whole: bool = False) -> Finding | None:
        """Let a reader read: None if it did, or refused, which it may not where they are `whole`."""
        if self._process is None:
            self._connection, theirs = FORKS.Pipe()
            self._process = FORKS.Process(target=_serve, args=(theirs, self._dump.name), daemon=True)
            self._process.start()
            theirs.close()
        try:
            self._connection.send((reader, files, whole))
            if self._connection.poll(_HANGS):
                found: Finding | None = self._connection.recv()
                return found
            kind = "hangs"
        except (EOFError, ConnectionError):
            self._process.join()
            code = self._process.exitcode or 0
            kind = signal.Signals(-code).name if code < 0 else f"exit {code}"
        self._end()
        dump = Path(self._dump.name).read_text(errors="replace")
        frame = re.search(r'recent call first.*?File "[^"]*/digitsmith/([^"]*)", line (\d+)', dump, re.DOTALL)
        return Finding(kind, f"{frame[1]}:{frame[2]}" if frame else "?", dump.partition("\n")[0])

    def _end(self) -> None:
        if self._process is not None:
            self._connection.close()
            self._process.kill()
            self._process.join()
            self._process = None


def tolerated(read: Callable[..., object], *arguments: object) -> None:
    """Call a reader, which may refuse, but with a message that people can read and not for want of memory."""
    try:
        read(*arguments)
    except DigitsmithError as error:
        if problem := _problem(error):
            raise AssertionError(problem).with_traceback(error.__traceback__) from error


def _problem(error: DigitsmithError) -> str:
    text = str(error)
    if not text.replace("\n", "").isprintable():
        return f"unprintable: {text!r}"
    if len(text) > MESSAGE:
        return f"a message of {len(text)} characters"
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, MemoryError) and "bad_alloc" not in str(cause):
        cause = cause.__cause__ or cause.__context__
    return "" if cause is None else f"it wanted more than {3 * MEMORY >> 30} GiB: {text}"


def _serve(connection: Connection, dump: str) -> None:
    """Read what comes, and answer what went wrong."""
    import torch

    from fuzz.readers import READERS

    torch.set_num_threads(1)
    _stay_at_home()
    with Path(dump).open("w") as file:
        faulthandler.enable(file, all_threads=False)
        faulthandler.register(signal.SIGPROF, file, all_threads=False, chain=True)  # which ends the process
        while True:
            try:
                name, files, whole = connection.recv()
            except EOFError:
                return
            file.seek(0)
            file.truncate()
            connection.send(_trial(READERS[name].read, files, whole=whole))


def _trial(read: Callable[[Path], object], files: Files, *, whole: bool) -> Finding | None:
    with tempfile.TemporaryDirectory(dir=_RAM if _RAM.is_dir() else None) as folder:
        place = Path(folder) / "input"
        place.mkdir()
        os.chdir(place)
        if not _lay_out(place, files):
            return None
        before = _limit_memory()
        signal.setitimer(signal.ITIMER_PROF, SECONDS)
        try:
            read(place) if whole else tolerated(read, place)
        except Exception as error:
            return _told(error)
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
            os.chdir("/")
        taken = _memory("VmHWM") - before
        return Finding("MemoryError", "?", f"it took {taken >> 20} MiB") if taken > MEMORY else None


def _lay_out(place: Path, files: Files) -> bool:
    """Write the files, and say whether that can be done: their names may be anything."""
    for name, content in files.items():
        try:
            path = (place / name).resolve()
            if place.resolve() not in path.parents:
                return False
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        except (OSError, ValueError):
            return False
    return True


def _told(error: Exception) -> Finding:
    frames = traceback.extract_tb(error.__traceback__)
    last = ([frame for frame in frames if "/digitsmith/" in frame.filename] or frames)[-1]
    file = last.filename.rpartition("/digitsmith/")[2]
    return Finding(type(error).__name__, f"{file}:{last.lineno}", " ".join(str(error).split())[:300])


def _limit_memory() -> int:
    """Forget the peak, keep the process from taking the whole computer, and return what it has."""
    Path("/proc/self/clear_refs").write_text("5")
    resource.setrlimit(resource.RLIMIT_AS, (_memory("VmSize") + 3 * MEMORY, resource.RLIM_INFINITY))
    return _memory("VmRSS")


def _memory(key: str) -> int:
    found = re.search(rf"{key}:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found is not None
    return int(found[1]) * 1024


def _stay_at_home() -> None:
    """No data of the user's, and no network but this computer."""
    os.environ["DIGITSMITH_DATA_HOME"] = "/nonexistent"
    connect, look_up = socket.socket.connect, socket.getaddrinfo

    def connect_here(self: socket.socket, address: Any) -> None:
        if address[0] != "127.0.0.1":
            raise ConnectionRefusedError(f"{address} is not here")
        connect(self, address)

    def look_up_here(host: Any, *more: Any, **options: Any) -> Any:
        if host != "127.0.0.1":
            raise socket.gaierror(f"{host} is not here")
        return look_up(host, *more, **options)

    socket.socket.connect = connect_here  # type: ignore[method-assign, assignment]
    socket.getaddrinfo = look_up_here
