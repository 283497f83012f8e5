"""Files that may come from anybody: what is read of them is bounded, and whatever goes wrong is one error."""

import contextlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from digitsmith.errors import DigitsmithError, reason


@contextlib.contextmanager
def reading(what: object, kind: type[DigitsmithError], mend: str) -> Iterator[None]:
    """Turn whatever is raised while a file is read that may be anything into an error of `kind` that names it.

    Parsers do not promise what they raise on damaged or hostile files; so all of it is caught, in this one place.

    Args:
        what: the file.
        kind: of error; those of Digitsmith pass as they are.
        mend: what to do, as the end of a sentence.
    """
    try:
        yield
    except DigitsmithError:
        raise
    except Exception as error:
        raise kind(f"{what} cannot be read ({reason(error)}): {mend}.") from error


def read_bytes(path: Path, most: int) -> bytes:
    """The content of a regular file of at most so many bytes; pipes and devices, which have no end, are refused.

    Raises:
        OSError: it cannot be read.
        ValueError: it is too large, or no regular file.
    """
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise ValueError("it is no regular file")
        content = file.read(min(most, status.st_size) + 1)  # for which memory is taken at once
    if len(content) > most:
        raise ValueError(f"it has more than {most:,} bytes")
    return content


def exists(path: str | Path) -> bool:
    """Whether there is such a file or folder; False, too, where text of strangers can be no path (too long, NUL)."""
    try:
        return Path(path).exists()
    except (OSError, ValueError):
        return False


def require_contained(folder: Path, inner: tuple[str, ...], kind: type[DigitsmithError]) -> None:
    """Refuse links in a folder, and in some of its folders, that lead out of it: it may be a stranger's.

    Raises:
        DigitsmithError: of `kind`; it names the link.
    """
    places = [place for place in (folder, *(folder / name for name in inner)) if os.path.isdir(place)]  # noqa: PTH112
    home = folder.resolve() if places else folder
    for place in places:
        with os.scandir(place) as entries:
            for entry in entries:
                if entry.is_symlink() and not Path(entry.path).resolve().is_relative_to(home):
                    raise kind(f"{entry.path} is a link that leads out of {folder}: put a copy in its place.")
