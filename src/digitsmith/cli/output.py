"""What several commands print and keep."""

import codecs
import io
import shlex
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from digitsmith.records.results import Result

_PLAIN = {"×": "x", "±": "+-", "\N{EN DASH}": "-", "\N{EM DASH}": "-", "\N{RIGHT SINGLE QUOTATION MARK}": "'"}


def command(*words: object) -> str:
    """A command line to suggest, which can be pasted into a shell."""
    return shlex.join(["digitsmith", *map(str, words)])


def result_place(subject: str, json: Path | None, name: str) -> Path | None:
    """Where a result is saved: the file that the user names, or `name` in the run folder; None for neither.

    Raises:
        OutputError: the file named is a folder.
    """
    from digitsmith.files import require_file_place

    if json is not None:
        require_file_place(json)
        return json
    return Path(subject) / name if (Path(subject) / "config.toml").is_file() else None


def save_and_show(result: "Result", place: Path | None, show: Callable[[], None]) -> None:
    """Save a result, if it has a place, and then show it: neither a closed pipe nor a full disk loses it."""
    try:
        if place is not None:
            result.save(place)
    finally:
        show()


def write_in_any_encoding(*streams: TextIO) -> None:
    """Let streams write the nearest plain characters where their encoding lacks one, instead of failing."""
    codecs.register_error("digitsmith", _nearest_plain)
    for stream in streams:
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="digitsmith")


def _nearest_plain(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    plain = [_PLAIN.get(char) or _without_accents(char) or "?" for char in error.object[error.start : error.end]]
    return "".join(plain), error.end


def _without_accents(char: str) -> str:
    return unicodedata.normalize("NFKD", char).encode("ascii", "ignore").decode()
