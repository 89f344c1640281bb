"""Two transcripts of one recording: the words in which they differ."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from earmark_plugins.speech_recognition.comparison import (
    Difference,
    TimedWord,
    compare,
    words_of,
)

RATE = 100


def said(text: str, start: int = 0) -> list[TimedWord]:
    """Words of a second each."""
    return [
        TimedWord(start + RATE * index, start + RATE * (index + 1), word)
        for index, word in enumerate(text.split())
    ]


def test_case_and_punctuation_are_no_difference() -> None:
    assert compare(said("Hello, World!"), said("hello world - ")) == []


def test_what_differs_is_told_with_its_time_and_both_readings() -> None:
    first, second = said("please hold the call now"), said("please hold a car now")
    (found,) = compare(first, second)
    assert found == Difference(200, 400, "replaced", "the call", "a car")
    assert found.text == "“the call” → “a car”"


def test_words_of_one_side_are_left_out_or_added() -> None:
    longer, shorter = said("one two three"), [*said("one"), *said("three", 200)]
    assert compare(longer, shorter) == [Difference(100, 200, "left out", "two", "")]
    (added,) = compare(shorter, longer)
    assert (added.kind, added.text) == ("added", "nothing → “two”")
    assert compare([], said("one")) == [Difference(0, 100, "added", "", "one")]
    assert compare(said("one"), []) == [Difference(0, 100, "left out", "one", "")]


def test_two_places_are_two_differences() -> None:
    found = compare(said("a b c d e"), said("x b c d y"))
    assert [(each.first, each.second) for each in found] == [("a", "x"), ("e", "y")]


@given(st.lists(st.sampled_from("abcd")), st.lists(st.sampled_from("abcd")))
def test_putting_the_differences_in_gives_the_other_transcript(
    first: list[str], second: list[str]
) -> None:
    found = compare(said(" ".join(first)), said(" ".join(second)))
    left = [word for each in found for word in each.first.split()]
    right = [word for each in found for word in each.second.split()]
    assert len(first) - len(left) == len(second) - len(right)
    assert not found if first == second else found


def test_a_segment_without_word_times_shares_them_by_length() -> None:
    words = list(words_of(1000, 2000, "one three"))
    assert words == [TimedWord(1000, 1375, "one"), TimedWord(1375, 2000, "three")]
    assert list(words_of(0, 10, " ")) == []
