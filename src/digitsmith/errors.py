"""The errors that a user can meet.

Every message says what is wrong and how to mend it, in the words of the library. `parameter` names the argument at
fault of the public function that was called; the command line shows its own option instead, and exits with code 2.

    DigitsmithError
    ├── DataError              a data set that cannot be read, or that does not fit the job
    │   ├── DownloadError      a named data set that could not be fetched whole
    │   └── MissingSplitError  a data set that has no such split
    ├── ConfigError            an unknown preset or key, a wrong type, a value out of range
    ├── ModelError             a file that is no model of ours, or labels that it does not have
    ├── ResultError            a result that cannot be read, or results that cannot be compared
    ├── OutputError            a place that cannot be written, or that holds something already
    ├── DependencyError        an optional library that is not installed, or does not import
    ├── WorkerError            processes or a cluster that cannot do their share of the work
    └── RunError               a run folder that cannot be started or continued
        ├── DivergedError      a training whose losses or weights are no longer finite
        └── RankError          a training of several ranks of which one has ended
"""

import contextlib
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

from pydantic_core import ValidationError


class DigitsmithError(Exception):
    """The root of all errors that a user can meet.

    Attributes:
        message: what is wrong, and how to mend it.
        parameter: the argument at fault, as the public function names it; empty if it is none.
        told: whether another process has said what is wrong, so that this one need not.
    """

    told = False

    def __init__(self, message: str, *, parameter: str = "") -> None:
        super().__init__(message)
        self.message, self.parameter = _shortened(printable(message)), parameter

    def __str__(self) -> str:
        return f"{self.parameter}: {self.message}" if self.parameter else self.message


class DataError(DigitsmithError):
    """A data set that cannot be read, or that does not fit the job."""


class DownloadError(DataError):
    """A named data set that could not be fetched whole."""


class MissingSplitError(DataError):
    """A data set that has the other split, but not the one asked for."""


class ConfigError(DigitsmithError):
    """An unknown preset or key, a value of the wrong type or out of range."""


class ModelError(DigitsmithError):
    """A file that is no generator or reader of ours, or labels that it does not have."""


class ResultError(DigitsmithError):
    """A result that cannot be read, or results that were measured differently and cannot be compared."""


class OutputError(DigitsmithError):
    """A place that cannot be written, or that holds something already."""


class DependencyError(DigitsmithError):
    """An optional library that is not installed, or does not import."""


class WorkerError(DigitsmithError):
    """Processes or a cluster that cannot be had, differ from this one, or end before their work is done."""


class RunError(DigitsmithError):
    """A run folder that cannot be started or continued."""


class DivergedError(RunError):
    """A training whose losses or weights are no longer finite."""


class RankError(RunError):
    """A training of several ranks of which another one has ended, or cannot be reached."""


@contextlib.contextmanager
def blaming(parameter: str) -> Iterator[None]:
    """Give an error that names an argument of an inner function the name of the public function's argument."""
    try:
        yield
    except DigitsmithError as error:
        if error.parameter:
            error.parameter = parameter
        raise


def reason(error: BaseException, *, hidden: re.Pattern[str] | None = None) -> str:
    """What an error of another library says, in one line; of a record, where it is wrong and how.

    What fits `hidden` is left out.
    """
    if isinstance(error, ValidationError):
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        said = f"{where}: {first['msg']}" if where else first["msg"]
    elif isinstance(error, OSError) and error.strerror:
        said = error.strerror
    else:
        said = str(error)
    line = (said.splitlines() or [type(error).__name__])[0]
    return printable((hidden.sub("…", line) if hidden else line)[:200])


def _shortened(message: str, most: int = 1500) -> str:
    """A message without its middle if it repeats something endless of a stranger's."""
    return message if len(message) <= most else f"{message[: most // 2]} […] {message[-most // 2 :]}"


def printable(text: str) -> str:
    r"""Text of strangers for a terminal: what is not printable (ESC, bidirectional marks, …) is shown as its code.

    Ends of lines stay.

    Examples:
        >>> printable("a\x1b[31m")
        'a\\x1b[31m'
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c == "\n" else c.encode("unicode_escape").decode() for c in text)


def install(extra: str) -> str:
    """How to install an optional part. No index has a package digitsmith, and whoever registered one would run code
    here: from a checkout the command names that, and else the libraries themselves.
    """
    checkout = Path(__file__).resolve().parents[2]
    if (checkout / "pyproject.toml").is_file():
        return f"pip install '.[{extra}]' in {checkout}"
    from importlib.metadata import requires

    wanted = [line.partition(";") for line in requires("digitsmith") or ()]
    names = [name.strip() for name, _, marker in wanted if f"extra=={extra}" in re.sub(r"[ \'\"]", "", marker)]
    return shlex.join(["pip", "install", *names])
