"""Standard streams that neither their encoding, nor the text of a stranger, nor a reader that is gone makes fail."""

import codecs
import io
import os
import unicodedata
from collections.abc import Callable
from typing import TextIO, cast

from digitsmith.errors import printable

_PLAIN = {"×": "x", "±": "+-", "\N{EN DASH}": "-", "\N{EM DASH}": "-", "\N{RIGHT SINGLE QUOTATION MARK}": "'"}


class Stream(io.TextIOBase):
    """A stream that writes the nearest plain characters where its encoding lacks one.

    It shows no `buffer`: Typer would write UTF-8 into that of a stream in ASCII.

    Args:
        stream: where to write; None, as where there is no terminal at all, takes everything and keeps nothing.
        clean: show what is no printable character as its code; False for one who writes escape sequences on purpose.
        lost: is told of the refusals of the operating system (full disk, closed pipe, …), which are else ignored.
    """

    def __init__(
        self, stream: TextIO | None, *, clean: bool = True, lost: Callable[[OSError], object] | None = None
    ) -> None:
        self._stream, self._clean, self._lost = stream, clean, lost

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """That of the stream."""
        return getattr(self._stream, "encoding", None) or "utf-8"

    @property
    def errors(self) -> str:  # type: ignore[override]
        """How what cannot be encoded is treated."""
        return "digitsmith"

    def isatty(self) -> bool:
        """Whether it is a terminal."""
        return self._stream is not None and self._stream.isatty()

    def fileno(self) -> int:
        """Its descriptor."""
        return super().fileno() if self._stream is None else self._stream.fileno()

    def writable(self) -> bool:
        """Whether it can be written to."""
        return True

    def write(self, text: str) -> int:
        """Write as much as can be."""
        if not isinstance(text, str):  # Typer tries what a stream takes
            raise TypeError("a stream of text takes no bytes")
        shown = printable(text) if self._clean else text
        if shown and self._stream is not None:  # to write nothing fails, too, on a full disk
            try:
                self._stream.write(shown.encode(self.encoding, self.errors).decode(self.encoding))
            except OSError as error:
                self._tell(error)
        return len(text)

    def write_line(self, text: str) -> None:
        """Write a line at once."""
        self.write(f"{text}\n")
        self.flush()

    def flush(self) -> None:
        """Send what was written on its way."""
        if self._stream is not None:
            try:
                self._stream.flush()
            except OSError as error:
                self._tell(error)

    def for_escapes(self) -> "Stream":
        """The same stream for one who writes escape sequences on purpose, and cleans all else."""
        return Stream(self._stream, clean=False, lost=self._lost)

    def _tell(self, error: OSError) -> None:
        if self._lost is not None:
            self._lost(error)


def terminal(stream: TextIO | None) -> TextIO:
    """A standard stream for Rich, which writes escape sequences on purpose."""
    shown = stream.for_escapes() if isinstance(stream, Stream) else Stream(stream, clean=False)
    return cast(TextIO, shown)  # all of it that Rich uses


def discard(stream: TextIO) -> None:
    """Let all that is still to be written to a stream vanish, so that nothing fails at the end of the process."""
    try:
        descriptor = stream.fileno()
    except (OSError, ValueError):
        return  # it is none of the operating system's
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, descriptor)
    os.close(nowhere)


def _nearest_plain(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    plain = [_PLAIN.get(char) or _without_accents(char) or "?" for char in error.object[error.start : error.end]]
    return "".join(plain), error.end


def _without_accents(char: str) -> str:
    return unicodedata.normalize("NFKD", char).encode("ascii", "ignore").decode()


codecs.register_error("digitsmith", _nearest_plain)
