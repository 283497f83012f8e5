"""Kinds of numbers as people write them in a country: dates, amounts, postcodes, telephone and account numbers, …"""

import datetime
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, get_args

import numpy as np

from digitsmith.errors import ConfigError
from digitsmith.numbers.patterns import Pattern, parse

Kind = Literal["date", "amount", "postcode", "phone", "account", "meter", "year", "integer"]
Locale = Literal["en-US", "en-GB", "de-DE", "fr-FR"]
KINDS: tuple[Kind, ...] = get_args(Kind)
LOCALES: tuple[Locale, ...] = get_args(Locale)

_FIRST, _LAST = datetime.date(1920, 1, 1).toordinal(), datetime.date(2039, 12, 31).toordinal()
_MOST_CENTS = 7  # digits of an amount, of which two stand for cents


@dataclass(frozen=True)
class _Country:
    """How numbers are written in a country.

    Attributes:
        dates: forms of a date, for `str.format` with day, month, year and short year; `:02` writes zeros in front.
        thousands: what stands between three digits and three, or nothing.
        decimal: what stands before the cents.
        amounts: forms of an amount, in which {} is the number.
        patterns: of other kinds; each is as likely as another.
    """

    dates: tuple[str, ...]
    thousands: tuple[str, ...]
    decimal: str
    amounts: tuple[str, ...]
    patterns: dict[Kind, tuple[str, ...]] = field(default_factory=dict)


_EVERYWHERE: dict[Kind, tuple[str, ...]] = {"year": ("19##", "20[0-3]#"), "integer": ("[1-9]#{0,6}",)}

_COUNTRIES: dict[Locale, _Country] = {
    "en-US": _Country(
        dates=("{m:02}/{d:02}/{y}", "{m}/{d}/{y}", "{m}/{d}/{s:02}", "{m}-{d}-{s:02}"),
        thousands=(",", ""),
        decimal=".",
        amounts=("{}",),
        patterns={
            "postcode": ("#{5}", "#{5}-#{4}"),
            "phone": ("([2-9]##) [2-9]##-####", "[2-9]##-[2-9]##-####", "+1 [2-9]## [2-9]## ####"),
            "meter": ("#{5}", "#{6}"),
        },
    ),
    "en-GB": _Country(
        dates=("{d:02}/{m:02}/{y}", "{d}/{m}/{y}", "{d}/{m}/{s:02}", "{d}.{m}.{s:02}"),
        thousands=(",", ""),
        decimal=".",
        amounts=("{}",),
        patterns={
            "postcode": ("[A-PR-UWYZ]# #[ABD-HJLNP-UW-Z]{2}", "[A-PR-UWYZ][A-HK-Y]#{1,2} #[ABD-HJLNP-UW-Z]{2}"),
            "phone": ("07### ######", "020 #### ####", "01### ######", "+44 7### ######"),
            "account": ("##-##-## #{8}",),
            "meter": ("#{5}", "#{4}.#"),
        },
    ),
    "de-DE": _Country(
        dates=("{d:02}.{m:02}.{y}", "{d}.{m}.{y}", "{d}.{m}.{s:02}", "{d:02}.{m:02}.{s:02}"),
        thousands=(".", ""),
        decimal=",",
        amounts=("{}", "{}", "{} €"),
        patterns={
            "postcode": ("0[1-9]###", "[1-9]####"),
            "phone": ("0[2-9]## #{6,8}", "0[2-9]##/#{6,7}", "01[5-7]# #{7,8}", "+49 1[5-7]# #{7,8}"),
            "meter": ("#{6}", "#{5},#"),
        },
    ),
    "fr-FR": _Country(
        dates=("{d:02}/{m:02}/{y}", "{d}/{m}/{y}", "{d}/{m}/{s:02}", "{d:02}.{m:02}.{s:02}"),
        thousands=(" ", ""),
        decimal=",",
        amounts=("{}", "{}", "{} €"),
        patterns={
            "postcode": ("0[1-9]###", "[1-8]####", "9[0-5]###"),
            "phone": ("0[1-7] ## ## ## ##", "0[1-7].##.##.##.##", "+33 [1-7] ## ## ## ##"),
            "meter": ("#{5}",),
        },
    ),
}  # fmt: skip
_IBAN = {"de-DE": ("1314", 18), "fr-FR": ("1527", 23)}
"""Of a country whose IBANs can be of digits alone: its two letters as numbers, and how many digits follow the check
digits (ISO 13616)."""


@dataclass(frozen=True)
class KindOfNumber:
    """Numbers of a kind, as written in a country. Get one from `kind_of`.

    Dates are days from 1920 to 2039. Amounts have 3 to 7 digits, two of them cents. A meter's reading has all its
    digits, zeros in front. An account is, in en-US, a routing number with its right check digit (the ABA's 3-7-1); in
    en-GB, a sort code and eight digits, without any check; in de-DE and fr-FR, what follows the letters of an IBAN, in
    groups of four: its two check digits are right (ISO 7064, mod 97-10), those inside a French one, the RIB key, too.
    """

    kind: Kind
    locale: Locale
    patterns: tuple[Pattern, ...]

    @property
    def characters(self) -> str:
        """All characters that its numbers may have."""
        if self.patterns:
            return "".join(dict.fromkeys("".join(pattern.characters for pattern in self.patterns)))
        country = _COUNTRIES[self.locale]
        others: Sequence[str] = ()
        if self.kind == "date":
            others = [form.format(d=1, m=1, y=1111, s=11) for form in country.dates]
        elif self.kind == "amount":
            others = [*country.thousands, country.decimal, *(form.format("0") for form in country.amounts)]
        elif self.locale in _IBAN:
            others = [" "]
        return "".join(dict.fromkeys("0123456789" + "".join(others)))

    @property
    def longest(self) -> int:
        """Characters of its longest numbers."""
        if self.patterns:
            return max(pattern.longest for pattern in self.patterns)
        country = _COUNTRIES[self.locale]
        if self.kind == "date":
            return max(len(form.format(d=28, m=12, y=2000, s=22)) for form in country.dates)
        if self.kind == "amount":
            return max(len(form.format("12.345,67")) for form in country.amounts)
        digits = _IBAN[self.locale][1] + 2 if self.locale in _IBAN else 9
        return digits + (digits - 1) // 4 * (self.locale in _IBAN)

    def where(self, character: str) -> str:
        """What has a character that its numbers may have."""
        return f"numbers of the kind {self.kind}, {self.locale}, may have {character!r}"

    def draw(self, random: np.random.Generator) -> str:
        """Draw a number of the kind."""
        if self.patterns:
            return self.patterns[random.integers(len(self.patterns))].draw(random)
        return {"date": _date, "amount": _amount, "account": _account}[self.kind](self.locale, random)


def kind_of(kind: str, locale: str = "en-US") -> KindOfNumber:
    """A kind of numbers, as written in a country.

    Raises:
        ConfigError: no such kind, or no such country.
    """
    if kind not in KINDS:
        raise ConfigError(f"there is no kind {kind!r:.60}; there are {', '.join(KINDS)}.", parameter="kind")
    if locale not in LOCALES:
        raise ConfigError(f"{locale!r:.60} is not known; there are {', '.join(LOCALES)}.", parameter="locale")
    patterns = (_COUNTRIES[locale].patterns | _EVERYWHERE).get(kind, ())
    return KindOfNumber(kind, locale, tuple(map(parse, patterns)))


def _date(locale: Locale, random: np.random.Generator) -> str:
    forms = _COUNTRIES[locale].dates
    day = datetime.date.fromordinal(int(random.integers(_FIRST, _LAST + 1)))
    return forms[random.integers(len(forms))].format(d=day.day, m=day.month, y=day.year, s=day.year % 100)


def _amount(locale: Locale, random: np.random.Generator) -> str:
    """An amount: each number of digits is as likely as another."""
    country, digits = _COUNTRIES[locale], int(random.integers(3, _MOST_CENTS + 1))
    cents = int(random.integers(10 ** (digits - 1), 10**digits))
    thousands = country.thousands[random.integers(len(country.thousands))]
    number = f"{cents // 100:,}".replace(",", thousands) + f"{country.decimal}{cents % 100:02}"
    return country.amounts[random.integers(len(country.amounts))].format(number)


def _account(locale: Locale, random: np.random.Generator) -> str:
    if locale not in _IBAN:
        digits = random.integers(10, size=8)
        total = int((digits * np.array([3, 7, 1, 3, 7, 1, 3, 7])).sum())
        return "".join(map(str, digits)) + str(-total % 10)
    country, length = _IBAN[locale]
    inner = "".join(map(str, random.integers(10, size=length)))
    if locale == "fr-FR":
        inner = inner[:-2] + f"{97 - int(inner[:-2] + '00') % 97:02}"
    whole = f"{98 - int(inner + country + '00') % 97:02}{inner}"
    return " ".join(whole[i : i + 4] for i in range(0, len(whole), 4))
