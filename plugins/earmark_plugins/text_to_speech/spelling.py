"""Numbers, dates, amounts, units and abbreviations written out as words.

num2words says numbers in some forty languages, Babel knows how each writes them and
what its months, units and currencies are called. In a language that num2words does not
know, a text stays as it is.
"""

from __future__ import annotations

import contextlib
import datetime
import functools
import re
from collections.abc import Callable
from decimal import Decimal

import babel
import babel.dates
import babel.numbers
import babel.units
import num2words

_CURRENCIES = {"$": "USD", "€": "EUR", "£": "GBP", "¥": "JPY", "₹": "INR", "₩": "KRW"}
_CURRENCY_CODES = ("USD", "EUR", "GBP", "JPY", "CHF", "INR", "CAD", "AUD", "CNY")

_UNITS = {
    "mm": "length-millimeter",
    "cm": "length-centimeter",
    "m": "length-meter",
    "km": "length-kilometer",
    "mg": "mass-milligram",
    "g": "mass-gram",
    "kg": "mass-kilogram",
    "ml": "volume-milliliter",
    "l": "volume-liter",
    "ms": "duration-millisecond",
    "s": "duration-second",
    "min": "duration-minute",
    "h": "duration-hour",
    "km/h": "speed-kilometer-per-hour",
    "m/s": "speed-meter-per-second",
    "mph": "speed-mile-per-hour",
    "°": "angle-degree",
    "°C": "temperature-celsius",
    "°F": "temperature-fahrenheit",
    "Hz": "frequency-hertz",
    "kHz": "frequency-kilohertz",
    "MHz": "frequency-megahertz",
    "GHz": "frequency-gigahertz",
    "kB": "digital-kilobyte",
    "MB": "digital-megabyte",
    "GB": "digital-gigabyte",
    "TB": "digital-terabyte",
    "W": "power-watt",
    "kW": "power-kilowatt",
    "V": "electric-volt",
}

_ABBREVIATIONS = {
    "en": {
        "Mr.": "Mister", "Mrs.": "Missus", "Ms.": "Miz", "Dr.": "Doctor",
        "Prof.": "Professor", "St.": "Saint", "Jr.": "Junior", "Sr.": "Senior",
        "vs.": "versus", "etc.": "et cetera", "e.g.": "for example",
        "i.e.": "that is", "approx.": "approximately", "No.": "number",
        "fig.": "figure", "Fig.": "figure", "p.": "page", "pp.": "pages",
        "Ave.": "Avenue", "Blvd.": "Boulevard", "Inc.": "Incorporated",
        "Ltd.": "Limited", "Co.": "Company", "dept.": "department",
    },
    "de": {
        "Dr.": "Doktor", "Prof.": "Professor", "Hr.": "Herr", "Fr.": "Frau",
        "z. B.": "zum Beispiel", "z.B.": "zum Beispiel", "d. h.": "das heißt",
        "d.h.": "das heißt", "usw.": "und so weiter", "bzw.": "beziehungsweise",
        "ca.": "circa", "Nr.": "Nummer", "Str.": "Straße", "u. a.": "unter anderem",
        "u.a.": "unter anderem", "evtl.": "eventuell", "inkl.": "inklusive",
    },
    "fr": {
        "M.": "Monsieur", "Mme": "Madame", "Mlle": "Mademoiselle", "Dr": "Docteur",
        "etc.": "et cetera", "p. ex.": "par exemple", "env.": "environ",
        "n°": "numéro", "av.": "avenue", "bd.": "boulevard",
    },
    "es": {
        "Sr.": "Señor", "Sra.": "Señora", "Dr.": "Doctor", "Dra.": "Doctora",
        "Ud.": "usted", "Uds.": "ustedes", "etc.": "etcétera",
        "p. ej.": "por ejemplo", "aprox.": "aproximadamente", "núm.": "número",
    },
}  # fmt: skip

_SIGNS = {
    "en": {"%": "percent", "&": "and", "+": "plus", "=": "equals", "@": "at",
           "#": "number"},
    "de": {"%": "Prozent", "&": "und", "+": "plus", "=": "gleich", "@": "at"},
    "fr": {"%": "pour cent", "&": "et", "+": "plus", "=": "égale", "@": "arobase"},
    "es": {"%": "por ciento", "&": "y", "+": "más", "=": "igual a", "@": "arroba"},
    "it": {"%": "per cento", "&": "e", "+": "più", "=": "uguale a"},
    "pt": {"%": "por cento", "&": "e", "+": "mais", "=": "igual a"},
    "nl": {"%": "procent", "&": "en", "+": "plus", "=": "is"},
    "ru": {"%": "процентов", "&": "и", "+": "плюс", "=": "равно"},
}  # fmt: skip


_TO = {"en": "to", "de": "bis", "fr": "à", "es": "a", "it": "a", "nl": "tot", "pt": "a"}
"""Between the ends of a range."""


def spell(text: str, language: str) -> str:
    """Write out what is not words.

    Parameters
    ----------
    text : str
    language : str
        An ISO 639 code of two or three letters, such as "en" or "deu".
    """
    speller = _speller(language)
    return text if speller is None else speller.spell(text)


def short_code(language: str) -> str:
    """The shortest ISO 639 code of a language; as it is, if it is not known."""
    try:
        return babel.Locale.parse(language.replace("-", "_")).language
    except (babel.UnknownLocaleError, ValueError):
        return language


@functools.cache
def _speller(language: str) -> _Speller | None:
    code = short_code(language)
    known = code in num2words.CONVERTER_CLASSES and babel.localedata.exists(code)
    return _Speller(code) if known else None


class _Speller:
    """Spells one language."""

    def __init__(self, code: str) -> None:
        self.code = code
        self.signs = _SIGNS.get(code, {})
        self.abbreviations = _ABBREVIATIONS.get(code, {})
        self.decimal = babel.numbers.get_decimal_symbol(code)
        group = babel.numbers.get_group_symbol(code)
        groups = re.escape(group) + (" \u00a0\u202f" if group.isspace() else "")
        point = re.escape(self.decimal)
        self.number = (
            rf"\d{{1,3}}(?:[{groups}]\d{{3}})+(?:{point}\d+)?|\d+(?:{point}\d+)?"
        )
        names = babel.dates.get_month_names("wide", locale=code)
        other = babel.dates.get_month_names("wide", "stand-alone", locale=code)
        self.months = {
            name.casefold(): month
            for table in (other, names)
            for month, name in table.items()
        }
        self.rules = [(re.compile(rule), say) for rule, say in self._rules()]

    def spell(self, text: str) -> str:
        for rule, say in self.rules:
            text = rule.sub(say, text)
        text = re.sub(r"[ \t\u00a0\u202f]+", " ", text)
        return re.sub(r" ([.,;:!?])", r"\1", text).strip()

    def _rules(self) -> list[tuple[str, Callable[[re.Match[str]], str]]]:
        """Patterns and what is said for them, in the order they are tried."""
        number = f"(?:{self.number})"
        alone = rf"(?<![\w.,{re.escape(self.decimal)}])"
        months = _any(self.months)
        day = r"(\d{1,2})(?:st|nd|rd|th|er|\.)?"
        time = r"\b([01]?\d|2[0-4]):([0-5]\d)(?:\s?(?:([ap])\.?m\b\.?|Uhr\b))?"
        dash_range = r"(\d{1,4})\s?[-\u2013]\s?(\d{1,4})"
        month_day = rf"(?i)\b({months})\.? {day}(?![\w:])(?:,? (\d{{4}})\b)?"
        of = "(?: of| de)?"
        day_month = rf"(?i)\b{day}{of} ({months})\b(?:,?{of} (\d{{4}})\b)?"
        signs = "".join(map(re.escape, _CURRENCIES))
        money = f"[{signs}]|{'|'.join(_CURRENCY_CODES)}"
        rules: list[tuple[str, Callable[[re.Match[str]], str]]] = []
        if self.abbreviations:
            short = _any(self.abbreviations)
            rules.append((rf"(?<!\w)({short})(?!\w)", self._abbreviation))
        rules += [
            (r"\b(\d{4})-(\d{1,2})-(\d{1,2})\b", self._iso_date),
            (r"\b(\d{1,2})([./])(\d{1,2})\2(\d{4})\b", self._numeric_date),
            (month_day, self._month_day),
            (day_month, self._day_month),
            (time, self._time),
            (rf"({money})\s?({number})(?:\s([mb]illion|trillion|thousand)\b)?",
             self._money_before),
            (rf"{alone}({number})\s?({money})(?!\w)", self._money_behind),
            (rf"{alone}(-?)({number})\s?({_any(_UNITS)})(?![\w²³/])", self._unit),
            (r"\b(\d+)(?:st|nd|rd|th)\b", self._ordinal),
            (rf"(?<![-.\w]){dash_range}(?![-.\w])", self._range),
            (r"\+?\b(?:0\d+|\d{7,})\b", self._digits),
            (rf"{alone}-(?=\d)", self._minus),
            (number, self._number),
        ]  # fmt: skip
        if self.signs:
            rules.append((_any(self.signs), self._sign))
        return rules

    def say(self, value: Decimal | int, to: str = "cardinal") -> str:
        """A number in words."""
        try:
            said = num2words.num2words(value, lang=self.code, to=to)
        except (NotImplementedError, OverflowError):
            said = num2words.num2words(value, lang=self.code)
        # A comma within a number would be heard as a pause.
        return str(said).replace(", ", " ")

    def value(self, written: str) -> Decimal:
        whole, _, part = written.partition(self.decimal)
        return Decimal(re.sub(r"\D", "", whole) + (f".{part}" if part else ""))

    def _date(self, day: int, month: int, year: int | None) -> str:
        """A date as the language says it; raises `ValueError` if there is none."""
        date = datetime.date(year or 2000, month, day)
        if year:
            said = babel.dates.format_date(date, "long", locale=self.code)
            said = re.sub(r"\s\u0433\.$", "", said)  # Russian abbreviates "year"
            said = said.replace(str(year), self.say(year, "year")).replace(",", "")
        else:
            said = babel.dates.format_skeleton("MMMMd", date, locale=self.code)
        first = self.code == "fr" and day == 1
        ordinal = self.code == "en" or f"{day}." in said or first
        words = self.say(day, "ordinal" if ordinal else "cardinal")
        return re.sub(r"\d+\.?", words, said)

    def _dated(self, match: re.Match[str], day: int, month: int, year: str) -> str:
        try:
            said = self._date(day, month, int(year) if year else None)
        except ValueError:
            return match[0]
        if self.code == "de" and re.search(
            r"(?i)\b(?:am|bis|vom|zum|dem|den) $", match.string[: match.start()]
        ):
            return said.replace("te ", "ten ", 1)
        return said

    def _abbreviation(self, match: re.Match[str]) -> str:
        ends = match.end() == len(match.string) or match.string[match.end()] == "\n"
        return self.abbreviations[match[1]] + ("." if ends and "." in match[1] else "")

    def _iso_date(self, match: re.Match[str]) -> str:
        return self._dated(match, int(match[3]), int(match[2]), match[1])

    def _numeric_date(self, match: re.Match[str]) -> str:
        first, second = int(match[1]), int(match[3])
        month_first = self.code == "en" and match[2] == "/" and first <= 12
        day, month = (second, first) if month_first else (first, second)
        return self._dated(match, day, month, match[4])

    def _month_day(self, match: re.Match[str]) -> str:
        month = self.months[match[1].casefold()]
        return self._dated(match, int(match[2]), month, match[3])

    def _day_month(self, match: re.Match[str]) -> str:
        month = self.months[match[2].casefold()]
        return self._dated(match, int(match[1]), month, match[3])

    def _time(self, match: re.Match[str]) -> str:
        hour, minute = int(match[1]), int(match[2])
        words = [self.say(hour)]
        if self.code == "de":
            words.append("Uhr")
        if minute:
            short = self.code == "en" and minute < 10
            words += ["oh", self.say(minute)] if short else [self.say(minute)]
        elif self.code == "en" and not match[3]:
            words.append("o'clock")
        if match[3]:
            words.append(f"{match[3].lower()} m")
        return " ".join(words)

    def _money_before(self, match: re.Match[str]) -> str:
        return self._money(match[1], match[2], match[3] or "")

    def _money_behind(self, match: re.Match[str]) -> str:
        return self._money(match[2], match[1], "")

    def _money(self, sign: str, written: str, magnitude: str) -> str:
        currency = _CURRENCIES.get(sign, sign)
        amount = self.value(written)
        if not magnitude and amount != int(amount):
            with contextlib.suppress(NotImplementedError):
                said = num2words.num2words(
                    float(amount), lang=self.code, to="currency", currency=currency
                )
                return str(said).replace(", ", " ")
        name = babel.numbers.get_currency_name(
            currency, 2 if magnitude else amount, locale=self.code
        )
        # CLDR tells the country's apart ("US dollars"); in speech that is too much.
        name = re.sub(r"^(US|British|Japanese|US-) ?", "", name)
        return " ".join(filter(None, [self.say(amount), magnitude, name]))

    def _unit(self, match: re.Match[str]) -> str:
        value = self.value(match[2])
        named = babel.units.format_unit(
            value, _UNITS[match[3]], "long", locale=self.code
        )
        written = babel.numbers.format_decimal(value, locale=self.code)
        words = self.say(-value if match[1] else value)
        return named.replace(written, words) if written in named else f"{words} {named}"

    def _ordinal(self, match: re.Match[str]) -> str:
        return self.say(int(match[1]), "ordinal")

    def _range(self, match: re.Match[str]) -> str:
        return f"{match[1]} {_TO.get(self.code, '')} {match[2]}"

    def _digits(self, match: re.Match[str]) -> str:
        return " ".join(self.say(int(d)) for d in match[0] if d.isdigit())

    def _minus(self, match: re.Match[str]) -> str:
        return "minus "

    def _number(self, match: re.Match[str]) -> str:
        written = match[0]
        year = len(written) == 4 and written.isdigit() and "1500" <= written <= "2099"
        said = self.say(self.value(written), "year" if year else "cardinal")
        before = re.search(r"[A-Za-z]$", match.string[: match.start()])
        behind = re.match(r"[A-Za-z]", match.string[match.end() :])
        return f"{' ' if before else ''}{said}{' ' if behind else ''}"

    def _sign(self, match: re.Match[str]) -> str:
        return f" {self.signs[match[0]]} "


def _any(words: dict[str, object] | dict[str, str] | dict[str, int]) -> str:
    """A pattern for any of the keys, the longest first."""
    return "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))
