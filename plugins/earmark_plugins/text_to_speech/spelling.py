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
import unicodedata
from collections.abc import Callable, Iterable
from decimal import Decimal

import babel
import babel.dates
import babel.numbers
import babel.units
import num2words

from earmark_plugins.speech.numbers import SPELLED

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


_MAGNITUDES = {
    "k": ("thousand", 10**3), "m": ("million", 10**6), "b": ("billion", 10**9),
    "bn": ("billion", 10**9), "t": ("trillion", 10**12), "tn": ("trillion", 10**12),
}  # fmt: skip
"""What a letter behind an amount of money stands for."""

_FRACTIONS = {
    "en": ("and", {2: ("half", "halves"), 4: ("quarter", "quarters")}),
    "de": ("und", {2: ("halb", "halbe"), 3: ("Drittel", "Drittel"),
                   4: ("Viertel", "Viertel"), 8: ("Achtel", "Achtel")}),
    "fr": ("et", {2: ("demi", "demis"), 3: ("tiers", "tiers"), 4: ("quart", "quarts")}),
    "es": ("y", {2: ("medio", "medios"), 3: ("tercio", "tercios"),
                 4: ("cuarto", "cuartos")}),
    "it": ("e", {2: ("mezzo", "mezzi"), 3: ("terzo", "terzi"),
                 4: ("quarto", "quarti")}),
}  # fmt: skip
"""What stands between a whole and a fraction, and what parts are called."""

_ONE_PART = {"en": "one", "de": "ein", "fr": "un", "es": "un", "it": "un"}
_PARTS = {2, 3, 4, 5, 6, 8, 9, 10, 12, 16, 32, 64, 100}
"""Of what one speaks as of fractions: 9/11 is a day, and 24/7 is always."""

_VERSION = {"en": "version", "de": "Version", "fr": "version", "es": "versión",
            "it": "versione", "nl": "versie", "pt": "versão"}  # fmt: skip

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
    known = code in SPELLED and babel.localedata.exists(code)
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
        text = re.sub(r"(\d?)\s?([\u00bc-\u00be\u2150-\u215e])", _plain_fraction, text)
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
        if self.code == "en":
            rules.append((r"(?<![\w.,])['\u2019]?(\d\d|\d{3}0)s\b", self._decade))
        if self.decimal == ".":
            rules.append((r"(?<![\w.])\d+(?:\.\d+){2,}(?!\w|\.\d)", self._dotted))
        if self.code == "de":
            rules.append((r"(?<![\w.,])(\d0|\d{3}0)er\b", self._german_decade))
        units = _any(_UNITS)
        letter = "|".join([*_MAGNITUDES, "[KMBT]"])
        magnitude = rf"(?:\s([mb]illion|trillion|thousand)\b|({letter})(?!\w))?"
        fraction = r"(?<![\w/.,])(?:(\d{1,3}) )?(\d{1,2})/(\d{1,3})(?![\w/]|[.,]\d)"
        feet = r"(?<![\w.,/])(\d{1,2})\s?['\u2019\u2032]\s?"
        inches = r"(\d{1,2})(?:[\"\u201d\u2033]|''|\u2019\u2019)"
        rules += [
            (r"\bv\.?(\d+(?:\.\d+)*)(?![\w.]*\w)", self._version),
            (feet + inches, self._feet),
            (r"(?<![\w.,/])(\d{1,4})([\u2032\u2033])", self._feet_or_inches),
            (r"\b(\d{4})-(\d{1,2})-(\d{1,2})\b", self._iso_date),
            (r"\b(\d{1,2})([./])(\d{1,2})\2(\d{4})\b", self._numeric_date),
            (month_day, self._month_day),
            (day_month, self._day_month),
            (time, self._time),
            (rf"({money})\s?({number}){magnitude}", self._money_before),
            (rf"{alone}({number})\s?({money})(?!\w)", self._money_behind),
            (rf"{fraction}(?:\s?({units})(?![\w²³/]))?", self._fraction),
            # "5s" may be anything, "5 s" is a time.
            (rf"{alone}(-?)({number})(?:\s?(?!s\b)|\s)({units})(?![\w²³/])",
             self._unit),
            (r"\b(\d+)(?:st|nd|rd|th)\b", self._ordinal),
            (rf"(?<![-.\w]){dash_range}(?![-.\w])", self._range),
            (r"\+?(?<![\w.,])(?:0\d+|\d{7,})\b", self._digits),
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
        except (NotImplementedError, AttributeError, OverflowError):
            said = num2words.num2words(value, lang=self.code)
        except (TypeError, LookupError):
            return str(value)  # more than its words for this language reach to
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
        word, factor = _MAGNITUDES.get((match[4] or "").lower(), ("", 1))
        if factor > 1 and self.code != "en":
            return self._money(match[1], self.value(match[2]) * factor, "")
        return self._money(match[1], self.value(match[2]), match[3] or word)

    def _money_behind(self, match: re.Match[str]) -> str:
        return self._money(match[2], self.value(match[1]), "")

    def _money(self, sign: str, amount: Decimal, magnitude: str) -> str:
        currency = _CURRENCIES.get(sign, sign)
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
        words = self.say(-value if match[1] else value)
        return self._measured(words, value, _UNITS[match[3]])

    def _measured(self, words: str, value: Decimal | int, unit: str) -> str:
        """A number in words with a unit that fits its value."""
        named = babel.units.format_unit(value, unit, "long", locale=self.code)
        written = babel.numbers.format_decimal(value, locale=self.code)
        return named.replace(written, words) if written in named else f"{words} {named}"

    def _feet(self, match: re.Match[str]) -> str:
        return " ".join(
            self._measured(self.say(int(written)), int(written), unit)
            for written, unit in (
                (match[1], "length-foot"),
                (match[2], "length-inch"),
            )
        )

    def _feet_or_inches(self, match: re.Match[str]) -> str:
        value = int(match[1])
        unit = "length-foot" if match[2] == "\u2032" else "length-inch"
        return self._measured(self.say(value), value, unit)

    def _fraction(self, match: re.Match[str]) -> str:
        whole, count, parts = match[1], int(match[2]), int(match[3])
        joint, names = _FRACTIONS.get(self.code, ("", {}))
        known = parts in names or (self.code == "en" and parts in _PARTS)
        if not known or not 0 < count < parts:
            apart = match[0] if not names else match[0].replace("/", " ")
            return re.sub(r"\d+", lambda digits: self.say(int(digits[0])), apart)
        ordinal = self.say(parts, "ordinal")
        one, many = names.get(parts, (ordinal, f"{ordinal}s"))
        said = f"{_ONE_PART[self.code] if count == 1 else self.say(count)} "
        said += one if count == 1 else many
        if whole:
            if self.code == "en" and count == 1:
                said = f"{'an' if one[0] in 'aeiou' else 'a'} {one}"
            said = f"{self.say(int(whole))} {joint} {said}"
        if match[4]:
            return self._measured(said, 2 if whole else 1, _UNITS[match[4]])
        return said

    def _decade(self, match: re.Match[str]) -> str:
        written = match[1]
        said = self.say(int(written), "year" if len(written) == 4 else "cardinal")
        return f"{said[:-1]}ies" if said.endswith("y") else f"{said}s"

    def _german_decade(self, match: re.Match[str]) -> str:
        return f"{self.say(int(match[1]), 'year')}er"

    def _version(self, match: re.Match[str]) -> str:
        numbers = self._pointed(int(part) for part in match[1].split("."))
        return f"{_VERSION.get(self.code, 'v')} {numbers}"

    def _pointed(self, numbers: Iterable[int]) -> str:
        """Numbers in words with the language's decimal point between them."""
        one, five = self.say(1), self.say(5)
        half = self.say(Decimal("1.5"))
        known = half.startswith(one) and half.endswith(five)
        point = half[len(one) : -len(five)].strip() if known else ""
        return f" {point} ".join(map(self.say, numbers))

    def _dotted(self, match: re.Match[str]) -> str:
        return self._pointed(map(int, match[0].split(".")))

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
        whole, _, part = written.partition(self.decimal)
        year = len(written) == 4 and written.isdigit() and "1500" <= written <= "2099"
        said = self.say(self.value(written), "year" if year else "cardinal")
        if part and not part.strip("0"):
            # A number in words does not tell 2.0 from 2.
            said = self._pointed([int(self.value(whole)), *map(int, part[:1])])
            said += "".join(f" {self.say(int(digit))}" for digit in part[1:])
        before = re.search(r"[A-Za-z]$", match.string[: match.start()])
        behind = re.match(r"[A-Za-z]", match.string[match.end() :])
        return f"{' ' if before else ''}{said}{' ' if behind else ''}"

    def _sign(self, match: re.Match[str]) -> str:
        return f" {self.signs[match[0]]} "


def _plain_fraction(match: re.Match[str]) -> str:
    """A fraction that is one character, written with a slash."""
    written = unicodedata.normalize("NFKC", match[2]).replace("\u2044", "/")
    return f"{match[1]} {written}" if match[1] else match[0].replace(match[2], written)


def _any(words: dict[str, object] | dict[str, str] | dict[str, int]) -> str:
    """A pattern for any of the keys, the longest first."""
    return "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))
