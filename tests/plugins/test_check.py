"""A take compared with its text."""

from __future__ import annotations

import pytest

from earmark.api import EarmarkError
from earmark_plugins.speech.transcript import Word
from earmark_plugins.speech_recognition import check
from earmark_plugins.speech_recognition.check import Comparison, normalise


def compare(text: str, words: list[Word], language: str) -> Comparison:
    """A text compared with a transcript of these words."""
    heard = " ".join(word.text for word in words)
    return check.compare(text, heard, words, language)


def words(text: str) -> list[Word]:
    """Words of a second each."""
    return [Word(i, i + 1, word) for i, word in enumerate(text.split())]


def test_case_and_punctuation_do_not_count() -> None:
    found = compare("Hello, World!", words("hello world."), "en")
    assert (found.wer, found.cer, found.longest) == (0, 0, None)
    assert found.summary == "All 2 words were heard as written."


def test_numbers_and_contractions_are_alike_however_written() -> None:
    found = compare("It's 21 dollars", words("it is twenty-one dollars"), "en")
    assert found.wer == 0


def test_the_longest_divergence_is_found_with_its_time() -> None:
    text = "the quick brown fox jumps over the lazy dog"
    heard = "a quick brown fox runs under the lazy dog"
    found = compare(text, words(heard), "en")
    assert found.wer == pytest.approx(3 / 9)
    assert found.wrong_words == 3
    assert found.longest is not None
    assert found.longest.expected == "jumps over"
    assert found.longest.heard == "runs under"
    assert (found.longest.start_s, found.longest.stop_s) == (4, 6)
    assert "3 of 9 words differ (WER 33.3%" in found.summary


def test_what_was_left_out_is_marked_in_the_gap() -> None:
    heard = [Word(0, 1, "one"), Word(5, 6, "four")]
    found = compare("one two three four", heard, "de")
    assert found.longest is not None
    assert (found.longest.expected, found.longest.heard) == ("two three", "")
    assert (found.longest.start_s, found.longest.stop_s) == (1, 5)


def test_a_number_of_several_words_keeps_the_times_around_it() -> None:
    found = compare("pay 21 euros now", words("pay twenty one dollars now"), "en")
    assert found.longest is not None
    assert (found.longest.expected, found.longest.heard) == ("€21", "$21")
    assert (found.longest.start_s, found.longest.stop_s) == (1, 4)


def test_nothing_heard_is_all_wrong() -> None:
    found = compare("one two", [], "en")
    assert (found.wer, found.cer) == (1, 1)
    assert found.longest is not None
    assert found.longest.heard == ""


def test_languages_without_spaces_are_compared_by_letters() -> None:
    assert normalise("今日は。", "ja").split() == ["今", "日", "は"]
    assert compare("今日は", [Word(0, 1, "今日")], "ja").wer == pytest.approx(1 / 3)


def test_a_text_without_words_cannot_be_compared() -> None:
    with pytest.raises(EarmarkError, match="no words"):
        compare("…", words("hello"), "en")
