"""Patterns and kinds of numbers: what is drawn is what was asked for, and a pattern that does not parse says where."""

import re
from datetime import datetime

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from conftest import refused
from digitsmith.errors import ConfigError
from digitsmith.numbers.chance import TEXT, chance
from digitsmith.numbers.kinds import KINDS, LOCALES, kind_of
from digitsmith.numbers.patterns import MOST_CHARACTERS, parse


def drawn(pattern: str, count: int = 50, seed: int = 0) -> list[str]:
    return [parse(pattern).draw(chance(TEXT, seed, i)) for i in range(count)]


_LITERALS = "-/.,: ()+€0123456789"
_ANY = st.just(("#", "[0-9]"))
_LITERAL = st.sampled_from(_LITERALS).map(lambda c: (c, re.escape(c)))
_ESCAPED = st.sampled_from("#[]{}\\").map(lambda c: ("\\" + c, re.escape(c)))
_SET = st.lists(st.sampled_from("0123456789+./:"), min_size=1, max_size=5).map(
    lambda cs: (f"[{''.join(cs)}]", f"[{re.escape(''.join(cs))}]")
)
_RANGE = st.tuples(st.integers(0, 9), st.integers(0, 9)).map(
    lambda ab: (f"[{min(ab)}-{max(ab)}]", f"[{min(ab)}-{max(ab)}]")
)
_COUNTS = st.one_of(
    st.just(("", "")),
    st.integers(1, 5).map(lambda n: (f"{{{n}}}", f"{{{n}}}")),
    st.tuples(st.integers(0, 3), st.integers(1, 3)).map(
        lambda ab: (f"{{{ab[0]},{sum(ab)}}}", f"{{{ab[0]},{sum(ab)}}}")
    ),
)
_PIECES = st.lists(st.tuples(st.one_of(_ANY, _LITERAL, _ESCAPED, _SET, _RANGE), _COUNTS), min_size=1, max_size=8)


@settings(deadline=None)
@given(pieces=_PIECES, seed=st.integers(0, 2**63 - 1))
def test_every_number_matches_its_pattern(pieces: list, seed: int) -> None:
    text = "".join(one + counts for (one, _), (counts, _) in pieces)
    regex = "".join(one + counts for (_, one), (_, counts) in pieces)
    try:
        pattern = parse(text)
    except ConfigError as error:
        assume("may be empty" not in str(error) and "are the most" not in str(error))
        raise
    number = pattern.draw(chance(TEXT, seed, 3))
    assert re.fullmatch(regex, number)
    assert set(number) <= set(pattern.characters)
    assert len(number) <= pattern.longest <= MOST_CHARACTERS
    assert number == pattern.draw(chance(TEXT, seed, 3))


def test_all_that_a_pattern_allows_is_drawn() -> None:
    assert set(drawn("[135]", 200)) == {*"135"}
    assert set(drawn("[1-9]", 400)) == {*"123456789"}
    assert set(drawn("#", 400)) == {*"0123456789"}
    assert {len(number) for number in drawn("#{2,5}", 400)} == {2, 3, 4, 5}
    assert set(drawn("(+1) 2-3/4.5,6:7€", 3)) == {"(+1) 2-3/4.5,6:7€"}
    assert set(drawn("[1-3-]", 400)) == {*"123-"}


@pytest.mark.parametrize(
    ("pattern", "place", "why"),
    [
        ("12[", 3, r"\[ is not closed"),
        ("12[]", 3, "has no character"),
        ("##{2", 3, "{ is not closed"),
        ("##{a}", 4, "no counts"),
        ("##{1,2,3}", 4, "no counts"),
        ("#{100000}", 3, "100000 is too many: numbers have 64 characters at most"),
        ("#{1,1000}", 3, "1,1000 is too many"),
        ("##{5,2}", 4, "runs backwards"),
        ("##{0}", 4, "leave it out"),
        ("{3}", 1, "stands alone"),
        ("1]", 2, "stands alone"),
        ("1}", 2, "stands alone"),
        ("[9-1]", 2, r"write 1-9"),
        ("[+-9]", 2, "no range"),
        ("[^1]", 2, "not known"),
        ("[1#]", 3, "cannot stand"),
        ("#{2}{3}", 5, "counts follow counts"),
        ("1\\d", 2, "a backslash"),
        ("1\\", 2, "a backslash"),
        ("1\n2", 2, "no character that can be written"),
        ("0" * 40 + "[", 41, "is not closed"),
    ],
)
def test_a_pattern_that_does_not_parse_says_where(pattern: str, place: int, why: str) -> None:
    with refused(ConfigError, rf"at character {place} \(.*{why}", "pattern"):
        parse(pattern)


@pytest.mark.parametrize("pattern", ["", " ", "#{0,3}", " {1,3}", "#{65}", "#{30,40}#{30}"])
def test_numbers_are_neither_empty_nor_endless(pattern: str) -> None:
    with refused(ConfigError, "may be empty|are the most", "pattern"):
        parse(pattern)


_KINDS = {
    ("date", "en-US"): r"\d{1,2}/\d{1,2}/(\d{2}|\d{4})|\d{1,2}-\d{1,2}-\d{2}",
    ("date", "en-GB"): r"\d{1,2}/\d{1,2}/(\d{2}|\d{4})|\d{1,2}\.\d{1,2}\.\d{2}",
    ("date", "de-DE"): r"\d{1,2}\.\d{1,2}\.(\d{2}|\d{4})",
    ("date", "fr-FR"): r"\d{1,2}/\d{1,2}/(\d{2}|\d{4})|\d\d\.\d\d\.\d\d",
    ("amount", "en-US"): r"[1-9]\d{0,4}\.\d\d|[1-9]\d?,\d{3}\.\d\d",
    ("amount", "en-GB"): r"[1-9]\d{0,4}\.\d\d|[1-9]\d?,\d{3}\.\d\d",
    ("amount", "de-DE"): r"([1-9]\d{0,4},\d\d|[1-9]\d?\.\d{3},\d\d)( €)?",
    ("amount", "fr-FR"): r"([1-9]\d{0,4},\d\d|[1-9]\d? \d{3},\d\d)( €)?",
    ("postcode", "en-US"): r"\d{5}(-\d{4})?",
    ("postcode", "en-GB"): r"[A-Z]{1,2}\d{1,2} \d[A-Z]{2}",
    ("postcode", "de-DE"): r"(0[1-9]|[1-9]\d)\d{3}",
    ("postcode", "fr-FR"): r"(0[1-9]|[1-8]\d|9[0-5])\d{3}",
    ("phone", "en-US"): r"(\([2-9]\d\d\) |[2-9]\d\d-|\+1 [2-9]\d\d )[2-9]\d\d[- ]\d{4}",
    ("phone", "en-GB"): r"07\d{3} \d{6}|020 \d{4} \d{4}|01\d{3} \d{6}|\+44 7\d{3} \d{6}",
    ("phone", "de-DE"): r"0[2-9]\d\d[ /]\d{6,8}|(0|\+49 )1[5-7]\d \d{7,8}",
    ("phone", "fr-FR"): r"0[1-7]([ .]\d\d){4}|\+33 [1-7]( \d\d){4}",
    ("account", "en-US"): r"\d{9}",
    ("account", "en-GB"): r"\d\d-\d\d-\d\d \d{8}",
    ("account", "de-DE"): r"(\d{4} ){5}",
    ("account", "fr-FR"): r"(\d{4} ){6}\d",
    ("meter", "en-US"): r"\d{5,6}",
    ("meter", "en-GB"): r"\d{5}|\d{4}\.\d",
    ("meter", "de-DE"): r"\d{6}|\d{5},\d",
    ("meter", "fr-FR"): r"\d{5}",
}


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize("kind", KINDS)
def test_kinds_are_written_as_in_their_country(kind: str, locale: str) -> None:
    regex = _KINDS.get((kind, locale)) or {"year": r"(19|20)\d\d", "integer": r"[1-9]\d{0,6}"}[kind]
    numbers = kind_of(kind, locale)
    made = [numbers.draw(chance(TEXT, 1, i)) for i in range(300)]
    for number in made:
        assert re.fullmatch(regex, number + " " * (regex[-1] == "}" and kind == "account" and locale == "de-DE")), (
            number
        )
        assert set(number) <= set(numbers.characters)
        assert len(number) <= numbers.longest
    assert max(map(len, made)) == numbers.longest
    assert len(set(made)) > 80


def test_dates_are_days_of_the_calendar() -> None:
    for i in range(300):
        day = kind_of("date", "de-DE").draw(chance(TEXT, 2, i))
        datetime.strptime(day, "%d.%m.%Y" if len(day.rpartition(".")[2]) == 4 else "%d.%m.%y")


def test_check_digits_of_accounts_are_right() -> None:
    for i in range(50):
        random = chance(TEXT, 3, i)
        routing = [*map(int, kind_of("account", "en-US").draw(random))]
        assert np.dot(routing, [3, 7, 1] * 3) % 10 == 0
        for locale, country in ("de-DE", "DE"), ("fr-FR", "FR"):
            digits = kind_of("account", locale).draw(random).replace(" ", "")
            moved = digits[2:] + country + digits[:2]
            assert int("".join(str(int(c, 36)) for c in moved)) % 97 == 1
        bank, branch, account, key = (int(digits[2:][a:b]) for a, b in ((0, 5), (5, 10), (10, 21), (21, 23)))
        assert (89 * bank + 15 * branch + 3 * account + key) % 97 == 0


def test_unknown_kinds_and_countries_are_refused() -> None:
    with refused(ConfigError, "there is no kind 'zip'; there are date, amount", "kind"):
        kind_of("zip")
    with refused(ConfigError, "'xx' is not known; there are en-US", "locale"):
        kind_of("date", "xx")
