"""What several commands print and keep."""

import contextlib
import errno
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from digitsmith.errors import OutputError
from digitsmith.streams import Stream, discard, terminal

if TYPE_CHECKING:
    from rich.console import Console

    from digitsmith.records.results import Result


@contextlib.contextmanager
def standard_streams() -> Iterator[None]:
    """Within the block, all that is written to stdout and stderr is printable text.

    What stdout does not take ends the program: quietly, if nobody reads it any more. What stderr does not take is lost.

    Raises:
        OutputError: stdout is on a full disk, or the like.
    """
    out, err = sys.stdout, sys.stderr

    def refuse(error: OSError) -> None:
        discard(out)
        if error.errno == errno.EPIPE:
            sys.exit(1)
        raise OutputError(f"cannot write to the standard output: {error.strerror}.") from error

    for descriptor in range(3):  # one that is closed would be that of the next file, and get what libraries print
        with contextlib.suppress(OSError):
            os.fstat(descriptor)
            continue
        os.open(os.devnull, os.O_RDWR)
    sys.stdout, sys.stderr = Stream(out, lost=refuse), Stream(err, lost=lambda _: discard(err))
    try:
        yield
    except SystemExit:
        sys.stdout, sys.stderr = out, err
        raise  # what else is raised is a fault of ours, whose traceback passes through the streams, too


def console() -> "Console":
    """Rich's way to stdout."""
    from rich.console import Console

    return Console(file=terminal(sys.stdout))


def result_place(subject: str, json: Path | None, name: str) -> Path | None:
    """Where a result is saved: the file that the user names, or `name` in the run folder; None for neither.

    Raises:
        OutputError: no file can be written there, or it is the subject.
    """
    from digitsmith.errors import DataError
    from digitsmith.files import require_file_place
    from digitsmith.untrusted import reading

    with reading(subject, DataError, "check the path"):
        place = json or (Path(subject) / name if (Path(subject) / "config.toml").is_file() else None)
    if place is not None:
        require_file_place(place)
        if place.absolute() == Path(subject).absolute():
            raise OutputError(f"{place} is what is measured, and would be overwritten: choose another place.")
    return place


def save_and_show(result: "Result", place: Path | None, show: Callable[[], None]) -> None:
    """Save a result, if it has a place, and then show it: neither a closed pipe nor a full disk loses it."""
    try:
        if place is not None:
            result.save(place)
    finally:
        show()
