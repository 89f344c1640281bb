"""Keywords and phrases in words with times."""

from __future__ import annotations

import functools
import math
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from num2words import num2words
from rapidfuzz import fuzz

from earmark_plugins.speech.numbers import SPELLED
from earmark_plugins.speech.transcript import Word

_LARGEST = 10**9
"""Larger numbers are read digit by digit, if at all."""


@dataclass(frozen=True, slots=True)
class Found:
    """A keyword in a transcript.

    Attributes
    ----------
    keyword : str
        As the person wrote it.
    start_s, stop_s : float
    heard : str
        The words that it was found in.
    score : float or None
        Of an exact match the probability of its words, their geometric mean; otherwise
        how alike they are, 0 to 1.
    """

    keyword: str
    start_s: float
    stop_s: float
    heard: str
    score: float | None


def find(
    words: Sequence[Word],
    keywords: Sequence[str],
    *,
    language: str = "en",
    alike: float | None = None,
) -> list[Found]:
    """The places where keywords are said, in order of time.

    Case, accents, punctuation and spaces do not count: “voice mail” is found in
    “Voicemail.”, and “seven” in “7”.

    Parameters
    ----------
    words : sequence of Word
        All that was said, in order.
    keywords : sequence of str
        Words, or phrases of several.
    language : str
        The code of the language in which numbers are read.
    alike : float, optional
        Take what is at least so alike, 0 to 1: the normalized indel similarity of the
        letters, as `rapidfuzz.fuzz.ratio` has it. None takes the same letters only.
    """
    letters = [fold(word.text, language) for word in words]
    found: list[tuple[int, int, float, str]] = []
    for keyword in dict.fromkeys(keywords):
        folded = fold(keyword, language)
        if not folded:
            continue
        if alike is None:
            places = _same(letters, folded)
        else:
            places = _alike(letters, folded, alike)
        found += [(first, after, score, keyword) for first, after, score in places]
    if alike is not None:
        found = _best(found)
    return [
        Found(
            keyword,
            words[first].start_s,
            words[after - 1].stop_s,
            " ".join(word.text for word in words[first:after]),
            _probability(words[first:after]) if alike is None else score,
        )
        for first, after, score, keyword in sorted(found, key=lambda each: each[:2])
    ]


def fold(text: str, language: str) -> str:
    """The letters and figures that count when words are compared."""
    plain = unicodedata.normalize("NFKD", text)
    spelled = re.sub(r"\d+", lambda digits: _spelled(digits[0], language), plain)
    parts = unicodedata.normalize("NFKD", spelled.casefold())
    # Marks of class 0 are vowels of Indic scripts; the others are accents.
    return "".join(
        letter
        for letter in parts
        if unicodedata.category(letter)[0] in "LNM"
        and not unicodedata.combining(letter)
    )


@functools.lru_cache(maxsize=1024)
def _spelled(digits: str, language: str) -> str:
    code = language or "en"
    if code not in SPELLED or int(digits) >= _LARGEST:
        return digits
    return str(num2words(int(digits), lang=code))


def _same(letters: Sequence[str], keyword: str) -> Iterator[tuple[int, int, float]]:
    """Where words have the letters of a keyword, from the first of one to the last."""
    text = "".join(letters)
    begins: dict[int, int] = {}
    ends: dict[int, int] = {}
    at = 0
    for index, part in enumerate(letters):
        if part:
            begins[at] = index
            at += len(part)
            ends[at] = index + 1
    at = text.find(keyword)
    while at >= 0:
        first, after = begins.get(at), ends.get(at + len(keyword))
        if first is not None and after is not None:
            yield first, after, 1.0
            at += len(keyword)
        else:
            at += 1
        at = text.find(keyword, at)


def _alike(
    letters: Sequence[str], keyword: str, least: float
) -> Iterator[tuple[int, int, float]]:
    """Where neighbouring words are like a keyword."""
    # With other lengths they cannot be as alike as this, however many letters agree.
    shortest = len(keyword) * least / (2 - least)
    longest = len(keyword) * (2 - least) / least
    for first, begin in enumerate(letters):
        if not begin:
            continue
        text = ""
        for after, part in enumerate(letters[first:], first + 1):
            text += part
            if len(text) > longest:
                break
            if part and len(text) >= shortest:
                score = fuzz.ratio(keyword, text, score_cutoff=100 * least) / 100
                if score:
                    yield first, after, score


def _best(
    found: Sequence[tuple[int, int, float, str]],
) -> list[tuple[int, int, float, str]]:
    """Those that overlap none of more letters that is more alike, nor their own kind.

    So “new york” stands beside “new”, which is in it, and “newark” gives way to it.
    """
    kept: list[tuple[int, int, float, str]] = []
    for each in sorted(found, key=lambda each: -each[2] * len(each[3])):
        first, after, score, keyword = each
        if not any(
            first < other[1]
            and other[0] < after
            and (score < other[2] or keyword == other[3])
            for other in kept
        ):
            kept.append(each)
    return kept


def _probability(words: Sequence[Word]) -> float | None:
    scores = [word.score for word in words if word.score]
    if len(scores) < len(words):
        return None
    return math.exp(sum(map(math.log, scores)) / len(scores))
