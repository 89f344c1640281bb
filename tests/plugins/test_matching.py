"""Keywords found among words with times."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from earmark_plugins.keyword_spotting.matching import find, fold
from earmark_plugins.speech.languages import LANGUAGES
from earmark_plugins.speech.transcript import Word


def said(text: str, score: float | None = 0.5) -> list[Word]:
    """The words of a text, half a second each."""
    return [
        Word(index / 2, (index + 1) / 2, word, score)
        for index, word in enumerate(text.split())
    ]


def places(words: Sequence[Word], *keywords: str, **how: object) -> list[object]:
    return [
        (each.keyword, each.start_s, each.stop_s)
        for each in find(words, keywords, **how)  # type: ignore[arg-type]  # options
    ]


def test_a_keyword_is_found_where_it_is_said_with_its_probability() -> None:
    words = said("Please press one or hold. Press")
    assert places(words, "press") == [("press", 0.5, 1.0), ("press", 2.5, 3.0)]
    assert [each.score for each in find(words, ["press"])] == [0.5, 0.5]


@pytest.mark.parametrize(
    ("keyword", "text"),
    [
        ("voice mail", "Your Voicemail, sir"),
        ("voicemail", "Your voice-mail, sir"),
        ("voicemail", "Your voice mail, sir"),
        ("cafe", "Le Café."),
        ("seven", "press 7 now"),
        ("21", "the twenty-one others"),
        ("STRASSE", "die Straße hier"),
        ("don't", "I don\u2019t know"),  # an apostrophe as printers set it
    ],
)
def test_case_accents_marks_and_spaces_do_not_count(keyword: str, text: str) -> None:
    assert [each.keyword for each in find(said(text), [keyword])] == [keyword]


@pytest.mark.parametrize(
    ("keyword", "text"),
    [("one", "someone phoned"), ("art", "a rtx"), ("no", "not now"), ("at home", "ho")],
)
def test_parts_of_words_are_not_found(keyword: str, text: str) -> None:
    assert find(said(text), [keyword]) == []


def test_a_phrase_spans_its_words() -> None:
    words = said("turn off the big light please")
    assert places(words, "the big light") == [("the big light", 1.0, 2.5)]
    (found,) = find(words, ["the big light"])
    assert found.heard == "the big light"
    assert found.score == pytest.approx(0.5)


def test_the_probability_of_a_phrase_is_the_geometric_mean() -> None:
    words = [Word(0, 1, "good", 0.9), Word(1, 2, "bye", 0.4)]
    (found,) = find(words, ["goodbye"])
    assert found.score == pytest.approx(math.sqrt(0.36))
    (unscored,) = find([Word(0, 1, "good"), words[1]], ["goodbye"])
    assert unscored.score is None


def test_a_fuzzy_match_is_scored_by_how_alike_the_letters_are() -> None:
    words = said("the colour of Jonson")
    assert find(words, ["color", "Johnson"]) == []
    found = find(words, ["color", "Johnson"], alike=0.8)
    assert [(each.keyword, each.heard) for each in found] == [
        ("color", "colour"),
        ("Johnson", "Jonson"),
    ]
    assert [each.score for each in found] == pytest.approx([10 / 11, 12 / 13])
    assert find(words, ["color"], alike=0.95) == []


def test_of_fuzzy_matches_over_the_same_words_the_nearest_is_taken() -> None:
    words = said("go to new yorck now")
    found = find(words, ["newark", "new york", "new"], alike=0.7)
    assert [(each.keyword, each.heard) for each in found] == [
        ("new", "new"),
        ("new york", "new yorck"),
    ]


def test_languages_without_spaces_are_searched_by_their_letters() -> None:
    words = [
        Word(index, index + 1, part) for index, part in enumerate(["你", "好", "吗"])
    ]
    assert places(words, "你好", language="zh") == [("你好", 0, 2)]


@pytest.mark.parametrize("language", sorted(LANGUAGES))
def test_numbers_are_folded_in_every_language_that_is_recognized(language: str) -> None:
    numbers = (0, 7, 12, 21, 100, 345, 1999, 20_000, 1_000_000, 123_456_789)
    said = [fold(str(number), language) for number in numbers]
    assert all(said)
    assert len(set(said)) == len(numbers)


@given(st.text(max_size=20), st.sampled_from(["en", "de", "xx"]))
def test_folding_twice_is_folding_once(text: str, language: str) -> None:
    once = fold(text, language)
    assert fold(once, language) == once


@given(st.lists(st.sampled_from(["yes", "no", "yesno", "7", "-"]), max_size=8))
def test_exact_matches_are_those_of_a_fuzzy_search_for_the_same_letters(
    parts: list[str],
) -> None:
    words = said(" ".join(parts))
    exact = {(e.keyword, e.start_s, e.stop_s) for e in find(words, ["yes", "seven"])}
    alike = find(words, ["yes", "seven"], alike=1.0)
    assert exact == {(e.keyword, e.start_s, e.stop_s) for e in alike}
