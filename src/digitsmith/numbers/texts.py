"""What is written: the text of number *i*, which depends on the seed and *i* alone."""

from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from digitsmith.data import limits
from digitsmith.errors import ConfigError, DataError, reason
from digitsmith.numbers.chance import TEXT, chance
from digitsmith.numbers.kinds import KindOfNumber, Locale
from digitsmith.numbers.patterns import MOST_CHARACTERS, Pattern
from digitsmith.untrusted import read_bytes, reading

LOCALE: Locale = "en-US"
"""Where kinds of numbers are written so, if nothing else is said."""

_END, _SPACE = b"\n "


class Texts(Protocol):
    """The texts of all numbers."""

    @property
    def characters(self) -> str:
        """All that they may have."""

    @property
    def longest(self) -> int:
        """Characters of the longest."""

    def of(self, index: int) -> str:
        """The text of one number."""

    def origin(self, index: int) -> str:
        """Where the text of one number comes from, if that is a line of a file; else empty."""

    def where(self, character: str) -> str:
        """Where a character stands that they may have, as the beginning of a message."""


@dataclass(frozen=True)
class Drawn:
    """Texts that are drawn from a pattern, or of a kind."""

    source: Pattern | KindOfNumber
    seed: int

    @property
    def characters(self) -> str:
        """All that they may have."""
        return self.source.characters

    @property
    def longest(self) -> int:
        """Characters of the longest."""
        return self.source.longest

    def of(self, index: int) -> str:
        """The text of one number."""
        return self.source.draw(chance(TEXT, self.seed, index))

    def origin(self, index: int) -> str:
        """It comes from no file."""
        return ""

    def where(self, character: str) -> str:
        """Where a character stands in the pattern, or which kind has it."""
        return self.source.where(character)


@dataclass(frozen=True, eq=False)
class Lines:
    """Texts that are given, and take turns.

    Attributes:
        content: all of them, in UTF-8, with an end of line after each.
        ends: int64[n], the places of these.
        lines: int64[n], where each stands in its file, counted from 1; empty if they are of none.
        characters: all that they have, in order of appearance.
        longest: characters of the longest.
    """

    content: bytes
    ends: NDArray[np.int64]
    lines: NDArray[np.int64]
    characters: str
    longest: int

    def __len__(self) -> int:
        return len(self.ends)

    @property
    def sha256(self) -> str:
        """Of the content."""
        return sha256(self.content).hexdigest()

    def of(self, index: int) -> str:
        """The text of one number."""
        i = index % len(self.ends)
        return self.content[self.ends[i - 1] + 1 if i else 0 : self.ends[i]].decode()

    @property
    def passed_over(self) -> int:
        """Empty lines of the file, up to the last text."""
        return int(self.lines[-1]) - len(self) if len(self.lines) else 0

    def origin(self, index: int) -> str:
        """The line of the file."""
        return f"line {self.lines[index % len(self)]:,}" if len(self.lines) else ""

    def where(self, character: str) -> str:
        """The first of the texts with a character."""
        index = int(np.searchsorted(self.ends, self.content.find(character.encode())))
        text, origin = self.of(index), self.origin(index)
        said = f"{origin}, {text!r}," if origin else f"{text!r:.100}"
        return f"{said} has {character!r} (character {text.index(character) + 1})"


def fixed(text: str) -> Lines:
    """One text for all numbers.

    Raises:
        ConfigError: an empty one, several lines, or too long.
    """
    try:
        if "\n" in text:
            raise ValueError("it has several lines, which a file may have")
        return _lines(text, in_file=False)
    except ValueError as error:
        raise ConfigError(f"{text!r:.80} cannot be written: {reason(error)}.", parameter="text") from error


def read_lines(path: Path) -> Lines:
    """Texts from a file of lines, in UTF-8, or in UTF-16 if it begins with its mark. Empty lines are passed over.

    Raises:
        DataError: it cannot be read, or has no text, or a line is too long.
    """
    with reading(path, DataError, "give a text file with a number in each line"):
        return _lines(_decoded(read_bytes(path, limits.MAX_JSON)).replace("\r\n", "\n"), in_file=True)


def _decoded(content: bytes) -> str:
    """The text of a file; raises `ValueError`."""
    encoding = "utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        raise ValueError("it is a picture or another file that is no text in UTF-8") from error
    if "\0" in text:
        raise ValueError("it is a picture or another file that is no text")
    return text


def _lines(text: str, *, in_file: bool) -> Lines:
    """Check texts, one in each line; raises `ValueError`."""
    found = np.frombuffer(f"{text}\n".encode(), np.uint8)
    ends = np.flatnonzero(found == _END)
    starts = np.concatenate([[0], ends[:-1] + 1])
    having = np.add.reduceat(found != _SPACE, starts, dtype=np.int64) > 1  # more than the end of the line
    if not having.any():
        raise ValueError("it has no text")
    found = found[np.repeat(having, ends - starts + 1)]
    ends, lines = np.flatnonzero(found == _END), np.flatnonzero(having) + 1
    starts = np.concatenate([[0], ends[:-1] + 1])
    lengths = np.add.reduceat((found & 0xC0) != 0x80, starts, dtype=np.int64) - 1  # bytes that begin a character
    for wrong, what in (
        (lengths > MOST_CHARACTERS, f"is longer than {MOST_CHARACTERS} characters"),
        ((found[starts] == _SPACE) | (found[ends - 1] == _SPACE), "begins or ends with a space, which nobody sees"),
    ):
        if wrong.any():
            raise ValueError(f"line {lines[wrong.argmax()]:,} {what}" if in_file else f"it {what}")
    characters = "".join(dict.fromkeys(text)).replace("\n", "")
    return Lines(found.tobytes(), ends, lines if in_file else lines[:0], characters, int(lengths.max()))
