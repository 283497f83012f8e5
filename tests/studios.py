"""The studio as users start it, in a process of its own."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path


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
def running(*arguments: str, folder: Path | None = None, largest_file: int = 0) -> Iterator[Running]:
    """`digitsmith studio` at a free port, in a folder, until the block ends.

    `largest_file` is a limit in bytes that stands in for a full disk: a write beyond it fails in the kernel.
    """
    command = [sys.executable, "-m", "digitsmith.cli", "studio", "--no-browser", "--port", "0", *arguments]
    environment = os.environ | {"PYTHONUNBUFFERED": "1"}
    if largest_file:
        command = ["prlimit", f"--fsize={largest_file}", *command]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment, cwd=folder) as process:
        try:
            assert process.stdout is not None
            first = process.stdout.readline()
            assert first.startswith("The studio: http://"), first
            address = first.removeprefix("The studio: ").strip()
            yield Running(process, address, int(address.split("/")[2].rpartition(":")[2]))
        finally:
            process.kill()
