"""Two transcripts of one recording: the words in which they differ."""

from __future__ import annotations

import jiwer
from hypothesis import given
from hypothesis import strategies as st

from earmark.transcripts import (
    Comparison,
    Difference,
    SpokenWord,
    compare_words,
    words_of,
)

RATE = 100


def said(text: str, start: int = 0) -> list[SpokenWord]:
    """Words of a second each."""
    return [
        SpokenWord(start + RATE * index, start + RATE * (index + 1), word)
        for index, word in enumerate(text.split())
    ]


def test_case_and_punctuation_are_no_difference() -> None:
    found = compare_words(said("Hello, World!"), said("hello world - "))
    assert found == Comparison(2, ())
    assert found.wer == 0


def test_what_differs_is_told_with_its_time_and_both_readings() -> None:
    first, second = said("please hold the call now"), said("please hold a car now")
    (found,) = compare_words(first, second).differences
    assert found == Difference(200, 400, "replaced", "the call", "a car", 2)
    assert found.text == "“the call” → “a car”"


def test_words_of_one_side_are_left_out_or_added() -> None:
    longer, shorter = said("one two three"), [*said("one"), *said("three", 200)]
    (left_out,) = compare_words(longer, shorter).differences
    assert left_out == Difference(100, 200, "left out", "two", "", 1)
    (added,) = compare_words(shorter, longer).differences
    assert (added.kind, added.text) == ("added", "nothing → “two”")


def test_a_transcript_without_words_has_no_error_rate() -> None:
    found = compare_words([], said("one"))
    assert found.differences == (Difference(0, 100, "added", "", "one", 1),)
    assert found.wer is None
    assert compare_words(said("one"), []).wer == 1


def test_two_places_are_two_differences() -> None:
    found = compare_words(said("a b c d e"), said("x b c d y y"))
    assert [(each.first, each.second) for each in found.differences] == [
        ("a", "x"),
        ("e", "y y"),
    ]
    assert (found.wrong, found.wer) == (3, 3 / 5)


@given(st.lists(st.sampled_from("abcd")), st.lists(st.sampled_from("abcd")))
def test_putting_the_differences_in_gives_the_other_transcript(
    first: list[str], second: list[str]
) -> None:
    found = compare_words(said(" ".join(first)), said(" ".join(second)))
    left = [word for each in found.differences for word in each.first.split()]
    right = [word for each in found.differences for word in each.second.split()]
    assert len(first) - len(left) == len(second) - len(right)
    assert bool(found.differences) == (first != second)


@given(st.lists(st.sampled_from("abc"), min_size=1), st.lists(st.sampled_from("abc")))
def test_the_word_error_rate_is_that_of_jiwer(
    first: list[str], second: list[str]
) -> None:
    reference, hypothesis = " ".join(first), " ".join(second)
    found = compare_words(said(reference), said(hypothesis))
    assert found.wer == jiwer.wer(reference, hypothesis)


def test_a_segment_without_word_times_shares_them_by_length() -> None:
    words = list(words_of(1000, 2000, "one three"))
    assert words == [SpokenWord(1000, 1375, "one"), SpokenWord(1375, 2000, "three")]
    assert list(words_of(0, 10, " ")) == []
