"""Patterns of numbers: `#####-####`, `[1-9]#{0,6}`, `(###) ###-####`.

| in a pattern | stands for |
| --- | --- |
| `#` | any digit |
| `[135]`, `[1-9]` | one of these characters |
| `{3}`, `{2,5}` | what stands before it, three times, or two to five times |
| any other character | itself; so do `#`, `[`, `]`, `{`, `}` and the backslash after a backslash |
"""

from dataclasses import dataclass
from typing import Never

import numpy as np

from digitsmith.errors import ConfigError

MOST_CHARACTERS = 64
"""Of one number."""

_DIGITS = "0123456789"
_SPECIAL = "#[]{}\\"


@dataclass(frozen=True)
class Piece:
    """One of some characters, `least` to `most` times; it begins at `place` of its pattern."""

    characters: str
    least: int = 1
    most: int = 1
    place: int = 0


@dataclass(frozen=True)
class Pattern:
    """What numbers are drawn from. Get one from `parse`.

    Attributes:
        text: as it was written.
        pieces: one after the other.
    """

    text: str
    pieces: tuple[Piece, ...]

    @property
    def characters(self) -> str:
        """All characters that its numbers may have, each once, in order of appearance."""
        return "".join(dict.fromkeys("".join(piece.characters for piece in self.pieces if piece.most)))

    @property
    def longest(self) -> int:
        """Characters of its longest numbers."""
        return sum(piece.most for piece in self.pieces)

    def where(self, character: str) -> str:
        """Where a character stands that its numbers may have."""
        return _at(
            self.text, next(piece.place for piece in self.pieces if piece.most and character in piece.characters)
        )

    def draw(self, random: np.random.Generator) -> str:
        """Draw a number: each count and each character with equal chances."""
        parts = []
        for piece in self.pieces:
            count = piece.least if piece.least == piece.most else int(random.integers(piece.least, piece.most + 1))
            if len(piece.characters) == 1:
                parts.append(piece.characters * count)
            else:
                parts.extend(piece.characters[i] for i in random.integers(len(piece.characters), size=count))
        return "".join(parts)


def parse(text: str) -> Pattern:
    """Read a pattern.

    Raises:
        ConfigError: it does not parse, and where; or its numbers would be empty or too long.
    """
    pieces, place = list[Piece](), 0
    while place < len(text):
        character, start = text[place], place
        place += 1
        if character == "#":
            characters = _DIGITS
        elif character == "[":
            characters, place = _class(text, place)
        elif character == "\\":
            if text[place : place + 1] not in tuple(_SPECIAL):
                _fail(text, start, f"a backslash stands before one of {' '.join(_SPECIAL)} only")
            characters = text[place]
            place += 1
        elif character in _SPECIAL:
            mend = (
                "it follows what it repeats"
                if character == "{"
                else f"nothing opens it; write \\{character} for itself"
            )
            _fail(text, start, f"{character} stands alone: {mend}")
        elif not character.isprintable():
            _fail(text, start, f"{character!r} is no character that can be written")
        else:
            characters = character
        least = most = 1
        if text[place : place + 1] == "{":
            least, most, place = _counts(text, place + 1)
        pieces.append(Piece(characters, least, most, start))
    pattern = Pattern(text, tuple(pieces))
    least = sum(piece.least for piece in pieces)
    if not least or not any(piece.most and piece.characters.strip() for piece in pieces):
        raise ConfigError(f"{text!r:.100}: its numbers may be empty: let it have a character.", parameter="pattern")
    if pattern.longest > MOST_CHARACTERS:
        raise ConfigError(
            f"{text!r:.100}: its numbers may have {pattern.longest} characters; {MOST_CHARACTERS} are the most.",
            parameter="pattern",
        )
    return pattern


def _class(text: str, place: int) -> tuple[str, int]:
    """The characters of `[…]`, of which the first is at `place`, and the place behind it."""
    opened = place - 1
    end = text.find("]", place)
    if end < 0:
        _fail(text, opened, "[ is not closed: write ] behind its characters")
    inside, found = text[place:end], list[str]()
    if not inside:
        _fail(text, opened, "[] has no character: write some, such as [135] or [1-9]")
    if inside[0] == "^":
        _fail(text, place, "[^…] is not known: write the characters that may stand here")
    i = 0
    while i < len(inside):
        first = inside[i]
        if first in _SPECIAL or not first.isprintable():
            _fail(text, place + i, f"{first!r} cannot stand between [ and ]")
        if inside[i + 1 : i + 2] == "-" and i + 2 < len(inside):
            last = inside[i + 2]
            if not (first.isalnum() and last.isalnum()):
                _fail(
                    text,
                    place + i,
                    f"{first}-{last} is no range of digits or letters; write - first or last for itself",
                )
            if ord(first) > ord(last):
                _fail(text, place + i, f"the range {first}-{last} runs backwards; write {last}-{first}")
            if ord(last) - ord(first) > 1000:
                _fail(text, place + i, f"the range {first}-{last} is too wide")
            found.extend(map(chr, range(ord(first), ord(last) + 1)))
            i += 3
        else:
            found.append(first)
            i += 1
    return "".join(dict.fromkeys(found)), end + 1


def _counts(text: str, place: int) -> tuple[int, int, int]:
    """Least and most of `{…}`, of which the first character is at `place`, and the place behind it."""
    end = text.find("}", place)
    if end < 0:
        _fail(text, place - 1, "{ is not closed: write } behind the counts")
    parts = text[place:end].split(",")
    if len(parts) > 2 or not all(part.isascii() and part.isdecimal() for part in parts):
        _fail(text, place, f"{text[place:end]!r:.40} are no counts; write {{3}} or {{2,5}}")
    if any(len(part) > 3 for part in parts):
        _fail(text, place, f"{text[place:end]:.40} is too many: numbers have {MOST_CHARACTERS} characters at most")
    least, most = int(parts[0]), int(parts[-1])
    if least > most:
        _fail(text, place, f"{least},{most} runs backwards; write {{{most},{least}}}")
    if not most:
        _fail(text, place, "nothing would stand here: leave it out")
    if text[end + 1 : end + 2] == "{":
        _fail(text, end + 1, "counts follow counts: write one")
    return least, most, end + 1


def _fail(text: str, place: int, why: str) -> Never:
    """Raise an error that shows where in a pattern something is wrong."""
    raise ConfigError(f"{_at(text, place)}: {why}.", parameter="pattern")


def _at(text: str, place: int) -> str:
    """Where in a pattern something is, for an error."""
    text = "".join(c if c.isprintable() else "?" for c in text)
    before = text[max(0, place - 20) : place]
    shown = f"{'…' if place > 20 else ''}{before}»{text[place : place + 20]}"
    return f"at character {place + 1} ({shown})"
