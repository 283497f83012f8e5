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

    def with_character(self, character: str) -> str:
        """A text, or a part of one, with a character that they may have."""


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

    def with_character(self, character: str) -> str:
        """The character."""
        return character


@dataclass(frozen=True, eq=False)
class Lines:
    """Texts that are given, and take turns.

    Attributes:
        content: all of them, in UTF-8, with an end of line after each.
        ends: int64[n], the places of these.
        characters: all that they have.
        longest: characters of the longest.
    """

    content: bytes
    ends: NDArray[np.int64]
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

    def with_character(self, character: str) -> str:
        """The first of the texts with it."""
        return self.of(int(np.searchsorted(self.ends, self.content.find(character.encode()))))


def fixed(text: str) -> Lines:
    """One text for all numbers.

    Raises:
        ConfigError: an empty one, several lines, or too long.
    """
    try:
        if "\n" in text:
            raise ValueError("it has several lines, which a file may have")
        return _lines(text)
    except ValueError as error:
        raise ConfigError(f"{text!r:.80} cannot be written: {reason(error)}.", parameter="text") from error


def read_lines(path: Path) -> Lines:
    """Texts from a file of lines, in UTF-8.

    Raises:
        DataError: it cannot be read, or a line is empty or too long.
    """
    with reading(path, DataError, "give a text file with a number in each line"):
        content = read_bytes(path, limits.MAX_JSON).decode("utf-8-sig")
        return _lines(content.replace("\r\n", "\n").removesuffix("\n"))


def _lines(text: str) -> Lines:
    """Check texts, one in each line; raises `ValueError`."""
    content = f"{text}\n".encode()
    found = np.frombuffer(content, np.uint8)
    ends = np.flatnonzero(found == _END)
    starts = np.concatenate([[0], ends[:-1] + 1])
    lengths = np.add.reduceat((found & 0xC0) != 0x80, starts, dtype=np.int64) - 1  # bytes that begin a character
    for wrong, what in (
        (lengths == 0, "is empty"),
        (lengths > MOST_CHARACTERS, f"is longer than {MOST_CHARACTERS} characters"),
        ((found[starts] == _SPACE) | (found[ends - 1] == _SPACE), "begins or ends with a space, which nobody sees"),
    ):
        if wrong.any():
            raise ValueError(f"line {wrong.argmax() + 1:,} {what}" if len(ends) > 1 else f"it {what}")
    return Lines(content, ends, "".join(sorted(set(text) - {"\n"})), int(lengths.max()))
