"""The studio as users start it, in a process of its own."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass
class Running:
    """A studio that runs."""

    process: subprocess.Popen[str]
    address: str
    port: int

    def interrupt(self) -> int:
        """Ctrl-C; the exit code."""
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(timeout=60)


@contextlib.contextmanager
def running(*arguments: str) -> Iterator[Running]:
    """`digitsmith studio` at a free port, until the block ends."""
    command = [sys.executable, "-m", "digitsmith.cli", "studio", "--no-browser", "--port", "0", *arguments]
    environment = os.environ | {"PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        try:
            assert process.stdout is not None
            first = process.stdout.readline()
            assert first.startswith("The studio: http://"), first
            address = first.removeprefix("The studio: ").strip()
            yield Running(process, address, int(address.split("/")[2].rpartition(":")[2]))
        finally:
            process.kill()
